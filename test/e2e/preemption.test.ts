import { afterAll, beforeAll, expect, test } from 'vitest';
import { NotFound } from '../../src/base/index.ts';
import {
  type Client,
  EVENTS,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  type ResourceRef,
} from '../../src/client/index.ts';
import type { appsv1, corev1, KubeObject, policyv1, schedulingv1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

/**
 * Preemption as Kubernetes' own conformance tests look at it (test/e2e/scheduling/preemption.go): nodes made through
 * the API that offer an extended resource, and somebody who ends pods as a kubelet would.
 */
const FOO = 'scheduling.k8s.io/foo';
const PRIORITY_CLASSES: ResourceRef = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
};

let plane: ControlPlane;
let client: Client;
const end = new AbortController();
let kubelet: Promise<void>;

beforeAll(async () => {
  plane = await bootControlPlane();
  client = plane.client;
  await addNode(client, 'node-1', '127.0.0.1');
  await addNode(client, 'node-2', '127.0.0.2');
  await offer('node-1', '5');
  await offer('node-2', '5');
  await makeClass('low', 1);
  await makeClass('medium', 100);
  await makeClass('high', 1000);
  await makeClass('gentle', 1000, 'Never');
  kubelet = endPods(end.signal);
});

afterAll(async () => {
  end.abort();
  await kubelet;
  await plane.stop();
});

async function offer(node: string, amount: string): Promise<void> {
  const amounts = { capacity: { [FOO]: amount }, allocatable: { [FOO]: amount } };
  await client
    .resource<corev1.Node>(NODES)
    .patch(node, { type: 'merge', body: { status: amounts } }, { subresource: 'status' });
}

async function makeClass(name: string, value: number, preemptionPolicy?: string): Promise<void> {
  const metadata = { name };
  await client
    .resource<schedulingv1.PriorityClass>(PRIORITY_CLASSES)
    .create({ metadata, value, ...(preemptionPolicy !== undefined && { preemptionPolicy }) });
}

/** What is deleted on a node ends at once. */
async function endPods(signal: AbortSignal): Promise<void> {
  const pods = client.resource<corev1.Pod>(PODS);
  const { metadata } = await pods.list();
  try {
    for await (const { type, object } of pods.watch({ resourceVersion: metadata.resourceVersion!, signal })) {
      const { name, namespace, deletionTimestamp } = object.metadata;
      if (type === 'MODIFIED' && deletionTimestamp !== undefined && !name.startsWith('stubborn'))
        await pods.delete(name, { namespace: namespace!, gracePeriodSeconds: 0 }).catch(unlessGone);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof NotFound)) throw error;
}

let namespaces = 0;
async function makeNamespace(): Promise<string> {
  const name = `preemption-${++namespaces}`;
  await client
    .resource<KubeObject>({
      group: '',
      version: 'v1',
      resource: 'namespaces',
      kind: 'Namespace',
      namespaced: false,
    })
    .create({ metadata: { name } });
  return name;
}

function spec(priorityClassName: string, foo: string, more: Partial<corev1.PodSpec> = {}): corev1.PodSpec {
  const resources = { requests: { [FOO]: foo }, limits: { [FOO]: foo } };
  return {
    priorityClassName,
    containers: [{ name: 'c', image: 'app', resources }],
    ...more,
  } as corev1.PodSpec;
}

function on(node: string): Partial<corev1.PodSpec> {
  return { nodeSelector: { 'kubernetes.io/hostname': node } };
}

function make(namespace: string, name: string, podSpec: corev1.PodSpec, labels: Record<string, string> = {}) {
  return client.resource<corev1.Pod>(PODS).create({ metadata: { name, namespace, labels }, spec: podSpec });
}

function nodeOf(namespace: string, name: string): Promise<string> {
  return until<corev1.Pod, string>(
    client,
    PODS,
    namespace,
    (pods) => pods.find(({ metadata, spec }) => metadata.name === name && spec.nodeName)?.spec.nodeName,
  );
}

async function clear(namespace: string): Promise<void> {
  await client.resource(REPLICA_SETS).deleteCollection({ namespace });
  await client.resource(PODS).deleteCollection({ namespace, gracePeriodSeconds: 0 });
  await until<corev1.Pod, true>(client, PODS, namespace, (pods) => pods.length === 0);
}

test('a pod of high priority takes the place of the least important one', async () => {
  const namespace = await makeNamespace();
  await make(namespace, 'medium-1', spec('medium', '5', on('node-1')));
  await make(namespace, 'low-2', spec('low', '5', on('node-2')));
  await Promise.all([nodeOf(namespace, 'medium-1'), nodeOf(namespace, 'low-2')]);
  const seen = new AbortController();
  const last: corev1.Pod[] = [];
  const pods = client.resource<corev1.Pod>(PODS);
  const { metadata } = await pods.list({ namespace });
  const watching = (async () => {
    const resourceVersion = metadata.resourceVersion!;
    for await (const { object } of pods.watch({ namespace, resourceVersion, signal: seen.signal }))
      last.push(object);
  })().catch((error) => {
    if (!seen.signal.aborted) throw error;
  });
  const preemptor = await make(namespace, 'preemptor', spec('high', '2'));
  expect(await nodeOf(namespace, 'preemptor')).toBe('node-2');
  const message = `Preempted by pod ${preemptor.metadata.uid} on node node-2`;
  await until<corev1.Event, true>(client, EVENTS, namespace, (events) =>
    events.some(
      (event) =>
        event.reason === 'Preempted' &&
        event.message === message &&
        event.type === 'Normal' &&
        event.involvedObject.name === 'low-2' &&
        event.source?.component === 'default-scheduler',
    ),
  );
  // What a watch shows is in order: with the binding it has shown all before.
  await expect
    .poll(() => last.some((pod) => pod.metadata.name === 'preemptor' && pod.spec.nodeName !== undefined))
    .toBe(true);
  seen.abort();
  await watching;
  const victim = last.find((pod) => pod.metadata.name === 'low-2' && pod.status?.conditions !== undefined);
  expect(victim?.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    }),
  );
  const waiting = last.find(
    (pod) => pod.metadata.name === 'preemptor' && pod.status?.nominatedNodeName === 'node-2',
  );
  expect(waiting?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }),
  );
  const bound = await pods.get('preemptor', namespace);
  expect(bound.status?.nominatedNodeName).toBeUndefined();
  expect(await nodeOf(namespace, 'medium-1')).toBe('node-1');
  await clear(namespace);
});

test('a critical pod preempts too', async () => {
  const critical = spec('system-cluster-critical', '5', on('node-1'));
  await make('default', 'low-1', spec('low', '5', on('node-1')));
  await nodeOf('default', 'low-1');
  await make('kube-system', 'critical', critical);
  expect(await nodeOf('kube-system', 'critical')).toBe('node-1');
  await until<corev1.Pod, true>(
    client,
    PODS,
    'default',
    (pods) => !pods.some(({ metadata }) => metadata.name === 'low-1'),
  );
  await clear('kube-system');
});

test('a pod whose class says Never waits, and says why', async () => {
  const namespace = await makeNamespace();
  await make(namespace, 'low-1', spec('low', '5', on('node-1')));
  await nodeOf(namespace, 'low-1');
  await make(namespace, 'gentle', spec('gentle', '1', on('node-1')));
  const message = await until<corev1.Pod, string>(
    client,
    PODS,
    namespace,
    (pods) =>
      pods
        .find(({ metadata }) => metadata.name === 'gentle')
        ?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message,
  );
  expect(message).toBe(
    `0/2 nodes are available: 1 Insufficient ${FOO}, 1 node(s) didn't match Pod's node affinity/selector. ` +
      'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  );
  await clear(namespace);
});

test('while victims end, the room is kept, and taken when they are gone', async () => {
  const namespace = await makeNamespace();
  await make(namespace, 'stubborn', spec('low', '5', on('node-1')));
  await nodeOf(namespace, 'stubborn');
  await make(namespace, 'high', spec('high', '3', on('node-1')));
  await until<corev1.Pod, true>(client, PODS, namespace, (pods) =>
    pods.some(({ metadata, status }) => metadata.name === 'high' && status?.nominatedNodeName === 'node-1'),
  );
  const pods = client.resource<corev1.Pod>(PODS);
  // A second one, of less priority, fits beside the first; a third does not any more.
  await make(namespace, 'medium-a', spec('medium', '2', on('node-1')));
  await make(namespace, 'medium-b', spec('medium', '1', on('node-1')));
  await pods.delete('stubborn', { namespace, gracePeriodSeconds: 0 });
  expect(await nodeOf(namespace, 'high')).toBe('node-1');
  expect(await nodeOf(namespace, 'medium-a')).toBe('node-1');
  expect((await pods.get('medium-b', namespace)).spec.nodeName).toBeUndefined();
  await clear(namespace);
});

test('a budget chooses the victim', async () => {
  const namespace = await makeNamespace();
  await client.resource<policyv1.PodDisruptionBudget>(POD_DISRUPTION_BUDGETS).create({
    metadata: { name: 'db', namespace },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'db' } } },
  });
  await make(namespace, 'db-1', spec('low', '3', on('node-1')), { app: 'db' });
  await make(namespace, 'web-1', spec('medium', '2', on('node-1')), { app: 'web' });
  await Promise.all([nodeOf(namespace, 'db-1'), nodeOf(namespace, 'web-1')]);
  await make(namespace, 'high', spec('high', '2', on('node-1')));
  await nodeOf(namespace, 'high');
  const left = await client.resource<corev1.Pod>(PODS).list({ namespace });
  expect(left.items.map(({ metadata }) => metadata.name).sort()).toEqual(['db-1', 'high']);
  await clear(namespace);
});

test('ReplicaSets of rising priority push each other aside until all room is with the most important', async () => {
  const namespace = await makeNamespace();
  const make = (name: string, className: string, replicas: number) =>
    client.resource<appsv1.ReplicaSet>(REPLICA_SETS).create({
      metadata: { name, namespace },
      spec: {
        replicas,
        selector: { matchLabels: { name } },
        template: { metadata: { labels: { name } }, spec: spec(className, '1', on('node-2')) },
      },
    } as unknown as appsv1.ReplicaSet);
  const placed = (wanted: Record<string, number>) =>
    until<corev1.Pod, true>(client, PODS, namespace, (pods) => {
      const counts: Record<string, number> = {};
      for (const { metadata, spec } of pods) {
        const name = metadata.labels?.name ?? '';
        if (spec.nodeName && metadata.deletionTimestamp === undefined) counts[name] = (counts[name] ?? 0) + 1;
      }
      return JSON.stringify(Object.entries(counts).sort()) === JSON.stringify(Object.entries(wanted).sort());
    });
  await make('first', 'low', 3);
  await make('second', 'medium', 2);
  await placed({ first: 3, second: 2 });
  await make('third', 'high', 4);
  await placed({ second: 1, third: 4 });
  await clear(namespace);
});
