import type { batchv1, corev1 } from '../../kube/index.ts';
import { failuresNoted, hasFailed, hasSucceeded, indexOf, isIndexed, isTracked } from './job-pods.ts';
import { completedIndexesOf, parseKnown } from './job-verdict.ts';
import { failureVerdict } from './pod-failure-policy.ts';

export interface PodCount {
  /** With those that are to be counted. */
  succeeded: number;
  failed: number;
  completed: Set<number>;
  failedIndexes: Set<number>;
  failJob: string | undefined;
  /** What the status says: numbers, and the uids on their way to becoming numbers. */
  counted: { succeeded: number; failed: number };
  uncounted: { succeeded: string[]; failed: string[] };
  /** Nothing is on its way any more. */
  isCounted: boolean;
  /** Pods that are in the status now and may lose their finalizer, once it is written. */
  toRelease: corev1.Pod[];
}

/** How many of a Job's pods ended, and how; each is counted once, ever. */
export function countPods(job: batchv1.Job, pods: readonly corev1.Pod[]): PodCount {
  const indexed = isIndexed(job);
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
  const { counted, uncounted } = settleReleased(job, byUid);
  const count: PodCount = {
    succeeded: 0,
    failed: 0,
    completed: indexed ? completedIndexesOf(job, pods) : new Set(),
    failedIndexes: new Set(parseKnown(job.status?.failedIndexes, job.spec.completions ?? 0)),
    failJob: undefined,
    counted,
    uncounted,
    isCounted: false,
    toRelease: [],
  };
  for (const pod of pods) if (isTracked(pod)) countEnded(job, pod, count);
  if (indexed) counted.succeeded = count.completed.size;
  for (const index of count.completed) count.failedIndexes.delete(index);
  count.succeeded = counted.succeeded + uncounted.succeeded.length;
  count.failed = counted.failed + uncounted.failed.length;
  count.isCounted = uncounted.succeeded.length + uncounted.failed.length === 0;
  return count;
}

/** A uid whose pod has lost its finalizer, or is gone, becomes a number. */
function settleReleased(job: batchv1.Job, byUid: ReadonlyMap<string, corev1.Pod>) {
  const { succeeded = 0, failed = 0, uncountedTerminatedPods } = job.status ?? {};
  const counted = { succeeded, failed };
  const uncounted: PodCount['uncounted'] = { succeeded: [], failed: [] };
  for (const list of ['succeeded', 'failed'] as const) {
    for (const uid of uncountedTerminatedPods?.[list] ?? []) {
      const pod = byUid.get(uid);
      if (pod !== undefined && isTracked(pod)) uncounted[list].push(uid);
      else counted[list]++;
    }
  }
  return { counted, uncounted };
}

function countEnded(job: batchv1.Job, pod: corev1.Pod, count: PodCount): void {
  const { uid } = pod.metadata;
  if (hasSucceeded(pod)) {
    count.toRelease.push(pod);
    // Of an Indexed Job the index is what counts.
    if (!isIndexed(job) && !count.uncounted.succeeded.includes(uid)) count.uncounted.succeeded.push(uid);
    return;
  }
  if (!hasFailed(job, pod)) return;
  const verdict = failureVerdict(job.spec.podFailurePolicy, pod);
  count.toRelease.push(pod);
  if (verdict.action === 'FailJob') count.failJob ??= verdict.message;
  if (verdict.action !== 'Ignore' && !count.uncounted.failed.includes(uid)) count.uncounted.failed.push(uid);
  const index = indexOf(pod);
  const limit = job.spec.backoffLimitPerIndex;
  if (index === undefined || limit === undefined || verdict.action === 'Ignore') return;
  if (verdict.action === 'FailIndex' || failuresNoted(pod) >= limit) count.failedIndexes.add(index);
}
