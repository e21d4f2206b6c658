import { type batchv1, formatIndexes } from '../../kube/index.ts';
import { kubeTime, withoutZeros } from '../context.ts';
import type { PodCount } from './job-count.ts';
import { isIndexed } from './job-pods.ts';
import type { JobOutcome } from './job-verdict.ts';

/** The condition of this type, when it is True. */
export function findCondition(
  { status }: Pick<batchv1.Job, 'status'>,
  type: string,
): batchv1.JobCondition | undefined {
  return status?.conditions?.find((one) => one.type === type && one.status === 'True');
}

/** What was decided in an earlier pass, while pods still had to go. */
export function interimOutcome(job: batchv1.Job): JobOutcome | undefined {
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const found = findCondition(job, type);
    if (found !== undefined) return { type, reason: found.reason ?? '', message: found.message ?? '' };
  }
  return undefined;
}

/** The conditions with the outcome in them; its last word too, once all pods are gone and counted (`settled`). */
export function conditionsWith(
  job: batchv1.Job,
  outcome: JobOutcome | undefined,
  { settled, nowMs }: { settled: boolean; nowMs: number },
): batchv1.JobCondition[] {
  let conditions = [...(job.status?.conditions ?? [])];
  const set = (type: string, status: 'True' | 'False', reason: string, message: string) => {
    const before = conditions.find((one) => one.type === type);
    if (before?.status === status && before.reason === reason) return;
    const time = kubeTime(nowMs);
    const next = { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
    conditions =
      before === undefined ? [...conditions, next] : conditions.map((one) => (one === before ? next : one));
  };
  if (outcome !== undefined) {
    set(outcome.type, 'True', outcome.reason, outcome.message);
    const last = outcome.type === 'FailureTarget' ? 'Failed' : 'Complete';
    if (settled) set(last, 'True', outcome.reason, outcome.message);
  } else if (job.spec.suspend === true) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
  else if (conditions.some(({ type }) => type === 'Suspended')) {
    set('Suspended', 'False', 'JobResumed', 'Job resumed');
  }
  return conditions;
}

export interface StatusParts {
  active: number;
  ready: number;
  terminating: number;
  startTime: string | undefined;
  conditions: batchv1.JobCondition[];
  nowMs: number;
}

export function statusOf(job: batchv1.Job, count: PodCount, parts: StatusParts): batchv1.JobStatus {
  const { startTime, conditions, active, ready, terminating, nowMs } = parts;
  const { uncounted, counted } = count;
  const isComplete = conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  return {
    ...withoutZeros({ active, succeeded: counted.succeeded, failed: counted.failed }),
    ready,
    terminating,
    ...(startTime !== undefined && { startTime }),
    ...(conditions.length > 0 && { conditions }),
    ...(isComplete && { completionTime: job.status?.completionTime ?? kubeTime(nowMs) }),
    ...(isIndexed(job) && count.completed.size > 0 && { completedIndexes: formatIndexes(count.completed) }),
    ...(perIndex && { failedIndexes: formatIndexes(count.failedIndexes) }),
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 && { succeeded: uncounted.succeeded }),
      ...(uncounted.failed.length > 0 && { failed: uncounted.failed }),
    },
  };
}
