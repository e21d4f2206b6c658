/**
 * Watch fan-out: 1,000 watchers of one namespace's ConfigMaps over 40 connections (HTTP/2), writes at a fixed rate;
 * how long from the moment a write is sent until each watcher has its event, so the durable write is in it.
 *
 *   node bench/watch.ts [--seconds 5] [--rates 10,20]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Load } from './load/load.ts';
import { COLLECTION } from './load/operations.ts';
import { BenchServer } from './load/server.ts';
import { percentile, reportLines, tableLines } from './report.ts';

const WATCHERS = 1000;
const CONNECTIONS = 40;
const GENERATORS = 2;
const SELECTIONS = { everything: '', 'by label': '&labelSelector=app%3Dbench' };

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rates: { type: 'string', default: '10,20' },
    'node-arguments': { type: 'string', default: '' },
  },
});
const seconds = Number(values.seconds);

interface Fanout {
  selection: string;
  writesPerSecond: number;
  deliveriesPerSecond: number;
  missing: number;
  p50Ms: number;
  p99Ms: number;
  cpuPercent: number;
  anonymousMb: number;
}

async function measure(
  server: BenchServer,
  selection: keyof typeof SELECTIONS,
  rate: number,
): Promise<Fanout> {
  const [watching, writing] = [new Load(GENERATORS), new Load(1)];
  await watching.connect(server.served, { http: 2, connections: CONNECTIONS });
  await writing.connect(server.served, { http: 2, connections: 4 });
  const path = `${COLLECTION}?watch=true&timeoutSeconds=600&resourceVersion=${await revisionOf(server)}`;
  await watching.watch(WATCHERS, path + SELECTIONS[selection]);
  const before = await server.usage();
  await writing.writeAt(rate, seconds, COLLECTION);
  const after = await server.usage();
  // What is late is late by less than this, or is missing.
  await delay(2000);
  const deliveries = await watching.disconnect();
  await writing.disconnect();
  await Promise.all([watching.close(), writing.close()]);
  return {
    selection,
    writesPerSecond: rate,
    deliveriesPerSecond: deliveries.length / seconds,
    missing: rate * seconds * WATCHERS - deliveries.length,
    p50Ms: percentile(deliveries, 50),
    p99Ms: percentile(deliveries, 99),
    cpuPercent: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100,
    anonymousMb: after.anonymousMb,
  };
}

async function revisionOf(server: BenchServer): Promise<string> {
  const { openWire } = await import('./load/wire.ts');
  const wire = await openWire(server.served, 2);
  let text = '';
  await wire.request({ method: 'GET', path: `${COLLECTION}?limit=1`, onData: (chunk) => (text += chunk) });
  wire.close();
  return (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const nodeArguments = values['node-arguments'].split(' ').filter((one) => one !== '');
const server = await BenchServer.start(directory, { nodeArguments });
const measured: Fanout[] = [];
for (const selection of ['everything', 'by label'] as const)
  for (const rate of values.rates.split(',').map(Number))
    measured.push(await measure(server, selection, rate));
await server.stop();
await rm(directory, { recursive: true });

const lines = tableLines(
  ['watchers select', 'writes/s', 'events/s', 'missing', 'p50 ms', 'p99 ms', 'server CPU %', 'anonymous MB'],
  measured.map((one) => [
    one.selection,
    ...[one.writesPerSecond, one.deliveriesPerSecond, one.missing].map((value) => `${Math.round(value)}`),
    one.p50Ms.toFixed(1),
    one.p99Ms.toFixed(1),
    ...[one.cpuPercent, one.anonymousMb].map((value) => `${Math.round(value)}`),
  ]),
);
const about = `${WATCHERS.toLocaleString('en')} watchers over ${CONNECTIONS} HTTP/2 connections, ConfigMaps of 1.5 KB; from sending a write to having its event, ${seconds} s each.`;
reportLines('watch', about, lines, { measured });
