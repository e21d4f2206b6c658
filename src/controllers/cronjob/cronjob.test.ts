import { describe, expect, test } from 'vitest';
import type { batchv1 } from '../../kube/index.ts';
import { isTooManyMissed, jobNameFor, jobsToDrop, scheduledTimes } from './cron-plan.ts';

function cronJob(spec: Partial<batchv1.CronJobSpec>, lastScheduleTime?: string): batchv1.CronJob {
  return {
    metadata: { name: 'c', creationTimestamp: '2026-01-01T00:00:30Z' },
    spec: { schedule: '* * * * *', ...spec },
    status: { ...(lastScheduleTime !== undefined && { lastScheduleTime }) },
  } as unknown as batchv1.CronJob;
}

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`);

describe('a CronJob', () => {
  test('has nothing due before its first time, then the last time that has come', () => {
    expect(scheduledTimes(cronJob({}), at('00:00:45'))).toEqual({
      dueMs: undefined,
      missed: 0,
      nextMs: at('00:01:00'),
    });
    expect(scheduledTimes(cronJob({}), at('00:03:10'))).toMatchObject({ dueMs: at('00:03:00'), missed: 3 });
    expect(scheduledTimes(cronJob({}, '2026-01-01T00:03:00Z'), at('00:03:10')).dueMs).toBeUndefined();
  });

  test('does not make up for what is older than its deadline', () => {
    const late = cronJob({ schedule: '0 * * * *', startingDeadlineSeconds: 60 });
    expect(scheduledTimes(late, at('01:02:00')).dueMs).toBeUndefined();
    expect(scheduledTimes(late, at('01:00:30')).dueMs).toBe(at('01:00:00'));
  });

  test('that missed very many still finds the last', () => {
    const times = scheduledTimes(cronJob({}), at('23:00:10'));
    expect(isTooManyMissed(times.missed)).toBe(true);
    expect(times.dueMs).toBe(at('23:00:00'));
  });

  test('names a job by its minute', () => {
    expect(jobNameFor(cronJob({}), at('00:01:00'))).toBe(`c-${at('00:01:00') / 60_000}`);
  });

  test('keeps as many finished jobs as it may', () => {
    const job = (name: string, type: string, startTime: string) =>
      ({
        metadata: { name },
        status: { startTime, conditions: [{ type, status: 'True' }] },
      }) as unknown as batchv1.Job;
    const jobs = [
      job('a', 'Complete', '2026-01-01T00:00:00Z'),
      job('b', 'Complete', '2026-01-01T00:01:00Z'),
      job('c', 'Failed', '2026-01-01T00:02:00Z'),
      job('d', 'Running', '2026-01-01T00:00:00Z'),
    ];
    const owner = cronJob({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 });
    expect(jobsToDrop(owner, jobs).map(({ metadata }) => metadata.name)).toEqual(['a']);
  });
});
