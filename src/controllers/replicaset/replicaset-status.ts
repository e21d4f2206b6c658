import { messageOf } from '../../base/index.ts';
import {
  type appsv1,
  type corev1,
  isPodAvailable,
  isPodReady,
  selectorFromLabels,
} from '../../kube/index.ts';
import { kubeTime, withoutZeros } from '../context.ts';

/** The status that the pods a ReplicaSet manages amount to; upstream's calculateStatus. */
export function replicaSetStatus(options: {
  replicaSet: appsv1.ReplicaSet;
  pods: readonly corev1.Pod[];
  /** What went wrong with creating (`difference` < 0) or deleting pods. */
  failure?: { error: unknown; difference: number } | undefined;
  nowMs: number;
}): appsv1.ReplicaSetStatus {
  const { replicaSet, pods, failure, nowMs } = options;
  const template = selectorFromLabels(replicaSet.spec.template?.metadata?.labels);
  const minReadySeconds = replicaSet.spec.minReadySeconds ?? 0;
  const conditions = (replicaSet.status?.conditions ?? []).filter((one) => one.type !== 'ReplicaFailure');
  const known = replicaSet.status?.conditions?.find((one) => one.type === 'ReplicaFailure');
  if (failure !== undefined) conditions.push(known ?? replicaFailure(failure, nowMs));
  return {
    replicas: pods.length,
    ...withoutZeros({
      fullyLabeledReplicas: pods.filter((pod) => template.matches(pod.metadata.labels)).length,
      readyReplicas: pods.filter((pod) => isPodReady(pod)).length,
      availableReplicas: pods.filter((pod) => isPodAvailable(pod, minReadySeconds, new Date(nowMs))).length,
    }),
    ...(replicaSet.metadata.generation !== undefined && {
      observedGeneration: replicaSet.metadata.generation,
    }),
    ...(conditions.length > 0 && { conditions }),
  };
}

function replicaFailure(
  failure: { error: unknown; difference: number },
  nowMs: number,
): appsv1.ReplicaSetCondition {
  return {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: kubeTime(nowMs),
    reason: failure.difference < 0 ? 'FailedCreate' : 'FailedDelete',
    message: messageOf(failure.error),
  };
}

/**
 * How long until another pod becomes available only by time passing; undefined when none will. Pods' ready
 * times have whole seconds, so the answer may be up to a second early: whoever asks looks again then.
 */
export function nextAvailabilityMs(
  pods: readonly corev1.Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  let next: number | undefined;
  for (const pod of pods) {
    if (!isPodReady(pod) || isPodAvailable(pod, minReadySeconds, new Date(nowMs))) continue;
    const ready = pod.status!.conditions!.find((condition) => condition.type === 'Ready')!;
    const waitMs = Date.parse(ready.lastTransitionTime!) + minReadySeconds * 1000 - nowMs;
    next = Math.min(next ?? Number.POSITIVE_INFINITY, Math.max(waitMs, 10));
  }
  return next;
}
