import type { FieldError } from '../../base/index.ts';
import type { resourcev1 } from '../types/index.generated.ts';
import { validatePoolName } from './claim-status.ts';
import { validateLabel, validateQualifiedName } from './device-claims.ts';
import { invalid, invalidEach, required, tooLong } from './field-errors.ts';
import { dns1123Subdomain } from './formats.ts';
import { addAll, validateSet } from './item-lists.ts';
import { validateDriverName } from './names.ts';
import { validateNodeSelector } from './node-selectors.ts';
import { sortedEntries, validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/resource/validation.ValidateResourceSlice. */

const MOST_DEVICES = 128;
const MOST_ATTRIBUTES = 32;
const VALUE_LIMIT = 64;
const ONE_OF_FIVE = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

type Slice = resourcev1.ResourceSlice;

export function validateResourceSlice({ spec }: Slice): FieldError[] {
  const { driver = '', pool, nodeName, nodeSelector, devices, sharedCounters = [] } = spec ?? {};
  const errors = [
    ...validateDriverName(driver, 'spec.driver'),
    ...validatePool(pool, 'spec.pool'),
    ...(nodeName ? invalidEach('spec.nodeName', nodeName, dns1123Subdomain(nodeName)) : []),
  ];
  if (nodeSelector !== undefined) {
    addAll(errors, validateNodeSelector(nodeSelector, 'spec.nodeSelector'));
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    if (terms.length !== 1) {
      const at = 'spec.nodeSelector.nodeSelectorTerms';
      errors.push(invalid(at, terms, 'must have exactly one node selector term'));
    }
  }
  const set = ONE_OF_FIVE.filter((name) => Boolean(spec?.[name]));
  const rule = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0 && sharedCounters.length === 0) errors.push(required('spec', rule));
  else if (set.length > 1) {
    const shown = `{${set.map((name) => `\`${name}\``).join(', ')}}`;
    errors.push(invalid('spec', shown, `${rule}, but multiple fields are set`));
  }
  return [
    ...errors,
    ...validateSet(devices, MOST_DEVICES, validateDevice, 'spec.devices', {
      of: ({ name = '' }) => name,
      field: 'name',
    }),
  ];
}

export function validateResourceSliceUpdate(slice: Slice, old: Slice): FieldError[] {
  const [now, before] = [slice.spec, old.spec];
  return [
    ...validateResourceSlice(slice),
    ...validateImmutable(now?.pool?.name, before?.pool?.name, 'spec.pool.name'),
    ...validateImmutable(now?.driver, before?.driver, 'spec.driver'),
    ...validateImmutable(now?.nodeName, before?.nodeName, 'spec.nodeName'),
  ];
}

function validatePool(pool: Partial<resourcev1.ResourcePool> | undefined, field: string): FieldError[] {
  const { name = '', resourceSliceCount = 0, generation = 0 } = pool ?? {};
  const errors = validatePoolName(name, `${field}.name`);
  if (resourceSliceCount <= 0) {
    errors.push(invalid(`${field}.resourceSliceCount`, resourceSliceCount, 'must be greater than zero'));
  }
  if (generation < 0) {
    errors.push(invalid(`${field}.generation`, generation, 'must be greater than or equal to zero'));
  }
  return errors;
}

function validateDevice(device: resourcev1.Device, field: string): FieldError[] {
  const attributes = sortedEntries(device.attributes);
  const capacity = sortedEntries(device.capacity);
  const errors = [
    ...validateLabel(device.name ?? '', `${field}.name`),
    ...attributes.flatMap(([name, value]) => {
      const at = `${field}.attributes[${name}]`;
      return [...validateQualifiedName(name, at), ...validateAttribute(value, at)];
    }),
    ...capacity.flatMap(([name]) => validateQualifiedName(name, `${field}.capacity[${name}]`)),
  ];
  const count = attributes.length + capacity.length;
  if (count > MOST_ATTRIBUTES) {
    const why = `the total number of attributes and capacities must not exceed ${MOST_ATTRIBUTES}`;
    errors.push(invalid(field, count, why));
  }
  return errors;
}

function validateAttribute(attribute: resourcev1.DeviceAttribute, field: string): FieldError[] {
  const { string = '', version = '' } = attribute;
  const errors: FieldError[] = [];
  if (string.length > VALUE_LIMIT) errors.push(tooLong(`${field}.string`, VALUE_LIMIT));
  if (attribute.version !== undefined && !SEMVER.test(version)) {
    const why = 'must be a string compatible with semver.org spec 2.0.0';
    errors.push(invalid(`${field}.version`, version, why));
  }
  if (version.length > VALUE_LIMIT) errors.push(tooLong(`${field}.version`, VALUE_LIMIT));
  const values = Object.values(attribute).filter((value) => value !== undefined).length;
  if (values === 0) errors.push(required(field, 'exactly one value must be specified'));
  if (values > 1) errors.push(invalid(field, attribute, 'exactly one value must be specified'));
  return errors;
}
