import { type batchv1, parseCronSchedule } from '../../kube/index.ts';

type CronJob = batchv1.CronJob;

export interface ScheduledTimes {
  /** The last time that has come and that no job was made for; undefined when none has. */
  dueMs: number | undefined;
  /** How many have come; at most 101 are counted. */
  missed: number;
  /** The time after now. */
  nextMs: number | undefined;
}

const MOST_MISSED = 100;

/**
 * @throws RangeError when the schedule cannot be read.
 * @see k8s.io/kubernetes/pkg/controller/cronjob/utils.go mostRecentScheduleTime
 */
export function scheduledTimes({ spec, status, metadata }: CronJob, nowMs: number): ScheduledTimes {
  const schedule = parseCronSchedule(spec.schedule);
  const zone = spec.timeZone ?? 'UTC';
  const next = (afterMs: number) => schedule.next(afterMs, zone);
  let fromMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp);
  if (spec.startingDeadlineSeconds !== undefined)
    fromMs = Math.max(fromMs, nowMs - spec.startingDeadlineSeconds * 1000);
  const nextMs = next(nowMs);
  let dueMs: number | undefined;
  let missed = 0;
  for (let at = next(fromMs); at !== undefined && at <= nowMs; at = next(at)) {
    dueMs = at;
    if (++missed <= MOST_MISSED) continue;
    // Far behind: the last time before now is found from shortly before it.
    dueMs = lastBefore(next, nowMs) ?? at;
    break;
  }
  return { dueMs, missed, nextMs };
}

/** Looks back in growing steps until a time lies in between. */
function lastBefore(next: (ms: number) => number | undefined, nowMs: number): number | undefined {
  for (let backMs = 60_000; backMs < 400 * 86_400_000; backMs *= 4) {
    let found: number | undefined;
    for (let at = next(nowMs - backMs); at !== undefined && at <= nowMs; at = next(at)) found = at;
    if (found !== undefined) return found;
  }
  return undefined;
}

export function isTooManyMissed(missed: number): boolean {
  return missed > MOST_MISSED;
}

/** The Job of a time has a name of its own, so that none is made twice: the minutes since 1970. */
export function jobNameFor({ metadata }: CronJob, atMs: number): string {
  return `${metadata.name}-${Math.floor(atMs / 60_000)}`;
}

export function finishedCondition({ status }: batchv1.Job): 'Complete' | 'Failed' | undefined {
  const found = status?.conditions?.find(
    (one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True',
  );
  return found?.type as 'Complete' | 'Failed' | undefined;
}

/** Finished jobs above the history limits, the oldest first. */
export function jobsToDrop({ spec }: CronJob, jobs: readonly batchv1.Job[]): batchv1.Job[] {
  const surplus = (type: 'Complete' | 'Failed', limit: number | undefined) => {
    if (limit === undefined) return [];
    const finished = jobs
      .filter((job) => finishedCondition(job) === type && job.metadata.deletionTimestamp === undefined)
      .sort((a, b) => startOf(a) - startOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
    return finished.slice(0, Math.max(0, finished.length - limit));
  };
  return [
    ...surplus('Failed', spec.failedJobsHistoryLimit),
    ...surplus('Complete', spec.successfulJobsHistoryLimit),
  ];
}

function startOf({ status, metadata }: batchv1.Job): number {
  return Date.parse(status?.startTime ?? metadata.creationTimestamp);
}
