import type { FieldError } from '../../base/index.ts';
import type { networkingv1 } from '../types/index.generated.ts';
import { invalid, invalidEach, required } from './field-errors.ts';
import { cidr, dns1123Subdomain, ipAddress, ipFamilyOf } from './formats.ts';
import { pathSegmentName, validatePathSegment } from './names.ts';
import { validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/networking/validation: IPAddress and ServiceCIDR. */

const IMMUTABLE = 'field is immutable';

/** The name of an IPAddress is the address, in its one canonical form. */
export function ipAddressName(name: string): string[] {
  const wrong = ipAddress(name);
  if (wrong.length > 0) return wrong;
  const canonical = name.includes(':') ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
  return canonical === name ? [] : [`must be in canonical form ("${canonical}")`];
}

export function validateIpAddress({ spec }: networkingv1.IPAddress): FieldError[] {
  const parent = spec?.parentRef;
  const at = 'spec.parentRef';
  if (parent === undefined) return [required(at)];
  const { group, resource, namespace, name } = parent;
  return [
    ...(group ? invalidEach(`${at}.group`, group, dns1123Subdomain(group)) : []),
    ...validatePathSegment(resource, `${at}.resource`),
    ...validatePathSegment(name, `${at}.name`),
    ...(namespace ? invalidEach(`${at}.namespace`, namespace, pathSegmentName(namespace)) : []),
  ];
}

export function validateIpAddressUpdate(
  address: networkingv1.IPAddress,
  old: networkingv1.IPAddress,
): FieldError[] {
  return validateImmutable(address.spec?.parentRef, old.spec?.parentRef, 'spec.parentRef');
}

export function validateServiceCidr({ spec }: networkingv1.ServiceCIDR): FieldError[] {
  const at = 'spec.cidrs';
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(at, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(at, spec, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((one, index) => invalidEach(`${at}[${index}]`, one, cidr(one)));
  const [first, second] = cidrs.map((one) => ipFamilyOf(one.split('/')[0]!));
  if (cidrs.length === 2 && first === second && first !== undefined) {
    const why = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.push(invalid(at, cidrs, why));
  }
  return errors;
}

/** Nothing changes but that a second family may be added. */
export function validateServiceCidrUpdate(
  range: networkingv1.ServiceCIDR,
  old: networkingv1.ServiceCIDR,
): FieldError[] {
  const [now, before] = [range.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
  const grows = before.length === 1 && now.length === 2;
  if (now.length !== before.length && !grows) return [invalid('spec.cidrs', now, IMMUTABLE)];
  return [
    ...before.flatMap((one, index) =>
      one === now[index] ? [] : [invalid(`spec.cidrs[${index}]`, now[index], IMMUTABLE)],
    ),
    ...(grows ? validateServiceCidr(range) : []),
  ];
}
