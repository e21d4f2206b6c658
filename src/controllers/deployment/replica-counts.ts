import { type appsv1, resolveIntOrPercent } from '../../kube/index.ts';
import { MAX_REPLICAS, numberAnnotation } from './revisions.ts';

/** One ReplicaSet and the size it should get. */
export interface Scale {
  replicaSet: appsv1.ReplicaSet;
  replicas: number;
}

export function replicasOf(object: { spec: { replicas?: number } }): number {
  return object.spec.replicas ?? 1;
}

export function sumReplicas(replicaSets: readonly appsv1.ReplicaSet[]): number {
  return replicaSets.reduce((total, replicaSet) => total + replicasOf(replicaSet), 0);
}

function sumAvailable(replicaSets: readonly appsv1.ReplicaSet[]): number {
  return replicaSets.reduce((total, one) => total + (one.status?.availableReplicas ?? 0), 0);
}

export function isRollingUpdate(deployment: appsv1.Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/**
 * How many more pods than asked for a rollout may have, and how many fewer may be available. Surge rounds
 * up, unavailability down; when both come to nothing one pod may be unavailable, or nothing could ever move.
 */
export function fenceposts(deployment: appsv1.Deployment): { maxSurge: number; maxUnavailable: number } {
  if (!isRollingUpdate(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = replicasOf(deployment);
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = resolveIntOrPercent(maxSurge ?? '25%', replicas, true);
  const unavailable = resolveIntOrPercent(maxUnavailable ?? '25%', replicas, false);
  const atLeastOne = surge === 0 && unavailable === 0 ? 1 : unavailable;
  return { maxSurge: surge, maxUnavailable: Math.min(atLeastOne, replicas) };
}

/** The size of the newest ReplicaSet at this moment of a rollout. */
export function newestReplicas(
  deployment: appsv1.Deployment,
  all: readonly appsv1.ReplicaSet[],
  current: number,
): number {
  const wanted = replicasOf(deployment);
  if (!isRollingUpdate(deployment) || current >= wanted) return wanted;
  const room = wanted + fenceposts(deployment).maxSurge - sumReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/**
 * The sizes of the old ReplicaSets at this moment of a rolling update: first pods that are not available
 * anyway go, then as many available ones as the floor allows.
 */
export function oldReplicas(
  deployment: appsv1.Deployment,
  newest: appsv1.ReplicaSet,
  old: readonly appsv1.ReplicaSet[],
): Scale[] {
  const minAvailable = replicasOf(deployment) - fenceposts(deployment).maxUnavailable;
  const newestUnavailable = replicasOf(newest) - (newest.status?.availableReplicas ?? 0);
  const mayGo = sumReplicas([...old, newest]) - minAvailable - newestUnavailable;
  if (mayGo <= 0 || sumReplicas(old) === 0) return [];
  const sizes = new Map(oldestFirst(old).map((replicaSet) => [replicaSet, replicasOf(replicaSet)]));
  let unhealthyToGo = mayGo;
  for (const [replicaSet, size] of sizes) {
    const unhealthy = size - (replicaSet.status?.availableReplicas ?? 0);
    const going = Math.max(0, Math.min(unhealthy, unhealthyToGo));
    sizes.set(replicaSet, size - going);
    unhealthyToGo -= going;
  }
  let availableToGo = sumAvailable([...old, newest]) - minAvailable;
  for (const [replicaSet, size] of sizes) {
    const going = Math.max(0, Math.min(size, availableToGo));
    sizes.set(replicaSet, size - going);
    availableToGo -= going;
  }
  return [...sizes]
    .filter(([replicaSet, replicas]) => replicas !== replicasOf(replicaSet))
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }));
}

/**
 * Spreads a change of the Deployment's size over all ReplicaSets that have pods, in proportion to their
 * sizes, so that a rollout that is paused or under way keeps its mix. The largest one takes what is left over.
 */
export function proportionalReplicas(
  deployment: appsv1.Deployment,
  active: readonly appsv1.ReplicaSet[],
): Scale[] {
  const wanted = replicasOf(deployment);
  const { maxSurge } = fenceposts(deployment);
  const allowed = wanted > 0 ? wanted + maxSurge : 0;
  const toAdd = allowed - sumReplicas(active);
  const sorted = toAdd > 0 ? bySizeNewestFirst(active) : bySizeOldestFirst(active);
  let added = 0;
  const sizes = sorted.map((replicaSet) => {
    const size = replicasOf(replicaSet);
    if (toAdd === 0 || size === 0 || added === toAdd) return { replicaSet, replicas: size };
    const share = fraction(deployment, replicaSet, maxSurge);
    const left = toAdd - added;
    const proportion = toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
    added += proportion;
    return { replicaSet, replicas: size + proportion };
  });
  if (sizes[0] !== undefined && toAdd !== 0)
    sizes[0].replicas = Math.max(0, sizes[0].replicas + toAdd - added);
  return sizes;
}

/** How much a ReplicaSet would grow or shrink if it kept its share of the whole. */
function fraction(deployment: appsv1.Deployment, replicaSet: appsv1.ReplicaSet, maxSurge: number): number {
  const size = replicasOf(replicaSet);
  if (replicasOf(deployment) === 0) return -size;
  const before = numberAnnotation(replicaSet, MAX_REPLICAS) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (replicasOf(deployment) + maxSurge)) / before) - size;
}

export function oldestFirst(replicaSets: readonly appsv1.ReplicaSet[]): appsv1.ReplicaSet[] {
  return replicaSets.toSorted(compareAges);
}

function bySizeNewestFirst(replicaSets: readonly appsv1.ReplicaSet[]): appsv1.ReplicaSet[] {
  return replicaSets.toSorted((a, b) => replicasOf(b) - replicasOf(a) || compareAges(b, a));
}

function bySizeOldestFirst(replicaSets: readonly appsv1.ReplicaSet[]): appsv1.ReplicaSet[] {
  return replicaSets.toSorted((a, b) => replicasOf(b) - replicasOf(a) || compareAges(a, b));
}

function compareAges(a: appsv1.ReplicaSet, b: appsv1.ReplicaSet): number {
  const byTime = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  return byTime || (a.metadata.name < b.metadata.name ? -1 : 1);
}
