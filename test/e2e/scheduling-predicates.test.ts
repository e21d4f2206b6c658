import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, EVENTS, NAMESPACES, NODES, PODS, type ResourceRef } from '../../src/client/index.ts';
import type { corev1, KubeObject, nodev1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

/** What test/e2e/scheduling/{predicates,limit_range}.go of Kubernetes asks of a scheduler, on nodes that are objects. */
const LIMIT_RANGES: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'limitranges',
  kind: 'LimitRange',
  namespaced: true,
};
const RUNTIME_CLASSES: ResourceRef = {
  group: 'node.k8s.io',
  version: 'v1',
  resource: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
};
const HOST = 'kubernetes.io/hostname';
const OVERHEAD = 'example.com/beardsecond';

let plane: ControlPlane;
let client: Client;
let namespaces = 0;

beforeAll(async () => {
  plane = await bootControlPlane();
  client = plane.client;
  await addNode(client, 'node-1', '127.0.0.1');
  await addNode(client, 'node-2', '127.0.0.2');
});

afterAll(() => plane.stop());

async function makeNamespace(): Promise<string> {
  const name = `predicates-${++namespaces}`;
  await client.resource<KubeObject>(NAMESPACES).create({ metadata: { name } });
  return name;
}

type Requests = Record<string, string>;

function make(
  namespace: string,
  name: string,
  spec: Partial<corev1.PodSpec> = {},
  requests: Requests = {},
  labels: Record<string, string> = {},
) {
  const resources = { requests, limits: requests };
  return client.resource<corev1.Pod>(PODS).create({
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'c', image: 'app', resources }], ...spec } as corev1.PodSpec,
  });
}

function nodeOf(namespace: string, name: string): Promise<string> {
  return until<corev1.Pod, string>(
    client,
    PODS,
    namespace,
    (pods) => pods.find(({ metadata }) => metadata.name === name)?.spec.nodeName,
  );
}

function refused(namespace: string, name: string): Promise<string> {
  return until<corev1.Event, string>(
    client,
    EVENTS,
    namespace,
    (events) =>
      events.find(
        ({ involvedObject, reason }) => involvedObject.name === name && reason === 'FailedScheduling',
      )?.message,
  );
}

const on = (node: string): Partial<corev1.PodSpec> => ({ nodeSelector: { [HOST]: node } });

async function patchNode(name: string, body: object, subresource?: 'status'): Promise<void> {
  await client
    .resource<corev1.Node>(NODES)
    .patch(name, { type: 'merge', body }, subresource === undefined ? {} : { subresource });
}

test('resource limits: what fits runs, one more does not', async () => {
  const namespace = await makeNamespace();
  await make(namespace, 'filler', on('node-1'), { cpu: '3', memory: '1Gi' });
  await nodeOf(namespace, 'filler');
  await make(namespace, 'additional', on('node-1'), { cpu: '2' });
  expect(await refused(namespace, 'additional')).toContain('1 Insufficient cpu');
  await make(namespace, 'storage', on('node-1'), { 'ephemeral-storage': '1Gi' });
  expect(await refused(namespace, 'storage')).toContain('1 Insufficient ephemeral-storage');
  await client.resource(PODS).deleteCollection({ namespace, gracePeriodSeconds: 0 });
});

test('the overhead of a RuntimeClass is accounted for', async () => {
  const namespace = await makeNamespace();
  const amounts = { [OVERHEAD]: '1000' };
  await patchNode('node-1', { status: { capacity: amounts, allocatable: amounts } }, 'status');
  await client.resource<nodev1.RuntimeClass>(RUNTIME_CLASSES).create({
    metadata: { name: 'heavy' },
    handler: 'heavy',
    overhead: { podFixed: { [OVERHEAD]: '250' } },
  });
  await make(namespace, 'filler', { ...on('node-1'), runtimeClassName: 'heavy' }, { [OVERHEAD]: '500' });
  await nodeOf(namespace, 'filler');
  await make(namespace, 'additional', on('node-1'), { [OVERHEAD]: '500' });
  expect(await refused(namespace, 'additional')).toContain(`1 Insufficient ${OVERHEAD}`);
  await make(namespace, 'small', on('node-1'), { [OVERHEAD]: '250' });
  await nodeOf(namespace, 'small');
});

test('node selectors and node affinity are respected', async () => {
  const namespace = await makeNamespace();
  const mismatch = "2 node(s) didn't match Pod's node affinity/selector";
  await make(namespace, 'selector', { nodeSelector: { label: 'nonempty' } });
  expect(await refused(namespace, 'selector')).toContain(mismatch);
  const term = { matchExpressions: [{ key: 'label', operator: 'In', values: ['nonempty'] }] };
  const affinity = {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
  };
  await make(namespace, 'affine', { affinity });
  expect(await refused(namespace, 'affine')).toContain(mismatch);
  await patchNode('node-2', { metadata: { labels: { label: 'nonempty' } } });
  expect(await Promise.all([nodeOf(namespace, 'selector'), nodeOf(namespace, 'affine')])).toEqual([
    'node-2',
    'node-2',
  ]);
});

test('a pod that names its node by field is for that one alone', async () => {
  const namespace = await makeNamespace();
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] };
  const affinity = {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
  };
  await make(namespace, 'fits', { affinity });
  expect(await nodeOf(namespace, 'fits')).toBe('node-2');
  await make(namespace, 'large', { affinity }, { cpu: '100' });
  expect(await refused(namespace, 'large')).toBe(
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to " +
      'deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
});

test('taints keep pods off until they are tolerated or gone', async () => {
  const namespace = await makeNamespace();
  const taint = { key: 'kubernetes.io/e2e-taint-key', value: 'testing', effect: 'NoSchedule' };
  await patchNode('node-1', { spec: { taints: [taint] } });
  const tolerations = [{ key: taint.key, operator: 'Equal', value: 'testing', effect: 'NoSchedule' }];
  await make(namespace, 'tolerant', { ...on('node-1'), tolerations });
  expect(await nodeOf(namespace, 'tolerant')).toBe('node-1');
  await make(namespace, 'strict', on('node-1'));
  expect(await refused(namespace, 'strict')).toContain('1 node(s) had untolerated taint(s)');
  await patchNode('node-1', { spec: { taints: null } });
  await nodeOf(namespace, 'strict');
});

test('host ports conflict by address, port and protocol', async () => {
  const namespace = await makeNamespace();
  const withPort = (hostIP: string | undefined, protocol: string) => ({
    ...on('node-1'),
    containers: [
      {
        name: 'c',
        image: 'app',
        ports: [{ containerPort: 8080, hostPort: 54321, protocol, ...(hostIP !== undefined && { hostIP }) }],
      },
    ] as unknown as corev1.Container[],
  });
  await make(namespace, 'first', withPort('127.0.0.1', 'TCP'));
  await make(namespace, 'other-address', withPort('127.0.0.2', 'TCP'));
  await make(namespace, 'other-protocol', withPort('127.0.0.1', 'UDP'));
  await Promise.all(['first', 'other-address', 'other-protocol'].map((name) => nodeOf(namespace, name)));
  await make(namespace, 'any-address', withPort(undefined, 'TCP'));
  expect(await refused(namespace, 'any-address')).toContain(
    "1 node(s) didn't have free ports for the requested pod ports",
  );
  await client.resource(PODS).deleteCollection({ namespace, gracePeriodSeconds: 0 });
});

test('four pods with a skew of one go two and two', async () => {
  const namespace = await makeNamespace();
  const labels = { spread: 'evenly' };
  const topologySpreadConstraints = [
    {
      maxSkew: 1,
      topologyKey: HOST,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: labels },
    },
  ];
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) await make(namespace, name, { topologySpreadConstraints }, {}, labels);
  const nodes = await Promise.all(names.map((name) => nodeOf(namespace, name)));
  expect(nodes.sort()).toEqual(['node-1', 'node-1', 'node-2', 'node-2']);
});

test('pods with scheduling gates wait until the last is taken away', async () => {
  const namespace = await makeNamespace();
  await make(namespace, 'gated', { schedulingGates: [{ name: 'foo' }, { name: 'bar' }] });
  const pods = client.resource<corev1.Pod>(PODS);
  const isGated = async () =>
    (await pods.get('gated', namespace)).status?.conditions?.find(({ type }) => type === 'PodScheduled');
  expect(await isGated()).toMatchObject({ status: 'False', reason: 'SchedulingGated' });
  await pods.patch(
    'gated',
    { type: 'strategic', body: { spec: { schedulingGates: [{ $patch: 'delete', name: 'bar' }] } } },
    { namespace },
  );
  expect(await isGated()).toMatchObject({ status: 'False', reason: 'SchedulingGated' });
  await pods.patch('gated', { type: 'merge', body: { spec: { schedulingGates: null } } }, { namespace });
  await nodeOf(namespace, 'gated');
});

test('a LimitRange gives defaults, refuses what is out of bounds, and changes with an update', async () => {
  const namespace = await makeNamespace();
  const ranges = client.resource<corev1.LimitRange>(LIMIT_RANGES);
  const amounts = (cpu: string, memory: string, storage: string) => ({
    cpu,
    memory,
    'ephemeral-storage': storage,
  });
  const range = await ranges.create({
    metadata: { name: 'limits', namespace },
    spec: {
      limits: [
        {
          type: 'Container',
          min: amounts('50m', '100Mi', '200Gi'),
          max: amounts('500m', '500Mi', '500Gi'),
          defaultRequest: amounts('100m', '200Mi', '200Gi'),
          default: amounts('500m', '500Mi', '500Gi'),
        },
      ],
    } as unknown as corev1.LimitRangeSpec,
  });
  const bare = { containers: [{ name: 'c', image: 'app' }] as corev1.Container[] };
  const pod = await make(namespace, 'bare', bare);
  expect(pod.spec.containers[0]!.resources).toEqual({
    requests: amounts('100m', '200Mi', '200Gi'),
    limits: amounts('500m', '500Mi', '500Gi'),
  });
  await expect(make(namespace, 'small', {}, amounts('10m', '50Mi', '50Gi'))).rejects.toThrow(
    'minimum cpu usage per Container is 50m, but request is 10m',
  );
  await expect(make(namespace, 'large', {}, amounts('600m', '600Mi', '600Gi'))).rejects.toThrow(
    'maximum cpu usage per Container is 500m, but limit is 600m',
  );
  const [limit] = range.spec!.limits!;
  await ranges.update({ ...range, spec: { limits: [{ ...limit!, min: amounts('9m', '49Mi', '49Gi') }] } });
  await make(namespace, 'small', {}, amounts('10m', '50Mi', '50Gi'));
  await ranges.delete('limits', { namespace });
  await make(namespace, 'large', {}, amounts('600m', '600Mi', '600Gi'));
});
