import { isIP, isIPv4 } from 'node:net';
import { ENDPOINTS } from '../../client/index.ts';
import { type corev1, type Draft, type discoveryv1, semanticallyEqual } from '../../kube/index.ts';
import { MANAGED_BY, SERVICE_NAME } from '../endpointslice/slice-plan.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
/** Upstream's default of --mirroring-max-endpoints-per-subset. */
export const MAX_MIRRORED = 1000;

const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
/** Told of the Endpoints alone, not of what is made of them. */
const OWN_ANNOTATIONS = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

type Slice = discoveryv1.EndpointSlice;

export interface MirrorPlan {
  create: Draft<Slice>[];
  update: Slice[];
  delete: Slice[];
  /** Addresses that are none. */
  invalid: number;
  /** Addresses that are in no slice, those that are none among them. */
  skipped: number;
}

/** Endpoints that are nobody's list of addresses (locks), or whose owner makes slices by himself, are left alone. */
export function isMirrored({ metadata }: corev1.Endpoints): boolean {
  return metadata.labels?.[SKIP_MIRROR] !== 'true' && metadata.annotations?.[LEADER] === undefined;
}

/**
 * What to change so that slices say what Endpoints that somebody else wrote say: one slice for each set of ports and
 * family of addresses. Source: k8s.io/kubernetes/pkg/controller/endpointslicemirroring/reconciler.go.
 */
export function planMirror(endpoints: corev1.Endpoints, existing: readonly Slice[]): MirrorPlan {
  const plan: MirrorPlan = { create: [], update: [], delete: [], invalid: 0, skipped: 0 };
  const untouched = new Set(existing);
  for (const group of groupsOf(endpoints, plan)) {
    const [slice] = existing.filter(
      ({ addressType, ports }) => addressType === group.addressType && semanticallyEqual(ports, group.ports),
    );
    if (slice === undefined) plan.create.push(draftOf(endpoints, group));
    else {
      untouched.delete(slice);
      const next = renewed(slice, draftOf(endpoints, group));
      if (!isSame(slice, next)) plan.update.push(next);
    }
  }
  plan.delete.push(...untouched);
  recycle(plan);
  return plan;
}

interface Group {
  addressType: 'IPv4' | 'IPv6';
  ports: discoveryv1.EndpointPort[];
  endpoints: discoveryv1.Endpoint[];
}

function groupsOf({ subsets = [] }: corev1.Endpoints, plan: MirrorPlan): Group[] {
  const groups = new Map<string, Group>();
  for (const { ports = [], addresses = [], notReadyAddresses = [] } of subsets) {
    let added = 0;
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all) {
      if (added >= MAX_MIRRORED) break;
      if (isIP(address.ip) === 0) {
        plan.invalid++;
        continue;
      }
      added++;
      const group = groupIn(groups, isIPv4(address.ip) ? 'IPv4' : 'IPv6', ports);
      const endpoint = endpointOf(address, ready);
      if (!group.endpoints.some((known) => isSameEndpoint(known, endpoint))) group.endpoints.push(endpoint);
    }
    plan.skipped += all.length - added;
  }
  return [...groups.values()];
}

function groupIn(
  groups: Map<string, Group>,
  addressType: 'IPv4' | 'IPv6',
  ports: readonly corev1.EndpointPort[],
): Group {
  const own = ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }));
  const key = `${addressType} ${JSON.stringify(own)}`;
  const group = groups.get(key) ?? { addressType, ports: own, endpoints: [] };
  groups.set(key, group);
  return group;
}

function endpointOf(
  { ip, hostname, nodeName, targetRef }: corev1.EndpointAddress,
  ready: boolean,
): discoveryv1.Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname && { hostname }),
    ...(targetRef !== undefined && { targetRef }),
    ...(nodeName !== undefined && { nodeName }),
  };
}

/** A pod is found in one group once; a second address of it is a second endpoint. */
function isSameEndpoint(a: discoveryv1.Endpoint, b: discoveryv1.Endpoint): boolean {
  return a.addresses[0] === b.addresses[0] && a.targetRef?.uid === b.targetRef?.uid;
}

function draftOf(endpoints: corev1.Endpoints, { addressType, ports, endpoints: list }: Group): Draft<Slice> {
  const { name, namespace, labels, annotations } = endpoints.metadata;
  const own = Object.entries(annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.includes(key));
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace !== undefined && { namespace }),
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR_MANAGER },
      annotations: Object.fromEntries(own),
      ownerReferences: [controllerRefTo(endpoints, ENDPOINTS)],
    },
    addressType,
    endpoints: list.slice(0, MAX_MIRRORED),
    ports,
  };
}

/** The slice with the content of the draft; its name stays. */
function renewed(slice: Slice, draft: Draft<Slice>): Slice {
  const { labels, annotations, ownerReferences } = draft.metadata;
  return {
    ...slice,
    ...(draft.endpoints && { endpoints: draft.endpoints }),
    ...(draft.ports && { ports: draft.ports }),
    metadata: {
      ...slice.metadata,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
  };
}

function isSame(slice: Slice, next: Slice): boolean {
  return (
    semanticallyEqual(slice.endpoints, next.endpoints) &&
    semanticallyEqual(slice.metadata.labels, next.metadata.labels) &&
    semanticallyEqual(slice.metadata.annotations ?? {}, next.metadata.annotations) &&
    slice.metadata.ownerReferences?.[0]?.uid === next.metadata.ownerReferences?.[0]?.uid
  );
}

/** A slice to be deleted becomes one to be made, where it can: one write instead of two, and no gap between. */
function recycle(plan: MirrorPlan): void {
  plan.create = plan.create.filter((draft) => {
    const index = plan.delete.findIndex(({ addressType }) => addressType === draft.addressType);
    if (index === -1) return true;
    const [slice] = plan.delete.splice(index, 1);
    plan.update.push(renewed(slice!, draft));
    return false;
  });
}
