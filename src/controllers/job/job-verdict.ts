import { type batchv1, type corev1, isPodActive, parseIndexes } from '../../kube/index.ts';
import { hasSucceeded, indexOf, isIndexed } from './job-pods.ts';

export interface JobOutcome {
  type: 'FailureTarget' | 'SuccessCriteriaMet';
  reason: string;
  message: string;
}

export interface JobFacts {
  job: batchv1.Job;
  pods: readonly corev1.Pod[];
  /** Pods that ended well, counted or about to be. */
  succeeded: number;
  /** Pods whose failure counts. */
  failed: number;
  completed: ReadonlySet<number>;
  failedIndexes: ReadonlySet<number>;
  /** What a podFailurePolicy rule FailJob said. */
  failJob: string | undefined;
  nowMs: number;
}

/** Whether the Job is decided, and how; failures before successes (pkg/controller/job syncJob). */
export function outcomeOf(facts: JobFacts): JobOutcome | undefined {
  return failureOf(facts) ?? successOf(facts);
}

const failure = (reason: string, message: string): JobOutcome => ({ type: 'FailureTarget', reason, message });
const success = (reason: string, message: string): JobOutcome => ({
  type: 'SuccessCriteriaMet',
  reason,
  message,
});

function failureOf(facts: JobFacts): JobOutcome | undefined {
  const { job, failed, failJob, failedIndexes, completed } = facts;
  const { spec } = job;
  if (failJob !== undefined) return failure('PodFailurePolicy', failJob);
  if (failed > (spec.backoffLimit ?? 6) || restartsExceedBackoff(facts)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (deadlineInMs(job, facts.nowMs) === 0) {
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  if (!isIndexed(job) || spec.backoffLimitPerIndex === undefined) return undefined;
  if (spec.maxFailedIndexes !== undefined && failedIndexes.size > spec.maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return failure('MaxFailedIndexesExceeded', message);
  }
  return failedIndexes.size > 0 && failedIndexes.size + completed.size >= (spec.completions ?? 0)
    ? failure('FailedIndexes', 'Job has failed indexes')
    : undefined;
}

/** Containers that are restarted in place count instead of pods. */
function restartsExceedBackoff({ job, pods }: JobFacts): boolean {
  const { spec } = job;
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const one of all) restarts += one.restartCount ?? 0;
  }
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** How long until activeDeadlineSeconds are over; 0 when they are, undefined when nothing runs against them. */
export function deadlineInMs({ spec, status }: batchv1.Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined || spec.suspend === true)
    return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs);
}

function successOf({ job, succeeded, completed, pods }: JobFacts): JobOutcome | undefined {
  const { spec } = job;
  const rule = (spec.successPolicy?.rules ?? []).findIndex((one) =>
    ruleMet(one, completed, spec.completions ?? 0),
  );
  if (rule >= 0) return success('SuccessPolicy', `Matched rules at index ${rule}`);
  const active = pods.filter(isPodActive).length;
  const reached =
    spec.completions === undefined
      ? succeeded > 0 && active === 0
      : isIndexed(job)
        ? completed.size >= spec.completions
        : succeeded >= spec.completions && active === 0;
  return reached ? success('CompletionsReached', 'Reached expected number of succeeded pods') : undefined;
}

function ruleMet(
  rule: batchv1.SuccessPolicyRule,
  completed: ReadonlySet<number>,
  completions: number,
): boolean {
  const { succeededIndexes, succeededCount } = rule;
  if (succeededIndexes === undefined) return completed.size >= (succeededCount ?? Number.POSITIVE_INFINITY);
  const wanted = parseIndexes(succeededIndexes, completions);
  const met = wanted.filter((index) => completed.has(index)).length;
  return met >= (succeededCount ?? wanted.length);
}

/** How many pods shall run now. */
export function wantedActive(
  facts: Pick<JobFacts, 'job' | 'succeeded' | 'completed' | 'failedIndexes'>,
  active: number,
): number {
  const { job, succeeded, completed, failedIndexes } = facts;
  const { completions, parallelism = 1, suspend } = job.spec;
  if (suspend === true) return 0;
  if (completions === undefined) return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  const done = isIndexed(job) ? completed.size + failedIndexes.size : succeeded;
  return Math.max(0, Math.min(parallelism, completions - done));
}

/** The lowest indexes that nothing has done, failed or runs. */
export function missingIndexes(
  { job, completed, failedIndexes }: Pick<JobFacts, 'job' | 'completed' | 'failedIndexes'>,
  active: readonly corev1.Pod[],
  count: number,
): number[] {
  const taken = new Set([...completed, ...failedIndexes, ...active.map(indexOf)]);
  const missing: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && missing.length < count; index++)
    if (!taken.has(index)) missing.push(index);
  return missing;
}

/** The indexes done: those of the status and of pods that have succeeded since. */
export function completedIndexesOf(job: batchv1.Job, pods: readonly corev1.Pod[]): Set<number> {
  const completions = job.spec.completions ?? 0;
  const completed = new Set(parseKnown(job.status?.completedIndexes, completions));
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined && index < completions && hasSucceeded(pod)) completed.add(index);
  }
  return completed;
}

/** What a status says; one that makes no sense any more (fewer completions) says nothing. */
export function parseKnown(text: string | undefined, completions: number): number[] {
  try {
    return parseIndexes(text ?? '', completions);
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

const FIRST_BACKOFF_MS = 10_000;
const MOST_BACKOFF_MS = 600_000;

/** How long to wait before the next pod: 10 s after a failure, doubled by each more since the last success. */
export function backoffLeftMs(failures: number, lastFailureMs: number, nowMs: number): number {
  if (failures === 0) return 0;
  const delayMs = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), MOST_BACKOFF_MS);
  return Math.max(0, lastFailureMs + delayMs - nowMs);
}
