import { append, type FieldError } from '../../base/index.ts';
import { parseQuantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { differences } from './differences.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Subdomain } from './formats.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { sortedEntries, validateImmutable } from './object-meta.ts';
import { quantityOr, validateResourceQuantity } from './resource-requirements.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];

type ClaimSpec = corev1.PersistentVolumeClaimSpec;

export function validateClaim(claim: corev1.PersistentVolumeClaim): FieldError[] {
  return validateClaimSpec(claim.spec, 'spec');
}

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidatePersistentVolumeClaimSpec. */
export function validateClaimSpec(spec: ClaimSpec | undefined, field: string): FieldError[] {
  const { accessModes, storageClassName, volumeAttributesClassName } = spec ?? {};
  return [
    ...validateAccessModes(accessModes, `${field}.accessModes`, 'at least 1 access mode is required'),
    ...validateLabelSelector(spec?.selector, `${field}.selector`),
    ...validateStorage(spec?.resources?.requests?.storage, `${field}.resources[storage]`),
    ...validateClassName(storageClassName, `${field}.storageClassName`),
    ...validateVolumeMode(spec?.volumeMode, `${field}.volumeMode`),
    ...validateDataSource(spec?.dataSource, `${field}.dataSource`),
    ...validateDataSource(spec?.dataSourceRef, `${field}.dataSourceRef`),
    ...validateSameSource(spec, field),
    ...validateClassName(volumeAttributesClassName, `${field}.volumeAttributesClassName`),
  ];
}

/** Access modes of a claim or of a volume. */
export function validateAccessModes(
  modes: readonly string[] | undefined,
  field: string,
  whyRequired: string,
): FieldError[] {
  if ((modes ?? []).length === 0) return [required(field, whyRequired)];
  const errors = modes!
    .filter((mode) => !ACCESS_MODES.includes(mode))
    .map((mode) => notSupported(field, mode, ACCESS_MODES));
  if (modes!.includes('ReadWriteOncePod') && new Set(modes).size > 1) {
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateStorage(storage: string | number | undefined, field: string): FieldError[] {
  if (storage === undefined) return [required(field)];
  return [...validateResourceQuantity('storage', storage, field), ...validatePositive(storage, field)];
}

/** core ValidatePositiveQuantityValue. */
export function validatePositive(amount: string | number, field: string): FieldError[] {
  const quantity = quantityOr(amount, field);
  return 'value' in quantity && quantity.milliValue() <= 0
    ? [invalid(field, quantity.toString(), 'must be greater than zero')]
    : [];
}

export function validateClassName(name: string | undefined, field: string): FieldError[] {
  return name ? invalidEach(field, name, dns1123Subdomain(name)) : [];
}

export function validateVolumeMode(mode: string | undefined, field: string): FieldError[] {
  return mode === undefined || VOLUME_MODES.includes(mode) ? [] : [notSupported(field, mode, VOLUME_MODES)];
}

function validateDataSource(source: corev1.TypedObjectReference | undefined, field: string): FieldError[] {
  if (source === undefined) return [];
  const errors: FieldError[] = [];
  if (!source.name) errors.push(required(`${field}.name`));
  if (!source.kind) errors.push(required(`${field}.kind`));
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
    const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalid(field, source.kind ?? '', why));
  }
  if (source.apiGroup) {
    append(errors, invalidEach(`${field}.apiGroup`, source.apiGroup, dns1123Subdomain(source.apiGroup)));
  }
  return errors;
}

function validateSameSource(spec: ClaimSpec | undefined, field: string): FieldError[] {
  const { dataSource, dataSourceRef } = spec ?? {};
  if (dataSource === undefined || dataSourceRef === undefined || dataSourceRef.namespace) return [];
  return semanticallyEqual(dataSource, dataSourceRef)
    ? []
    : [invalid(field, `${field}.dataSource`, 'must match dataSourceRef')];
}

/** core ValidatePersistentVolumeClaimUpdate: a bound claim may grow; anything else stands. */
export function validateClaimUpdate(
  claim: corev1.PersistentVolumeClaim,
  old: corev1.PersistentVolumeClaim,
): FieldError[] {
  const errors = validateClaim(claim);
  const comparable = withChangeableFieldsOf(claim.spec, old);
  if (!semanticallyEqual(comparable, old.spec)) {
    const changes = differences(old.spec, comparable, 'spec').join('\n');
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbidden('spec', `${why}\n${changes}\n`));
  }
  append(errors, validateShrinking(claim, old));
  return [...errors, ...validateImmutable(claim.spec.volumeMode, old.spec.volumeMode, 'spec.volumeMode')];
}

function withChangeableFieldsOf(spec: ClaimSpec, old: corev1.PersistentVolumeClaim): ClaimSpec {
  const before = old.spec;
  const bound = old.status?.phase === 'Bound';
  const named = !before.volumeName;
  const classed = before.storageClassName === undefined && spec.storageClassName !== undefined;
  const comparable: Record<string, unknown> = { ...spec };
  if (named) comparable.volumeName = before.volumeName;
  if (classed) comparable.storageClassName = before.storageClassName;
  if (bound) {
    comparable.resources = { ...spec.resources, requests: before.resources?.requests };
    comparable.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  return comparable as ClaimSpec;
}

/** A size that could not be reached may be taken back, never below what the volume has. */
function validateShrinking(
  claim: corev1.PersistentVolumeClaim,
  old: corev1.PersistentVolumeClaim,
): FieldError[] {
  const wanted = claim.spec.resources?.requests?.storage;
  const before = old.spec.resources?.requests?.storage;
  if (old.status?.phase !== 'Bound' || wanted === undefined || before === undefined) return [];
  const field = 'spec.resources.requests.storage';
  const quantity = quantityOr(wanted, field);
  if (!('value' in quantity) || quantity.compare(parseQuantity(before)) >= 0) return [];
  const capacity = claim.status?.capacity?.storage;
  return capacity === undefined || quantity.compare(parseQuantity(capacity)) <= 0
    ? [forbidden(field, 'field can not be less than status.capacity')]
    : [];
}

/** core ValidatePersistentVolumeClaimStatusUpdate. */
export function validateClaimStatus({ status, spec }: corev1.PersistentVolumeClaim): FieldError[] {
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required('spec.accessModes')] : []),
    ...sortedEntries(status?.capacity).flatMap(([name, amount]) =>
      validateResourceQuantity(name, amount, `status.capacity[${name}]`),
    ),
  ];
}
