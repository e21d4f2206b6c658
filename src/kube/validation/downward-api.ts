import type { FieldError } from '../../base/index.ts';
import { parseQuantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { quantityOr } from './resource-requirements.ts';

/** Field labels that a pod's fieldRef may name at all (core ConvertDownwardAPIFieldLabel). */
const FIELD_LABELS = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
  // Kept for pods of before, as upstream does.
  'spec.host',
]);

const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const BYTE_DIVISORS = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';
const BYTE_DIVISOR_SET = new Set(BYTE_DIVISORS.split(', '));

/** A fieldRef of an environment variable or downward API file; `allowed` are the whole fields it may name. */
export function validateFieldRef(
  ref: corev1.ObjectFieldSelector,
  allowed: readonly string[],
  field: string,
): FieldError[] {
  if (!ref.apiVersion) return [required(`${field}.apiVersion`)];
  if (!ref.fieldPath) return [required(`${field}.fieldPath`)];
  const subscripted = /^(.*)\['(.*)'\]$/.exec(ref.fieldPath);
  const path = subscripted?.[1] ?? ref.fieldPath;
  if (ref.apiVersion !== 'v1' || !FIELD_LABELS.has(path)) {
    const why =
      ref.apiVersion === 'v1'
        ? `field label not supported: ${ref.fieldPath}`
        : `unsupported pod version: ${ref.apiVersion}`;
    return [invalid(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: ${why}`)];
  }
  if (subscripted === null) {
    return allowed.includes(path) ? [] : [notSupported(`${field}.fieldPath`, path, allowed)];
  }
  const key = subscripted[2]!;
  if (path === 'metadata.annotations') return invalidEach(field, key, qualifiedName(key.toLowerCase()));
  if (path === 'metadata.labels') return invalidEach(field, key, qualifiedName(key));
  return [invalid(field, path, 'does not support subscript')];
}

/** A resourceFieldRef; in a volume it must say which container it means. */
export function validateResourceFieldRef(
  ref: corev1.ResourceFieldSelector,
  field: string,
  inVolume: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const hugePages = /^(requests|limits)\.hugepages-/.test(ref.resource ?? '');
  if (inVolume && !ref.containerName) errors.push(required(`${field}.containerName`));
  else if (!ref.resource) errors.push(required(`${field}.resource`));
  else if (!RESOURCE_FIELDS.includes(ref.resource) && !hugePages) {
    errors.push(notSupported(`${field}.resource`, ref.resource, RESOURCE_FIELDS));
  }
  return [...errors, ...validateDivisor(ref, field)];
}

const ZERO = parseQuantity('0');

function validateDivisor(ref: corev1.ResourceFieldSelector, field: string): FieldError[] {
  if (ref.divisor === undefined) return [];
  const divisor = quantityOr(ref.divisor, `${field}.divisor`);
  if (!('value' in divisor)) return [divisor];
  if (divisor.compare(ZERO) === 0) return [];
  const text = divisor.toString();
  if (/\.cpu$/.test(ref.resource)) {
    if (text === '1' || text === '1m') return [];
    const why = "only divisor's values 1m and 1 are supported with the cpu resource";
    return [invalid(`${field}.divisor`, ref.resource, why)];
  }
  const kind = byteResource(ref.resource);
  if (kind === undefined || BYTE_DIVISOR_SET.has(text)) return [];
  const why = `only divisor's values ${BYTE_DIVISORS} are supported with the ${kind} resource`;
  return [invalid(`${field}.divisor`, ref.resource, why)];
}

function byteResource(resource: string): string | undefined {
  if (/\.memory$/.test(resource)) return 'memory';
  if (/\.ephemeral-storage$/.test(resource)) return 'local ephemeral storage';
  return /\.hugepages-/.test(resource) ? 'hugepages' : undefined;
}
