/**
 * Cold start, and what stored objects cost in memory: a server on 0, 10,000 and 100,000 ConfigMaps of 1.5 KB; the
 * API server alone, and the built server role with controllers and scheduler (`npm run build` first).
 *
 *   node bench/start.ts
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog } from '../src/base/index.ts';
import { openLmdbStore } from '../src/store/index.ts';
import { Load } from './load/load.ts';
import { seedName } from './load/operations.ts';
import { type RoleUsage, startRole } from './load/role.ts';
import { BenchServer, type Usage } from './load/server.ts';
import { median, reportLines, tableLines } from './report.ts';

const SIZES = [0, 10_000, 100_000];
const STARTS = 3;
const IDLE_MS = 5000;
/** A role gives back what its start has used once it has come to rest. */
const ROLE_IDLE_MS = 25_000;
const PROGRAM = join(import.meta.dirname, '..', 'dist', 'orrery.mjs');

interface Started {
  objects: number;
  who: 'API server' | 'server role';
  readyMs: number;
  idle: RoleUsage;
  /** After everything was listed once. */
  listed?: RoleUsage;
}

/** Copies of a stored object, straight into the store: over the API 100,000 would take a minute. */
async function fill(directory: string, from: number, to: number): Promise<void> {
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const prefix = '/core/configmaps/root/default/';
  const first = await store.get(prefix + seedName(0));
  const text = Buffer.from(first!.value).toString();
  const { metadata } = JSON.parse(text) as { metadata: { uid: string; resourceVersion: string } };
  const at = text.indexOf(`"resourceVersion":"${metadata.resourceVersion}"`) + '"resourceVersion":"'.length;
  const bare = text.slice(0, at) + text.slice(at + metadata.resourceVersion.length);
  const draftOf = (sequence: number) => ({
    bytes: Buffer.from(
      bare
        .replaceAll(seedName(0), seedName(sequence))
        .replace(metadata.uid, `${metadata.uid.slice(0, -8)}${String(sequence).padStart(8, '0')}`),
    ),
    revisionAt: at,
  });
  for (let next = from; next < to; ) {
    const end = Math.min(to, next + 1000);
    const writes = [];
    for (; next < end; next++)
      writes.push(store.write({ type: 'put', key: prefix + seedName(next), value: draftOf(next) }));
    await Promise.all(writes);
  }
  await store.close();
}

async function measureApi(directory: string, load: Load, objects: number): Promise<Started> {
  const times: number[] = [];
  for (let round = 1; ; round++) {
    const server = await BenchServer.start(directory);
    times.push(server.served.readyMs);
    if (round < STARTS) {
      await server.stop();
      continue;
    }
    await delay(IDLE_MS);
    const idle = await server.usage(true);
    await load.connect(server.served, { http: 2, connections: 2, objects });
    await load.run('list of all', 0.1);
    await load.disconnect();
    const listed = await server.usage(true);
    await server.stop();
    return { objects, who: 'API server', readyMs: median(times), idle, listed };
  }
}

async function measureRole(directory: string, objects: number): Promise<Started> {
  const times: number[] = [];
  for (let round = 1; ; round++) {
    const role = await startRole(PROGRAM, directory);
    times.push(role.readyMs);
    if (round === STARTS) await delay(ROLE_IDLE_MS);
    const idle = role.usage();
    await role.stop();
    if (round === STARTS) return { objects, who: 'server role', readyMs: median(times), idle };
  }
}

async function run(directory: string, load: Load): Promise<Started[]> {
  const measured: Started[] = [];
  for (const [index, objects] of SIZES.entries()) {
    if (index === 1) {
      const server = await BenchServer.start(directory);
      await load.connect(server.served, { http: 2, connections: 2 });
      await load.seed(0, 1);
      await load.disconnect();
      await server.stop();
    }
    if (index > 0) await fill(directory, Math.max(1, SIZES[index - 1]!), objects);
    measured.push(await measureApi(directory, load, objects));
    if (existsSync(PROGRAM)) measured.push(await measureRole(directory, objects));
  }
  return measured;
}

const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const load = new Load(1);
let measured: Started[];
try {
  measured = await run(directory, load);
} finally {
  await load.close();
  await rm(directory, { recursive: true, force: true });
}
const mb = (usage: RoleUsage | Usage | undefined, of: keyof RoleUsage) =>
  usage === undefined ? '' : `${Math.round(usage[of])}`;
const each = (one: Started) => {
  const empty = measured.find(({ who, objects }) => who === one.who && objects === 0)!;
  if (one.objects === 0) return '';
  return ((1024 * (one.idle.anonymousMb - empty.idle.anonymousMb)) / one.objects).toFixed(2);
};
const lines = tableLines(
  [
    'objects on disk',
    'who',
    'start → ready, ms',
    'idle RSS, MB',
    'anonymous',
    'KB an object',
    'all listed once: RSS',
    'anonymous',
  ],
  measured.map((one) => [
    one.objects.toLocaleString('en'),
    one.who,
    `${Math.round(one.readyMs)}`,
    mb(one.idle, 'residentMb'),
    mb(one.idle, 'anonymousMb'),
    each(one),
    mb(one.listed, 'residentMb'),
    mb(one.listed, 'anonymousMb'),
  ]),
);
const about =
  'From the start of the process to /readyz (median of three); memory five seconds later, of the server role 25. RSS counts the pages of the store file that were touched, which are page cache; anonymous memory is the process’s own.';
reportLines('start', about, lines, { measured });
