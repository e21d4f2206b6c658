import { afterEach, expect, test } from 'vitest';
import { ManualClock, silentLog, systemClock } from '../../src/base/index.ts';
import {
  type ApiRequest,
  CONFIG_MAPS,
  createClient,
  EVENTS,
  Informer,
  LEASES,
  NODES,
  PODS,
  type Transport,
  Unreachable,
} from '../../src/client/index.ts';
import type { coordinationv1, corev1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

let controlPlane: ControlPlane | undefined;

afterEach(async () => {
  await controlPlane?.stop();
  controlPlane = undefined;
});

/** The real server behind a wire that can be cut. */
class CuttableWire implements Transport {
  readonly #inner: Transport;
  #cut = new AbortController();
  #down = false;
  lists = 0;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  async request(request: ApiRequest) {
    if (this.#down) throw new Unreachable('the wire is cut');
    if (request.query?.get('watch') !== 'true') {
      if (request.query?.has('limit')) this.lists++;
      return this.#inner.request(request);
    }
    const cut = this.#cut.signal;
    const signal = AbortSignal.any([request.signal!, cut]);
    const response = await this.#inner.request({ ...request, signal });
    const body = response.body as AsyncIterable<Uint8Array>;
    async function* until() {
      yield* body;
      if (cut.aborted) throw new Unreachable('the wire was cut');
    }
    return { ...response, body: response.body instanceof Uint8Array ? response.body : until() };
  }

  cut(): void {
    this.#down = true;
    this.#cut.abort();
  }

  mend(): void {
    this.#down = false;
    this.#cut = new AbortController();
  }
}

test('an informer sees every change once, through cuts of the wire and past a compaction', async () => {
  controlPlane = await bootControlPlane();
  const { client, store } = controlPlane;
  const wire = new CuttableWire(controlPlane.transport);
  const informer = new Informer<corev1.ConfigMap>({
    client: createClient(wire, { userAgent: 'test/0' }).in('*'),
    resource: CONFIG_MAPS,
    clock: systemClock,
    log: silentLog,
  });
  const seen: string[] = [];
  let look: () => unknown = () => undefined;
  const note = (what: string, map: corev1.ConfigMap) => {
    if (map.metadata.namespace !== 'default' || map.metadata.name === 'kube-root-ca.crt') return;
    seen.push(`${what} ${map.metadata.name} ${map.data?.n ?? ''}`);
    queueMicrotask(() => look());
  };
  informer.addHandler({
    onAdd: (map) => note('add', map),
    onUpdate: (map) => note('update', map),
    onDelete: (map) => note('delete', map),
  });
  const seenAll = (count: number) =>
    new Promise<void>((resolve) => {
      look = () => seen.length >= count && resolve();
      look();
    });
  const end = new AbortController();
  const run = informer.run(end.signal);
  await informer.synced();
  const maps = client.resource<corev1.ConfigMap>(CONFIG_MAPS);
  const put = (name: string, n: string) =>
    n === '1'
      ? maps.create({ metadata: { name, namespace: 'default' }, data: { n } })
      : maps.patch(name, { type: 'merge', body: { data: { n } } }, { namespace: 'default' });

  await put('a', '1');
  await put('b', '1');
  await seenAll(2);
  wire.cut();
  await put('a', '2');
  await put('c', '1');
  await maps.delete('b', { namespace: 'default' });
  wire.mend();
  await seenAll(5);
  expect(seen).toEqual(['add a 1', 'add b 1', 'update a 2', 'add c 1', 'delete b 1']);
  expect(wire.lists).toBe(1);

  wire.cut();
  await put('c', '2');
  await maps.delete('a', { namespace: 'default' });
  await put('d', '1');
  await store.compact(store.revision());
  wire.mend();
  await seenAll(8);
  expect(seen.slice(5).sort()).toEqual(['add d 1', 'delete a 2', 'update c 2']);
  expect(wire.lists).toBe(2);
  end.abort();
  await run;
});

test('a node that falls silent becomes Unknown and tainted, its pods not ready, then evicted; not when all are', async () => {
  const clock = new ManualClock(Date.now());
  controlPlane = await bootControlPlane({ clock });
  const { client } = controlPlane;
  const leases = client.resource<coordinationv1.Lease>(LEASES);
  const renew = (name: string) =>
    leases.patch(
      name,
      {
        type: 'merge',
        body: { spec: { renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z') } },
      },
      { namespace: 'kube-node-lease' },
    );
  for (const name of ['one', 'two']) {
    await addNode(client, name, '192.0.2.1');
    const spec = { holderIdentity: name, leaseDurationSeconds: 40 };
    await leases.create({ metadata: { name, namespace: 'kube-node-lease' }, spec });
  }
  const pods = client.resource<corev1.Pod>(PODS);
  await pods.create({
    metadata: { name: 'web', namespace: 'default' },
    spec: { nodeName: 'one', containers: [{ name: 'c', image: 'app' }] } as unknown as corev1.PodSpec,
  });
  const conditions = [{ type: 'Ready', status: 'True' }];
  const body = { status: { phase: 'Running', podIP: '10.42.0.9', conditions } };
  await pods.patch('web', { type: 'merge', body }, { namespace: 'default', subresource: 'status' });
  await until<corev1.Pod, true>(client, PODS, 'default', ([pod]) => pod?.status?.podIP === '10.42.0.9');

  const nodeIs = (name: string, ready: string, taints: string[]) =>
    until<corev1.Node, true>(client, NODES, undefined, (nodes) => {
      const node = nodes.find(({ metadata }) => metadata.name === name);
      const status = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
      const keys = (node?.spec.taints ?? [])
        .map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)
        .sort();
      return status === ready && keys.join() === taints.join();
    });

  // Two renews its lease, one does not. Each step lets the caches see the renewal first.
  const pass = async (seconds: number, alive: string[]) => {
    for (let left = seconds; left > 0; left -= 20) {
      for (const name of alive) {
        const { metadata } = await renew(name);
        await until(client, LEASES, 'kube-node-lease', (all) =>
          all.some((lease) => lease.metadata.resourceVersion === metadata.resourceVersion),
        );
      }
      await clock.advance(Math.min(left, 20) * 1000);
    }
  };
  await pass(60, ['two']);
  await nodeIs('one', 'Unknown', ['unreachable:NoExecute', 'unreachable:NoSchedule']);
  await nodeIs('two', 'True', []);
  await until<corev1.Pod, true>(client, PODS, 'default', ([pod]) =>
    pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False'),
  );
  await until<corev1.Event, true>(client, EVENTS, 'default', (events) =>
    events.some(({ reason, involvedObject }) => reason === 'NodeNotReady' && involvedObject.kind === 'Node'),
  );

  // The whole cluster silent: more likely we are deaf. What was given up is taken back.
  await pass(60, []);
  await nodeIs('two', 'Unknown', ['unreachable:NoSchedule']);
  await nodeIs('one', 'Unknown', ['unreachable:NoSchedule']);
  expect((await pods.get('web', 'default')).metadata.deletionTimestamp).toBeUndefined();

  const nodes = client.resource<corev1.Node>(NODES);
  const back = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
  await nodes.patch(
    'two',
    { type: 'strategic', body: { status: { conditions: back } } },
    { subresource: 'status' },
  );
  await nodeIs('two', 'True', []);
  await pass(20, ['two']);
  await nodeIs('one', 'Unknown', ['unreachable:NoExecute', 'unreachable:NoSchedule']);
  await pass(320, ['two']);
  await until<corev1.Pod, true>(
    client,
    PODS,
    'default',
    ([pod]) => pod === undefined || pod.metadata.deletionTimestamp !== undefined,
  );
});
