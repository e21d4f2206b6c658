import { type batchv1, type corev1, isPodTerminal } from '../../kube/index.ts';

export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';
export const INDEX = 'batch.kubernetes.io/job-completion-index';
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';

export function isIndexed({ spec }: batchv1.Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** The pod's completion index, if it says one. */
export function indexOf(pod: corev1.Pod): number | undefined {
  const text = pod.metadata.annotations?.[INDEX] ?? pod.metadata.labels?.[INDEX];
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** Not counted yet: a pod that has ended keeps the finalizer until its Job's status holds it. */
export function isTracked(pod: corev1.Pod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING_FINALIZER) === true;
}

export function hasSucceeded({ status }: corev1.Pod): boolean {
  return status?.phase === 'Succeeded';
}

/** Ended badly; with podReplacementPolicy TerminatingOrFailed, also one that is being deleted. */
export function hasFailed(job: batchv1.Job, pod: corev1.Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  const goingCounts = job.spec.podReplacementPolicy !== 'Failed';
  return goingCounts && pod.metadata.deletionTimestamp !== undefined && !hasSucceeded(pod);
}

export function isTerminating(pod: corev1.Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod);
}

export function failuresNoted(pod: corev1.Pod): number {
  return Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0);
}

/** The pod of an index that failed last. */
export function lastFailureOf(
  job: batchv1.Job,
  index: number,
  pods: readonly corev1.Pod[],
): corev1.Pod | undefined {
  return pods
    .filter((pod) => indexOf(pod) === index && hasFailed(job, pod))
    .sort((a, b) => endedAtMs(b) - endedAtMs(a) || failuresNoted(b) - failuresNoted(a))[0];
}

/** When the pod ended: the last of its containers, else the time of its conditions, else its creation. */
export function endedAtMs(pod: corev1.Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ''),
  );
  const known = ends.filter((ms) => !Number.isNaN(ms));
  if (known.length > 0) return Math.max(...known);
  return Date.parse(pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp);
}
