import { append, type FieldError } from '../../base/index.ts';
import type { corev1, storagev1 } from '../types/index.generated.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  required,
  tooLong,
} from './field-errors.ts';
import { dns1123Subdomain, qualifiedName } from './formats.ts';
import { repeatedIndexes } from './item-lists.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateImmutable, validateImmutableFields, validateLabelName } from './object-meta.ts';
import { quantityOr } from './resource-requirements.ts';

/** k8s.io/kubernetes/pkg/apis/storage/validation: StorageClass, VolumeAttributesClass, CSIStorageCapacity. */

const RECLAIM_POLICIES = ['Delete', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];
const MOST_PARAMETERS = 512;
const PARAMETERS_LIMIT_BYTES = 256 * 1024;

export function validateStorageClass(storageClass: storagev1.StorageClass): FieldError[] {
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies } = storageClass;
  const errors = [
    ...validateProvisioner(provisioner ?? '', 'provisioner'),
    ...validateParameters(parameters, true),
  ];
  if (reclaimPolicy && !RECLAIM_POLICIES.includes(reclaimPolicy)) {
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, RECLAIM_POLICIES));
  }
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'));
  else if (!BINDING_MODES.includes(volumeBindingMode)) {
    errors.push(notSupported('volumeBindingMode', volumeBindingMode, BINDING_MODES));
  }
  return [
    ...errors,
    ...(allowedTopologies ?? []).flatMap((term, index) =>
      validateTopology(term, `allowedTopologies[${index}]`),
    ),
  ];
}

export function validateStorageClassUpdate(
  storageClass: storagev1.StorageClass,
  old: storagev1.StorageClass,
): FieldError[] {
  return validateImmutableFields(storageClass, old, [
    'parameters',
    'provisioner',
    'reclaimPolicy',
    'volumeBindingMode',
  ]);
}

export function validateProvisioner(provisioner: string, field: string): FieldError[] {
  if (provisioner === '') return [required(field)];
  return invalidEach(field, provisioner.toLowerCase(), qualifiedName(provisioner.toLowerCase()));
}

function validateParameters(
  parameters: Record<string, string> | undefined,
  mayBeEmpty: boolean,
): FieldError[] {
  const field = 'parameters';
  const entries = Object.entries(parameters ?? {});
  if (entries.length > MOST_PARAMETERS) return [tooLong(field, MOST_PARAMETERS)];
  const errors = entries
    .filter(([key]) => key === '')
    .map(([key]) => invalid(field, key, 'field can not be empty.'));
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  if (size > PARAMETERS_LIMIT_BYTES) errors.push(tooLong(field, PARAMETERS_LIMIT_BYTES));
  if (!mayBeEmpty && entries.length === 0) {
    errors.push(required(field, 'must contain at least one key/value pair'));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidateTopologySelectorTerm. */
function validateTopology(term: corev1.TopologySelectorTerm, field: string): FieldError[] {
  const keys = new Set<string>();
  return (term.matchLabelExpressions ?? []).flatMap(({ key = '', values = [] }, index) => {
    const at = `${field}.matchLabelExpressions[${index}]`;
    const errors = values.length === 0 ? [required(`${at}.values`)] : [];
    const repeated = repeatedIndexes(values);
    for (const [number, value] of values.entries()) {
      if (repeated.has(number)) errors.push(duplicate(`${at}.values[${number}]`, value));
    }
    append(errors, validateLabelName(key, `${at}.key`));
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
    keys.add(key);
    return errors;
  });
}

export function validateVolumeAttributesClass(one: storagev1.VolumeAttributesClass): FieldError[] {
  return [
    ...validateProvisioner(one.driverName ?? '', 'driverName'),
    ...validateParameters(one.parameters, false),
  ];
}

export function validateVolumeAttributesClassUpdate(
  one: storagev1.VolumeAttributesClass,
  old: storagev1.VolumeAttributesClass,
): FieldError[] {
  const changed = (['driverName', 'parameters'] as const).filter(
    (field) => validateImmutable(one[field], old[field], field).length > 0,
  );
  return [
    ...changed.map((field) => forbidden(field, `updates to ${field} are forbidden.`)),
    ...validateVolumeAttributesClass(one),
  ];
}

export function validateStorageCapacity(capacity: storagev1.CSIStorageCapacity): FieldError[] {
  const { nodeTopology, storageClassName = '', capacity: amount } = capacity;
  const errors = [
    ...validateLabelSelector(nodeTopology, 'nodeTopology'),
    ...invalidEach('storageClassName', storageClassName, dns1123Subdomain(storageClassName)),
  ];
  if (amount === undefined) return errors;
  const quantity = quantityOr(amount, 'capacity');
  if ('field' in quantity) errors.push(quantity);
  else if (quantity.value() < 0) {
    errors.push(invalid('capacity', String(amount), 'must be greater than or equal to 0'));
  }
  return errors;
}

export function validateStorageCapacityUpdate(
  capacity: storagev1.CSIStorageCapacity,
  old: storagev1.CSIStorageCapacity,
): FieldError[] {
  return validateImmutableFields(capacity, old, ['nodeTopology', 'storageClassName']);
}
