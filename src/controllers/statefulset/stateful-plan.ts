import { type appsv1, type corev1, isPodAvailable, resolveIntOrPercent } from '../../kube/index.ts';
import { isRunningAndReady, ordinalOf, revisionOf } from './stateful-pods.ts';

export type StatefulStep =
  | { type: 'create'; ordinal: number; revision: 'current' | 'update' }
  | { type: 'delete'; pod: corev1.Pod; why: 'ended' | 'surplus' | 'update' };

export interface StatefulFacts {
  set: appsv1.StatefulSet;
  pods: readonly corev1.Pod[];
  updateRevision: string;
  nowMs: number;
}

/**
 * What to do now: everything at once for Parallel; for OrderedReady the first step that is due, and none while a
 * pod before it is not available.
 *
 * @see k8s.io/kubernetes/pkg/controller/statefulset/stateful_set_control.go
 */
export function planSteps(facts: StatefulFacts): StatefulStep[] {
  const { set } = facts;
  const ordered = set.spec.podManagementPolicy !== 'Parallel';
  const { steps, blocked } = replicaSteps(facts, ordered);
  if (ordered && (blocked || steps.length > 0)) return steps;
  const surplus = surplusSteps(facts, ordered);
  steps.push(...surplus.steps);
  if ((ordered && surplus.steps.length > 0) || surplus.blocked) return steps;
  return [...steps, ...updateSteps(facts)];
}

function rangeOf({ spec }: appsv1.StatefulSet): { first: number; end: number } {
  const first = spec.ordinals?.start ?? 0;
  return { first, end: first + (spec.replicas ?? 1) };
}

function isGoing(pod: corev1.Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

function isAvailable({ set, nowMs }: StatefulFacts, pod: corev1.Pod): boolean {
  return isRunningAndReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, new Date(nowMs));
}

function byOrdinal(facts: StatefulFacts): Map<number, corev1.Pod> {
  const pods = new Map<number, corev1.Pod>();
  for (const pod of facts.pods) {
    const ordinal = ordinalOf(facts.set, pod);
    if (ordinal !== undefined) pods.set(ordinal, pod);
  }
  return pods;
}

function partitionOf(set: appsv1.StatefulSet): number {
  return rangeOf(set).first + (set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
}

/** Pods below the partition stay, and come back, as they were before the update. */
function revisionFor(set: appsv1.StatefulSet, ordinal: number): 'current' | 'update' {
  const rolling = set.spec.updateStrategy?.type === 'RollingUpdate';
  return rolling && ordinal < partitionOf(set) ? 'current' : 'update';
}

function replicaSteps(facts: StatefulFacts, ordered: boolean): { steps: StatefulStep[]; blocked: boolean } {
  const { set } = facts;
  const { first, end } = rangeOf(set);
  const pods = byOrdinal(facts);
  const steps: StatefulStep[] = [];
  for (let ordinal = first; ordinal < end; ordinal++) {
    const pod = pods.get(ordinal);
    if (pod === undefined) steps.push({ type: 'create', ordinal, revision: revisionFor(set, ordinal) });
    else if ((pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') && !isGoing(pod)) {
      steps.push({ type: 'delete', pod, why: 'ended' });
    } else if (ordered && (isGoing(pod) || !isAvailable(facts, pod))) return { steps, blocked: true };
    if (ordered && steps.length > 0) return { steps, blocked: true };
  }
  return { steps, blocked: false };
}

/** From the highest ordinal down; in order, one waits until the one above is gone. */
function surplusSteps(facts: StatefulFacts, ordered: boolean): { steps: StatefulStep[]; blocked: boolean } {
  const { first, end } = rangeOf(facts.set);
  const condemned = [...byOrdinal(facts)]
    .filter(([ordinal]) => ordinal < first || ordinal >= end)
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  const steps: StatefulStep[] = [];
  for (const pod of condemned) {
    if (isGoing(pod)) {
      if (ordered) return { steps, blocked: true };
      continue;
    }
    steps.push({ type: 'delete', pod, why: 'surplus' });
    if (ordered) break;
  }
  return { steps, blocked: false };
}

/** From the highest ordinal down to the partition, never more than maxUnavailable at once. */
function updateSteps(facts: StatefulFacts): StatefulStep[] {
  const { set, updateRevision } = facts;
  if (set.spec.updateStrategy?.type !== 'RollingUpdate') return [];
  const { first, end } = rangeOf(set);
  const pods = byOrdinal(facts);
  const most = maxUnavailable(set);
  let unavailable = 0;
  for (let ordinal = first; ordinal < end; ordinal++) {
    const pod = pods.get(ordinal);
    if (pod === undefined || isGoing(pod) || !isAvailable(facts, pod)) unavailable++;
  }
  const steps: StatefulStep[] = [];
  for (let ordinal = end - 1; ordinal >= Math.max(first, partitionOf(set)); ordinal--) {
    const pod = pods.get(ordinal);
    if (pod === undefined || isGoing(pod) || revisionOf(pod) === updateRevision) continue;
    const available = isAvailable(facts, pod);
    // A pod that is down already costs nothing more, unless another one above it is still coming up.
    if (available ? unavailable >= most : unavailable > most) break;
    steps.push({ type: 'delete', pod, why: 'update' });
    if (available) unavailable++;
    if (most === 1) break;
  }
  return steps;
}

function maxUnavailable(set: appsv1.StatefulSet): number {
  const value = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  return Math.max(1, resolveIntOrPercent(value, set.spec.replicas ?? 1, true));
}

export interface StatefulCounts {
  replicas: number;
  readyReplicas: number;
  availableReplicas: number;
  currentReplicas: number;
  updatedReplicas: number;
}

export function countReplicas(facts: StatefulFacts, currentRevision: string): StatefulCounts {
  const mine = [...byOrdinal(facts).values()];
  const alive = mine.filter((pod) => !isGoing(pod));
  return {
    replicas: mine.length,
    readyReplicas: mine.filter(isRunningAndReady).length,
    availableReplicas: mine.filter((pod) => isAvailable(facts, pod)).length,
    currentReplicas: alive.filter((pod) => revisionOf(pod) === currentRevision).length,
    updatedReplicas: alive.filter((pod) => revisionOf(pod) === facts.updateRevision).length,
  };
}
