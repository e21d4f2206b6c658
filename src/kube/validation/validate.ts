import type { FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { Resource, SpecPart, StatusPart } from '../resource.ts';
import { withoutRepeats } from './field-errors.ts';
import { type MetadataRules, validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts';

/** Groups whose validation is apimachinery's alone, which knows no standard finalizers. */
const ANY_FINALIZER = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'coordination.k8s.io',
]);

function metadataRules({ namespaced, validateName, group, schema }: Resource): MetadataRules {
  return {
    namespaced,
    anyFinalizer: schema.custom !== undefined || ANY_FINALIZER.has(group),
    ...(validateName !== undefined && { validateName }),
  };
}

/**
 * Everything wrong with a new object. It is decoded, defaulted and prepared, and its name generated.
 * No error means it may be stored.
 */
export function validateCreate(resource: Resource, object: KubeObject): FieldError[] {
  return withoutRepeats([
    ...validateObjectMeta(object.metadata, metadataRules(resource)),
    ...(resource.validateCreate?.(object) ?? []),
  ]);
}

/** Everything wrong with a change through the main resource, or through a `part` of its spec (`resize`). */
export function validateUpdate(
  resource: Resource,
  object: KubeObject,
  old: KubeObject,
  part?: SpecPart,
): FieldError[] {
  return withoutRepeats([
    ...validateObjectMetaUpdate(object.metadata, old.metadata, metadataRules(resource)),
    ...((part === undefined ? resource : part).validateUpdate?.(object, old) ?? []),
  ]);
}

/** Everything wrong with a change through `…/status`, or through a `part` of it (`approval`). */
export function validateStatusUpdate(
  resource: Resource,
  object: KubeObject,
  old: KubeObject,
  { part, now }: { part?: StatusPart | undefined; now: Date },
): FieldError[] {
  return withoutRepeats([
    ...validateObjectMetaUpdate(object.metadata, old.metadata, metadataRules(resource)),
    ...((part === undefined
      ? resource.validateStatusUpdate?.(object, old, now)
      : part.validateUpdate(object, old)) ?? []),
  ]);
}
