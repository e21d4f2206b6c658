import { describe, expect, test } from 'vitest';
import type { batchv1, corev1 } from '../../kube/index.ts';
import { countPods } from './job-count.ts';
import { draftOf } from './job-draft.ts';
import { conditionsWith } from './job-status.ts';
import { backoffLeftMs, type JobFacts, missingIndexes, outcomeOf, wantedActive } from './job-verdict.ts';
import { failureVerdict } from './pod-failure-policy.ts';

const FINALIZER = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const nowMs = Date.UTC(2026, 0, 1, 0, 10);

function jobOf(spec: Partial<batchv1.JobSpec>, status: Partial<batchv1.JobStatus> = {}): batchv1.Job {
  const template = { metadata: {}, spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } };
  return {
    metadata: { name: 'j', namespace: 'n', uid: 'job' },
    spec: { parallelism: 2, backoffLimit: 6, template, ...spec },
    status,
  } as unknown as batchv1.Job;
}

function pod(
  uid: string,
  phase: string,
  more: { index?: number; exitCode?: number; free?: boolean } = {},
): corev1.Pod {
  return {
    metadata: {
      name: uid,
      namespace: 'n',
      uid,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(more.free !== true && { finalizers: [FINALIZER] }),
      ...(more.index !== undefined && { annotations: { [INDEX]: String(more.index) } }),
    },
    spec: { containers: [] },
    status: {
      phase,
      ...(more.exitCode !== undefined && {
        containerStatuses: [{ name: 'c', state: { terminated: { exitCode: more.exitCode } } }],
      }),
    },
  } as unknown as corev1.Pod;
}

function facts(job: batchv1.Job, pods: corev1.Pod[] = []): JobFacts {
  return { job, pods, nowMs, ...countPods(job, pods) };
}

describe('an ended pod', () => {
  test('is noted by its uid first, and a number once its finalizer is off', () => {
    const first = countPods(jobOf({}), [pod('a', 'Succeeded'), pod('b', 'Failed')]);
    expect(first.uncounted).toEqual({ succeeded: ['a'], failed: ['b'] });
    expect(first.counted).toEqual({ succeeded: 0, failed: 0 });
    const noted = jobOf({}, { uncountedTerminatedPods: first.uncounted });
    const second = countPods(noted, [pod('a', 'Succeeded', { free: true })]);
    expect(second).toMatchObject({ counted: { succeeded: 1, failed: 1 }, isCounted: true });
  });

  test('without a finalizer was counted before', () => {
    expect(countPods(jobOf({}), [pod('a', 'Failed', { free: true })]).failed).toBe(0);
  });

  test('of an Indexed Job counts by its index, once', () => {
    const job = jobOf({ completionMode: 'Indexed', completions: 3 }, { completedIndexes: '0' });
    const pods = [pod('a', 'Succeeded', { index: 0 }), pod('b', 'Succeeded', { index: 2 })];
    expect(countPods(job, pods)).toMatchObject({ succeeded: 2, completed: new Set([0, 2]) });
  });
});

describe('a Job', () => {
  test.each<[string, JobFacts]>([
    ['CompletionsReached', facts(jobOf({ completions: 1 }, { succeeded: 1 }))],
    ['BackoffLimitExceeded', facts(jobOf({ backoffLimit: 0 }), [pod('a', 'Failed')])],
    ['DeadlineExceeded', facts(jobOf({ activeDeadlineSeconds: 60 }, { startTime: '2026-01-01T00:00:00Z' }))],
    [
      'SuccessPolicy',
      facts(
        jobOf(
          {
            completionMode: 'Indexed',
            completions: 3,
            successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
          },
          { completedIndexes: '1' },
        ),
      ),
    ],
    [
      'FailedIndexes',
      facts(
        jobOf(
          { completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 0 },
          { completedIndexes: '1', failedIndexes: '0' },
        ),
      ),
    ],
  ])('is decided: %s', (reason, given) => {
    expect(outcomeOf(given)?.reason).toBe(reason);
  });

  test('is not decided while a pod of its last completion still runs beside', () => {
    expect(
      outcomeOf(facts(jobOf({ completions: 1 }, { succeeded: 1 }), [pod('a', 'Running')])),
    ).toBeUndefined();
  });

  test('says the last word when everything is settled', () => {
    const outcome = outcomeOf(facts(jobOf({ completions: 1 }, { succeeded: 1 })));
    const types = (settled: boolean) =>
      conditionsWith(jobOf({}), outcome, { settled, nowMs }).map(({ type }) => type);
    expect(types(false)).toEqual(['SuccessCriteriaMet']);
    expect(types(true)).toEqual(['SuccessCriteriaMet', 'Complete']);
  });

  test('runs no more pods than are missing, none while suspended', () => {
    expect(wantedActive(facts(jobOf({ completions: 3 }, { succeeded: 2 })), 0)).toBe(1);
    expect(wantedActive(facts(jobOf({ completions: 3, suspend: true })), 2)).toBe(0);
    const job = jobOf({ completionMode: 'Indexed', completions: 4 }, { completedIndexes: '0' });
    expect(missingIndexes(facts(job), [pod('a', 'Running', { index: 2 })], 5)).toEqual([1, 3]);
  });

  test('gives a pod of an index its name, and the failures before it', () => {
    const job = jobOf({ completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 3 });
    const draft = draftOf(job, 1, [pod('a', 'Failed', { index: 1 })]);
    expect(draft.metadata).toMatchObject({
      generateName: 'j-1-',
      labels: { [INDEX]: '1' },
      annotations: { 'batch.kubernetes.io/job-index-failure-count': '1' },
      finalizers: [FINALIZER],
    });
    expect(draft.spec.hostname).toBe('j-1');
  });
});

describe('a failure', () => {
  const policy = {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] },
      { action: 'FailJob', onExitCodes: { operator: 'In', values: [3] } },
    ],
  };

  test('is what the first matching rule says', () => {
    expect(failureVerdict(policy, pod('a', 'Failed', { exitCode: 3 }))).toEqual({
      action: 'FailJob',
      message: 'Container c for pod n/a failed with exit code 3 matching FailJob rule at index 1',
    });
    expect(failureVerdict(policy, pod('a', 'Failed', { exitCode: 1 })).action).toBe('Count');
    const evicted = pod('a', 'Failed');
    evicted.status!.conditions = [{ type: 'DisruptionTarget', status: 'True' } as corev1.PodCondition];
    expect(failureVerdict(policy, evicted).action).toBe('Ignore');
  });

  test('is followed by a growing wait', () => {
    expect([0, 1, 2, 3, 20].map((failures) => backoffLeftMs(failures, nowMs, nowMs))).toEqual([
      0, 10_000, 20_000, 40_000, 600_000,
    ]);
    expect(backoffLeftMs(1, nowMs - 11_000, nowMs)).toBe(0);
  });
});
