import type { corev1 } from '../../kube/index.ts';
import { hostnameIn, isHeadless, podReference, type ServiceEndpoint } from './endpoints-of-service.ts';

const HEADLESS = 'service.kubernetes.io/headless';
export const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
export const ENDPOINTS_MANAGER = 'endpoint-controller';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MAX_ADDRESSES = 1000;

/** The core/v1 Endpoints of a service, which older clients read: a subset for each set of ports. */
export function legacyEndpoints(
  service: corev1.Service,
  endpoints: readonly ServiceEndpoint[],
): { subsets: corev1.EndpointSubset[]; labels: Record<string, string>; overCapacity: boolean } {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  const listed = endpoints.filter((endpoint) => publishAll || !endpoint.terminating);
  const groups = new Map<string, ServiceEndpoint[]>();
  for (const endpoint of listed.slice(0, MAX_ADDRESSES)) {
    if (endpoint.ports.length === 0 && !isHeadless(service)) continue;
    const key = JSON.stringify(endpoint.ports);
    groups.set(key, [...(groups.get(key) ?? []), endpoint]);
  }
  const subsets = [...groups.values()].map((group) => subset(service, group));
  const labels = {
    ...service.metadata.labels,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
    [ENDPOINTS_MANAGED_BY]: ENDPOINTS_MANAGER,
  };
  return { subsets, labels, overCapacity: listed.length > MAX_ADDRESSES };
}

export function overCapacityAnnotation(overCapacity: boolean): Record<string, string> {
  return overCapacity ? { [OVER_CAPACITY]: 'truncated' } : {};
}

function subset(service: corev1.Service, group: readonly ServiceEndpoint[]): corev1.EndpointSubset {
  const sorted = group.toSorted((a, b) => (a.pod.status!.podIP! < b.pod.status!.podIP! ? -1 : 1));
  const ready = sorted.filter((endpoint) => endpoint.ready).map((one) => address(service, one.pod));
  const notReady = sorted.filter((endpoint) => !endpoint.ready).map((one) => address(service, one.pod));
  const ports = group[0]!.ports.map(({ name, port, protocol, appProtocol }) => ({
    ...(name !== '' && { name }),
    port,
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }));
  return {
    ...(ready.length > 0 && { addresses: ready }),
    ...(notReady.length > 0 && { notReadyAddresses: notReady }),
    ...(ports.length > 0 && { ports }),
  };
}

function address(service: corev1.Service, pod: corev1.Pod): corev1.EndpointAddress {
  const hostname = hostnameIn(service, pod);
  return {
    ip: pod.status!.podIP!,
    ...(hostname !== undefined && { hostname }),
    ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
    targetRef: podReference(pod),
  };
}
