/**
 * What the store does in a second, and what a durable write costs below it. Run with the product's Node:
 *
 *     node bench/store.ts [DIRECTORY]
 *
 * Writes bench/results/store.md. DIRECTORY says which disk; default is the system's temporary folder.
 */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../src/base/index.ts';
import { openLmdbStore, type Store } from '../src/store/index.ts';

const SECONDS = 3;
const VALUE_BYTES = 1500;
const home = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'orrery-bench-store-'));
const rows: [what: string, result: string, note: string][] = [];
const row = (what: string, result: string, note = ''): void => {
  rows.push([what, result, note]);
  console.log(`${what.padEnd(46)} ${result.padStart(16)}  ${note}`);
};
const value = { bytes: Buffer.alloc(VALUE_BYTES, 'value-') };
const rate = (count: number, ms: number): string =>
  `${Math.round((count / ms) * 1000).toLocaleString('en')}/s`;
const percentile = (sorted: number[], p: number): string =>
  `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]!.toFixed(1)} ms`;

function benchDisk(): void {
  const file = openSync(join(home, 'fdatasync'), 'w');
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < 1000; count++) {
    writeSync(file, value.bytes, 0, VALUE_BYTES, (count % 100) * 8192);
    fdatasyncSync(file);
  }
  closeSync(file);
  row('the disk alone: pwrite and fdatasync', rate(count, 1000), 'a commit of LMDB needs two');
}

async function benchWrites(store: Store, writers: number): Promise<void> {
  const latencies: number[] = [];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; performance.now() - start < SECONDS * 1000; i++) {
        const before = performance.now();
        await store.write({ type: 'put', key: `/w/${writer}/${i % 20}`, value });
        latencies.push(performance.now() - before);
      }
    }),
  );
  const elapsed = performance.now() - start;
  latencies.sort((a, b) => a - b);
  const note = `p50 ${percentile(latencies, 0.5)}, p99 ${percentile(latencies, 0.99)}`;
  row(`durable writes, ${writers} writers`, rate(latencies.length, elapsed), note);
}

async function benchReads(store: Store): Promise<void> {
  await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => store.write({ type: 'put', key: `/list/${i}`, value })),
  );
  let start = performance.now();
  for (let i = 0; i < 200_000; i++) await store.get(`/list/${(i * 7919) % 10_000}`);
  row('gets, random of 10,000 keys', rate(200_000, performance.now() - start));
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    start = performance.now();
    await store.list({ prefix: '/list/' });
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  row('list of 10,000 keys', percentile(times, 0.5), `${VALUE_BYTES} bytes each, in steps of 500`);
  const old = store.revision();
  await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => store.write({ type: 'put', key: `/list/${i}`, value })),
  );
  start = performance.now();
  await store.list({ prefix: '/list/', revision: old });
  row('the same, of a revision 10,000 changes ago', `${(performance.now() - start).toFixed(1)} ms`);
  start = performance.now();
  for (let i = 0; i < 100; i++) await store.count('/list/');
  row('count of 10,000 keys', `${((performance.now() - start) / 100).toFixed(2)} ms`);
}

/** How long from the acknowledgement of writes until every watcher has heard of them. */
async function benchWatch(store: Store, watchers: number, shared: boolean): Promise<void> {
  const ending = new AbortController();
  const writes = 2000;
  const prefixOf = (i: number) => (shared ? '/watched/' : `/watched/${i}/`);
  const expected = shared ? watchers * writes : writes;
  let heard = 0;
  let done: () => void;
  const all = new Promise<void>((resolve) => (done = resolve));
  for (let i = 0; i < watchers; i++) void listen(prefixOf(i));
  async function listen(prefix: string): Promise<void> {
    for await (const batch of store.watch({ prefix, after: store.revision(), signal: ending.signal })) {
      heard += batch.events.length;
      if (heard >= expected) done();
    }
  }
  const start = performance.now();
  await Promise.all(
    Array.from({ length: writes }, (_, i) =>
      store.write({ type: 'put', key: `/watched/${i % watchers}/x`, value }),
    ),
  );
  await all;
  const note = shared ? 'all watch all' : 'each its own prefix';
  row(
    `watch: ${writes} writes to ${watchers} watchers`,
    rate(expected, performance.now() - start),
    `events; ${note}`,
  );
  ending.abort();
}

async function benchOpen(directory: string): Promise<void> {
  const start = performance.now();
  const store = await openLmdbStore({ directory, log: silentLog });
  const keys = await store.count('');
  row(
    `open with ${keys.toLocaleString('en')} keys`,
    `${(performance.now() - start).toFixed(0)} ms`,
    'pages checked',
  );
  await store.close();
}

const directory = join(home, 'store');
benchDisk();
const start = performance.now();
const before = process.memoryUsage().rss;
const store = await openLmdbStore({ directory, log: silentLog });
row('open, empty', `${(performance.now() - start).toFixed(0)} ms`, 'loads lmdb, makes the file');
row(
  'memory of an open, empty store',
  `${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0)} MiB`,
  'resident',
);
for (const writers of [1, 64, 512]) await benchWrites(store, writers);
await benchReads(store);
await benchWatch(store, 1000, false);
await benchWatch(store, 100, true);
await store.close();
await benchOpen(directory);
rmSync(home, { recursive: true });

const table = rows.map(([what, result, note]) => `| ${what} | ${result} | ${note} |`).join('\n');
const results = join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
writeFileSync(
  join(results, 'store.md'),
  `# Store\n\n\`node bench/store.ts\`, values of ${VALUE_BYTES} bytes, Node ${process.versions.node}, ` +
    `${cpus().length} cores (${cpus()[0]?.model.trim()}), shared with other work: compare, do not quote.\n\n` +
    `| what | result | |\n|---|---|---|\n${table}\n`,
);
