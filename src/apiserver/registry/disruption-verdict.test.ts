import { describe, expect, test } from 'vitest';
import type { corev1, policyv1 } from '../../kube/index.ts';
import { mayGoUnhealthy, needsNoBudget, withOneDisruption } from './disruption-verdict.ts';

const now = new Date('2026-01-01T00:00:00Z');

function budget(
  status: policyv1.PodDisruptionBudgetStatus,
  spec: policyv1.PodDisruptionBudgetSpec = {},
): policyv1.PodDisruptionBudget {
  return {
    metadata: { name: 'web', generation: 2 },
    spec,
    status: { observedGeneration: 2, ...status },
  } as policyv1.PodDisruptionBudget;
}

describe('a disruption', () => {
  test('is taken from the budget, with the pod and the time; the last one says so', () => {
    expect(withOneDisruption(budget({ disruptionsAllowed: 2 }), 'a', now).status).toEqual({
      observedGeneration: 2,
      disruptionsAllowed: 1,
      disruptedPods: { a: '2026-01-01T00:00:00Z' },
    });
    const { conditions } = withOneDisruption(budget({ disruptionsAllowed: 1 }), 'a', now).status!;
    expect(conditions![0]).toMatchObject({ status: 'False', reason: 'InsufficientPods' });
  });

  test.each<[string, policyv1.PodDisruptionBudget]>([
    [
      'The disruption budget web needs 2 healthy pods and has 1 currently',
      budget({ desiredHealthy: 2, currentHealthy: 1 }),
    ],
    [
      'The disruption budget web is still being processed by the server.',
      budget({ observedGeneration: 1, disruptionsAllowed: 1 }),
    ],
    [
      'The disruption budget web does not allow evicting pods currently.',
      budget({ desiredHealthy: 1, currentHealthy: 2 }),
    ],
  ])('is refused: %s', (message, held) => {
    expect(() => withOneDisruption(held, 'a', now)).toThrow(
      expect.objectContaining({
        code: 'TooManyRequests',
        details: expect.objectContaining({ causes: [{ reason: 'DisruptionBudget', message }] }),
      }),
    );
  });

  test('of a broken budget is forbidden', () => {
    expect(() => withOneDisruption(budget({ disruptionsAllowed: -1 }), 'a', now)).toThrow(
      'poddisruptionbudgets.policy "web" is forbidden: pdb disruptions allowed is negative',
    );
  });
});

test('pods that disrupt nothing ask no budget; unready ones only when the others keep it', () => {
  const pod = (phase: string) => ({ metadata: {}, status: { phase } }) as corev1.Pod;
  expect(['Pending', 'Succeeded', 'Failed', 'Running'].map((phase) => needsNoBudget(pod(phase)))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(mayGoUnhealthy(budget({ desiredHealthy: 1, currentHealthy: 1 }))).toBe(true);
  expect(mayGoUnhealthy(budget({ desiredHealthy: 2, currentHealthy: 1 }))).toBe(false);
  expect(mayGoUnhealthy(budget({}, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }))).toBe(true);
});
