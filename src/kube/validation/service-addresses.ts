import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { ipAddress, ipFamilyOf } from './formats.ts';

type Service = corev1.Service;

const FAMILIES = ['IPv4', 'IPv6'];
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const FIELD = 'spec.clusterIPs';

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy agree (core ValidateServiceClusterIPsRelatedFields). */
export function validateClusterIps({ spec }: Service): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const addresses = spec.clusterIPs ?? [];
  const errors: FieldError[] = [];
  if (spec.clusterIP) {
    if (addresses.length === 0) errors.push(required(FIELD));
    else if (addresses[0] !== spec.clusterIP) {
      errors.push(invalid(FIELD, addresses, 'first value must match `clusterIP`'));
    }
  } else if (addresses.length > 0) {
    errors.push(invalid(FIELD, addresses, 'must be empty when `clusterIP` is not specified'));
  }
  append(errors, validateFamilies(spec));
  const format = validateAddressFormats(addresses);
  append(errors, format);
  if (addresses.length > 2) errors.push(invalid(FIELD, addresses, 'may only hold up to 2 values'));
  if (format.length > 0) return errors;
  return [...errors, ...validateAgainstFamilies(addresses, spec.ipFamilies ?? [])];
}

function validateFamilies(spec: corev1.ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    const at = `spec.ipFamilies[${index}]`;
    if (!FAMILIES.includes(family)) errors.push(notSupported(at, family, FAMILIES));
    if (seen.has(family)) errors.push(duplicate(at, family));
    seen.add(family);
  }
  const policy = spec.ipFamilyPolicy;
  if (policy !== undefined && !FAMILY_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', policy, FAMILY_POLICIES));
  }
  return errors;
}

function validateAddressFormats(addresses: readonly string[]): FieldError[] {
  return addresses.flatMap((address, index) => {
    if (index === 0 && address === 'None') {
      return addresses.length > 1
        ? [invalid(FIELD, addresses, "'None' must be the first and only value")]
        : [];
    }
    return invalidEach(`${FIELD}[${index}]`, address, ipAddress(address));
  });
}

function validateAgainstFamilies(addresses: readonly string[], families: readonly string[]): FieldError[] {
  if (addresses[0] === 'None') return [];
  const errors: FieldError[] = [];
  const own = addresses.map(ipFamilyOf);
  if (own.length > 1 && new Set(own).size !== own.length) {
    errors.push(invalid(FIELD, addresses, 'may specify no more than one IP for each IP family'));
  }
  for (const [index, address] of addresses.entries()) {
    const family = families[index];
    if (family !== undefined && FAMILIES.includes(family) && own[index] !== family) {
      const why = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
      errors.push(invalid(`${FIELD}[${index}]`, address, why));
    }
  }
  return errors;
}

/** An address once given stays, unless the service was or becomes ExternalName. */
export function validateClusterIpsUpdate(service: Service, old: Service): FieldError[] {
  if (service.spec.type === 'ExternalName' || old.spec.type === 'ExternalName') return [];
  const before = old.spec.clusterIPs ?? [];
  const after = service.spec.clusterIPs ?? [];
  if (before.length > 0 && after.length === 0) {
    return [invalid(`${FIELD}[0]`, after, 'primary clusterIP can not be unset')];
  }
  return before
    .slice(0, after.length)
    .flatMap((address, index) =>
      address === after[index] ? [] : [invalid(`${FIELD}[${index}]`, after, 'may not change once set')],
    );
}
