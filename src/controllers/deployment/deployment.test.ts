import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { appsv1 } from '../../kube/index.ts';
import { deadlineCheckMs, pausedConditions, rolloutStatus } from './deployment-status.ts';
import {
  fenceposts,
  newestReplicas,
  oldReplicas,
  proportionalReplicas,
  sumReplicas,
} from './replica-counts.ts';
import { MAX_REPLICAS, newestAnnotations, nextRevision, REVISION, REVISION_HISTORY } from './revisions.ts';
import { findNewest } from './template.ts';

const NOW = Date.UTC(2026, 0, 1);

function deployment(
  replicas: number,
  rollingUpdate: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
  status: Partial<appsv1.DeploymentStatus> = {},
): appsv1.Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd', generation: 1 },
    spec: {
      replicas,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
      selector: { matchLabels: { app: 'web' } },
    },
    status: { conditions: [], ...status },
  } as unknown as appsv1.Deployment;
}

function replicaSet(
  name: string,
  replicas: number,
  available = replicas,
  parts: { annotations?: Record<string, string>; ageMs?: number; image?: string } = {},
): appsv1.ReplicaSet {
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: new Date(NOW - (parts.ageMs ?? 0)).toISOString(),
      annotations: parts.annotations ?? {},
    },
    spec: {
      replicas,
      template: {
        metadata: { labels: { app: 'web', 'pod-template-hash': name } },
        spec: { containers: parts.image === undefined ? [] : [{ name: 'c', image: parts.image }] },
      },
    },
    status: { replicas, availableReplicas: available, readyReplicas: available },
  } as unknown as appsv1.ReplicaSet;
}

describe('how fast a rollout may go', () => {
  test.each([
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [4, 0, 0, 0, 1],
    [3, 5, 5, 5, 3],
    [0, '25%', '25%', 0, 0],
  ])('%i replicas, surge %s, unavailable %s', (replicas, maxSurge, maxUnavailable, surge, unavailable) => {
    expect(fenceposts(deployment(replicas, { maxSurge, maxUnavailable }))).toEqual({
      maxSurge: surge,
      maxUnavailable: unavailable,
    });
  });

  test('the newest grows as far as the surge lets it', () => {
    const wanted = deployment(10, { maxSurge: 3, maxUnavailable: 2 });
    expect(newestReplicas(wanted, [replicaSet('old', 10)], 0)).toBe(3);
    expect(newestReplicas(wanted, [replicaSet('old', 8), replicaSet('new', 3)], 3)).toBe(5);
    expect(newestReplicas(wanted, [replicaSet('old', 10), replicaSet('new', 3)], 3)).toBe(3);
  });

  test('old pods that are not available go first', () => {
    const wanted = deployment(10, { maxSurge: 0, maxUnavailable: 2 });
    const old = [replicaSet('healthy', 8, 8, { ageMs: 10 }), replicaSet('broken', 2, 0)];
    expect(
      oldReplicas(wanted, replicaSet('new', 0), old).map((one) => [
        one.replicaSet.metadata.name,
        one.replicas,
      ]),
    ).toEqual([['broken', 0]]);
  });

  test('a rollout never goes below the floor nor above the ceiling, and ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
        (replicas, maxSurge, maxUnavailable, luck) => {
          const wanted = deployment(replicas, { maxSurge, maxUnavailable });
          const limits = fenceposts(wanted);
          let newest = replicaSet('new', 0);
          let old = [replicaSet('old', replicas, replicas, { ageMs: 5 })];
          for (let step = 0; step < 400; step++) {
            const size = newestReplicas(wanted, [...old, newest], newest.spec.replicas!);
            newest = replicaSet('new', size, newest.status!.availableReplicas);
            const scales = oldReplicas(wanted, newest, old);
            old = old.map((one) => {
              const replicasNow =
                scales.find((scale) => scale.replicaSet === one)?.replicas ?? one.spec.replicas!;
              return replicaSet('old', replicasNow, Math.min(one.status!.availableReplicas!, replicasNow), {
                ageMs: 5,
              });
            });
            const available = newest.status!.availableReplicas! + old[0]!.status!.availableReplicas!;
            expect(available).toBeGreaterThanOrEqual(replicas - limits.maxUnavailable);
            expect(sumReplicas([...old, newest])).toBeLessThanOrEqual(replicas + limits.maxSurge);
            if (luck[step % luck.length] || step % 3 === 0)
              newest = replicaSet('new', size, Math.min(size, newest.status!.availableReplicas! + 1));
          }
          expect([newest.spec.replicas, old[0]!.spec.replicas]).toEqual([replicas, 0]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

test('a change of size in mid-rollout is spread in proportion', () => {
  const annotations = { [MAX_REPLICAS]: '13' };
  const wanted = deployment(15, { maxSurge: 3, maxUnavailable: 2 });
  const sizes = proportionalReplicas(wanted, [
    replicaSet('new', 5, 5, { annotations }),
    replicaSet('old', 8, 8, { annotations, ageMs: 5 }),
  ]);
  // The example of the Kubernetes documentation: three of five more go to the old, two to the new.
  expect(Object.fromEntries(sizes.map((one) => [one.replicaSet.metadata.name, one.replicas]))).toEqual({
    old: 11,
    new: 7,
  });
});

describe('revisions', () => {
  test('a rollback moves the old ReplicaSet to the front and notes where it was', () => {
    const old = [
      replicaSet('b', 0, 0, { annotations: { [REVISION]: '3' } }),
      replicaSet('c', 0, 0, { annotations: { [REVISION]: '2' } }),
    ];
    expect(nextRevision(old)).toBe(4);
    const next = newestAnnotations(deployment(1), { [REVISION]: '1', own: 'kept' }, 4);
    expect(next).toEqual({ own: 'kept', [REVISION]: '4', [REVISION_HISTORY]: '1' });
    expect(newestAnnotations(deployment(1), next, 4)).toEqual(next);
  });

  test("the Deployment's own annotations are handed down, those about itself are not", () => {
    const wanted = deployment(1);
    wanted.metadata.annotations = {
      'kubernetes.io/change-cause': 'why',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      [REVISION]: '7',
    };
    expect(newestAnnotations(wanted, undefined, 1)).toEqual({
      'kubernetes.io/change-cause': 'why',
      [REVISION]: '1',
    });
  });

  test('the newest is found by its template but for the hash', () => {
    const wanted = deployment(1);
    expect(
      findNewest(wanted, [replicaSet('other', 1, 1, { image: 'x' }), replicaSet('same', 1)])?.metadata.name,
    ).toBe('same');
  });
});

test('the share of a ReplicaSet with a template of its own never takes more than there is', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 4 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 5 }),
      (sizes, wanted, maxSurge) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const annotations = { [MAX_REPLICAS]: String(total) };
        const active = sizes.map((size, index) =>
          replicaSet(`r${index}`, size, size, { annotations, ageMs: index }),
        );
        const next = proportionalReplicas(deployment(wanted, { maxSurge, maxUnavailable: 1 }), active);
        expect(next.every((one) => one.replicas >= 0)).toBe(true);
        expect(next.reduce((sum, one) => sum + one.replicas, 0)).toBe(wanted === 0 ? 0 : wanted + maxSurge);
      },
    ),
  );
});

describe('what the conditions tell', () => {
  const progressing = (status: appsv1.DeploymentStatus) =>
    status.conditions.find((condition) => condition.type === 'Progressing');
  const condition = (reason: string, ageSeconds: number) => ({
    type: 'Progressing',
    status: 'True',
    reason,
    message: '',
    lastUpdateTime: new Date(NOW - ageSeconds * 1000).toISOString(),
    lastTransitionTime: new Date(NOW - ageSeconds * 1000).toISOString(),
  });

  test('complete', () => {
    const wanted = deployment(
      2,
      {},
      { conditions: [condition('ReplicaSetUpdated', 5)], observedGeneration: 1 },
    );
    const status = rolloutStatus({ deployment: wanted, newest: replicaSet('new', 2), old: [], nowMs: NOW });
    expect(progressing(status)).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: 'ReplicaSet "new" has successfully progressed.',
    });
    expect(status).toMatchObject({
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
    });
    expect(status.conditions[0]).toMatchObject({ type: 'Available', reason: 'MinimumReplicasAvailable' });
  });

  test('under way', () => {
    const wanted = deployment(2, {}, { replicas: 1, conditions: [condition('NewReplicaSetCreated', 5)] });
    const status = rolloutStatus({
      deployment: wanted,
      newest: replicaSet('new', 2, 1),
      old: [],
      nowMs: NOW,
    });
    expect(progressing(status)).toMatchObject({
      reason: 'ReplicaSetUpdated',
      lastUpdateTime: '2026-01-01T00:00:00Z',
    });
  });

  test('past its deadline', () => {
    const state = { replicas: 2, updatedReplicas: 2, conditions: [condition('ReplicaSetUpdated', 601)] };
    const status = rolloutStatus({
      deployment: deployment(2, {}, state),
      newest: replicaSet('new', 2, 0),
      old: [],
      nowMs: NOW,
    });
    expect(progressing(status)).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'ReplicaSet "new" has timed out progressing.',
    });
  });

  test('the deadline is looked at again when it comes', () => {
    const state = { conditions: [condition('ReplicaSetUpdated', 100)] };
    const wanted = deployment(2, {}, state);
    expect(deadlineCheckMs(wanted, wanted.status!, NOW)).toBe(501_000);
  });

  test('a pause and its end', () => {
    const paused = deployment(1);
    paused.spec.paused = true;
    const conditions = pausedConditions(paused, NOW)!;
    expect(conditions[0]).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
      message: 'Deployment is paused',
    });
    const resumed = deployment(1, {}, { conditions });
    expect(pausedConditions(resumed, NOW)![0]).toMatchObject({ reason: 'DeploymentResumed' });
    expect(pausedConditions(deployment(1), NOW)).toBeUndefined();
  });
});
