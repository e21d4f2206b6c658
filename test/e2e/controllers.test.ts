import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotFound, silentLog, systemClock } from '../../src/base/index.ts';
import {
  type Client,
  CONFIG_MAPS,
  createClient,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  EVENTS,
  httpTransport,
  Informer,
  LEASES,
  LeaderElection,
  NAMESPACES,
  NODES,
  PODS,
  REPLICA_SETS,
  type ResourceRef,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../src/client/index.ts';
import type { appsv1, corev1, discoveryv1, KubeObject } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until as untilSeen } from './control-plane-fixture.ts';

/** The test itself plays the node: it runs the pods that get bound. */
let controlPlane: ControlPlane;
let client: Client;

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
  await addNode(client, 'node-1', '192.0.2.1');
});

afterAll(() => controlPlane.stop());

function until<T extends KubeObject, R>(
  resource: ResourceRef,
  namespace: string | undefined,
  look: (objects: T[]) => R | undefined | false,
): Promise<R> {
  return untilSeen<T, R>(client, resource, namespace, look);
}

let addresses = 0;

/** What a node does with a pod that got bound to it: runs it, and ends it when it is deleted. */
function playNode(
  namespace: string,
  isReady: (pod: corev1.Pod) => boolean = () => true,
): () => Promise<void> {
  const stop = new AbortController();
  const pods = client.resource<corev1.Pod>(PODS);
  const informer = new Informer<corev1.Pod>({
    client,
    resource: PODS,
    namespace,
    clock: systemClock,
    log: silentLog,
  });
  const act = async (pod: corev1.Pod) => {
    const { name, uid } = pod.metadata;
    try {
      if (pod.metadata.deletionTimestamp !== undefined)
        await pods.delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
      else if (pod.spec.nodeName && pod.status?.podIP === undefined) await start(pod);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  };
  const start = async (pod: corev1.Pod) => {
    const podIP = `10.42.0.${++addresses}`;
    const status = isReady(pod) ? 'True' : 'False';
    const conditions = [{ type: 'Ready', status, lastTransitionTime: new Date().toISOString() }];
    await pods.patch(
      pod.metadata.name,
      { type: 'merge', body: { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } } },
      { namespace, subresource: 'status' },
    );
  };
  const acts: Promise<void>[] = [];
  informer.addHandler({
    onAdd: (pod) => acts.push(act(pod)),
    onUpdate: (pod) => acts.push(act(pod)),
  });
  const run = informer.run(stop.signal);
  return async () => {
    stop.abort();
    await run;
    await Promise.all(acts);
  };
}

async function makeNamespace(name: string): Promise<string> {
  await client.resource<corev1.Namespace>(NAMESPACES).create({ metadata: { name }, spec: {} });
  await until<corev1.ServiceAccount, true>(SERVICE_ACCOUNTS, name, (accounts) => accounts.length > 0 && true);
  return name;
}

function deployment(
  namespace: string,
  image = 'app:1',
  replicas = 3,
): Parameters<ReturnType<typeof deployments>['create']>[0] {
  return {
    metadata: { name: 'web', namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
      } as unknown as corev1.PodTemplateSpec,
    },
  };
}

const deployments = () => client.resource<appsv1.Deployment>(DEPLOYMENTS);

const isDone = (one: appsv1.Deployment | undefined, replicas: number) =>
  one?.status?.observedGeneration === one?.metadata.generation &&
  one?.status?.updatedReplicas === replicas &&
  one?.status?.availableReplicas === replicas &&
  one?.status?.replicas === replicas;

async function rolledOut(namespace: string, replicas: number): Promise<appsv1.Deployment> {
  return until<appsv1.Deployment, appsv1.Deployment>(
    DEPLOYMENTS,
    namespace,
    ([one]) => isDone(one, replicas) && one,
  );
}

test('a node gets a network for its pods', async () => {
  const cidr = await until<corev1.Node, string>(NODES, undefined, ([node]) => node?.spec.podCIDR);
  expect(cidr).toBe('10.42.0.0/24');
});

test('a namespace gets its service account and the root certificate, and gets them back', async () => {
  const namespace = await makeNamespace('accounts');
  const ca = (maps: corev1.ConfigMap[]) =>
    maps.find((map) => map.metadata.name === 'kube-root-ca.crt')?.data?.['ca.crt'];
  expect(await until(CONFIG_MAPS, namespace, ca)).toBe(controlPlane.pki.caCertificatePem);
  const accounts = client.resource<corev1.ServiceAccount>(SERVICE_ACCOUNTS);
  const { uid } = (await accounts.get('default', namespace)).metadata;
  await accounts.delete('default', { namespace });
  await until(
    SERVICE_ACCOUNTS,
    namespace,
    ([account]) => account !== undefined && account.metadata.uid !== uid,
  );
});

describe('a Deployment', () => {
  test('is applied, bound within tens of milliseconds, served, updated, rolled back, scaled and deleted', async () => {
    const namespace = await makeNamespace('rollout');
    const stop = playNode(namespace);
    const services = client.resource<corev1.Service>(SERVICES);
    await services.create({
      metadata: { name: 'web', namespace },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    const beforeMs = performance.now();
    await deployments().create(deployment(namespace));
    await until<corev1.Pod, true>(
      PODS,
      namespace,
      (pods) => pods.filter((pod) => pod.spec.nodeName).length === 3 && true,
    );
    expect(performance.now() - beforeMs).toBeLessThan(1000);

    const first = await rolledOut(namespace, 3);
    expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    const conditions = await until<appsv1.Deployment, appsv1.DeploymentCondition[]>(
      DEPLOYMENTS,
      namespace,
      ([one]) =>
        one?.status?.conditions.some(({ reason }) => reason === 'NewReplicaSetAvailable') &&
        one.status.conditions,
    );
    expect(conditions.map(({ type, status, reason }) => [type, status, reason]).sort()).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
    const ready = (slices: discoveryv1.EndpointSlice[]) =>
      slices.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions.ready).length;
    await until<discoveryv1.EndpointSlice, true>(
      ENDPOINT_SLICES,
      namespace,
      (slices) => ready(slices) === 3 && slices[0]?.ports?.[0]?.port === 8080,
    );
    await until<corev1.Endpoints, true>(
      ENDPOINTS,
      namespace,
      ([one]) => one?.subsets?.[0]?.addresses?.length === 3,
    );

    const template = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } } };
    await deployments().patch('web', { type: 'strategic', body: template }, { namespace });
    await rolledOut(namespace, 3);
    const sets = await until<appsv1.ReplicaSet, appsv1.ReplicaSet[]>(
      REPLICA_SETS,
      namespace,
      (all) => all.length === 2 && all.every(({ status, spec }) => status?.replicas === spec.replicas) && all,
    );
    expect(sets.map(({ spec }) => spec.replicas).sort()).toEqual([0, 3]);

    const back = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } } } };
    await deployments().patch('web', { type: 'strategic', body: back }, { namespace });
    await rolledOut(namespace, 3);
    const revisions = (await client.resource<appsv1.ReplicaSet>(REPLICA_SETS).list({ namespace })).items.map(
      ({ metadata, spec }) => [spec.replicas, metadata.annotations?.['deployment.kubernetes.io/revision']],
    );
    expect(revisions.sort()).toEqual([
      [0, '2'],
      [3, '3'],
    ]);

    await deployments().patch('web', { type: 'merge', body: { spec: { replicas: 5 } } }, { namespace });
    await rolledOut(namespace, 5);
    await deployments().patch('web', { type: 'merge', body: { spec: { replicas: 1 } } }, { namespace });
    await rolledOut(namespace, 1);
    await until<corev1.Pod, true>(PODS, namespace, (pods) => pods.length === 1);

    await deployments().delete('web', { namespace, propagationPolicy: 'Background' });
    await until<appsv1.ReplicaSet, true>(REPLICA_SETS, namespace, (all) => all.length === 0);
    await until<corev1.Pod, true>(PODS, namespace, (pods) => pods.length === 0);
    await stop();
  });

  test('leaves the events that describe shows', async () => {
    const namespace = await makeNamespace('events');
    const stop = playNode(namespace);
    await deployments().create(deployment(namespace, 'app:1', 1));
    const messages = await until<corev1.Event, string[]>(EVENTS, namespace, (events) => {
      const lines = events.map(({ reason, message }) => `${reason}: ${message}`);
      return lines.length >= 3 && lines;
    });
    const [pod] = (await client.resource<corev1.Pod>(PODS).list({ namespace })).items;
    const replicaSet = pod!.metadata.ownerReferences![0]!.name;
    expect(messages.sort()).toEqual([
      `ScalingReplicaSet: Scaled up replica set ${replicaSet} from 0 to 1`,
      `Scheduled: Successfully assigned events/${pod!.metadata.name} to node-1`,
      `SuccessfulCreate: Created pod: ${pod!.metadata.name}`,
    ]);
    await stop();
  });

  test('deleted in the foreground goes after its pods', async () => {
    const namespace = await makeNamespace('foreground');
    await deployments().create(deployment(namespace, 'app:1', 2));
    await until<corev1.Pod, true>(
      PODS,
      namespace,
      (pods) => pods.filter((pod) => pod.spec.nodeName).length === 2,
    );
    await deployments().delete('web', { namespace, propagationPolicy: 'Foreground' });
    await until<corev1.Pod, true>(PODS, namespace, (pods) =>
      pods.every((pod) => pod.metadata.deletionTimestamp),
    );
    expect((await deployments().get('web', namespace)).metadata.finalizers).toContain('foregroundDeletion');
    const stop = playNode(namespace);
    await until<appsv1.Deployment, true>(DEPLOYMENTS, namespace, (all) => all.length === 0);
    expect((await client.resource(PODS).list({ namespace })).items).toEqual([]);
    await stop();
  });

  test('deleted with --cascade=orphan leaves its pods, and a new one adopts them', async () => {
    const namespace = await makeNamespace('orphan');
    const stop = playNode(namespace);
    await deployments().create(deployment(namespace, 'app:1', 2));
    const first = await rolledOut(namespace, 2);
    await deployments().delete('web', { namespace, propagationPolicy: 'Orphan' });
    const [orphan] = await until<appsv1.ReplicaSet, appsv1.ReplicaSet[]>(
      REPLICA_SETS,
      namespace,
      (all) => all[0]?.metadata.ownerReferences === undefined && all,
    );
    await until<appsv1.Deployment, true>(DEPLOYMENTS, namespace, (all) => all.length === 0);
    await deployments().create(deployment(namespace, 'app:1', 2));
    const second = await rolledOut(namespace, 2);
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    const { items } = await client.resource<appsv1.ReplicaSet>(REPLICA_SETS).list({ namespace });
    expect(items.map(({ metadata }) => metadata.uid)).toEqual([orphan!.metadata.uid]);
    await stop();
  });

  test('with strategy Recreate starts nothing new before the old pods are gone', async () => {
    const namespace = await makeNamespace('recreate');
    const stop = playNode(namespace);
    const draft = deployment(namespace, 'app:1', 2);
    await deployments().create({ ...draft, spec: { ...draft.spec, strategy: { type: 'Recreate' } } });
    await rolledOut(namespace, 2);
    const images = new Set<string>();
    const informer = new Informer<corev1.Pod>({
      client,
      resource: PODS,
      namespace,
      clock: systemClock,
      log: silentLog,
    });
    const seen = () =>
      images.add([...new Set(informer.list().map((pod) => pod.spec.containers[0]!.image))].sort().join());
    informer.addHandler({ onAdd: seen, onUpdate: seen, onDelete: seen });
    const watching = new AbortController();
    const run = informer.run(watching.signal);
    const template = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } } };
    await deployments().patch('web', { type: 'strategic', body: template }, { namespace });
    await rolledOut(namespace, 2);
    watching.abort();
    await run;
    expect([...images]).not.toContain('app:1,app:2');
    await stop();
  });

  test('that is paused keeps its pods and tells so', async () => {
    const namespace = await makeNamespace('paused');
    const stop = playNode(namespace);
    await deployments().create(deployment(namespace, 'app:1', 1));
    await rolledOut(namespace, 1);
    await deployments().patch('web', { type: 'merge', body: { spec: { paused: true } } }, { namespace });
    await until<appsv1.Deployment, true>(DEPLOYMENTS, namespace, ([one]) =>
      one!.status!.conditions.some(({ reason }) => reason === 'DeploymentPaused'),
    );
    const template = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } } };
    await deployments().patch('web', { type: 'strategic', body: template }, { namespace });
    await until<appsv1.Deployment, true>(
      DEPLOYMENTS,
      namespace,
      ([one]) => one!.status!.observedGeneration === one!.metadata.generation,
    );
    expect((await client.resource(REPLICA_SETS).list({ namespace })).items).toHaveLength(1);
    await deployments().patch('web', { type: 'merge', body: { spec: { paused: false } } }, { namespace });
    await rolledOut(namespace, 1);
    expect((await client.resource(REPLICA_SETS).list({ namespace })).items).toHaveLength(2);
    await stop();
  });
});

test('a ReplicaSet replaces a pod that is deleted and lets go of one that no longer matches', async () => {
  const namespace = await makeNamespace('replace');
  const stop = playNode(namespace);
  await deployments().create(deployment(namespace, 'app:1', 2));
  await rolledOut(namespace, 2);
  const pods = client.resource<corev1.Pod>(PODS);
  const [doomed, freed] = (await pods.list({ namespace })).items;
  await pods.delete(doomed!.metadata.name, { namespace });
  await pods.patch(
    freed!.metadata.name,
    { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    { namespace },
  );
  const all = await until<corev1.Pod, corev1.Pod[]>(PODS, namespace, (now) => {
    const gone = now.every((pod) => pod.metadata.uid !== doomed!.metadata.uid);
    const released =
      now.find((pod) => pod.metadata.uid === freed!.metadata.uid)?.metadata.ownerReferences === undefined;
    return gone && released && now.length === 3 && now;
  });
  expect(all.filter((pod) => pod.metadata.labels?.app === 'web')).toHaveLength(2);
  await stop();
});

test('a pod that fits nowhere says why, and goes as soon as a node can take it', async () => {
  const namespace = await makeNamespace('pending');
  const pods = client.resource<corev1.Pod>(PODS);
  await pods.create({
    metadata: { name: 'big', namespace },
    spec: {
      containers: [{ name: 'c', image: 'app', resources: { requests: { cpu: '2' } } }],
      nodeSelector: { size: 'big' },
    } as unknown as corev1.PodSpec,
  });
  const message = await until<corev1.Pod, string>(
    PODS,
    namespace,
    ([pod]) =>
      pod?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
        ?.message,
  );
  expect(message).toBe(
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: " +
      '0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  );
  await until<corev1.Event, true>(EVENTS, namespace, (events) =>
    events.some(({ reason }) => reason === 'FailedScheduling'),
  );
  const nodes = client.resource<corev1.Node>(NODES);
  await nodes.patch('node-1', { type: 'merge', body: { metadata: { labels: { size: 'big' } } } });
  expect(await until<corev1.Pod, string>(PODS, namespace, ([pod]) => pod?.spec.nodeName)).toBe('node-1');
});

test('LoadBalancer services get the node address; one whose port is taken waits until it is free', async () => {
  const namespace = await makeNamespace('balanced');
  const services = client.resource<corev1.Service>(SERVICES);
  const make = (name: string) =>
    services.create({
      metadata: { name, namespace },
      spec: { type: 'LoadBalancer', ports: [{ port: 8088 }] },
    });
  const addressOf = (name: string) => (all: corev1.Service[]) =>
    all.find((one) => one.metadata.name === name)?.status?.loadBalancer?.ingress?.[0]?.ip;
  await make('one');
  expect(await until(SERVICES, namespace, addressOf('one'))).toBe('192.0.2.1');
  await make('two');
  const told = await until<corev1.Event, string>(
    EVENTS,
    namespace,
    (events) => events.find(({ reason }) => reason === 'PortConflict')?.message,
  );
  expect(told).toContain('Port 8088/TCP is in use by the LoadBalancer service balanced/one');
  expect(addressOf('two')((await services.list({ namespace })).items)).toBeUndefined();
  await services.delete('one', { namespace });
  expect(await until(SERVICES, namespace, addressOf('two'))).toBe('192.0.2.1');
});

test('a deleted namespace is emptied first, then gone', async () => {
  const namespace = await makeNamespace('doomed');
  await client.resource<corev1.ConfigMap>(CONFIG_MAPS).create({ metadata: { name: 'a', namespace } });
  await deployments().create(deployment(namespace, 'app:1', 2));
  await until<corev1.Pod, true>(
    PODS,
    namespace,
    (pods) => pods.filter((pod) => pod.spec.nodeName).length === 2,
  );
  const namespaces = client.resource<corev1.Namespace>(NAMESPACES);
  await namespaces.delete(namespace);
  const conditions = await until<corev1.Namespace, corev1.NamespaceCondition[]>(
    NAMESPACES,
    undefined,
    (all) => {
      const one = all.find(({ metadata }) => metadata.name === namespace);
      return (
        one?.status?.conditions?.some(({ reason }) => reason === 'SomeResourcesRemain') &&
        one.status.conditions
      );
    },
  );
  expect(conditions.find(({ type }) => type === 'NamespaceContentRemaining')?.message).toBe(
    'Some resources are remaining: pods. has 2 resource instances',
  );
  const stop = playNode(namespace);
  await until<corev1.Namespace, true>(NAMESPACES, undefined, (all) =>
    all.every(({ metadata }) => metadata.name !== namespace),
  );
  await stop();
  expect((await client.resource(CONFIG_MAPS).list({ namespace })).items).toEqual([]);
});

test('over HTTPS with a client certificate a watch goes on after the connection broke', async () => {
  const { port } = await controlPlane.api.listen({ host: '127.0.0.1', port: 0 });
  const { certificate, key } = await controlPlane.pki.issueClientCertificate({
    commonName: 'admin',
    organizations: ['system:masters'],
  });
  const transport = httpTransport({
    server: `https://127.0.0.1:${port}`,
    caPem: controlPlane.pki.caCertificatePem,
    certPem: certificate,
    keyPem: key,
  });
  const remote = createClient(transport, { userAgent: 'remote/0' });
  const configMaps = remote.resource<corev1.ConfigMap>(CONFIG_MAPS);
  await expect(configMaps.get('none', 'default')).rejects.toThrow(NotFound);
  const informer = new Informer<corev1.ConfigMap>({
    client: remote.in('*'),
    resource: CONFIG_MAPS,
    clock: systemClock,
    log: silentLog,
  });
  const stop = new AbortController();
  const run = informer.run(stop.signal);
  await informer.synced();
  const arrival = (name: string) =>
    new Promise<string | undefined>((resolve) => {
      const off = informer.addHandler({
        onAdd: (map) => {
          if (map.metadata.name !== name) return;
          queueMicrotask(() => off());
          resolve(map.metadata.annotations?.['kcp.io/cluster']);
        },
      });
    });
  const before = arrival('before');
  await configMaps.create({ metadata: { name: 'before', namespace: 'default' } });
  expect(await before).toBe('root');
  transport.close();
  const after = arrival('after');
  await configMaps.create({ metadata: { name: 'after', namespace: 'default' } });
  expect(await after).toBe('root');
  stop.abort();
  await run;
  transport.close();
});

test('of two candidates one leads; when it gives up the other does', async () => {
  const leading: string[] = [];
  const candidate = (identity: string) => {
    const stop = new AbortController();
    const election = new LeaderElection({
      client,
      namespace: 'kube-system',
      name: 'test-leader',
      identity,
      clock: systemClock,
      log: silentLog,
      retryPeriodMs: 50,
      lead: async (signal) => {
        leading.push(identity);
        // The lease may have been seen, and the candidate stopped, before it came to lead.
        if (signal.aborted) return;
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      },
    });
    return { stop, run: election.run(stop.signal) };
  };
  const one = candidate('one');
  const holder = (name: string) =>
    until<KubeObject & { spec: { holderIdentity?: string } }, true>(
      LEASES,
      'kube-system',
      (leases) =>
        leases.find(({ metadata }) => metadata.name === 'test-leader')?.spec.holderIdentity === name,
    );
  await holder('one');
  const two = candidate('two');
  one.stop.abort();
  await one.run;
  await holder('two');
  two.stop.abort();
  await two.run;
  expect(leading).toEqual(['one', 'two']);
});
