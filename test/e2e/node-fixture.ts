import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../../src/apiserver/index.ts';
import { createLog, type Log, silentLog, systemClock } from '../../src/base/index.ts';
import { componentClients } from '../../src/cli/component-clients.ts';
import {
  BackgroundEventRecorder,
  type Client,
  createClient,
  EVENTS,
  NODES,
  PODS,
  SERVICE_ACCOUNTS,
  type Transport,
  Unreachable,
} from '../../src/client/index.ts';
import { createControllers } from '../../src/controllers/index.ts';
import { type Engine, openEngine } from '../../src/engine/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import { createNode, type Node, removePodFolders, removeServiceRules } from '../../src/node/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';

export const NODE_NAME = 'earth';
export const SHELL_IMAGE = 'local/shell';
const PROGRAMS = ['sh', 'sleep', 'cat', 'id', 'env', 'ls', 'touch', 'tail', 'hostname', 'mount', 'stat'];

/** An API server in memory with its controllers, and a real node over a real engine; no process of its own. */
export interface NodeFixture {
  directory: string;
  instance: string;
  engine: Engine;
  /** The administrator's. */
  client: Client;
  /** The node that runs now. */
  node: Node;
  startNode(): Promise<void>;
  /** Ends the node's work as a kill would: nothing is stopped. */
  stopNode(): Promise<void>;
  /** The API server does not answer the node until told otherwise. */
  cutOff(isCut: boolean): void;
  /** Makes a pod bound to the node. */
  run(name: string, spec: Partial<corev1.PodSpec> & { containers: corev1.Container[] }): Promise<corev1.Pod>;
  pod(name: string): Promise<corev1.Pod>;
  /** Waits, by watch, until the pod is as wished. */
  until(
    name: string,
    what: string,
    isIt: (pod: corev1.Pod) => boolean,
    timeoutMs?: number,
  ): Promise<corev1.Pod>;
  untilReady(name: string): Promise<corev1.Pod>;
  untilGone(name: string): Promise<void>;
  remove(name: string, graceSeconds?: number): Promise<void>;
  events(name: string): Promise<string[]>;
  untilEvent(name: string, text: string | RegExp): Promise<string>;
  /** What a command in the pod's first container prints. */
  exec(name: string, script: string): Promise<string>;
  /** Everything of pods on this host. */
  traces(): Promise<Record<string, string[]>>;
  dispose(): Promise<void>;
}

/** A shell that runs `script`. */
export function shell(name: string, script: string, more: Partial<corev1.Container> = {}): corev1.Container {
  return { name, image: SHELL_IMAGE, imagePullPolicy: 'IfNotPresent', args: ['-c', script], ...more };
}

export async function startNodeFixture(options: { verbose?: boolean } = {}): Promise<NodeFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-node-'));
  const instance = randomBytes(3).toString('hex');
  const log: Log = options.verbose ? createLog({ level: 'debug' }) : silentLog;
  const octet = 100 + Math.floor(Math.random() * 100);
  const podCidr = `10.${octet}.${Math.floor(Math.random() * 250)}.0/24`;
  for (const name of ['engine', 'node', 'store', 'pki']) await mkdir(join(directory, name));
  const stop = new AbortController();
  const pki = await ensurePki(join(directory, 'pki'));
  const store = await openLmdbStore({ directory: join(directory, 'store'), log });
  const server = await createApiServer({
    store,
    pki: pki.paths,
    log,
    productVersion: '0.1.0',
    advertise: { address: '127.0.0.1', port: 1 },
  });
  await server.bootstrap();
  const transport = (name: string, groups: string[]) => server.localTransport({ name, groups });
  const client = createClient(transport('orrery-admin', ['system:masters']), { userAgent: 'test' });
  const recorder = new BackgroundEventRecorder({ client, component: 'controllers', clock: systemClock, log });
  const clients = componentClients(server);
  const controllers = createControllers({
    client: clients.controllerManager,
    clientFor: clients.controller,
    recorder,
    clock: systemClock,
    log,
    config: {
      caPem: pki.caCertificatePem,
      clusterCidr: '10.42.0.0/16',
      localPathDirectory: join(directory, 'storage'),
    },
  });
  const background = [recorder.run(stop.signal), controllers.run(stop.signal)];
  const engine = await openEngine({ directory: join(directory, 'engine'), instance, subnet: podCidr, log });
  await engine.images.pack({ reference: SHELL_IMAGE, binaries: PROGRAMS });
  const identity = transport(`system:node:${NODE_NAME}`, ['system:nodes']);
  let isCut = false;
  const nodeTransport: Transport = {
    request: async (request) => {
      if (isCut) throw new Unreachable('connect ECONNREFUSED');
      return await identity.request(request);
    },
  };
  const pair = await pki.issueCertificate({
    commonName: `system:node:${NODE_NAME}`,
    organizations: ['system:nodes'],
    hosts: ['127.0.0.1'],
    usages: ['client', 'server'],
  });
  let running: { node: Node; stop: AbortController; done: Promise<void> } | undefined;

  const pods = client.resource<corev1.Pod>(PODS);
  const fixture: NodeFixture = {
    directory,
    instance,
    engine,
    client,
    get node() {
      return running!.node;
    },
    startNode: async () => {
      const node = await createNode({
        name: NODE_NAME,
        ip: '127.0.0.1',
        directory: join(directory, 'node'),
        storageDirectory: join(directory, 'storage'),
        instance,
        engine: await openEngine({ directory: join(directory, 'engine'), instance, subnet: podCidr, log }),
        client: createClient(nodeTransport, { userAgent: 'node' }),
        podCidr,
        server: {
          tls: { keyPem: pair.key, certPem: pair.certificate, caPem: pki.caCertificatePem },
          host: '127.0.0.1',
          port: 0,
        },
        version: '0.1.0',
        clock: systemClock,
        log,
      });
      const stopNode = new AbortController();
      running = { node, stop: stopNode, done: node.run(stopNode.signal) };
      running.done.catch((error) => log.error('the node ended', { error }));
      if (!isCut) await node.ready();
    },
    stopNode: async () => {
      running?.stop.abort();
      await running?.done;
      running = undefined;
    },
    cutOff: (value) => {
      isCut = value;
    },
    run: (name, spec) =>
      pods.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', labels: { app: name } },
        spec: { nodeName: NODE_NAME, terminationGracePeriodSeconds: 1, initContainers: [], ...spec },
      }),
    pod: (name) => pods.get(name, 'default'),
    until: async (name, what, isIt, timeoutMs = 30_000) => {
      const signal = AbortSignal.timeout(timeoutMs);
      let last: corev1.Pod | undefined;
      const scope = { namespace: 'default', fieldSelector: `metadata.name=${name}` };
      const list = await pods.list(scope);
      for (const pod of list.items) if (isIt(pod)) return pod;
      last = list.items[0];
      try {
        const resourceVersion = list.metadata.resourceVersion!;
        for await (const { type, object } of pods.watch({ ...scope, resourceVersion, signal })) {
          if (type === 'BOOKMARK') continue;
          last = object;
          if (type !== 'DELETED' && isIt(object)) return object;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      const events = (await fixture.events(name)).join('\n');
      throw new Error(`${name} is not ${what}: ${JSON.stringify(last?.status, null, 1)}\n${events}`);
    },
    untilReady: (name) =>
      fixture.until(
        name,
        'Ready',
        (pod) => pod.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True',
      ),
    untilGone: async (name) => {
      const scope = { namespace: 'default', fieldSelector: `metadata.name=${name}` };
      const list = await pods.list(scope);
      if (list.items.length === 0) return;
      const signal = AbortSignal.timeout(30_000);
      const resourceVersion = list.metadata.resourceVersion!;
      for await (const { type } of pods.watch({ ...scope, resourceVersion, signal }))
        if (type === 'DELETED') return;
      throw new Error(`${name} is still there`);
    },
    remove: async (name, gracePeriodSeconds) => {
      await pods.delete(name, {
        namespace: 'default',
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      });
    },
    events: async (name) => {
      const { items } = await client.resource<corev1.Event>(EVENTS).list({ namespace: 'default' });
      return items
        .filter((event) => event.involvedObject.name === name)
        .map(
          (event) =>
            `${event.type} ${event.reason} ${event.involvedObject.fieldPath ?? '-'} ${event.message}`,
        );
    },
    untilEvent: async (name, text) => {
      const matches = (line: string) => (typeof text === 'string' ? line.includes(text) : text.test(line));
      const resource = client.resource<corev1.Event>(EVENTS);
      const list = await resource.list({ namespace: 'default' });
      const known = (await fixture.events(name)).find(matches);
      if (known !== undefined) return known;
      const signal = AbortSignal.timeout(30_000);
      const watch = resource.watch({
        namespace: 'default',
        resourceVersion: list.metadata.resourceVersion!,
        signal,
      });
      for await (const { object } of watch) {
        const line = `${object.type} ${object.reason} ${object.involvedObject?.fieldPath ?? '-'} ${object.message}`;
        if (object.involvedObject?.name === name && matches(line)) return line;
      }
      throw new Error(`no such event of ${name}: ${text}\n${(await fixture.events(name)).join('\n')}`);
    },
    exec: async (name, script) => {
      const found = fixture.node.pods.find('default', name);
      const id = found!.containers.find(({ state }) => state === 'running')!.engineId!;
      const session = await engine.exec(id, { command: ['sh', '-c', script], tty: false, stdin: false });
      let text = '';
      session.stdout.on('data', (chunk) => {
        text += String(chunk);
      });
      session.stderr?.on('data', (chunk) => {
        text += String(chunk);
      });
      await session.exit;
      return text.trim();
    },
    traces: async () => {
      const { readFile } = await import('node:fs/promises');
      const holdings = await engine.holdings();
      const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
        .split('\n')
        .filter((line) => line.includes(join(directory, 'node')));
      const folders = await readdir(join(directory, 'node', 'pods')).catch(() => []);
      return { ...holdings, podMounts: mounts, folders };
    },
    dispose: async () => {
      await fixture.stopNode();
      stop.abort();
      await server.close({ graceMs: 100 });
      await Promise.allSettled(background);
      await store.close();
      await engine.reset();
      await removePodFolders(join(directory, 'node'));
      await removeServiceRules({ instance, bridge: `orr${instance}` });
      await rm(directory, { recursive: true, force: true });
    },
  };
  // Pods are refused before their service account is there.
  const accounts = client.resource(SERVICE_ACCOUNTS);
  const list = await accounts.list({ namespace: 'default' });
  if (!list.items.some(({ metadata }) => metadata.name === 'default')) {
    const signal = AbortSignal.timeout(10_000);
    const resourceVersion = list.metadata.resourceVersion!;
    for await (const { object } of accounts.watch({ namespace: 'default', resourceVersion, signal }))
      if (object.metadata.name === 'default') break;
  }
  await fixture.startNode();
  await client.resource<corev1.Node>(NODES).get(NODE_NAME);
  return fixture;
}
