import { append, type FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { metav1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, invalidEach, required, tooLong } from './field-errors.ts';
import { dns1123Label, dns1123Subdomain, type FormatCheck, labelValue, qualifiedName } from './formats.ts';

const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;
/** Finalizers that may be without a domain (k8s.io/kubernetes/pkg/apis/core/helper.IsStandardFinalizerName). */
const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Labels of an object, of a template, and node selectors. */
export function validateLabels(labels: Record<string, string> | undefined, field: string): FieldError[] {
  return sortedEntries(labels).flatMap(([key, value]) => [
    ...invalidEach(field, key, qualifiedName(key)),
    ...invalidEach(field, value, labelValue(value)),
  ]);
}

/** One label key, of a selector, taint or toleration. */
export function validateLabelName(key: string, field: string): FieldError[] {
  return invalidEach(field, key, qualifiedName(key));
}

export function validateAnnotations(
  annotations: Record<string, string> | undefined,
  field: string,
): FieldError[] {
  const entries = sortedEntries(annotations);
  const errors = entries.flatMap(([key]) => invalidEach(field, key, qualifiedName(key.toLowerCase())));
  const size = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0);
  if (size > ANNOTATIONS_LIMIT_BYTES) errors.push(tooLong(field, ANNOTATIONS_LIMIT_BYTES));
  return errors;
}

/** Entries in the order of their keys, so that errors come in the same order every time. */
export function sortedEntries<V>(map: Record<string, V> | undefined): [string, V][] {
  return Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function byteLength(value: string): number {
  return Buffer.byteLength(value);
}

export interface MetadataRules {
  namespaced: boolean;
  /** Custom resources and others whose validation is apimachinery's alone: finalizers need no domain. */
  anyFinalizer?: boolean;
  /** Default: RFC 1123 subdomain. */
  validateName?: FormatCheck;
}

/** Metadata of a new object whose name has already been generated (apimachinery ValidateObjectMeta). */
export function validateObjectMeta(meta: metav1.ObjectMeta, rules: MetadataRules): FieldError[] {
  const checkName = rules.validateName ?? dns1123Subdomain;
  const errors: FieldError[] = [];
  if (meta.generateName) {
    append(
      errors,
      invalidEach('metadata.generateName', meta.generateName, checkName(maskTrailingDash(meta.generateName))),
    );
  }
  if (!meta.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else append(errors, invalidEach('metadata.name', meta.name, checkName(meta.name)));
  append(errors, validateNamespaceOf(meta, rules.namespaced));
  if ((meta.generation ?? 0) < 0) {
    errors.push(invalid('metadata.generation', meta.generation, 'must be greater than or equal to 0'));
  }
  append(errors, validateChangeableMeta(meta), validateFinalizers(meta.finalizers, rules.anyFinalizer));
  return errors;
}

/** A prefix may end in a dash: more comes after it. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

function validateNamespaceOf(meta: metav1.ObjectMeta, namespaced: boolean): FieldError[] {
  const field = 'metadata.namespace';
  if (!namespaced) return meta.namespace ? [forbidden(field, 'not allowed on this type')] : [];
  if (!meta.namespace) return [required(field)];
  return invalidEach(field, meta.namespace, dns1123Label(meta.namespace));
}

function validateChangeableMeta(meta: metav1.ObjectMeta): FieldError[] {
  return [
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(meta.ownerReferences, 'metadata.ownerReferences'),
  ];
}

function validateOwnerReferences(
  references: readonly metav1.OwnerReference[] | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const reference of references ?? []) {
    append(errors, validateOwnerReference(reference, field));
    if (reference.controller !== true) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller === undefined) controller = name;
    else {
      errors.push(
        invalid(
          field,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    }
  }
  return errors;
}

function validateOwnerReference(reference: metav1.OwnerReference, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!reference.apiVersion) {
    errors.push(invalid(`${field}.apiVersion`, reference.apiVersion ?? '', 'version must not be empty'));
  }
  for (const key of ['kind', 'name', 'uid'] as const) {
    if (!reference[key]) errors.push(invalid(`${field}.${key}`, reference[key] ?? '', 'must not be empty'));
  }
  if (reference.apiVersion === 'v1' && reference.kind === 'Event') {
    errors.push(invalid(field, reference, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

/** The name of one finalizer: qualified, or one of Kubernetes' own short ones. */
export function validateFinalizerName(finalizer: string, field: string): FieldError[] {
  return [
    ...invalidEach(field, finalizer, qualifiedName(finalizer)),
    ...standardOrQualified(finalizer, field),
  ];
}

function standardOrQualified(finalizer: string, field: string): FieldError[] {
  if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) return [];
  return [invalid(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
}

function validateFinalizers(finalizers: readonly string[] | undefined, any = false): FieldError[] {
  const field = 'metadata.finalizers';
  const all = finalizers ?? [];
  const errors = all.flatMap((finalizer) => invalidEach(field, finalizer, qualifiedName(finalizer)));
  if (all.includes('orphan') && all.includes('foregroundDeletion')) {
    errors.push(invalid(field, all, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  for (const [index, finalizer] of all.entries()) {
    if (!any) append(errors, standardOrQualified(finalizer, `${field}[${index}]`));
  }
  return errors;
}

const IMMUTABLE_META = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What may not change in an object's metadata, and the format of what may. */
export function validateObjectMetaUpdate(
  meta: metav1.ObjectMeta,
  old: metav1.ObjectMeta,
  { anyFinalizer = false }: Pick<MetadataRules, 'anyFinalizer'> = {},
): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (meta.finalizers ?? []).filter((one) => !(old.finalizers ?? []).includes(one)).sort();
    if (added.length > 0) {
      const list = `[]string{${added.map((one) => JSON.stringify(one)).join(', ')}}`;
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
        ),
      );
    }
  }
  if (!meta.resourceVersion) {
    errors.push(
      invalid('metadata.resourceVersion', meta.resourceVersion ?? '', 'must be specified for an update'),
    );
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid('metadata.generation', meta.generation ?? 0, 'must not be decremented'));
  }
  for (const key of IMMUTABLE_META) {
    append(errors, validateImmutable(meta[key], old[key], `metadata.${key}`));
  }
  append(errors, validateChangeableMeta(meta));
  for (const [index, finalizer] of (anyFinalizer ? [] : (meta.finalizers ?? [])).entries()) {
    append(errors, standardOrQualified(finalizer, `metadata.finalizers[${index}]`));
  }
  return errors;
}

export function validateImmutable(value: unknown, old: unknown, field: string): FieldError[] {
  return semanticallyEqual(value, old) ? [] : [invalid(field, value, 'field is immutable')];
}

/** Fields of an object, of whatever type, that may never change. */
export function validateImmutableFields<T extends KubeObject>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  return fields.flatMap((field) => validateImmutable(object[field], old[field], field));
}

export function validateNonNegative(value: number | undefined, field: string): FieldError[] {
  return (value ?? 0) < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];
}
