import type { FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { Resource, StatusPart } from '../resource.ts';
import { withoutRepeats } from './field-errors.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts';

/**
 * Everything wrong with a new object. It is decoded, defaulted and prepared, and its name generated.
 * No error means it may be stored.
 */
export function validateCreate(resource: Resource, object: KubeObject): FieldError[] {
  return withoutRepeats([
    ...validateObjectMeta(object.metadata, resource),
    ...(resource.validateCreate?.(object) ?? []),
  ]);
}

/** Everything wrong with a change through the main resource. */
export function validateUpdate(resource: Resource, object: KubeObject, old: KubeObject): FieldError[] {
  return withoutRepeats([
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...(resource.validateUpdate?.(object, old) ?? []),
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
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...((part === undefined
      ? resource.validateStatusUpdate?.(object, old, now)
      : part.validateUpdate(object, old)) ?? []),
  ]);
}
