import { describe, expect, test } from 'vitest';
import type { appsv1, corev1 } from '../../kube/index.ts';
import { countReplicas, planSteps, type StatefulFacts } from './stateful-plan.ts';

interface PodParts {
  revision?: string;
  ready?: boolean;
  going?: boolean;
  phase?: string;
}

function pod(
  ordinal: number,
  { revision = 'new', ready = true, going = false, phase = 'Running' }: PodParts = {},
) {
  return {
    metadata: {
      name: `db-${ordinal}`,
      labels: { 'controller-revision-hash': revision },
      ...(going && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as corev1.Pod;
}

function facts(pods: corev1.Pod[], spec: Partial<appsv1.StatefulSetSpec> = {}): StatefulFacts {
  const set = {
    metadata: { name: 'db' },
    spec: {
      replicas: 3,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  } as unknown as appsv1.StatefulSet;
  return { set, pods, updateRevision: 'new', nowMs: Date.UTC(2026, 0, 1) };
}

function plan(pods: corev1.Pod[], spec?: Partial<appsv1.StatefulSetSpec>): string[] {
  return planSteps(facts(pods, spec)).map((step) =>
    step.type === 'create'
      ? `create ${step.ordinal} ${step.revision}`
      : `${step.why} ${step.pod.metadata.name}`,
  );
}

const parallel = { podManagementPolicy: 'Parallel' };
const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };

describe('the next steps', () => {
  test.each<[string, string[], corev1.Pod[], Partial<appsv1.StatefulSetSpec>?]>([
    ['one pod after the other', ['create 0 update'], []],
    ['wait for the one before', [], [pod(0, { ready: false })]],
    ['then the next', ['create 1 update'], [pod(0)]],
    [
      'all at once when parallel',
      ['create 0 update', 'create 2 update'],
      [pod(1, { ready: false })],
      parallel,
    ],
    ['a pod that ended goes first', ['ended db-1'], [pod(0), pod(1, { phase: 'Failed' }), pod(2)]],
    ['below the partition it comes back as it was', ['create 0 current'], [], partition],
    ['the highest surplus one goes', ['surplus db-4'], [0, 1, 2, 3, 4].map((n) => pod(n))],
    ['and the next waits for it', [], [pod(0), pod(1), pod(2), pod(3), pod(4, { going: true })]],
    ['updates begin at the end', ['update db-2'], [0, 1, 2].map((n) => pod(n, { revision: 'old' }))],
    [
      'and wait for each',
      [],
      [pod(0, { revision: 'old' }), pod(1, { revision: 'old' }), pod(2, { going: true })],
    ],
    [
      'down to the partition',
      [],
      [pod(0, { revision: 'old' }), pod(1, { revision: 'old' }), pod(2)],
      partition,
    ],
    [
      'none with OnDelete',
      [],
      [0, 1, 2].map((n) => pod(n, { revision: 'old' })),
      { updateStrategy: { type: 'OnDelete' } },
    ],
    [
      'several with maxUnavailable',
      ['update db-2', 'update db-1'],
      [0, 1, 2].map((n) => pod(n, { revision: 'old' })),
      { ...parallel, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } },
    ],
    ['from the first ordinal on', ['create 5 update'], [], { ordinals: { start: 5 } }],
  ])('%s', (_name, expected, pods, spec) => {
    expect(plan(pods, spec)).toEqual(expected);
  });
});

test('a going pod is there, but is of no revision any more', () => {
  const pods = [pod(0), pod(1, { revision: 'old' }), pod(2, { going: true, ready: false })];
  expect(countReplicas(facts(pods), 'old')).toEqual({
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 2,
    currentReplicas: 1,
    updatedReplicas: 1,
  });
});
