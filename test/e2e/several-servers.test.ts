import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import {
  type Client,
  CONFIG_MAPS,
  createClient,
  DEPLOYMENTS,
  ENDPOINTS,
  type HttpTransport,
  httpTransport,
  LEASES,
  NAMESPACES,
  type ResourceRef,
  readKubeconfig,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../src/client/index.ts';
import type { coordinationv1, corev1, KubeObject } from '../../src/kube/index.ts';
import { openStore, parseStoreUrl } from '../../src/store/index.ts';
import { type CloudStatus, checkout, eventually, freePort, program, run } from '../harness/cloud.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';

/** Leases that end sooner than upstream's, so that nobody waits for a quarter of a minute. */
const LEASE_SECONDS = 4;
const FLAGS = [
  ...['--leader-elect-lease-duration', `${LEASE_SECONDS}s`],
  ...['--leader-elect-renew-deadline', '3s', '--leader-elect-retry-period', '1s'],
  ...['--bind-address', '127.0.0.1', '--cluster-cidr', '10.98.0.0/16', '--service-cidr', '10.99.0.0/16'],
];
const IP_ADDRESSES: ResourceRef = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ipaddresses',
  kind: 'IPAddress',
  namespaced: false,
};

interface Server {
  directory: string;
  client: Client;
  transport: HttpTransport;
  address: string;
  start(...flags: string[]): Promise<void>;
  /** kill -9 of the server and of whoever would start it again. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

let etcd: EtcdCluster;
let one: Server;
let two: Server;
let node: string;

beforeAll(async () => {
  if (!existsSync(program)) throw new Error('the program is not built: npm run build');
  node = execFileSync(process.execPath, [join(checkout, 'bin/which-node.mjs')], { encoding: 'utf8' }).trim();
  etcd = await startEtcd();
  one = await makeServer('192.0.2.11');
  two = await makeServer('192.0.2.12');
  await one.start('--secrets-encryption');
  await two.start('--token-file', join(one.directory, 'token'));
}, 120_000);

afterAll(async () => {
  for (const server of [one, two]) {
    await server?.stop();
    if (server !== undefined) rmSync(server.directory, { recursive: true, force: true });
  }
  await etcd?.stop();
});

async function makeServer(address: string): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-server-'));
  const port = await freePort();
  const orrery = (...args: string[]) =>
    run(node, [program, ...args], { env: { ORRERY_DATA_DIR: directory, NO_COLOR: '1' } });
  const server = {
    directory,
    address,
    start: async (...flags: string[]) => {
      await orrery(
        'server',
        '-d',
        '--port',
        String(port),
        '--node-ip',
        address,
        '--store',
        etcd.url,
        ...FLAGS,
        ...flags,
      );
      const connection = await readKubeconfig(readFileSync(join(directory, 'kubeconfig'), 'utf8'));
      server.transport = httpTransport(connection);
      server.client = createClient(server.transport, { userAgent: 'test' });
    },
    kill: async () => {
      const { pid, roles } = JSON.parse(await orrery('status', '-o', 'json')) as CloudStatus;
      for (const one of [pid, ...roles.map((role) => role.pid)]) process.kill(one, 'SIGKILL');
    },
    stop: async () => {
      server.transport?.close();
      await orrery('down');
    },
  } as Server;
  return server;
}

const configMaps = (server: Server) => server.client.resource<corev1.ConfigMap>(CONFIG_MAPS);
const secrets = (server: Server) => server.client.resource<corev1.Secret>(SECRETS);
const makeNamespace = (name: string) =>
  one.client.resource<corev1.Namespace>(NAMESPACES).create({ metadata: { name } } as never);
/** What was stored and what was refused. */
const settled = async (writes: Promise<unknown>[]) => {
  const results = await Promise.allSettled(writes);
  return {
    stored: results.filter(({ status }) => status === 'fulfilled').length,
    refused: results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : [])),
  };
};

test('what is made through one server is seen by a watch through the other', async () => {
  const { metadata } = await configMaps(two).list({ namespace: 'default' });
  const ending = new AbortController();
  const events = configMaps(two).watch({
    namespace: 'default',
    resourceVersion: metadata.resourceVersion!,
    signal: ending.signal,
  });
  const made = await configMaps(one).create({ metadata: { name: 'seen', namespace: 'default' } });
  for await (const { type, object } of events) {
    expect([type, object.metadata.uid]).toEqual(['ADDED', made.metadata.uid]);
    break;
  }
  ending.abort();
});

test('a token that one server gave is known to the other', async () => {
  const accounts = one.client.resource<corev1.ServiceAccount>(SERVICE_ACCOUNTS);
  const { status } = await accounts.createSubresource<{ status: { token: string } }>(
    'default',
    'token',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    'default',
  );
  const connection = await readKubeconfig(readFileSync(join(two.directory, 'kubeconfig'), 'utf8'));
  const transport = httpTransport({
    server: connection.server,
    token: status.token,
    ...(connection.caPem !== undefined && { caPem: connection.caPem }),
  });
  const reviews = createClient(transport, { userAgent: 'test' }).resource<
    KubeObject & { status?: { userInfo: { username: string } } }
  >({
    group: 'authentication.k8s.io',
    version: 'v1',
    resource: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    namespaced: false,
  });
  const review = await reviews.create({ metadata: {} });
  expect(review.status?.userInfo.username).toBe('system:serviceaccount:default:default');
  transport.close();
});

test('both are endpoints of the kubernetes service, and known by their Leases', async () => {
  const endpoints = await one.client.resource<corev1.Endpoints>(ENDPOINTS).get('kubernetes', 'default');
  const ips = endpoints.subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip) ?? []);
  expect(ips?.sort()).toEqual([one.address, two.address]);
  const { items } = await two.client.resource<coordinationv1.Lease>(LEASES).list({
    namespace: 'kube-system',
    labelSelector: 'apiserver.kubernetes.io/identity=kube-apiserver',
  });
  expect(items.map(({ metadata }) => metadata.name)).toEqual([
    expect.stringMatching(/^apiserver-[a-z2-7]{26}$/),
    expect.stringMatching(/^apiserver-[a-z2-7]{26}$/),
  ]);
});

test('a definition that is established through one server is served by the other at once', async () => {
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const version = { name: 'v1', served: true, storage: true, schema };
  const definitions = one.client.resource<
    KubeObject & { status?: { conditions?: { type: string; status: string }[] } }
  >({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  });
  const name = 'widgets.example.org';
  const spec = { group: 'example.org', scope: 'Cluster', names, versions: [version] };
  await definitions.create({ metadata: { name }, spec } as never);
  await eventually('it is established', async () => {
    const { status } = await definitions.get(name);
    return (
      status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') || undefined
    );
  });
  const widgets = {
    group: 'example.org',
    version: 'v1',
    resource: 'widgets',
    kind: 'Widget',
    namespaced: false,
  };
  await two.client.resource(widgets).create({ metadata: { name: 'first' } });
});

test('200 services made through both at once have addresses and ports of their own', async () => {
  await makeNamespace('many');
  const create = (i: number) =>
    (i % 2 === 0 ? one : two).client.resource<corev1.Service>(SERVICES).create({
      metadata: { name: `s${i}`, namespace: 'many' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] } as corev1.ServiceSpec,
    });
  const services = await Promise.all(Array.from({ length: 200 }, (_, i) => create(i)));
  expect(new Set(services.map(({ spec }) => spec.clusterIP)).size).toBe(200);
  expect(new Set(services.map(({ spec }) => spec.ports![0]!.nodePort)).size).toBe(200);
  const { items } = await two.client.resource(IP_ADDRESSES).list({});
  expect(items.map(({ metadata }) => metadata.name)).toEqual(
    expect.arrayContaining(services.map(({ spec }) => spec.clusterIP)),
  );
  await one.client.resource(SERVICES).deleteCollection({ namespace: 'many' });
  const left = await two.client.resource(IP_ADDRESSES).list({});
  expect(left.items.map(({ metadata }) => metadata.name)).toEqual(['10.99.0.1']);
});

test('a quota holds over both', async () => {
  await makeNamespace('limited');
  const quotas: ResourceRef = {
    group: '',
    version: 'v1',
    resource: 'resourcequotas',
    kind: 'ResourceQuota',
    namespaced: true,
  };
  type Quota = corev1.ResourceQuota;
  await one.client
    .resource<Quota>(quotas)
    .create({ metadata: { name: 'few', namespace: 'limited' }, spec: { hard: { 'count/secrets': '10' } } });
  const used = async () =>
    (await two.client.resource<Quota>(quotas).get('few', 'limited')).status?.used?.['count/secrets'];
  await eventually('the quota is counted', async () => ((await used()) === '0' ? true : undefined));
  const create = (i: number) =>
    secrets(i % 2 === 0 ? one : two).create({ metadata: { name: `s${i}`, namespace: 'limited' } });
  const { stored, refused } = await settled(Array.from({ length: 40 }, (_, i) => create(i)));
  expect(refused.find((why) => !why.includes('exceeded quota: few'))).toBeUndefined();
  expect(stored).toBe(10);
  const { items } = await secrets(two).list({ namespace: 'limited' });
  expect(items).toHaveLength(10);
  for (const { metadata } of items.slice(0, 3))
    await secrets(one).delete(metadata.name, { namespace: 'limited' });
  await eventually('what is gone is free again', async () => ((await used()) === '7' ? true : undefined));

  // Counting anew after deletions does not lose what another server has on its way.
  let most = 0;
  const churn = async (worker: number) => {
    const server = worker % 2 === 0 ? one : two;
    for (let i = 0; i < 8; i++) {
      const name = `c${worker}-${i}`;
      const made = await settled([secrets(server).create({ metadata: { name, namespace: 'limited' } })]);
      if (made.stored === 0) continue;
      most = Math.max(most, (await secrets(server).list({ namespace: 'limited' })).items.length);
      await secrets(server).delete(name, { namespace: 'limited' });
    }
  };
  await Promise.all(Array.from({ length: 24 }, (_, worker) => churn(worker)));
  expect(most).toBeGreaterThan(7);
  expect(most).toBeLessThanOrEqual(10);
  await eventually('all that is gone is free again', async () => ((await used()) === '7' ? true : undefined));
}, 60_000);

test('Secrets lie encrypted in the store, and either server reads them', async () => {
  const data = { word: Buffer.from('xylophone').toString('base64') };
  const sent = { metadata: { name: 'hidden', namespace: 'default' }, data };
  const made = await secrets(one).create(sent);
  const read = await secrets(two).get('hidden', 'default');
  expect(read).toEqual(made);
  const store = await openStore({ location: parseStoreUrl(etcd.url), log: silentLog });
  const stored = Buffer.from((await store.get('/core/secrets/root/default/hidden'))!.value).toString(
    'latin1',
  );
  await store.close();
  expect(stored).toMatch(/^k8s:enc:aesgcm:v1:key-[0-9a-f]{8}:/);
  expect(stored).not.toContain(data.word);
});

/** All ADDED events of a namespace from a revision on: on the first server, and when that is gone on the second. */
async function follow(
  namespace: string,
  from: string,
  signal: AbortSignal,
  seen: { name: string; revision: number }[],
) {
  let resourceVersion = from;
  for (let server = one; !signal.aborted; server = two)
    try {
      for await (const { type, object } of configMaps(server).watch({ namespace, resourceVersion, signal })) {
        resourceVersion = object.metadata.resourceVersion;
        if (type === 'ADDED') seen.push({ name: object.metadata.name, revision: Number(resourceVersion) });
      }
    } catch (error) {
      if (!signal.aborted && server === two) throw error;
    }
}

test('a server killed under 32 writers loses no write, and a watch goes on through the other', async () => {
  await makeNamespace('killed');
  // What its controllers put there comes before the count.
  await eventually('kube-root-ca.crt', () => configMaps(two).get('kube-root-ca.crt', 'killed'));
  const { metadata } = await configMaps(one).list({ namespace: 'killed' });
  const seen: { name: string; revision: number }[] = [];
  const ending = new AbortController();
  const following = follow('killed', metadata.resourceVersion!, ending.signal, seen);
  const acknowledged: string[] = [];
  let failed = 0;
  const write = async (writer: number) => {
    let server = one;
    for (let i = 0; i < 25; i++)
      try {
        const name = `w${writer}-${i}`;
        await configMaps(server).create({ metadata: { name, namespace: 'killed' }, data: { name } });
        acknowledged.push(name);
        if (acknowledged.length === 200) await one.kill();
      } catch {
        failed++;
        server = two;
      }
  };
  await Promise.all(Array.from({ length: 32 }, (_, writer) => write(writer)));
  expect(failed).toBeGreaterThan(0);
  const { items } = await configMaps(two).list({ namespace: 'killed' });
  const stored = new Set(items.map((one) => one.metadata.name));
  expect(acknowledged.filter((name) => !stored.has(name))).toEqual([]);
  await eventually('the watch is up to date', async () =>
    seen.length >= items.length - 1 ? true : undefined,
  );
  ending.abort();
  await following;
  expect(new Set(seen.map(({ name }) => name)).size).toBe(seen.length);
  expect(seen.map(({ revision }) => revision)).toEqual(
    seen.map(({ revision }) => revision).toSorted((a, b) => a - b),
  );
  const delivered = new Set(seen.map(({ name }) => name));
  expect(acknowledged.filter((name) => !delivered.has(name))).toEqual([]);
}, 120_000);

const holderOf = async (server: Server, name: string) =>
  (await server.client.resource<coordinationv1.Lease>(LEASES).get(name, 'kube-system')).spec.holderIdentity;

test('the controllers go on elsewhere when the lease of a killed server has ended', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await two.client.resource(DEPLOYMENTS).create({
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template },
  } as never);
  await eventually(
    'a pod is made',
    async () => {
      const pods: ResourceRef = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
      const { items } = await two.client.resource(pods).list({ namespace: 'default' });
      return items.length > 0 ? true : undefined;
    },
    (LEASE_SECONDS + 5) * 1000,
  );
}, 60_000);

test('a server that stops cleanly hands the lead over at once, and is an endpoint no more', async () => {
  await one.start();
  const before = await holderOf(two, 'kube-controller-manager');
  const events = one.client.resource<coordinationv1.Lease>(LEASES).watch({
    namespace: 'kube-system',
    fieldSelector: 'metadata.name=kube-controller-manager',
    resourceVersion: (await one.client.resource(LEASES).list({ namespace: 'kube-system' })).metadata
      .resourceVersion!,
    signal: AbortSignal.timeout(20_000),
  });
  const stopping = two.stop();
  let releasedAtMs = 0;
  for await (const { object } of events) {
    const holder = object.spec.holderIdentity;
    if (!holder) releasedAtMs = performance.now();
    else if (holder !== before) break;
  }
  expect(releasedAtMs).toBeGreaterThan(0);
  expect(performance.now() - releasedAtMs).toBeLessThan(900);
  await stopping;
  const endpoints = await one.client.resource<corev1.Endpoints>(ENDPOINTS).get('kubernetes', 'default');
  expect(endpoints.subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip) ?? [])).toEqual([
    one.address,
  ]);
}, 60_000);

test('two servers that start at once on an empty store become one cluster', async () => {
  const fresh = [await makeServer('192.0.2.21'), await makeServer('192.0.2.22')] as const;
  try {
    const flags = ['--etcd-prefix', '/fresh', '--token', 'a word they both know'];
    await Promise.all(fresh.map((server) => server.start(...flags)));
    const authority = (server: Server) => readFileSync(join(server.directory, 'pki', 'ca.crt'), 'utf8');
    expect(authority(fresh[0])).toBe(authority(fresh[1]));
    const names = async (server: Server) =>
      (await server.client.resource(NAMESPACES).list()).items.map(({ metadata }) => metadata.name);
    // The last is a controller's: where the root's exports have their identities.
    const all = ['default', 'kcp-system', 'kube-node-lease', 'kube-public', 'kube-system'];
    for (const server of fresh) await expect.poll(() => names(server), { timeout: 20_000 }).toEqual(all);
  } finally {
    for (const server of fresh) {
      await server.stop();
      rmSync(server.directory, { recursive: true, force: true });
    }
  }
}, 60_000);
