import { describe, expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { type MetricFacts, replicasForAverage, replicasForUtilization } from './metric-replicas.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');

function pod(
  name: string,
  more: { phase?: string; ready?: string; startTime?: string; request?: string } = {},
) {
  const { phase = 'Running', ready = 'True', startTime = '2026-01-01T00:00:00Z', request = '100m' } = more;
  const resources = request === '' ? {} : { requests: { cpu: request } };
  return {
    metadata: { name },
    spec: { containers: [{ name: 'c', resources }] },
    status: {
      phase,
      startTime,
      conditions: [{ type: 'Ready', status: ready, lastTransitionTime: startTime }],
    },
  } as unknown as corev1.Pod;
}

function facts(
  pods: corev1.Pod[],
  values: Record<string, number>,
  more: Partial<MetricFacts> = {},
): MetricFacts {
  const metrics = new Map(
    Object.entries(values).map(([name, value]) => [name, { atMs: NOW, windowMs: 15_000, value }]),
  );
  const tolerance = { up: 0.1, down: 0.1 };
  return { resource: 'cpu', pods, metrics, currentReplicas: pods.length, tolerance, nowMs: NOW, ...more };
}

describe('replicas for a utilization', () => {
  const two = [pod('a'), pod('b')];

  test('grow and shrink with what pods use of their requests', () => {
    expect(replicasForUtilization(facts(two, { a: 100, b: 100 }), 50)).toEqual({
      replicas: 4,
      utilization: 100,
      average: 100,
    });
    expect(replicasForUtilization(facts(two, { a: 10, b: 10 }), 50).replicas).toBe(1);
  });

  test('stay while the target is near', () => {
    expect(replicasForUtilization(facts(two, { a: 54, b: 54 }), 50).replicas).toBe(2);
    const strict = { tolerance: { up: 0, down: 0.1 } };
    expect(replicasForUtilization(facts(two, { a: 54, b: 54 }, strict), 50).replicas).toBe(3);
  });

  test('a pod that says nothing counts as idle when the rest is busy, as busy when it is idle', () => {
    const three = [...two, pod('c')];
    expect(replicasForUtilization(facts(three, { a: 100, b: 100 }), 50).replicas).toBe(4);
    // As if it used all it requests: 120 of 300 are 40 percent.
    expect(replicasForUtilization(facts(three, { a: 10, b: 10 }), 50).replicas).toBe(3);
  });

  test('a pod that starts is not looked at, and counts as idle when there should be more', () => {
    const starting = pod('c', { startTime: '2026-01-01T00:59:30Z', ready: 'False' });
    const busy = { a: 100, b: 100, c: 500 };
    expect(replicasForUtilization(facts([...two, starting], busy), 50).replicas).toBe(4);
    expect(replicasForUtilization(facts([...two, pod('c', { phase: 'Pending' })], busy), 50).replicas).toBe(
      4,
    );
    // Of memory it is.
    const memory = { resource: 'memory', pods: [] };
    expect(() => replicasForUtilization(facts([], {}, memory), 50)).toThrow(
      'no pods returned by selector while calculating replica count',
    );
  });

  test('cannot be told without requests, or without metrics', () => {
    expect(() => replicasForUtilization(facts([pod('a', { request: '' })], { a: 1 }), 50)).toThrow(
      'missing request for cpu in container c of Pod a',
    );
    expect(() => replicasForUtilization(facts(two, {}), 50)).toThrow(
      'did not receive metrics for any ready pods',
    );
  });
});

test('replicas for an average value of each pod', () => {
  expect(replicasForAverage(facts([pod('a'), pod('b')], { a: 300, b: 100 }), 100)).toEqual({
    replicas: 4,
    average: 200,
  });
});
