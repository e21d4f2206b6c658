import type { appsv1 } from '../../kube/index.ts';
import { kubeTime, withoutZeros } from '../context.ts';
import { fenceposts, replicasOf, sumReplicas } from './replica-counts.ts';

type Condition = appsv1.DeploymentCondition;

export interface DeploymentState {
  deployment: appsv1.Deployment;
  newest: appsv1.ReplicaSet | undefined;
  old: readonly appsv1.ReplicaSet[];
  nowMs: number;
}

export function findCondition(
  status: appsv1.DeploymentStatus | undefined,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Replaces the condition of that type; lastTransitionTime stays unless the status changed. */
export function setCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastUpdateTime' | 'lastTransitionTime'>,
  nowMs: number,
): Condition[] {
  const current = conditions.find((condition) => condition.type === next.type);
  if (current?.status === next.status && current?.reason === next.reason) return [...conditions];
  const time = kubeTime(nowMs);
  const lastTransitionTime = current?.status === next.status ? (current?.lastTransitionTime ?? time) : time;
  return [
    ...conditions.filter((condition) => condition.type !== next.type),
    { ...next, lastUpdateTime: time, lastTransitionTime },
  ];
}

/** The counts and the Available condition; Progressing is left as it was. */
export function countedStatus({ deployment, newest, old, nowMs }: DeploymentState): appsv1.DeploymentStatus {
  const all = newest === undefined ? old : [...old, newest];
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    all.reduce((total, replicaSet) => total + (replicaSet.status?.[field] ?? 0), 0);
  const availableReplicas = sum('availableReplicas');
  const enough = availableReplicas >= replicasOf(deployment) - fenceposts(deployment).maxUnavailable;
  const conditions = setCondition(
    deployment.status?.conditions ?? [],
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough
        ? 'Deployment has minimum availability.'
        : 'Deployment does not have minimum availability.',
    },
    nowMs,
  );
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...withoutZeros({
      replicas: sum('replicas'),
      updatedReplicas: newest?.status?.replicas ?? 0,
      readyReplicas: sum('readyReplicas'),
      availableReplicas,
      unavailableReplicas: Math.max(0, sumReplicas(all) - availableReplicas),
    }),
    ...(deployment.status?.collisionCount !== undefined && {
      collisionCount: deployment.status.collisionCount,
    }),
    conditions,
  };
}

/** All pods are of the newest revision and available, and the controller has seen the newest spec. */
export function isComplete(deployment: appsv1.Deployment, status: appsv1.DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(old: appsv1.DeploymentStatus | undefined, next: appsv1.DeploymentStatus): boolean {
  const oldOf = (status: appsv1.DeploymentStatus | undefined) =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (old?.updatedReplicas ?? 0) ||
    oldOf(next) < oldOf(old) ||
    (next.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old?.availableReplicas ?? 0)
  );
}

export function hasProgressDeadline(deployment: appsv1.Deployment): boolean {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== 2_147_483_647;
}

function hasTimedOut(
  deployment: appsv1.Deployment,
  progressing: Condition | undefined,
  nowMs: number,
): boolean {
  if (progressing === undefined || progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  const sinceMs = Date.parse(progressing.lastUpdateTime ?? '');
  return sinceMs + deployment.spec.progressDeadlineSeconds! * 1000 < nowMs;
}

/** The whole status while a rollout is under way or done: counts, Available, Progressing, ReplicaFailure. */
export function rolloutStatus(state: DeploymentState): appsv1.DeploymentStatus {
  const { deployment, newest, old, nowMs } = state;
  const status = countedStatus(state);
  if (hasProgressDeadline(deployment)) status.conditions = progressingConditions(state, status);
  else status.conditions = status.conditions.filter((condition) => condition.type !== 'Progressing');
  const failure = [newest, ...old]
    .flatMap((replicaSet) => replicaSet?.status?.conditions ?? [])
    .find((condition) => condition.type === 'ReplicaFailure');
  status.conditions =
    failure === undefined
      ? status.conditions.filter((condition) => condition.type !== 'ReplicaFailure')
      : setCondition(
          status.conditions,
          {
            type: 'ReplicaFailure',
            status: failure.status!,
            reason: failure.reason ?? '',
            message: failure.message ?? '',
          },
          nowMs,
        );
  return status;
}

function progressingConditions(state: DeploymentState, status: appsv1.DeploymentStatus): Condition[] {
  const { deployment, newest, nowMs } = state;
  const current = findCondition(deployment.status, 'Progressing');
  const done =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (done) return status.conditions;
  const subject =
    newest === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newest.metadata.name}"`;
  const condition = (isTrue: boolean, reason: string, message: string) => ({
    type: 'Progressing',
    status: isTrue ? 'True' : 'False',
    reason,
    message: `${subject} ${message}`,
  });
  if (isComplete(deployment, status)) {
    const next = condition(true, 'NewReplicaSetAvailable', 'has successfully progressed.');
    return setCondition(status.conditions, next, nowMs);
  }
  if (hasProgressed(deployment.status, status)) {
    // Every sign of progress moves lastUpdateTime, from which the deadline counts.
    const next = condition(true, 'ReplicaSetUpdated', 'is progressing.');
    const time = kubeTime(nowMs);
    const lastTransitionTime = current?.status === 'True' ? (current.lastTransitionTime ?? time) : time;
    const others = status.conditions.filter((one) => one.type !== 'Progressing');
    return [...others, { ...next, lastUpdateTime: time, lastTransitionTime }];
  }
  if (hasTimedOut(deployment, current, nowMs)) {
    const next = condition(false, 'ProgressDeadlineExceeded', 'has timed out progressing.');
    return setCondition(status.conditions, next, nowMs);
  }
  return status.conditions;
}

/** The conditions that tell that a pause began or ended; undefined when they tell it already. */
export function pausedConditions(deployment: appsv1.Deployment, nowMs: number): Condition[] | undefined {
  if (!hasProgressDeadline(deployment)) return undefined;
  const current = findCondition(deployment.status, 'Progressing');
  if (current?.reason === 'ProgressDeadlineExceeded') return undefined;
  const told = current?.reason === 'DeploymentPaused';
  const paused = deployment.spec.paused === true;
  if (paused === told) return undefined;
  const reason = paused ? 'DeploymentPaused' : 'DeploymentResumed';
  const message = paused ? 'Deployment is paused' : 'Deployment is resumed';
  const next = { type: 'Progressing', status: 'Unknown', reason, message };
  return setCondition(deployment.status?.conditions ?? [], next, nowMs);
}

/** When to look again whether the deadline has passed; undefined when nothing is awaited. */
export function deadlineCheckMs(
  deployment: appsv1.Deployment,
  status: appsv1.DeploymentStatus,
  nowMs: number,
): number | undefined {
  const current = findCondition(status, 'Progressing');
  if (!hasProgressDeadline(deployment) || current === undefined) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  const deadlineMs =
    Date.parse(current.lastUpdateTime ?? '') + deployment.spec.progressDeadlineSeconds! * 1000;
  return Math.max(deadlineMs - nowMs, 0) + 1000;
}
