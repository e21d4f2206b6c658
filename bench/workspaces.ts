/**
 * Workspaces: how fast they are made and are Ready, what an idle one costs, what one costs that nobody touched since
 * the start, how soon a watch over all of them delivers, how long it takes until all are gone; and that one tenant's
 * flood leaves another his answers. The built server role, controllers and scheduler in it (`npm run build` first).
 *
 *   node bench/workspaces.ts [--workspaces 10000]
 */

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensurePki } from '../src/apiserver/index.ts';
import { silentLog, systemClock } from '../src/base/index.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  type Client,
  CONFIG_MAPS,
  createClient,
  httpTransport,
  Informer,
  WORKSPACES,
} from '../src/client/index.ts';
import type { corev1, Draft, KubeObject } from '../src/kube/index.ts';
import { type StartedRole, startRole } from './load/role.ts';
import { median, percentile, reportLines, tableLines } from './report.ts';

const PROGRAM = join(import.meta.dirname, '..', 'dist', 'orrery.mjs');
const CREATORS = 64;
/** A role gives back what its start has used once it has come to rest. */
const IDLE_MS = 25_000;
const WATCHED = 500;
const WRITES_PER_SECOND = 100;

interface Workspace extends KubeObject {
  spec?: { cluster?: string };
  status?: { phase?: string };
}

const { values } = parseArgs({ options: { workspaces: { type: 'string', default: '10000' } } });
const count = Number(values.workspaces);
if (!existsSync(PROGRAM)) throw new Error('build first: npm run build');

const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const pki = await ensurePki(join(directory, 'pki'));
const ca = await readFile(pki.paths.caCertificate, 'utf8');

/** As master, or as an ordinary user. */
async function clientOf(role: StartedRole, user?: string): Promise<Client> {
  const { certificate, key } = await pki.issueClientCertificate({
    commonName: user ?? 'bench',
    organizations: user === undefined ? ['system:masters'] : [],
  });
  const server = `https://127.0.0.1:${role.port}`;
  const transport = httpTransport({ server, caPem: ca, certPem: certificate, keyPem: key });
  return createClient(transport, { userAgent: 'bench' });
}

const nameOf = (index: number) => `w${String(index).padStart(6, '0')}`;
const secondsSince = (startMs: number) => (performance.now() - startMs) / 1000;

/** So many at once, each doing the next. */
async function together<T>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: width }, one));
}

/** Follows the Workspaces of root: how many are Ready, and how many there are. */
class Progress {
  readonly clusters = new Map<string, string>();
  readonly #informer: Informer<Workspace>;
  readonly #stop = new AbortController();
  #wake: () => void = () => undefined;

  constructor(client: Client) {
    this.#informer = new Informer<Workspace>({
      client,
      resource: WORKSPACES,
      clock: systemClock,
      log: silentLog,
    });
    const note = ({ metadata, spec, status }: Workspace) => {
      if (status?.phase === 'Ready') this.clusters.set(metadata.name, spec!.cluster!);
      this.#wake();
    };
    this.#informer.addHandler({ onAdd: note, onUpdate: note, onDelete: () => this.#wake() });
    void this.#informer.run(this.#stop.signal);
  }

  async until(done: (informer: Informer<Workspace>) => boolean): Promise<void> {
    await this.#informer.synced();
    while (!done(this.#informer)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  stop(): void {
    this.#stop.abort();
  }
}

async function create(client: Client): Promise<{ seconds: number; clusters: string[] }> {
  const progress = new Progress(client);
  const api = client.resource<Workspace>(WORKSPACES);
  const startMs = performance.now();
  const names = Array.from({ length: count }, (_, index) => nameOf(index));
  await together(CREATORS, names, (name) =>
    api.create({
      apiVersion: 'tenancy.kcp.io/v1alpha1',
      kind: 'Workspace',
      metadata: { name },
    } as Draft<Workspace>),
  );
  await progress.until(() => progress.clusters.size === count);
  const seconds = secondsSince(startMs);
  progress.stop();
  return { seconds, clusters: [...progress.clusters.values()] };
}

/** From the moment a write is sent until a watch over all workspaces has told of it. */
async function watchAll(client: Client, clusters: readonly string[]): Promise<number[]> {
  const stop = new AbortController();
  const sent = new Map<string, number>();
  const latencies: number[] = [];
  const informer = new Informer<corev1.ConfigMap>({
    ...{ client: client.in('*'), resource: CONFIG_MAPS, labelSelector: 'bench=watch' },
    ...{ clock: systemClock, log: silentLog },
  });
  informer.addHandler({
    onAdd: ({ metadata }) => {
      latencies.push(performance.now() - sent.get(metadata.name)!);
    },
  });
  void informer.run(stop.signal);
  await informer.synced();
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < WATCHED; i++) {
    const cluster = clusters[Math.floor((i * clusters.length) / WATCHED)]!;
    const name = `watched-${i}`;
    sent.set(name, performance.now());
    const metadata = { name, namespace: 'default', labels: { bench: 'watch' } };
    writes.push(
      client
        .in(cluster)
        .resource<corev1.ConfigMap>(CONFIG_MAPS)
        .create({ metadata } as Draft<corev1.ConfigMap>),
    );
    await delay(1000 / WRITES_PER_SECOND);
  }
  await Promise.all(writes);
  await delay(1000);
  stop.abort();
  return latencies;
}

/** Reads of a quiet tenant: alone, and while another one writes as fast as it can. Both are ordinary users. */
async function quietTenant(
  role: StartedRole,
  master: Client,
  [quiet, noisy]: readonly [string, string],
): Promise<{ alone: number[]; beside: number[]; flooded: number }> {
  const tenant = async (cluster: string, name: string) => {
    await master
      .in(cluster)
      .resource<KubeObject>(CLUSTER_ROLE_BINDINGS)
      .create({
        metadata: { name: 'bench' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
      } as unknown as Draft<KubeObject>);
    return (await clientOf(role, name)).in(cluster).resource<KubeObject>(CONFIG_MAPS);
  };
  const [reads, flood] = await Promise.all([tenant(quiet, 'quiet'), tenant(noisy, 'noisy')]);
  const sample = async () => {
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const startMs = performance.now();
      await reads.list({ namespace: 'default' });
      times.push(performance.now() - startMs);
      await delay(5);
    }
    return times;
  };
  const alone = await sample();
  let isOver = false;
  let flooded = 0;
  const flooding = Array.from({ length: 128 }, async (_, writer) => {
    for (let i = 0; !isOver; i++) {
      const metadata = { name: `flood-${writer}-${i}`, namespace: 'default' };
      await flood.create({ metadata } as Draft<KubeObject>);
      flooded++;
    }
  });
  const beside = await sample();
  isOver = true;
  await Promise.all(flooding);
  await flood.deleteCollection({ namespace: 'default' });
  return { alone, beside, flooded };
}

async function deleteAll(client: Client): Promise<number> {
  const progress = new Progress(client);
  await progress.until((informer) => informer.size === count);
  const startMs = performance.now();
  const api = client.resource<Workspace>(WORKSPACES);
  const names = Array.from({ length: count }, (_, index) => nameOf(index));
  await together(CREATORS, names, (name) => api.delete(name));
  await progress.until((informer) => informer.size === 0);
  const seconds = secondsSince(startMs);
  progress.stop();
  return seconds;
}

const rows: string[][] = [];
const row = (what: string, measured: string, target: string, met: boolean | undefined) =>
  rows.push([what, measured, target, met === undefined ? '' : met ? 'met' : 'not met']);
const ms = (value: number) => `${value.toFixed(1)} ms`;
try {
  let role = await startRole(PROGRAM, directory);
  let client = await clientOf(role);
  await delay(IDLE_MS);
  const empty = role.usage().anonymousMb;
  row('empty server', `${empty.toFixed(0)} MB`, '', undefined);

  const { seconds, clusters } = await create(client);
  const rate = count / seconds;
  row(`create ${count} to Ready`, `${rate.toFixed(0)}/s`, '≥ 200/s', rate >= 200);
  await delay(IDLE_MS);
  const full = role.usage().anonymousMb;
  const kbEach = ((full - empty) * 1024) / count;
  row('memory of an idle one', `${kbEach.toFixed(1)} KB`, '≤ 20 KB', kbEach <= 20);

  const latencies = await watchAll(client, clusters);
  const p99 = percentile(latencies, 99);
  row(`watch over all, ${WATCHED} writes, p50`, ms(median(latencies)), '', undefined);
  row(
    `watch over all, ${WATCHED} writes, p99`,
    ms(p99),
    '≤ 50 ms',
    latencies.length === WATCHED && p99 <= 50,
  );

  const { alone, beside, flooded } = await quietTenant(role, client, [clusters[0]!, clusters[1]!]);
  row('list of a quiet tenant, alone, p99', ms(percentile(alone, 99)), '', undefined);
  row(
    `the same while another creates ${flooded} objects with 128 clients, p99`,
    ms(percentile(beside, 99)),
    '',
    undefined,
  );

  await role.stop();
  role = await startRole(PROGRAM, directory);
  client = await clientOf(role);
  row(`start on ${count}`, `${(role.readyMs / 1000).toFixed(1)} s`, '≤ 5 s (of 100,000)', undefined);
  await delay(IDLE_MS);
  const restarted = ((role.usage().anonymousMb - empty) * 1024) / count;
  row('memory of one not touched since the start', `${restarted.toFixed(1)} KB`, 'nothing', restarted < 0.5);

  const deletion = await deleteAll(client);
  row(
    `delete ${count}`,
    `${deletion.toFixed(0)} s`,
    `≤ ${(120 * count) / 10_000} s`,
    deletion <= (120 * count) / 10_000,
  );
  await delay(IDLE_MS);
  const left = role.usage().anonymousMb;
  row('memory afterwards, over the empty server', `${(left - empty).toFixed(0)} MB`, 'returned', undefined);
  await role.stop();
} finally {
  await rm(directory, { recursive: true, force: true });
}
reportLines(
  'workspaces',
  `${count} workspaces of root, made by ${CREATORS} clients at once; the server role, everything in one process.`,
  tableLines(['what', 'measured', 'target', ''], rows),
);
