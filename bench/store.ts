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
import { openLmdbStore, openStore, parseStoreUrl, type Store } from '../src/store/index.ts';
import { startEtcd } from '../test/harness/etcd.ts';

const SECONDS = 3;
const VALUE_BYTES = 1500;
const home = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'orrery-bench-store-'));
type Driver = 'LMDB' | 'etcd';
interface Row {
  results: Partial<Record<Driver, { text: string; perSecond: number }>>;
  note: string;
}
const rows = new Map<string, Row>();
let driver: Driver = 'LMDB';
/** `perSecond`: what the drivers are compared by. */
const row = (what: string, text: string, perSecond: number, note = ''): void => {
  const entry: Row = rows.get(what) ?? { results: {}, note: '' };
  rows.set(what, entry);
  entry.results[driver] = { text: note.startsWith('p50') ? `${text} (${note})` : text, perSecond };
  if (!note.startsWith('p50')) entry.note = note;
  console.log(`${driver}  ${what.padEnd(46)} ${text.padStart(16)}  ${note}`);
};
const rated = (what: string, count: number, ms: number, note = ''): void =>
  row(what, `${Math.round((count / ms) * 1000).toLocaleString('en')}/s`, (count / ms) * 1000, note);
const timed = (what: string, ms: number, note = ''): void =>
  row(what, `${ms.toFixed(ms < 10 ? 2 : 0)} ms`, 1000 / ms, note);
const value = { bytes: Buffer.alloc(VALUE_BYTES, 'value-') };
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
  rated('the disk alone: pwrite and fdatasync', count, 1000, 'a commit of LMDB needs two');
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
  rated(`durable writes, ${writers} writers`, latencies.length, elapsed, note);
}

async function benchReads(store: Store): Promise<void> {
  await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => store.write({ type: 'put', key: `/list/${i}`, value })),
  );
  let start = performance.now();
  let gets = 0;
  for (; performance.now() - start < 1500; gets++) await store.get(`/list/${(gets * 7919) % 10_000}`);
  rated('gets, one after the other', gets, performance.now() - start, 'random of 10,000 keys');
  start = performance.now();
  gets = 0;
  const getter = async (): Promise<void> => {
    for (; performance.now() - start < 1500; gets++) await store.get(`/list/${(gets * 7919) % 10_000}`);
  };
  await Promise.all(Array.from({ length: 64 }, getter));
  rated('gets, 64 at once', gets, performance.now() - start);
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    start = performance.now();
    await store.list({ prefix: '/list/' });
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  timed('list of 10,000 keys', times[10]!, `${VALUE_BYTES} bytes each, in steps`);
  const old = store.revision();
  await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => store.write({ type: 'put', key: `/list/${i}`, value })),
  );
  start = performance.now();
  await store.list({ prefix: '/list/', revision: old });
  timed('the same, of a revision 10,000 changes ago', performance.now() - start);
  start = performance.now();
  for (let i = 0; i < 100; i++) await store.count('/list/');
  timed('count of 10,000 keys', (performance.now() - start) / 100);
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
  rated(
    `watch: ${writes} writes to ${watchers} watchers`,
    expected,
    performance.now() - start,
    `events; ${note}`,
  );
  ending.abort();
}

async function benchStore(name: Driver, open: () => Promise<Store>): Promise<void> {
  driver = name;
  let start = performance.now();
  const before = process.memoryUsage().rss;
  const store = await open();
  timed('open, empty', performance.now() - start, 'loads the driver, makes the store');
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  row(
    'memory of an open, empty store',
    `${grownMiB.toFixed(0)} MiB`,
    1 / Math.max(1, grownMiB),
    'resident, in our process',
  );
  for (const writers of [1, 64, 512]) await benchWrites(store, writers);
  await benchReads(store);
  await benchWatch(store, 1000, false);
  await benchWatch(store, 100, true);
  await store.close();
  start = performance.now();
  const again = await open();
  await again.count('');
  timed('open, some 20,000 keys', performance.now() - start);
  await again.close();
}

benchDisk();
await benchStore('LMDB', () => openLmdbStore({ directory: join(home, 'store'), log: silentLog }));
const etcd = await startEtcd();
await benchStore('etcd', () => openStore({ location: parseStoreUrl(etcd.url), log: silentLog }));
await etcd.stop();
rmSync(home, { recursive: true });

const table = [...rows]
  .map(
    ([
      what,
      {
        results: { LMDB, etcd },
        note,
      },
    ]) => {
      const ratio = LMDB && etcd ? (etcd.perSecond / LMDB.perSecond).toPrecision(2) : '';
      return `| ${what} | ${LMDB?.text ?? ''} | ${etcd?.text ?? ''} | ${ratio} | ${note} |`;
    },
  )
  .join('\n');
const results = join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
writeFileSync(
  join(results, 'store.md'),
  `# Store\n\n\`node bench/store.ts\`, values of ${VALUE_BYTES} bytes, Node ${process.versions.node}, ` +
    `${cpus().length} cores (${cpus()[0]?.model.trim()}), shared with other work: compare, do not quote. ` +
    `etcd is one member (Debian's, on the same disk), over loopback; ratio: etcd to LMDB.\n\n` +
    `| what | LMDB | etcd | ratio | |\n|---|---|---|---|---|\n${table}\n`,
);
