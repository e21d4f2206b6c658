/**
 * API rates: 16 clients over TLS and HTTP/2, objects of 1.5 KB, our server and store in a process of their own.
 *
 *   node bench/api.ts            prints a Markdown table and writes bench/results/api.md
 *   node bench/api.ts --seconds 2
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../src/apiserver/index.ts';
import { silentLog } from '../src/base/index.ts';
import { openLmdbStore } from '../src/store/index.ts';

const CLIENTS = 16;
const WRITES_PER_SECOND = 200;
const NAMESPACE = '/api/v1/namespaces/default';

interface Served {
  port: number;
  ca: string;
  certificate: string;
  key: string;
}

interface Row {
  name: string;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** Of the server's process; `anonymousMb` is memory of its own, the rest of resident are pages of files (LMDB's map). */
interface Usage {
  cpuSeconds: number;
  residentMb: number;
  anonymousMb: number;
  heapMb: number;
  buffersMb: number;
}

function usageNow(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const anonymous = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  return {
    cpuSeconds: (user + system) / 1e6,
    residentMb: rss / 2 ** 20,
    anonymousMb: Number(anonymous?.[1] ?? 0) / 1024,
    heapMb: heapUsed / 2 ** 20,
    buffersMb: arrayBuffers / 2 ** 20,
  };
}

async function serve(directory: string): Promise<void> {
  const pki = await ensurePki(join(directory, 'pki'));
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const server = await createApiServer({
    store,
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.1.0',
    advertise: { address: '192.0.2.1', port: 6443 },
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  await server.bootstrap();
  const { certificate, key } = await pki.issueClientCertificate({
    commonName: 'bench',
    organizations: ['system:masters'],
  });
  const served: Served = { port, ca: pki.caCertificatePem, certificate, key };
  process.send!(served);
  process.on('message', () => {
    process.send!(usageNow());
  });
  await once(process, 'disconnect');
  await server.close();
  await store.close();
}

class Client {
  readonly #session: ClientHttp2Session;

  constructor({ port, ca, certificate, key }: Served) {
    this.#session = connect(`https://127.0.0.1:${port}`, { ca, cert: certificate, key });
  }

  request(
    method: string,
    path: string,
    body?: string,
    headers: Readonly<Record<string, string>> = body === undefined
      ? {}
      : { 'content-type': 'application/json' },
    onData?: (chunk: Buffer) => void,
  ): Promise<{ status: number; bytes: number }> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': method,
        ':path': path,
        ...headers,
      });
      let status = 0;
      let bytes = 0;
      stream.on('response', (headers) => (status = Number(headers[':status'])));
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        onData?.(chunk);
      });
      stream.on('end', () => resolve({ status, bytes }));
      stream.on('error', reject);
      stream.end(body);
    });
  }

  /** Hands on what a watch says, whole lines or parts of them; resolves when the watch has begun. */
  watch(path: string, onText: (chunk: Buffer) => void): Promise<ClientHttp2Stream> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':method': 'GET', ':path': path });
      stream.on('response', () => resolve(stream));
      stream.on('error', reject);
      stream.on('data', onText);
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

function configMap(name: string): string {
  const data = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`key-${index}`, 'x'.repeat(110)]),
  );
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { app: 'bench', half: name.endsWith('0') ? 'a' : 'b' } },
    data,
  });
}

/** Every client does one operation after the other for that long. */
async function measure(
  name: string,
  clients: readonly Client[],
  seconds: number,
  operation: (client: Client, sequence: number) => Promise<void>,
): Promise<Row> {
  const latencies: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const startMs = performance.now();
  let sequence = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < endMs) {
        const began = performance.now();
        await operation(client, sequence++);
        latencies.push(performance.now() - began);
      }
    }),
  );
  return row(name, latencies, (performance.now() - startMs) / 1000);
}

function row(name: string, latencies: number[], seconds: number): Row {
  latencies.sort((a, b) => a - b);
  const at = (part: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))]!;
  return { name, perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function expecting(wanted: number) {
  return ({ status }: { status: number }) => {
    if (status !== wanted) throw new Error(`the server answered ${status}, not ${wanted}`);
  };
}

const WATCH_FROM_NOW = `${NAMESPACE}/configmaps?watch=true&timeoutSeconds=600&resourceVersion=`;

async function currentRevision(client: Client): Promise<string> {
  let text = '';
  await client.request('GET', `${NAMESPACE}/configmaps?limit=1`, undefined, {}, (chunk) => (text += chunk));
  return (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

/** As many writes as fit, and everyone watches all of them. */
async function measureFlood(clients: readonly Client[], seconds: number): Promise<Row> {
  let delivered = 0;
  const revision = await currentRevision(clients[0]!);
  const watches = await Promise.all(
    clients.map((client) =>
      client.watch(WATCH_FROM_NOW + revision, (chunk) => {
        for (const byte of chunk) if (byte === 10) delivered++;
      }),
    ),
  );
  const startMs = performance.now();
  const writes = await measure('', clients, seconds, async (client, sequence) => {
    expecting(201)(await client.request('POST', `${NAMESPACE}/configmaps`, configMap(`w-${sequence}`)));
  });
  const perSecond = delivered / ((performance.now() - startMs) / 1000);
  for (const watch of watches) watch.close();
  return { ...writes, name: `watch: events to ${CLIENTS} watchers, writes at full rate`, perSecond };
}

/** From the acknowledgement of a write until each watcher has its event; negative when the event was first. */
async function measureDelivery(clients: readonly Client[], seconds: number): Promise<Row> {
  const acknowledged = new Map<string, number>();
  const arrivals: { name: string; atMs: number }[] = [];
  const revision = await currentRevision(clients[0]!);
  const watches = await Promise.all(
    clients.map((client) => {
      let rest = '';
      return client.watch(WATCH_FROM_NOW + revision, (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop()!;
        const atMs = performance.now();
        for (const line of lines) arrivals.push({ name: /"name":"([^"]+)"/.exec(line)![1]!, atMs });
      });
    }),
  );
  const total = WRITES_PER_SECOND * seconds;
  const startMs = performance.now();
  const writes: Promise<void>[] = [];
  for (let sequence = 0; sequence < total; sequence++) {
    const waitMs = startMs + (sequence * 1000) / WRITES_PER_SECOND - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const name = `d-${sequence}`;
    const client = clients[sequence % clients.length]!;
    const path = `${NAMESPACE}/configmaps`;
    writes.push(
      client.request('POST', path, configMap(name)).then((answer) => {
        expecting(201)(answer);
        acknowledged.set(name, performance.now());
      }),
    );
  }
  await Promise.all(writes);
  while (arrivals.length < total * clients.length) await new Promise((resolve) => setTimeout(resolve, 10));
  const elapsed = (performance.now() - startMs) / 1000;
  for (const watch of watches) watch.close();
  const latencies = arrivals.map(({ name, atMs }) => Math.max(0, atMs - acknowledged.get(name)!));
  return row(
    `watch: event after its write's answer, ${WRITES_PER_SECOND} writes/s, ${CLIENTS} watchers`,
    latencies,
    elapsed,
  );
}

/** Watchers that read nothing while much is written: what they cost the server. */
async function measureStalled(clients: readonly Client[], seconds: number): Promise<Row> {
  const revision = await currentRevision(clients[0]!);
  const watches = await Promise.all(
    clients.map(async (client) => {
      const watch = await client.watch(WATCH_FROM_NOW + revision, () => undefined);
      watch.pause();
      return watch;
    }),
  );
  const writes = await measure(
    `create, while ${CLIENTS} watchers read nothing`,
    clients,
    seconds,
    async (client, sequence) => {
      expecting(201)(await client.request('POST', `${NAMESPACE}/configmaps`, configMap(`s-${sequence}`)));
    },
  );
  for (const watch of watches) watch.close();
  return writes;
}

const TABLE = {
  accept:
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
};
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

/** In order; each is measured by itself. */
function operations(clients: readonly Client[], seconds: number): (() => Promise<Row>)[] {
  let created = 0;
  const path = `${NAMESPACE}/configmaps`;
  const oneOf = (sequence: number) => `${path}/c-${sequence % Math.min(created, 1000)}`;
  const reading =
    (name: string, of: (sequence: number) => string, headers = {}) =>
    () =>
      measure(name, clients, seconds, async (client, sequence) => {
        expecting(200)(await client.request('GET', of(sequence), undefined, headers));
      });
  return [
    () =>
      measure('create', clients, seconds, async (client, sequence) => {
        expecting(201)(await client.request('POST', path, configMap(`c-${sequence}`)));
        created++;
      }),
    reading('get', oneOf),
    () =>
      measure('update (merge patch)', clients, seconds, async (client, sequence) => {
        const patch = JSON.stringify({ data: { 'key-0': `v-${sequence}` } });
        expecting(200)(await client.request('PATCH', oneOf(sequence), patch, MERGE_PATCH));
      }),
    reading('list of 500', () => `${path}?limit=500`),
    reading('list of 500 by label', () => `${path}?limit=500&labelSelector=app%3Dbench`),
    reading('list of 500 as Table', () => `${path}?limit=500`, TABLE),
    reading('list of everything (10 MB and more)', () => path),
    () => measureDelivery(clients, seconds),
    () => measureFlood(clients, seconds),
    () => measureStalled(clients, seconds),
  ];
}

type Measured = Row & { cpuPercent: number; cpuMicros: number };

async function run(seconds: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
  const child = fork(import.meta.filename, ['--serve', directory], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [served] = (await once(child, 'message')) as [Served];
  const usage = async () => {
    child.send('usage');
    return ((await once(child, 'message')) as [Usage])[0];
  };
  const memory: [string, Usage][] = [['idle, before', await usage()]];
  const clients = Array.from({ length: CLIENTS }, () => new Client(served));
  const rows: Measured[] = [];
  for (const operation of operations(clients, seconds)) {
    const [before, startMs] = [await usage(), performance.now()];
    const result = await operation();
    const after = await usage();
    const elapsed = (performance.now() - startMs) / 1000;
    const cpu = after.cpuSeconds - before.cpuSeconds;
    rows.push({
      ...result,
      cpuPercent: (cpu / elapsed) * 100,
      cpuMicros: (cpu / (result.perSecond * elapsed)) * 1e6,
    });
    memory.push([`after ${result.name}`, after]);
  }
  for (const client of clients) client.close();
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  memory.push(['30 s later', await usage()]);
  child.disconnect();
  await once(child, 'exit');
  await rm(directory, { recursive: true });
  await report(rows, memory, seconds);
}

async function report(rows: Measured[], memory: [string, Usage][], seconds: number): Promise<void> {
  const lines = [
    '# API rates',
    '',
    `${CLIENTS} clients, one request at a time each, TLS and HTTP/2 on loopback, ConfigMaps of 1.5 KB, LMDB store with`,
    `fsync; ${seconds} s each; clients in one process of their own. ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}.`,
    'Made by `node bench/api.ts`.',
    '',
    '| operation | per second | p50 ms | p99 ms | server CPU % | server CPU µs each |',
    '|---|---:|---:|---:|---:|---:|',
    ...rows.map(
      ({ name, perSecond, p50Ms, p99Ms, cpuPercent, cpuMicros }) =>
        `| ${name} | ${Math.round(perSecond)} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${Math.round(cpuPercent)} | ${Math.round(cpuMicros)} |`,
    ),
    '',
    'The server process: all resident memory; of it anonymous, the rest being pages of files (code, the LMDB map, which',
    'the kernel takes back when it needs them); the JavaScript heap in use; the bytes of its buffers.',
    '',
    '| memory, MB | resident | anonymous | heap | buffers |',
    '|---|---:|---:|---:|---:|',
    ...memory.map(
      ([when, { residentMb, anonymousMb, heapMb, buffersMb }]) =>
        `| ${when} | ${[residentMb, anonymousMb, heapMb, buffersMb].map(Math.round).join(' | ')} |`,
    ),
    '',
  ];
  process.stdout.write(lines.join('\n'));
  await writeFile(join(import.meta.dirname, 'results', 'api.md'), lines.join('\n'));
}

const [flag, value] = process.argv.slice(2);
if (flag === '--serve') await serve(value!);
else await run(flag === '--seconds' ? Number(value) : 4);
