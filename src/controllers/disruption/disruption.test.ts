import { describe, expect, test } from 'vitest';
import type { corev1, policyv1 } from '../../kube/index.ts';
import { budgetStatus, failedStatus } from './budget-status.ts';

const nowMs = Date.UTC(2026, 0, 1, 0, 1);

function pods(ready: number, unready = 0): corev1.Pod[] {
  return Array.from({ length: ready + unready }, (_, index) => ({
    metadata: { name: `p${index}` },
    status: { conditions: [{ type: 'Ready', status: index < ready ? 'True' : 'False' }] },
  })) as unknown as corev1.Pod[];
}

function budget(
  spec: policyv1.PodDisruptionBudgetSpec,
  status?: policyv1.PodDisruptionBudgetStatus,
): policyv1.PodDisruptionBudget {
  return { metadata: { name: 'b', generation: 1 }, spec, status } as policyv1.PodDisruptionBudget;
}

describe('a budget', () => {
  test.each<[policyv1.PodDisruptionBudgetSpec, number, [number, number]]>([
    [{ minAvailable: 2 }, 3, [2, 1]],
    [{ minAvailable: 3 }, 3, [3, 0]],
    [{ minAvailable: '50%' }, 4, [2, 2]],
    [{ maxUnavailable: 1 }, 4, [3, 1]],
    [{ maxUnavailable: '34%' }, 4, [2, 2]],
    [{}, 4, [0, 0]],
  ])('%j of %d pods', (spec, count, [desiredHealthy, disruptionsAllowed]) => {
    const { status } = budgetStatus({ budget: budget(spec), pods: pods(count), expectedPods: count, nowMs });
    expect(status).toMatchObject({ desiredHealthy, disruptionsAllowed, currentHealthy: count });
  });

  test('counts only pods that are ready and not evicted just now', () => {
    const disruptedPods = {
      p0: '2026-01-01T00:00:30Z',
      p1: '2025-12-31T00:00:00Z',
      gone: '2026-01-01T00:00:30Z',
    };
    const held = budget({ minAvailable: 1 }, { disruptedPods });
    const { status, againInMs } = budgetStatus({
      budget: held,
      pods: pods(2, 1),
      expectedPods: undefined,
      nowMs,
    });
    expect(status).toMatchObject({
      currentHealthy: 1,
      disruptionsAllowed: 0,
      disruptedPods: { p0: disruptedPods.p0 },
    });
    expect(againInMs).toBe(90_000);
  });

  test('that cannot be worked out allows nothing', () => {
    const { conditions, disruptionsAllowed } = failedStatus(budget({}), 'why', nowMs);
    expect([disruptionsAllowed, conditions![0]!.reason, conditions![0]!.message]).toEqual([
      0,
      'SyncFailed',
      'why',
    ]);
  });
});
