import { BlockList, isIP } from 'node:net';
import type { networkingv1 } from '../../kube/index.ts';

type Range = networkingv1.ServiceCIDR;

/** Labels of the addresses that the API server gave to services; others hold nothing back. */
const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const MANAGER = 'ipallocator.k8s.io';

/**
 * Whether a range may go: each of its networks lies in another range's, or no service's address is in it alone.
 * Source: k8s.io/kubernetes/pkg/controller/servicecidrs, canDeleteCIDR.
 */
export function mayGo(
  range: Range,
  all: readonly Range[],
  addresses: readonly networkingv1.IPAddress[],
): boolean {
  const others = all.filter(({ metadata }) => metadata.name !== range.metadata.name);
  const networks = range.spec?.cidrs ?? [];
  if (networks.every((network) => networksOf(others).some((other) => containsNetwork(other, network))))
    return true;
  return !addresses.some(
    ({ metadata: { name, labels } }) =>
      labels?.[MANAGED_BY] === MANAGER &&
      networks.some((network) => containsAddress(network, name)) &&
      !networksOf(others).some((network) => containsAddress(network, name)),
  );
}

/** Whether two ranges have addresses in common, which of networks means that one lies in the other. */
export function overlap(a: Range, b: Range): boolean {
  return networksOf([a]).some((one) =>
    networksOf([b]).some((other) => containsNetwork(one, other) || containsNetwork(other, one)),
  );
}

export function containsAddress(network: string, address: string): boolean {
  const [base = '', bits] = network.split('/');
  const family = isIP(base);
  if (family === 0 || family !== isIP(address)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(address, type);
}

export function networksOf(ranges: readonly Range[]): string[] {
  return ranges.flatMap(({ spec }) => spec?.cidrs ?? []);
}

function containsNetwork(outer: string, inner: string): boolean {
  const [base = '', bits] = inner.split('/');
  return Number(bits) >= Number(outer.split('/')[1]) && containsAddress(outer, base);
}
