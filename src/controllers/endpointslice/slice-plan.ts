import { apiVersionOf, SERVICES } from '../../client/index.ts';
import { type corev1, type Draft, type discoveryv1, semanticallyEqual } from '../../kube/index.ts';
import {
  addressesOf,
  hostnameIn,
  isHeadless,
  podReference,
  type ServiceEndpoint,
} from './endpoints-of-service.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
/** Upstream's default of --max-endpoints-per-slice. */
const MAX_ENDPOINTS = 100;

type Slice = discoveryv1.EndpointSlice;

export interface SlicePlan {
  create: Draft<Slice>[];
  update: Slice[];
  delete: Slice[];
}

/**
 * What to change so that the slices of a service say what `endpoints` says. An endpoint stays in the slice
 * it is in; a slice that does not change is not written. There is always one slice at least.
 */
export function planSlices(
  service: corev1.Service,
  endpoints: readonly ServiceEndpoint[],
  existing: readonly Slice[],
  zoneOf: (nodeName: string) => string | undefined,
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], delete: [] };
  const untouched = new Set(existing);
  for (const family of familiesOf(service)) {
    for (const group of groupsOf(service, endpoints, family, zoneOf).values()) {
      const slices = existing.filter(
        (slice) => slice.addressType === family && semanticallyEqual(slice.ports, group.ports),
      );
      for (const slice of slices) untouched.delete(slice);
      fillSlices(service, family, group, slices, plan);
    }
  }
  plan.delete.push(...untouched);
  return recycled(plan);
}

/** A slice to be deleted becomes one to be made, where it can: one write instead of two, and no gap between. */
function recycled(plan: SlicePlan): SlicePlan {
  const create: Draft<Slice>[] = [];
  for (const draft of plan.create) {
    const index = plan.delete.findIndex((slice) => slice.addressType === draft.addressType);
    if (index === -1) create.push(draft);
    else {
      const [slice] = plan.delete.splice(index, 1);
      const { endpoints, ports, metadata } = draft;
      const { labels } = metadata;
      plan.update.push({
        ...slice!,
        metadata: { ...slice!.metadata, ...(labels && { labels }) },
        ...(endpoints && { endpoints }),
        ...(ports && { ports }),
      });
    }
  }
  return { ...plan, create };
}

interface PortGroup {
  ports: discoveryv1.EndpointPort[];
  /** By the address, which identifies an endpoint within its group. */
  endpoints: Map<string, discoveryv1.Endpoint>;
}

function familiesOf(service: corev1.Service): ('IPv4' | 'IPv6')[] {
  const families = service.spec.ipFamilies as ('IPv4' | 'IPv6')[] | undefined;
  return families === undefined || families.length === 0 ? ['IPv4'] : families;
}

/** Endpoints by their ports: pods may have a named port at different numbers. One empty group when there are none. */
function groupsOf(
  service: corev1.Service,
  endpoints: readonly ServiceEndpoint[],
  family: 'IPv4' | 'IPv6',
  zoneOf: (nodeName: string) => string | undefined,
): Map<string, PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const endpoint of endpoints) {
    const addresses = addressesOf(endpoint.pod, family);
    if (addresses.length === 0) continue;
    const key = JSON.stringify(endpoint.ports);
    const group = groups.get(key) ?? { ports: endpoint.ports, endpoints: new Map() };
    groups.set(key, group);
    group.endpoints.set(addresses[0]!, sliceEndpoint(service, endpoint, addresses, zoneOf));
  }
  if (groups.size === 0) groups.set('', { ports: [], endpoints: new Map() });
  return groups;
}

function sliceEndpoint(
  service: corev1.Service,
  { pod, ready, serving, terminating }: ServiceEndpoint,
  addresses: string[],
  zoneOf: (nodeName: string) => string | undefined,
): discoveryv1.Endpoint {
  const nodeName = pod.spec.nodeName;
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  const hostname = hostnameIn(service, pod);
  return {
    addresses: [addresses[0]!],
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    targetRef: podReference(pod),
    ...(nodeName !== undefined && { nodeName }),
    ...(zone !== undefined && { zone }),
  };
}

function fillSlices(
  service: corev1.Service,
  family: 'IPv4' | 'IPv6',
  group: PortGroup,
  existing: readonly Slice[],
  plan: SlicePlan,
): void {
  const left = new Map(group.endpoints);
  const contents = new Map<Slice, discoveryv1.Endpoint[]>();
  for (const slice of existing) {
    const kept: discoveryv1.Endpoint[] = [];
    for (const { addresses } of slice.endpoints ?? []) {
      const endpoint = left.get(addresses[0]!);
      if (endpoint === undefined) continue;
      left.delete(addresses[0]!);
      kept.push(endpoint);
    }
    contents.set(slice, kept);
  }
  const rest = [...left.values()];
  // The fullest first, so that few slices change and half-empty ones run dry.
  for (const kept of [...contents.values()].sort((a, b) => b.length - a.length))
    kept.push(...rest.splice(0, MAX_ENDPOINTS - kept.length));
  const empty = [...contents].filter(([, endpoints]) => endpoints.length === 0).map(([slice]) => slice);
  const needed = group.endpoints.size === 0 ? 1 : 0;
  plan.delete.push(...empty.slice(needed));
  for (const slice of empty.slice(needed)) contents.delete(slice);
  for (const [slice, endpoints] of contents) {
    const next = { ...slice, ...sliceFor(service, family, group.ports, endpoints, slice) };
    if (!sameSlice(slice, next)) plan.update.push(next);
  }
  while (rest.length > 0 || (needed === 1 && contents.size === 0 && existing.length === 0)) {
    const endpoints = rest.splice(0, MAX_ENDPOINTS);
    plan.create.push(sliceFor(service, family, group.ports, endpoints, undefined));
    if (endpoints.length === 0) break;
  }
}

function sameSlice(slice: Slice, next: Slice): boolean {
  return (
    semanticallyEqual(slice.endpoints, next.endpoints) &&
    semanticallyEqual(slice.metadata.labels, next.metadata.labels)
  );
}

function sliceFor(
  service: corev1.Service,
  addressType: 'IPv4' | 'IPv6',
  ports: discoveryv1.EndpointPort[],
  endpoints: discoveryv1.Endpoint[],
  slice: Slice | undefined,
): Omit<Slice, 'metadata'> & { metadata: Slice['metadata'] } {
  const { name, namespace, uid, labels } = service.metadata;
  const ownerReferences = [
    {
      apiVersion: apiVersionOf(SERVICES),
      kind: SERVICES.kind,
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    },
  ];
  const metadata = slice?.metadata ?? { generateName: `${name}-`, namespace, ownerReferences };
  return {
    metadata: { ...metadata, labels: sliceLabels(service, labels) } as Slice['metadata'],
    addressType,
    endpoints,
    ports,
  };
}

function sliceLabels(
  service: corev1.Service,
  labels: Record<string, string> | undefined,
): Record<string, string> {
  const { [HEADLESS]: _, ...own } = labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: MANAGER,
  };
}
