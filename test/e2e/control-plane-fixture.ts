import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiServer, createApiServer, ensurePki, type Pki } from '../../src/apiserver/index.ts';
import { type Clock, silentLog, systemClock } from '../../src/base/index.ts';
import { componentClients } from '../../src/cli/component-clients.ts';
import {
  BackgroundEventRecorder,
  type Client,
  createClient,
  Informer,
  NODES,
  type ResourceRef,
  type Transport,
} from '../../src/client/index.ts';
import { createControllers } from '../../src/controllers/index.ts';
import type { corev1, KubeObject } from '../../src/kube/index.ts';
import { createScheduler } from '../../src/scheduler/index.ts';
import { openLmdbStore, type Store } from '../../src/store/index.ts';

export interface ControlPlane {
  client: Client;
  transport: Transport;
  api: ApiServer;
  store: Store;
  pki: Pki;
  stop(): Promise<void>;
}

/**
 * The real API server over a real store, with controllers and scheduler, in this process and without a port.
 *
 * @param options.clock the controllers' and the scheduler's; the API server always has the real one.
 * @param options.directory where its data are, and stay; without one in a folder that goes with it.
 */
export async function bootControlPlane(
  options: { clock?: Clock; directory?: string } = {},
): Promise<ControlPlane> {
  const clock = options.clock ?? systemClock;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'orrery-control-plane-')));
  const pki = await ensurePki(join(directory, 'pki'));
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const api = await createApiServer({
    store,
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.0.0',
    advertise: { address: '127.0.0.1', port: 6443 },
  });
  await api.bootstrap();
  const transport = api.localTransport({
    name: 'orrery-admin',
    groups: ['system:masters'],
  });
  const client = createClient(transport, { userAgent: 'test/0' });
  const recorder = new BackgroundEventRecorder({
    client,
    component: 'test',
    clock: systemClock,
    log: silentLog,
  });
  const shared = { client, recorder, clock, log: silentLog };
  const config = {
    caPem: pki.caCertificatePem,
    clusterCidr: '10.42.0.0/16',
    signCertificate: pki.signRequest,
    localPathDirectory: '/var/lib/orrery-test/storage',
  };
  const clients = componentClients(api);
  const controllers = createControllers({
    ...shared,
    client: clients.controllerManager,
    clientFor: clients.controller,
    config,
  });
  const scheduler = createScheduler({
    ...shared,
    client: clients.scheduler,
    informers: controllers.informers,
  });
  const end = new AbortController();
  const running = [recorder.run(end.signal), controllers.run(end.signal), scheduler.run(end.signal)];
  await Promise.all([controllers.ready(), scheduler.ready()]);
  const stop = async () => {
    end.abort();
    await Promise.all(running);
    await api.close();
    await store.close();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  return { client, transport, api, store, pki, stop };
}

export async function addNode(client: Client, name: string, address: string): Promise<void> {
  const nodes = client.resource<corev1.Node>(NODES);
  await nodes.create({ metadata: { name, labels: { 'kubernetes.io/hostname': name } }, spec: {} });
  const resources = { cpu: '4', memory: '8Gi', pods: '110' };
  const status = {
    capacity: resources,
    allocatable: resources,
    addresses: [{ type: 'InternalIP', address }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }],
  };
  await nodes.patch(name, { type: 'merge', body: { status } }, { subresource: 'status' });
}

/** Waits until the objects of a resource look as wanted, by a watch; gives what `look` gave. */
export async function until<T extends KubeObject, R>(
  client: Client,
  resource: ResourceRef,
  namespace: string | undefined,
  look: (objects: T[]) => R | undefined | false,
): Promise<R> {
  const stop = new AbortController();
  const informer = new Informer<T>({
    client,
    resource,
    ...(namespace !== undefined && { namespace }),
    clock: systemClock,
    log: silentLog,
  });
  const found = Promise.withResolvers<R>();
  const check = () => {
    if (!informer.isSynced) return;
    const result = look(informer.list());
    if (result !== undefined && result !== false) found.resolve(result);
  };
  informer.addHandler({
    onAdd: () => queueMicrotask(check),
    onUpdate: () => queueMicrotask(check),
    onDelete: () => queueMicrotask(check),
  });
  const run = informer.run(stop.signal);
  void informer.synced().then(check);
  const timer = setTimeout(
    () =>
      found.reject(new Error(`${resource.resource} never came to that: ${JSON.stringify(informer.list())}`)),
    15_000,
  );
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
    stop.abort();
    await run;
  }
}
