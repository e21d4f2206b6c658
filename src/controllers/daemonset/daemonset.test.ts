import { describe, expect, test } from 'vitest';
import type { appsv1, corev1 } from '../../kube/index.ts';
import { nodeOf, nodeVerdict, specForNode } from './daemon-nodes.ts';
import { type DaemonFacts, daemonSetStatus, planDaemons } from './daemon-plan.ts';

const nowMs = Date.UTC(2026, 0, 1);

function node(name: string, taints: object[] = [], labels: Record<string, string> = {}): corev1.Node {
  return { metadata: { name, labels }, spec: { taints } } as unknown as corev1.Node;
}

function pod(name: string, on: string, { revision = 'new', ready = true, phase = 'Running', age = 1 } = {}) {
  return {
    metadata: {
      name,
      labels: { 'controller-revision-hash': revision },
      creationTimestamp: new Date(nowMs - age * 1000).toISOString(),
    },
    spec: { nodeName: on, containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as corev1.Pod;
}

function facts(
  nodes: corev1.Node[],
  pods: corev1.Pod[],
  rollingUpdate: appsv1.RollingUpdateDaemonSet = { maxUnavailable: 1, maxSurge: 0 },
  spec: object = {},
): DaemonFacts {
  const set = {
    metadata: { name: 'agent' },
    spec: {
      template: { metadata: {}, spec: { containers: [], ...spec } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    },
  } as unknown as appsv1.DaemonSet;
  return { set, nodes, pods, revision: 'new', nowMs };
}

function plan(given: DaemonFacts) {
  const { create, remove, ended } = planDaemons(given);
  return [create, remove.map(({ metadata }) => metadata.name), ended.map(({ metadata }) => metadata.name)];
}

describe('daemons', () => {
  const two = [node('a'), node('b')];

  test('are one on each node', () => {
    expect(plan(facts(two, [pod('1', 'a')]))).toEqual([['b'], [], []]);
    expect(plan(facts(two, [pod('1', 'a'), pod('2', 'b', { age: 9 }), pod('3', 'b')]))).toEqual([
      [],
      ['3'],
      [],
    ]);
  });

  test('that ended, or whose node went, go', () => {
    expect(plan(facts(two, [pod('1', 'a', { phase: 'Failed' }), pod('2', 'b'), pod('3', 'gone')]))).toEqual([
      [],
      ['3'],
      ['1'],
    ]);
  });

  test('are replaced no more at once than may be unavailable', () => {
    const old = [pod('1', 'a', { revision: 'old' }), pod('2', 'b', { revision: 'old' })];
    expect(plan(facts(two, old))).toEqual([[], ['1'], []]);
    expect(plan(facts(two, [pod('1', 'a', { ready: false }), old[1]!]))).toEqual([[], [], []]);
  });

  test('surge: the new one stands before the old one goes', () => {
    const surge = { maxUnavailable: 0, maxSurge: 1 };
    const old = pod('1', 'a', { revision: 'old', age: 9 });
    expect(plan(facts([node('a')], [old], surge))).toEqual([['a'], [], []]);
    expect(plan(facts([node('a')], [old, pod('2', 'a', { ready: false })], surge))).toEqual([[], [], []]);
    expect(plan(facts([node('a')], [old, pod('2', 'a')], surge))).toEqual([[], ['1'], []]);
  });

  test('count what is wanted and what is there', () => {
    const pods = [pod('1', 'a'), pod('2', 'b', { ready: false, revision: 'old' }), pod('3', 'c')];
    const tainted = node('c', [{ key: 'x', effect: 'NoSchedule' }]);
    expect(daemonSetStatus(facts([...two, tainted, node('d')], pods), 0)).toMatchObject({
      desiredNumberScheduled: 3,
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      numberReady: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
      updatedNumberScheduled: 1,
    });
  });
});

describe('a node', () => {
  const template = (spec: object) => ({ metadata: {}, spec }) as unknown as corev1.PodTemplateSpec;

  test.each<[string, object[], object, [boolean, boolean]]>([
    ['without taints', [], {}, [true, true]],
    ['that is not ready', [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }], {}, [true, true]],
    [
      'that is cordoned',
      [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
      {},
      [true, true],
    ],
    ['dedicated to others', [{ key: 'x', effect: 'NoSchedule' }], {}, [false, true]],
    ['that throws out', [{ key: 'x', effect: 'NoExecute' }], {}, [false, false]],
    [
      'that is tolerated',
      [{ key: 'x', effect: 'NoExecute' }],
      { tolerations: [{ operator: 'Exists' }] },
      [true, true],
    ],
    ['without the label', [], { nodeSelector: { disk: 'ssd' } }, [false, false]],
  ])('%s', (_name, taints, spec, [shouldRun, mayStay]) => {
    expect(nodeVerdict(template(spec), node('a', taints))).toEqual({ shouldRun, mayStay });
  });

  test('is told to the scheduler by name, and read back', () => {
    const spec = specForNode({ containers: [], initContainers: [] } as unknown as corev1.PodSpec, 'a');
    expect(nodeOf({ metadata: {}, spec } as unknown as corev1.Pod)).toBe('a');
  });
});
