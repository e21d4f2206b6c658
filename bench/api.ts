/**
 * API rates: 16 clients over TLS and HTTP/2, objects of 1.5 KB, our server and store in a process of their own.
 *
 *   node bench/api.ts            prints a Markdown table and writes bench/results/api.md
 *   node bench/api.ts --seconds 2
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../src/apiserver/index.ts';
import { silentLog } from '../src/base/index.ts';
import { openLmdbStore } from '../src/store/index.ts';

const CLIENTS = 16;
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
    const { user, system } = process.cpuUsage();
    process.send!({ cpuSeconds: (user + system) / 1e6, rssMb: process.memoryUsage.rss() / 2 ** 20 });
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
    contentType = 'application/json',
  ): Promise<{ status: number; bytes: number }> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': method,
        ':path': path,
        ...(body !== undefined && { 'content-type': contentType }),
      });
      let status = 0;
      let bytes = 0;
      stream.on('response', (headers) => (status = Number(headers[':status'])));
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
      stream.on('end', () => resolve({ status, bytes }));
      stream.on('error', reject);
      stream.end(body);
    });
  }

  /** Calls `onEvent` for every line of a watch; resolves when the watch has begun. */
  watch(path: string, onEvent: (count: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':method': 'GET', ':path': path });
      stream.on('response', () => resolve());
      stream.on('error', reject);
      stream.on('data', (chunk: Buffer) => {
        let count = 0;
        for (const byte of chunk) if (byte === 10) count++;
        if (count > 0) onEvent(count);
      });
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

async function measureWatch(clients: readonly Client[], seconds: number): Promise<Row> {
  let delivered = 0;
  await Promise.all(
    clients.map((client) =>
      client.watch(
        `${NAMESPACE}/configmaps?watch=true&resourceVersion=&fieldSelector=metadata.namespace=default&timeoutSeconds=600`,
        (count) => {
          delivered += count;
        },
      ),
    ),
  );
  // The initial events first.
  for (let last = -1; last !== delivered; ) {
    last = delivered;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const before = delivered;
  const startMs = performance.now();
  const writes = await measure('', clients, seconds, async (client, sequence) => {
    expecting(201)(await client.request('POST', `${NAMESPACE}/configmaps`, configMap(`w-${sequence}`)));
  });
  const events = () => (delivered - before) / ((performance.now() - startMs) / 1000);
  return { ...writes, name: `watch: events delivered to ${CLIENTS} watchers`, perSecond: events() };
}

async function run(seconds: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
  const child = fork(import.meta.filename, ['--serve', directory], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [served] = (await once(child, 'message')) as [Served];
  const clients = Array.from({ length: CLIENTS }, () => new Client(served));
  const usage = async () => {
    child.send('usage');
    return ((await once(child, 'message')) as [{ cpuSeconds: number; rssMb: number }])[0];
  };
  const rows: (Row & { cpuPercent: number })[] = [];
  const record = async (measured: () => Promise<Row>) => {
    const [before, startMs] = [await usage(), performance.now()];
    const result = await measured();
    const after = await usage();
    const cpuPercent =
      ((after.cpuSeconds - before.cpuSeconds) / ((performance.now() - startMs) / 1000)) * 100;
    rows.push({ ...result, cpuPercent });
  };
  let created = 0;
  await record(() =>
    measure('create', clients, seconds, async (client, sequence) => {
      expecting(201)(await client.request('POST', `${NAMESPACE}/configmaps`, configMap(`c-${sequence}`)));
      created++;
    }),
  );
  await record(() =>
    measure('get', clients, seconds, async (client, sequence) => {
      expecting(200)(
        await client.request('GET', `${NAMESPACE}/configmaps/c-${sequence % Math.min(created, 1000)}`),
      );
    }),
  );
  await record(() =>
    measure('update (merge patch)', clients, seconds, async (client, sequence) => {
      const patch = JSON.stringify({ data: { 'key-0': `v-${sequence}` } });
      const path = `${NAMESPACE}/configmaps/c-${sequence % Math.min(created, 1000)}`;
      expecting(200)(await patched(client, path, patch));
    }),
  );
  await record(() =>
    measure('list of 500', clients, seconds, async (client) => {
      expecting(200)(await client.request('GET', `${NAMESPACE}/configmaps?limit=500`));
    }),
  );
  await record(() =>
    measure('list of 500 by label', clients, seconds, async (client) => {
      expecting(200)(
        await client.request('GET', `${NAMESPACE}/configmaps?limit=500&labelSelector=app%3Dbench`),
      );
    }),
  );
  await record(() => measureWatch(clients, seconds));
  const { rssMb } = await usage();
  for (const client of clients) client.close();
  child.disconnect();
  await once(child, 'exit');
  await rm(directory, { recursive: true });
  await report(rows, rssMb, seconds);
}

function patched(client: Client, path: string, patch: string) {
  return client.request('PATCH', path, patch, 'application/merge-patch+json');
}

async function report(rows: (Row & { cpuPercent: number })[], rssMb: number, seconds: number): Promise<void> {
  const lines = [
    '# API rates',
    '',
    `${CLIENTS} clients, one request at a time each, TLS and HTTP/2 on loopback, ConfigMaps of 1.5 KB, LMDB store with`,
    `fsync; ${seconds} s each; clients in one process of their own. ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}.`,
    'Made by `node bench/api.ts`.',
    '',
    '| operation | per second | p50 ms | p99 ms | server CPU % |',
    '|---|---:|---:|---:|---:|',
    ...rows.map(
      ({ name, perSecond, p50Ms, p99Ms, cpuPercent }) =>
        `| ${name} | ${Math.round(perSecond)} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${Math.round(cpuPercent)} |`,
    ),
    '',
    `Server's resident memory afterwards: ${Math.round(rssMb)} MB.`,
    '',
  ];
  process.stdout.write(lines.join('\n'));
  await writeFile(join(import.meta.dirname, 'results', 'api.md'), lines.join('\n'));
}

const [flag, value] = process.argv.slice(2);
if (flag === '--serve') await serve(value!);
else await run(flag === '--seconds' ? Number(value) : 5);
