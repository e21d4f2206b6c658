import type { corev1 } from '../../kube/index.ts';

export type LoadBalancerPlan =
  | { kind: 'serve'; addresses: string[] }
  | { kind: 'conflict'; port: string; holder: string };

/** Services of this class are ours; others belong to somebody else's controller. */
export function isOurs(service: corev1.Service): boolean {
  return (
    service.spec.type === 'LoadBalancer' &&
    service.spec.loadBalancerClass === undefined &&
    service.metadata.deletionTimestamp === undefined
  );
}

/**
 * Whether a service gets the nodes' addresses: it does unless another LoadBalancer service has one of its
 * ports. Who has an address keeps it; among those that wait, the older one is first.
 */
export function planLoadBalancer(
  service: corev1.Service,
  all: readonly corev1.Service[],
  nodeAddresses: readonly string[],
): LoadBalancerPlan {
  for (const other of all) {
    if (other.metadata.uid === service.metadata.uid || !isOurs(other) || !goesFirst(other, service)) continue;
    const theirs = new Set(portsOf(other));
    const port = portsOf(service).find((one) => theirs.has(one));
    if (port !== undefined)
      return { kind: 'conflict', port, holder: `${other.metadata.namespace}/${other.metadata.name}` };
  }
  return { kind: 'serve', addresses: [...nodeAddresses] };
}

export function nodeAddresses(nodes: readonly corev1.Node[]): string[] {
  return nodes
    .filter(
      (node) =>
        node.metadata.labels?.['node.kubernetes.io/exclude-from-external-load-balancers'] === undefined,
    )
    .flatMap((node) => node.status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP')
    .map(({ address }) => address)
    .sort();
}

function portsOf(service: corev1.Service): string[] {
  return (service.spec.ports ?? []).map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`);
}

function goesFirst(a: corev1.Service, b: corev1.Service): boolean {
  if (hasAddress(a) !== hasAddress(b)) return hasAddress(a);
  const byAge = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  return (byAge || (a.metadata.uid < b.metadata.uid ? -1 : 1)) < 0;
}

function hasAddress(service: corev1.Service): boolean {
  return (service.status?.loadBalancer?.ingress ?? []).length > 0;
}
