import { type corev1, isPodReady } from '../../kube/index.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Which `count` of the pods go first when a ReplicaSet shrinks, in upstream's order: not assigned, pending,
 * not ready, cheaper, more crowded together, ready for a shorter time, restarted more often, younger.
 *
 * @param related pods of all ReplicaSets of the same owner: a node that holds many of them gives first.
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
 */
export function podsToDelete(options: {
  pods: readonly corev1.Pod[];
  related: readonly corev1.Pod[];
  count: number;
  nowMs: number;
}): corev1.Pod[] {
  const { pods, related, count, nowMs } = options;
  if (count >= pods.length) return [...pods];
  const crowd = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec.nodeName ?? '';
    crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  const rank = (pod: corev1.Pod) => crowd.get(pod.spec.nodeName ?? '') ?? 0;
  return pods.toSorted((a, b) => comparePods(a, b, rank, nowMs)).slice(0, count);
}

function comparePods(a: corev1.Pod, b: corev1.Pod, rank: (pod: corev1.Pod) => number, nowMs: number): number {
  const byReadiness =
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    phaseOrder(a) - phaseOrder(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    rank(b) - rank(a);
  if (byReadiness !== 0) return byReadiness;
  if (isPodReady(a)) {
    const byReadyTime = compareAges(readySinceMs(a), readySinceMs(b), nowMs, a, b);
    if (byReadyTime !== 0) return byReadyTime;
  }
  return (
    restarts(b) - restarts(a) ||
    compareAges(
      Date.parse(a.metadata.creationTimestamp),
      Date.parse(b.metadata.creationTimestamp),
      nowMs,
      a,
      b,
    )
  );
}

/** Younger first, by orders of magnitude (of two): among pods of about one age, the uid decides at random. */
function compareAges(aMs: number, bMs: number, nowMs: number, a: corev1.Pod, b: corev1.Pod): number {
  if (aMs === bMs) return 0;
  const order = magnitude(nowMs - aMs) - magnitude(nowMs - bMs);
  if (order !== 0) return order;
  return a.metadata.uid < b.metadata.uid ? -1 : 1;
}

function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function phaseOrder(pod: corev1.Pod): number {
  return PHASE_ORDER[pod.status?.phase ?? 'Pending'] ?? 2;
}

function deletionCost(pod: corev1.Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST];
  return text !== undefined && /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

function readySinceMs(pod: corev1.Pod): number {
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  return Date.parse(ready?.lastTransitionTime ?? pod.metadata.creationTimestamp);
}

function restarts(pod: corev1.Pod): number {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...sidecarStatuses(pod)];
  return Math.max(0, ...statuses.map((status) => status.restartCount ?? 0));
}

function sidecarStatuses(pod: corev1.Pod): corev1.ContainerStatus[] {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  return (pod.status?.initContainerStatuses ?? []).filter((status) => sidecars.has(status.name));
}
