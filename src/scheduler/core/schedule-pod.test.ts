import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type corev1, parseQuantity } from '../../kube/index.ts';
import { ClusterState } from './cluster-state.ts';
import { type PodFacts, podFacts } from './pod-facts.ts';
import { schedulePod } from './schedule-pod.ts';

const HOST = 'kubernetes.io/hostname';
let uids = 0;

function node(
  name: string,
  parts: {
    cpu?: string;
    memory?: string;
    pods?: string;
    labels?: Record<string, string>;
    taints?: corev1.Taint[];
    unschedulable?: boolean;
    images?: corev1.ContainerImage[];
  } = {},
): corev1.Node {
  const {
    cpu = '4',
    memory = '8Gi',
    pods = '110',
    labels = {},
    taints = [],
    unschedulable = false,
    images = [],
  } = parts;
  return {
    metadata: { name, uid: name, labels: { [HOST]: name, ...labels } },
    spec: { taints, unschedulable },
    status: { allocatable: { cpu, memory, pods }, images },
  } as unknown as corev1.Node;
}

function pod(
  parts: {
    cpu?: string;
    memory?: string;
    labels?: Record<string, string>;
    spec?: Partial<corev1.PodSpec>;
    namespace?: string;
  } = {},
): PodFacts {
  const { cpu, memory, labels = {}, spec = {}, namespace = 'default' } = parts;
  const requests = { ...(cpu && { cpu }), ...(memory && { memory }) };
  const uid = `pod-${++uids}`;
  return podFacts({
    metadata: { name: uid, namespace, uid, labels },
    spec: { containers: [{ name: 'main', image: 'app', resources: { requests } }], ...spec },
  } as unknown as corev1.Pod);
}

function cluster(...nodes: corev1.Node[]): ClusterState {
  const state = new ClusterState();
  for (const one of nodes) state.setNode(one);
  return state;
}

const first = () => 0;
const schedule = (facts: PodFacts, state: ClusterState) => schedulePod(facts, state, first);

function place(state: ClusterState, facts: PodFacts): string {
  const placement = schedule(facts, state);
  if (placement.kind !== 'placed') return placement.message;
  state.placePod(facts, placement.nodeName);
  return placement.nodeName;
}

describe('schedulePod', () => {
  test('says that there are no nodes', () => {
    expect(place(cluster(), pod())).toBe('no nodes available to schedule pods');
  });

  test("tells why no node can take a pod, in upstream's words", () => {
    const state = cluster(
      node('a', { cpu: '1' }),
      node('b', { unschedulable: true }),
      node('c', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
    );
    place(state, pod({ cpu: '800m' }));
    expect(place(state, pod({ cpu: '500m' }))).toBe(
      '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), ' +
        '1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/3 nodes are available: ' +
        '1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
    );
  });

  test('names every resource that is missing', () => {
    const placement = schedule(pod({ cpu: '8', memory: '16Gi' }), cluster(node('a')));
    expect(placement).toMatchObject({
      kind: 'unschedulable',
      refusals: new Map([['a', ['Insufficient cpu', 'Insufficient memory']]]),
    });
  });

  test('a node takes no more pods than it may have', () => {
    const state = cluster(node('a', { pods: '1' }));
    place(state, pod());
    expect(place(state, pod())).toContain('1 Too many pods');
  });

  test('goes to the emptier node', () => {
    const state = cluster(node('a'), node('b'));
    state.placePod(pod({ cpu: '2', memory: '2Gi' }), 'a');
    expect(place(state, pod({ cpu: '1', memory: '1Gi' }))).toBe('b');
  });

  test('breaks ties by the number it is given', () => {
    const state = cluster(node('a'), node('b'), node('c'));
    expect(schedulePod(pod(), state, () => 0.99)).toMatchObject({ nodeName: 'c' });
    expect(schedulePod(pod(), state, () => 0.34)).toMatchObject({ nodeName: 'b' });
  });

  test('nodeSelector and required node affinity must both hold', () => {
    const state = cluster(
      node('a', { labels: { disk: 'ssd' } }),
      node('b', { labels: { disk: 'ssd', zone: 'x' } }),
    );
    const spec = {
      nodeSelector: { disk: 'ssd' },
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] }],
          },
        },
      },
    };
    expect(place(state, pod({ spec }))).toBe('b');
    expect(place(cluster(node('a')), pod({ spec }))).toContain(
      "1 node(s) didn't match Pod's node affinity/selector",
    );
  });

  test('preferred node affinity draws', () => {
    const state = cluster(node('a'), node('b', { labels: { disk: 'ssd' } }), node('c'));
    const preferred = [
      { weight: 10, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } },
    ];
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
    expect(place(state, pod({ spec: { affinity } }))).toBe('b');
  });

  test('a toleration lets a pod onto a tainted node; PreferNoSchedule only repels', () => {
    const tainted = node('a', { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] });
    const tolerations = [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }];
    expect(place(cluster(tainted), pod({ spec: { tolerations } }))).toBe('a');
    const soft = node('a', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] });
    expect(place(cluster(soft, node('b')), pod())).toBe('b');
    expect(place(cluster(soft), pod())).toBe('a');
  });

  test('host ports collide on one address and on any', () => {
    const withPort = (hostIP?: string) => {
      const ports = [{ containerPort: 80, hostPort: 8080, ...(hostIP && { hostIP }) }];
      return pod({
        spec: { containers: [{ name: 'main', image: 'app', ports }] } as Partial<corev1.PodSpec>,
      });
    };
    const state = cluster(node('a'));
    expect(place(state, withPort('127.0.0.1'))).toBe('a');
    expect(place(state, withPort('127.0.0.2'))).toBe('a');
    expect(place(state, withPort())).toContain("didn't have free ports for the requested pod ports");
  });

  test('anti-affinity keeps a group apart, in both directions', () => {
    const term = { labelSelector: { matchLabels: { app: 'db' } }, topologyKey: HOST };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const state = cluster(node('a'), node('b'));
    const one = place(state, pod({ labels: { app: 'db' }, spec: { affinity } }));
    const two = place(state, pod({ labels: { app: 'db' } }));
    expect(new Set([one, two])).toEqual(new Set(['a', 'b']));
    expect(place(state, pod({ labels: { app: 'db' }, spec: { affinity } }))).toContain(
      "2 node(s) didn't match pod anti-affinity rules",
    );
  });

  test('affinity joins a group; its first member may go anywhere', () => {
    const term = { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: HOST };
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const state = cluster(node('a'), node('b'));
    const start = place(state, pod({ labels: { app: 'web' }, spec: { affinity } }));
    expect(place(state, pod({ labels: { app: 'web' }, spec: { affinity } }))).toBe(start);
    expect(place(cluster(node('a')), pod({ labels: { app: 'x' }, spec: { affinity } }))).toContain(
      "1 node(s) didn't match pod affinity rules",
    );
  });

  test('DoNotSchedule keeps the skew', () => {
    const constraint = {
      maxSkew: 1,
      topologyKey: HOST,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
    };
    const spec = { topologySpreadConstraints: [constraint] };
    const state = cluster(node('a'), node('b', { cpu: '1' }));
    const placed = [1, 2, 3, 4].map(() => place(state, pod({ cpu: '400m', labels: { app: 'web' }, spec })));
    expect(placed.filter((name) => name === 'a')).toHaveLength(2);
    state.placePod(pod({ cpu: '200m' }), 'b');
    expect(place(state, pod({ cpu: '400m', labels: { app: 'web' }, spec }))).toBe('a');
    expect(place(state, pod({ cpu: '400m', labels: { app: 'web' }, spec }))).toContain(
      "1 node(s) didn't match pod topology spread constraints",
    );
  });

  test('pods of one controller are spread over nodes by default', () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'w', uid: 'w', controller: true },
    ];
    const member = () => {
      const facts = pod();
      return podFacts({ ...facts.pod, metadata: { ...facts.pod.metadata, ownerReferences } });
    };
    const state = cluster(node('a', { cpu: '64', memory: '64Gi' }), node('b', { cpu: '16', memory: '16Gi' }));
    const placed = [1, 2, 3, 4].map(() => place(state, member()));
    expect(placed.filter((name) => name === 'b').length).toBeGreaterThan(0);
  });

  test('of nodes that would be as even, goes where it evens out what is used', () => {
    const state = cluster(node('even'), node('uneven'));
    state.placePod(pod({ cpu: '2', memory: '4Gi' }), 'even');
    state.placePod(pod({ cpu: '1', memory: '6Gi' }), 'uneven');
    expect(place(state, pod({ cpu: '1', memory: '1Mi' }))).toBe('uneven');
  });

  test('a node that has a large image is preferred', () => {
    const images = [{ names: ['docker.io/app:latest', 'app:latest'], sizeBytes: 900 * 1024 * 1024 }];
    const state = cluster(node('a'), node('b', { images }), node('c'));
    expect(place(state, pod())).toBe('b');
  });
});

describe('whatever pods come', () => {
  const size = fc.record({
    cpu: fc.integer({ min: 0, max: 1500 }),
    memory: fc.integer({ min: 0, max: 2000 }),
  });
  const sizes = fc.array(size, { maxLength: 40 });
  const capacities = fc.array(
    fc.record({
      cpu: fc.integer({ min: 1, max: 4 }),
      memory: fc.integer({ min: 1, max: 4 }),
      pods: fc.integer({ min: 1, max: 12 }),
    }),
    { minLength: 1, maxLength: 5 },
  );

  test('no node gets more than its allocatable, and a refused pod would fit nowhere', () => {
    fc.assert(
      fc.property(
        capacities,
        sizes,
        fc.array(fc.float({ min: 0, max: Math.fround(0.99), noNaN: true }), { minLength: 1 }),
        (nodes, pods, chances) => {
          const state = cluster(
            ...nodes.map((one, index) =>
              node(`n${index}`, { cpu: `${one.cpu}`, memory: `${one.memory}Gi`, pods: `${one.pods}` }),
            ),
          );
          let turn = 0;
          for (const { cpu, memory } of pods) {
            const facts = pod({ cpu: `${cpu}m`, memory: `${memory}Mi` });
            const placement = schedulePod(facts, state, () => chances[turn++ % chances.length]!);
            const fits = state
              .nodes()
              .some(
                (one) =>
                  one.pods.size < one.allocatable.pods! &&
                  (one.requested.cpu ?? 0) + cpu <= one.allocatable.cpu! &&
                  (one.requested.memory ?? 0) + memory * 2 ** 20 <= one.allocatable.memory!,
              );
            expect(placement.kind === 'placed').toBe(fits);
            if (placement.kind === 'placed') state.placePod(facts, placement.nodeName);
          }
          for (const one of state.nodes()) {
            expect(one.pods.size).toBeLessThanOrEqual(one.allocatable.pods!);
            const used = [...one.pods.values()].reduce((sum, facts) => sum + (facts.requests.cpu ?? 0), 0);
            expect(used).toBe(one.requested.cpu ?? 0);
            expect(used).toBeLessThanOrEqual(parseQuantity(one.node.status!.allocatable!.cpu!).milliValue());
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('placing and removing every pod leaves each node as it was', () => {
    fc.assert(
      fc.property(sizes, (pods) => {
        const state = cluster(node('a', { cpu: '100', memory: '100Gi' }));
        const facts = pods.map(({ cpu, memory }) => pod({ cpu: `${cpu}m`, memory: `${memory}Mi` }));
        for (const one of facts) state.placePod(one, 'a');
        for (const one of facts) state.removePod(one.uid);
        expect(state.node('a')).toMatchObject({ scoredRequested: { cpu: 0, memory: 0 } });
        expect(Object.values(state.node('a')!.requested).every((amount) => amount === 0)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
