import { describe, expect, test } from 'vitest';
import type { corev1, policyv1 } from '../../kube/index.ts';
import { ClusterState } from './cluster-state.ts';
import { type PodFacts, podFacts } from './pod-facts.ts';
import { schedulePod } from './schedule-pod.ts';

const FOO = 'example.com/foo';

function node(name: string, foo: string): corev1.Node {
  return {
    metadata: { name, uid: name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: { allocatable: { cpu: '64', memory: '64Gi', pods: '110', [FOO]: foo } },
  } as unknown as corev1.Node;
}

interface PodParts {
  foo?: string;
  priority?: number;
  labels?: Record<string, string>;
  startTime?: string;
  nominated?: string;
  policy?: string;
  preempted?: boolean;
}

function pod(name: string, parts: PodParts = {}): PodFacts {
  const { foo = '1', priority = 0, labels = {}, startTime, nominated, policy, preempted } = parts;
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' };
  return podFacts({
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      labels,
      ...(preempted && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      priority,
      ...(policy && { preemptionPolicy: policy }),
      containers: [{ name: 'main', image: 'app', resources: { requests: { [FOO]: foo } } }],
    },
    status: {
      ...(startTime && { startTime }),
      ...(nominated && { nominatedNodeName: nominated }),
      ...(preempted && { conditions: [condition] }),
    },
  } as unknown as corev1.Pod);
}

function cluster(nodes: Record<string, PodFacts[]>, foo = '4'): ClusterState {
  const state = new ClusterState();
  for (const [name, pods] of Object.entries(nodes)) {
    state.setNode(node(name, foo));
    for (const one of pods) state.placePod(one, name);
  }
  return state;
}

function budget(name: string, app: string, disruptionsAllowed: number): policyv1.PodDisruptionBudget {
  return {
    metadata: { name, namespace: 'default', uid: name },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed },
  } as unknown as policyv1.PodDisruptionBudget;
}

function roomFor(one: PodFacts, state: ClusterState) {
  const placement = schedulePod(one, state, () => 0);
  if (placement.kind === 'placed') return placement.nodeName;
  const { preemption } = placement;
  if (preemption?.kind !== 'room') return placement.message;
  return { node: preemption.nodeName, victims: preemption.victims.map(({ pod }) => pod.metadata.name) };
}

describe('whom the scheduler lets go', () => {
  test('as few as possible: the most important of lower priority stay', () => {
    const state = cluster({
      a: [pod('low', { priority: 1 }), pod('middle', { priority: 2, foo: '2' }), pod('lowest')],
    });
    expect(roomFor(pod('high', { priority: 10, foo: '2' }), state)).toEqual({
      node: 'a',
      victims: ['low', 'lowest'],
    });
  });

  test('of equals the youngest', () => {
    const state = cluster(
      {
        a: [
          pod('old', { startTime: '2026-01-01T00:00:00Z' }),
          pod('young', { startTime: '2026-01-02T00:00:00Z' }),
        ],
      },
      '2',
    );
    expect(roomFor(pod('high', { priority: 1 }), state)).toMatchObject({ victims: ['young'] });
  });

  test('none of its own priority', () => {
    const state = cluster({ a: [pod('equal', { priority: 5, foo: '4' })] });
    expect(roomFor(pod('other', { priority: 5 }), state)).toBe(
      `0/1 nodes are available: 1 Insufficient ${FOO}. no new claims to deallocate, preemption: ` +
        '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  test('none when all of them would not suffice', () => {
    const state = cluster({ a: [pod('rock', { priority: 100, foo: '3' }), pod('low')] });
    expect(roomFor(pod('high', { priority: 10, foo: '2' }), state)).toBe(
      `0/1 nodes are available: 1 Insufficient ${FOO}. no new claims to deallocate, preemption: ` +
        `0/1 nodes are available: 1 Insufficient ${FOO}.`,
    );
  });

  test('rather those that no PodDisruptionBudget keeps', () => {
    const state = cluster({
      a: [pod('kept', { foo: '2', labels: { app: 'db' } }), pod('free', { priority: 1, foo: '2' })],
    });
    state.setBudget('db', budget('db', 'db', 0));
    expect(roomFor(pod('high', { priority: 10 }), state)).toMatchObject({ victims: ['free'] });
  });

  test('but those too when there are no others', () => {
    const state = cluster({ a: [pod('kept', { foo: '4', labels: { app: 'db' } })] });
    state.setBudget('db', budget('db', 'db', 0));
    expect(roomFor(pod('high', { priority: 10 }), state)).toMatchObject({ victims: ['kept'] });
  });
});

describe('on which node', () => {
  const high = () => pod('high', { priority: 100, foo: '4' });

  test('where the fewest budgets are broken', () => {
    const state = cluster({
      a: [pod('kept', { foo: '4', labels: { app: 'db' } })],
      b: [pod('free', { priority: 50, foo: '4' })],
    });
    state.setBudget('db', budget('db', 'db', 0));
    expect(roomFor(high(), state)).toMatchObject({ node: 'b' });
  });

  test('then where the most important victim matters least', () => {
    const state = cluster({
      a: [pod('a1', { priority: 9, foo: '4' })],
      b: [pod('b1', { priority: 5, foo: '2' }), pod('b2', { priority: 5, foo: '2' })],
    });
    expect(roomFor(high(), state)).toMatchObject({ node: 'b' });
  });

  test('then where they matter least together, then where they are fewest', () => {
    const state = cluster({
      a: [pod('a1', { priority: -5, foo: '2' }), pod('a2', { priority: -5, foo: '2' })],
      b: [pod('b1', { priority: -5, foo: '4' })],
    });
    expect(roomFor(high(), state)).toMatchObject({ node: 'b', victims: ['b1'] });
  });

  test('then where they began last', () => {
    const state = cluster({
      a: [pod('a1', { foo: '4', startTime: '2026-01-01T00:00:00Z' })],
      b: [pod('b1', { foo: '4', startTime: '2026-01-02T00:00:00Z' })],
    });
    expect(roomFor(high(), state)).toMatchObject({ node: 'b' });
  });
});

describe('when it does not', () => {
  test('for a pod that says Never', () => {
    const state = cluster({ a: [pod('low', { foo: '4' })] });
    expect(roomFor(pod('high', { priority: 10, policy: 'Never' }), state)).toBe(
      `0/1 nodes are available: 1 Insufficient ${FOO}. no new claims to deallocate, preemption: ` +
        'not eligible due to preemptionPolicy=Never.',
    );
  });

  test('while its victims still end', () => {
    const state = cluster({ a: [pod('low', { foo: '4', preempted: true })] });
    expect(roomFor(pod('high', { priority: 10, nominated: 'a' }), state)).toContain(
      'preemption: not eligible due to a terminating pod on the nominated node.',
    );
  });
});

describe('the room that was made', () => {
  test('is not for others of the same priority, nor for those below', () => {
    const state = cluster({ a: [] });
    state.nominate(pod('first', { priority: 10, foo: '3' }), 'a');
    expect(roomFor(pod('second', { priority: 10, foo: '2' }), state)).toContain(`Insufficient ${FOO}`);
    expect(roomFor(pod('small', { priority: 10 }), state)).toBe('a');
    expect(roomFor(pod('higher', { priority: 11, foo: '2' }), state)).toBe('a');
  });

  test('is taken by the pod it is for, even where another node would be better', () => {
    const state = cluster({ a: [pod('other')], b: [] });
    expect(roomFor(pod('high', { priority: 10, nominated: 'a' }), state)).toBe('a');
  });
});
