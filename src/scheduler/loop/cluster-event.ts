/** What can change in a cluster that may let a waiting pod find a node. */
export type ClusterEvent =
  | 'node added'
  | 'node allocatable'
  | 'node labels'
  | 'node taints'
  | 'node removed'
  | 'pod placed'
  | 'pod removed'
  | 'pod labels'
  | 'pod shrunk'
  | 'claim'
  | 'volume'
  | 'storage class'
  | 'CSI node';

const PLACES: readonly ClusterEvent[] = ['node added', 'node labels'];
const STORAGE: readonly ClusterEvent[] = ['claim', 'volume', 'storage class'];

/** By filter: after what it may answer otherwise. Source: each upstream plugin's EventsToRegister. */
const HELPFUL: Readonly<Record<string, readonly ClusterEvent[]>> = {
  NodeUnschedulable: ['node added', 'node taints'],
  NodeName: ['node added'],
  TaintToleration: ['node added', 'node taints'],
  NodeAffinity: PLACES,
  NodePorts: ['node added', 'pod removed'],
  NodeResourcesFit: ['node added', 'node allocatable', 'pod removed', 'pod shrunk'],
  VolumeRestrictions: ['node added', 'pod removed', 'claim'],
  NodeVolumeLimits: ['node added', 'pod removed', 'CSI node', 'claim'],
  VolumeBinding: [...PLACES, ...STORAGE, 'CSI node'],
  VolumeZone: [...PLACES, ...STORAGE],
  PodTopologySpread: [...PLACES, 'node removed', 'node taints', 'pod placed', 'pod removed', 'pod labels'],
  InterPodAffinity: [...PLACES, 'pod placed', 'pod removed', 'pod labels'],
};

/** Whether a pod that these filters kept waiting is worth another try after the event. */
export function mayHelp(event: ClusterEvent, filters: ReadonlySet<string>): boolean {
  if (filters.size === 0) return true;
  for (const filter of filters) if (HELPFUL[filter]?.includes(event) ?? true) return true;
  return false;
}
