import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { podsToDelete } from './deletion-ranking.ts';
import { Expectations } from './expectations.ts';
import { nextAvailabilityMs } from './replicaset-status.ts';
import { slowStart } from './slow-start.ts';

const NOW = Date.UTC(2026, 0, 1);

interface PodParts {
  node?: string;
  phase?: string;
  readySeconds?: number;
  restarts?: number;
  cost?: string;
  ageSeconds?: number;
}

function pod(name: string, parts: PodParts = {}): corev1.Pod {
  const { node = 'n', phase = 'Running', readySeconds, restarts = 0, cost, ageSeconds = 1000 } = parts;
  const at = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: at(ageSeconds),
      ...(cost && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { containers: [], ...(node && { nodeName: node }) },
    status: {
      phase,
      containerStatuses: [{ restartCount: restarts }],
      conditions:
        readySeconds === undefined
          ? []
          : [{ type: 'Ready', status: 'True', lastTransitionTime: at(readySeconds) }],
    },
  } as unknown as corev1.Pod;
}

function first(pods: corev1.Pod[], related: corev1.Pod[] = pods): string {
  return podsToDelete({ pods, related, count: 1, nowMs: NOW })[0]!.metadata.name;
}

describe('which pod goes first', () => {
  const good = pod('good', { readySeconds: 900 });
  test.each<[string, corev1.Pod]>([
    ['without a node', pod('bad', { node: '', readySeconds: 900 })],
    ['pending', pod('bad', { phase: 'Pending', readySeconds: 900 })],
    ['not ready', pod('bad')],
    ['cheaper', pod('bad', { cost: '-5', readySeconds: 900 })],
    ['ready for a shorter time', pod('bad', { readySeconds: 10 })],
    ['restarted more often', pod('bad', { readySeconds: 900, restarts: 3 })],
    ['younger', pod('bad', { readySeconds: 900, ageSeconds: 10 })],
  ])('the one that is %s', (_, bad) => {
    expect(first([good, bad])).toBe('bad');
    expect(first([bad, good])).toBe('bad');
  });

  test('the one on the more crowded node, counting those of sibling ReplicaSets', () => {
    const alone = pod('alone', { node: 'a', readySeconds: 900 });
    const crowded = pod('crowded', { node: 'b', readySeconds: 900 });
    expect(first([alone, crowded], [alone, crowded, pod('other', { node: 'b' })])).toBe('crowded');
  });

  test('all, when all are to go', () => {
    expect(podsToDelete({ pods: [good], related: [], count: 5, nowMs: NOW })).toEqual([good]);
  });
});

describe('Expectations', () => {
  test('are open until everything asked for was seen', () => {
    const expectations = new Expectations(new ManualClock());
    expect(expectations.satisfied('a')).toBe(true);
    expectations.expectCreations('a', 2);
    expectations.creationObserved('a');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.creationObserved('a');
    expect(expectations.satisfied('a')).toBe(true);
  });

  test('one deletion seen twice counts once', () => {
    const expectations = new Expectations(new ManualClock());
    expectations.expectDeletions('a', ['x', 'y']);
    expectations.deletionObserved('a', 'x');
    expectations.deletionObserved('a', 'x');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.deletionObserved('a', 'y');
    expect(expectations.satisfied('a')).toBe(true);
  });

  test('expire after five minutes', async () => {
    const clock = new ManualClock();
    const expectations = new Expectations(clock);
    expectations.expectCreations('a', 1);
    await clock.advance(300_001);
    expect(expectations.satisfied('a')).toBe(true);
  });
});

test('slowStart stops at the first batch that fails', async () => {
  let calls = 0;
  const ok = await slowStart(10, async () => void calls++);
  expect([ok, calls]).toEqual([{ successes: 10 }, 10]);
  calls = 0;
  const failing = await slowStart(100, async () => {
    if (++calls > 3) throw new Error('quota');
  });
  expect([failing.successes, calls, (failing.error as Error).message]).toEqual([3, 7, 'quota']);
});

test('a pod that only waits for minReadySeconds is looked at when they have passed', () => {
  expect(nextAvailabilityMs([pod('a', { readySeconds: 4 })], 10, NOW)).toBe(6000);
  expect(nextAvailabilityMs([pod('a', { readySeconds: 11 }), pod('b')], 10, NOW)).toBeUndefined();
});
