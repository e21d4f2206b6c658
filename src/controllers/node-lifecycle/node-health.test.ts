import { describe, expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { evictionRate, nextTaints, noExecuteTaint, silentConditions } from './node-health.ts';
import { evictionTimeMs } from './taint-eviction.ts';

const NOW = Date.UTC(2026, 0, 1);

function node(ready: string | undefined, taints: corev1.Taint[] = [], unschedulable = false): corev1.Node {
  const conditions = ready === undefined ? [] : [{ type: 'Ready', status: ready, reason: 'KubeletReady' }];
  return {
    metadata: { name: 'n', uid: 'n', creationTimestamp: '2025-12-31T00:00:00Z' },
    spec: { taints, unschedulable },
    status: { conditions },
  } as unknown as corev1.Node;
}

test('a silent node becomes Unknown, once', () => {
  const conditions = silentConditions(node('True'), NOW)!;
  expect(conditions.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  });
  expect(conditions.find(({ type }) => type === 'DiskPressure')).toMatchObject({
    reason: 'NodeStatusNeverUpdated',
  });
  const silent = node('True');
  silent.status!.conditions = conditions;
  expect(silentConditions(silent, NOW + 1000)).toBeUndefined();
});

describe('nextTaints', () => {
  const keys = (taints: corev1.Taint[] | undefined) =>
    taints?.map(({ key, effect }) => `${key.split('/')[1]}:${effect}`);

  test('follow the conditions and leave foreign ones alone', () => {
    const foreign = { key: 'a/mine', effect: 'NoSchedule' };
    expect(keys(nextTaints(node('Unknown', [foreign]), 'node.kubernetes.io/unreachable', NOW))).toEqual([
      'mine:NoSchedule',
      'unreachable:NoSchedule',
      'unreachable:NoExecute',
    ]);
    expect(nextTaints(node('True', [foreign]), '', NOW)).toBeUndefined();
  });

  test('go when the node is ready again, and turn from unreachable to not-ready', () => {
    const taints = nextTaints(node('Unknown'), 'node.kubernetes.io/unreachable', NOW)!;
    expect(nextTaints(node('True', taints), '', NOW)).toEqual([]);
    expect(keys(nextTaints(node('False', taints), 'node.kubernetes.io/not-ready', NOW))).toEqual([
      'not-ready:NoSchedule',
      'not-ready:NoExecute',
    ]);
  });

  test('cordoning shows as a taint; the turn of an eviction is awaited', () => {
    expect(keys(nextTaints(node('True', [], true), '', NOW))).toEqual(['unschedulable:NoSchedule']);
    expect(keys(nextTaints(node('False'), undefined, NOW))).toEqual(['not-ready:NoSchedule']);
  });
});

test('no node is given up when all are down or most of a small zone is', () => {
  const nodes = (up: number, down: number) => [
    ...Array.from({ length: up }, () => node('True')),
    ...Array.from({ length: down }, () => node('Unknown')),
  ];
  const rate = (all: corev1.Node[]) => evictionRate(all, all);
  expect(rate(nodes(0, 1))).toBe(0);
  expect(rate(nodes(5, 1))).toBe(0.1);
  expect(rate(nodes(2, 4))).toBe(0);
  expect(rate(nodes(20, 40))).toBe(0.01);
  expect(noExecuteTaint(node('True'))).toBeUndefined();
});

test('a pod stays as long as all its tolerations let it', () => {
  const timeAdded = new Date(NOW).toISOString();
  const taints = [{ key: 'k', effect: 'NoExecute', timeAdded }];
  expect(evictionTimeMs(taints, [], NOW)).toBe(NOW);
  expect(evictionTimeMs(taints, [{ key: 'k', operator: 'Exists' }], NOW)).toBeUndefined();
  expect(evictionTimeMs(taints, [{ key: 'k', operator: 'Exists', tolerationSeconds: 300 }], NOW)).toBe(
    NOW + 300_000,
  );
  expect(evictionTimeMs([{ key: 'k', effect: 'NoSchedule' }], [], NOW)).toBeUndefined();
});
