import { describe, expect, test } from 'vitest';
import type { autoscalingv2 } from '../../kube/index.ts';
import { allowedReplicas, noteScaling, type ScalingHistory, type Wish } from './scaling-rules.ts';

const history = (): ScalingHistory => ({ recommendations: [], ups: [], downs: [] });
const wish = (current: number, desired: number, more: Partial<Wish> = {}): Wish => ({
  current,
  desired,
  min: 1,
  max: 100,
  nowMs: 1_000_000,
  ...more,
});

describe('without rules of its own', () => {
  test('a target doubles at most, from four on', () => {
    expect(allowedReplicas(wish(1, 10), history())).toMatchObject({
      replicas: 4,
      limited: { isLimited: true, reason: 'ScaleUpLimit' },
    });
    expect(allowedReplicas(wish(10, 50), history()).replicas).toBe(20);
  });

  test('the bounds hold, and say so', () => {
    expect(allowedReplicas(wish(3, 9, { max: 5 }), history()).limited.reason).toBe('TooManyReplicas');
    expect(allowedReplicas(wish(3, 1, { min: 2 }), history())).toMatchObject({
      replicas: 2,
      limited: { reason: 'TooFewReplicas' },
    });
    expect(allowedReplicas(wish(3, 3), history())).toMatchObject({
      stabilized: { reason: 'ReadyForNewScale' },
      limited: { isLimited: false, reason: 'DesiredWithinRange' },
    });
  });

  test('it shrinks only when it has wanted to for five minutes', () => {
    const past = history();
    expect(allowedReplicas(wish(8, 8, { nowMs: 0 }), past).replicas).toBe(8);
    expect(allowedReplicas(wish(8, 2, { nowMs: 299_000 }), past)).toMatchObject({
      replicas: 8,
      stabilized: { reason: 'ScaleDownStabilized' },
    });
    expect(allowedReplicas(wish(8, 2, { nowMs: 301_000 }), past).replicas).toBe(2);
  });
});

describe('with rules', () => {
  const rules = (more: object): autoscalingv2.HorizontalPodAutoscalerBehavior => ({
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 60 },
        { type: 'Percent', value: 100, periodSeconds: 60 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }],
    },
    ...more,
  });

  test('the policy that gives more is taken, or less, or none', () => {
    const up = (selectPolicy: string) => {
      const behavior = rules({ scaleUp: { ...rules({}).scaleUp, selectPolicy } });
      return allowedReplicas(wish(2, 50, { behavior }), history()).replicas;
    };
    expect([up('Max'), up('Min'), up('Disabled')]).toEqual([6, 4, 2]);
    expect(allowedReplicas(wish(10, 1, { behavior: rules({}) }), history())).toMatchObject({
      replicas: 5,
      limited: { reason: 'ScaleDownLimit' },
    });
  });

  test('what was done within the period counts', () => {
    const past = history();
    const behavior = rules({});
    noteScaling(past, behavior, { from: 2, to: 6, nowMs: 0 });
    expect(allowedReplicas(wish(6, 50, { behavior, nowMs: 30_000 }), past).replicas).toBe(6);
    expect(allowedReplicas(wish(6, 50, { behavior, nowMs: 61_000 }), past).replicas).toBe(12);
  });

  test('a window holds growth back until it is wanted all along', () => {
    const past = history();
    const behavior = rules({ scaleUp: { ...rules({}).scaleUp, stabilizationWindowSeconds: 60 } });
    allowedReplicas(wish(2, 2, { behavior, nowMs: 0 }), past);
    expect(allowedReplicas(wish(2, 5, { behavior, nowMs: 30_000 }), past)).toMatchObject({
      replicas: 2,
      stabilized: { reason: 'ScaleUpStabilized' },
    });
    expect(allowedReplicas(wish(2, 5, { behavior, nowMs: 61_000 }), past).replicas).toBe(5);
  });
});
