/**
 * API rates: 10,000 ConfigMaps of 1.5 KB, 16 and 256 connections over TLS with HTTP/1.1 and HTTP/2, one request at a
 * time each; our server and store in a process of their own, the load in two others. What a bare node:http2 server
 * answers to the same load stands beside it.
 *
 *   node bench/api.ts [--seconds 2] [--only get,create] [--quick]     quick: 16 connections of HTTP/2 alone
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Load, type Rate } from './load/load.ts';
import { OPERATIONS, type OperationName } from './load/operations.ts';
import { BenchServer, type Usage } from './load/server.ts';
import { reportLines, tableLines } from './report.ts';

const OBJECTS = 10_000;
const GENERATORS = 2;
const SETTLE_MS = 60_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'node-arguments': { type: 'string', default: '' },
  },
});
const seconds = Number(values.seconds);
const nodeArguments = values['node-arguments'].split(' ').filter((one) => one !== '');

const LONG = new Set<OperationName>(['list of all', 'list by label']);

interface Way {
  http: 1 | 2;
  connections: number;
}

const WAYS: readonly Way[] = values.quick
  ? [{ http: 2, connections: 16 }]
  : [
      { http: 2, connections: 16 },
      { http: 2, connections: 256 },
      { http: 1, connections: 16 },
      { http: 1, connections: 256 },
    ];

interface Measured extends Rate, Way {
  operation: OperationName;
  server: 'orrery' | 'bare node:http2';
  /** Of one core, over the whole measurement. */
  cpuPercent: number;
  cpuMicrosEach: number;
}

function wanted(way: Way): OperationName[] {
  const only = values.only?.split(',');
  return (Object.keys(OPERATIONS) as OperationName[]).filter(
    // 256 at once of what takes a server 50 ms and more measure a queue.
    (name) => (only?.includes(name) ?? true) && (!LONG.has(name) || way.connections < 256),
  );
}

async function measure(
  server: BenchServer,
  load: Load,
  way: Way,
  operations: readonly OperationName[],
): Promise<Measured[]> {
  const measured: Measured[] = [];
  await load.connect(server.served, { ...way, objects: OBJECTS });
  for (const operation of operations) {
    const before = await server.usage();
    const startMs = performance.now();
    const rate = await load.run(operation, seconds);
    const elapsed = (performance.now() - startMs) / 1000;
    const cpuSeconds = (await server.usage()).cpuSeconds - before.cpuSeconds;
    measured.push({
      ...way,
      operation,
      server: 'orrery',
      ...rate,
      cpuPercent: (cpuSeconds / elapsed) * 100,
      cpuMicrosEach: (cpuSeconds / (rate.perSecond * elapsed)) * 1e6,
    });
    process.stderr.write(`h${way.http} × ${way.connections} ${operation}: ${Math.round(rate.perSecond)}/s\n`);
  }
  await load.disconnect();
  return measured;
}

async function run(directory: string, load: Load): Promise<void> {
  const bare = await BenchServer.start(directory, { bare: true });
  const measured: Measured[] = [];
  for (const way of WAYS)
    for (const one of await measure(bare, load, way, ['get', 'update']))
      measured.push({ ...one, server: 'bare node:http2' });
  await bare.stop();

  const server = await BenchServer.start(directory, { nodeArguments });
  const memory: [string, Usage][] = [['idle, no objects', await server.usage(true)]];
  await load.connect(server.served, { http: 2, connections: 64 });
  await load.seed(0, OBJECTS);
  await load.disconnect();
  memory.push([`idle, ${OBJECTS.toLocaleString('en')} objects written`, await server.usage(true)]);
  for (const way of WAYS) {
    measured.push(...(await measure(server, load, way, wanted(way))));
    memory.push([`after all of HTTP/${way.http}, ${way.connections} connections`, await server.usage()]);
  }
  if (!values.quick) {
    await delay(SETTLE_MS);
    memory.push(['a minute later', await server.usage()]);
  }
  await server.stop();
  report(measured, memory);
}

function report(measured: readonly Measured[], memory: readonly [string, Usage][]): void {
  const bareOf = ({ http, connections }: Way, operation: OperationName) =>
    measured.find(
      (one) =>
        one.server !== 'orrery' &&
        one.http === http &&
        one.connections === connections &&
        (one.operation === 'get') ===
          ['get', 'list of 500', 'list of all', 'list by label'].includes(operation),
    )!;
  const rows = measured.map((one) => {
    const { server, http, connections, operation, perSecond, p50Ms, p99Ms, cpuPercent, cpuMicrosEach } = one;
    const ratio =
      server === 'orrery' && !operation.startsWith('list')
        ? perSecond / bareOf(one, operation).perSecond
        : undefined;
    return [
      `${server === 'orrery' ? operation : `bare node:http2, ${operation === 'get' ? 'get' : 'put'}`}`,
      `${http === 1 ? '1.1' : '2'} × ${connections}`,
      `${Math.round(perSecond)}`,
      ratio === undefined ? '' : `${Math.round(ratio * 100)} %`,
      p50Ms.toFixed(1),
      p99Ms.toFixed(1),
      `${Math.round(cpuPercent)}`,
      `${Math.round(cpuMicrosEach)}`,
    ];
  });
  const lines = [
    ...tableLines(
      [
        'operation',
        'HTTP × connections',
        'per second',
        'of bare',
        'p50 ms',
        'p99 ms',
        'server CPU %',
        'CPU µs each',
      ],
      rows,
    ),
    '',
    'The server process, MB: resident; of it anonymous (the rest is pages of files: code, and LMDB’s map, which the',
    'kernel takes back when it needs them); JavaScript heap in use; buffers.',
    '',
    ...tableLines(
      ['memory, MB', 'resident', 'anonymous', 'heap', 'buffers'],
      memory.map(([when, { residentMb, anonymousMb, heapMb, buffersMb }]) => [
        when,
        ...[residentMb, anonymousMb, heapMb, buffersMb].map((one) => `${Math.round(one)}`),
      ]),
    ),
  ];
  const about = `${OBJECTS.toLocaleString('en')} ConfigMaps of 1.5 KB, TLS on loopback, LMDB store with fsync, ${seconds} s each, the load from ${GENERATORS} processes of its own.`;
  if (values.quick) process.stdout.write(`${lines.join('\n')}\n`);
  else reportLines('api', about, lines, { measured, memory: Object.fromEntries(memory) });
}

const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const load = new Load(GENERATORS);
try {
  await run(directory, load);
} finally {
  await load.close();
  await rm(directory, { recursive: true, force: true });
}
