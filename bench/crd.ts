/**
 * What 1,000 CustomResourceDefinitions cost in memory: stored and served, each used once, documents read, and after
 * a restart. 100 groups of ten kinds, schemas of about 3 KB with a rule each.
 *
 *   node bench/crd.ts [--count 1000]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BenchServer, type Usage } from './load/server.ts';
import { openWire, type Wire } from './load/wire.ts';
import { reportLines, tableLines } from './report.ts';

const CONNECTIONS = 16;
const KINDS_A_GROUP = 10;
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const JSON_BODY = { 'content-type': 'application/json' };

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000' }, 'node-arguments': { type: 'string', default: '' } },
});
const count = Number(values.count);

const groupOf = (sequence: number) => `g${Math.floor(sequence / KINDS_A_GROUP)}.bench.example`;

function definition(sequence: number): Buffer {
  const group = groupOf(sequence);
  const kind = `Thing${sequence}`;
  const text = (index: number) => ({
    type: 'string',
    maxLength: 64 + index,
    description: `The word number ${index} that says how a thing of this kind is to be run.`,
  });
  const spec = {
    type: 'object',
    required: ['size'],
    properties: {
      size: { type: 'integer', minimum: 0, default: 1 },
      limit: { type: 'integer', maximum: 1000 + sequence },
      ...Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`word${index}`, text(index)])),
      list: { type: 'array', maxItems: 100, items: { type: 'object', properties: { name: text(0) } } },
      selector: { type: 'object', additionalProperties: { type: 'string' } },
    },
    'x-kubernetes-validations': [
      { rule: '!has(self.limit) || self.size <= self.limit', message: 'size is above the limit' },
    ],
  };
  const status = {
    type: 'object',
    properties: { phase: { type: 'string', enum: ['New', 'Ready', 'Gone'] }, message: text(1) },
  };
  return Buffer.from(
    JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `thing${sequence}s.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: `thing${sequence}s`, singular: `thing${sequence}`, kind, listKind: `${kind}List` },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            subresources: { status: {} },
            additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
            schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
          },
        ],
      },
    }),
  );
}

const pathOf = (sequence: number) => `/apis/${groupOf(sequence)}/v1/namespaces/default/thing${sequence}s`;

function instance(sequence: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: `${groupOf(sequence)}/v1`,
      kind: `Thing${sequence}`,
      metadata: { name: 'one' },
      spec: { limit: 10, word0: 'a', list: [{ name: 'x' }] },
    }),
  );
}

/** One after the other on every connection. */
async function forEach(wires: readonly Wire[], work: (wire: Wire, sequence: number) => Promise<void>) {
  let next = 0;
  await Promise.all(
    wires.map(async (wire) => {
      while (next < count) await work(wire, next++);
    }),
  );
}

async function post(wire: Wire, path: string, body: Buffer): Promise<number> {
  return (await wire.request({ method: 'POST', path, headers: JSON_BODY, body })).status;
}

/** Right after a definition its path may not be there yet. */
async function use(wire: Wire, sequence: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const status = await post(wire, pathOf(sequence), instance(sequence));
    if (status === 201) return;
    if (status !== 404) throw new Error(`a use was answered ${status}`);
    await delay(50);
  }
  throw new Error('a definition is not served after ten seconds');
}

async function readDocuments(wire: Wire): Promise<void> {
  for (const path of ['/apis', '/openapi/v3', '/openapi/v2']) {
    const { status } = await wire.request({ method: 'GET', path });
    if (status !== 200) throw new Error(`${path} was answered ${status}`);
  }
}

interface Cost {
  when: string;
  anonymousKbEach: number;
  heapKbEach: number;
  seconds: number;
  usage: Usage;
}

async function run(directory: string): Promise<Cost[]> {
  const nodeArguments = values['node-arguments'].split(' ').filter((one) => one !== '');
  const costs: Cost[] = [];
  let server = await BenchServer.start(directory, { nodeArguments });
  let empty = await server.usage(true);
  const step = async (when: string, work: () => Promise<void>) => {
    const startMs = performance.now();
    await work();
    const seconds = (performance.now() - startMs) / 1000;
    await delay(3000);
    const usage = await server.usage(true);
    const eachKb = (of: 'anonymousMb' | 'heapMb') => ((usage[of] - empty[of]) * 1024) / count;
    costs.push({
      when,
      anonymousKbEach: eachKb('anonymousMb'),
      heapKbEach: eachKb('heapMb'),
      seconds,
      usage,
    });
  };
  let wires = await open(server);
  await step('created', () =>
    forEach(wires, async (wire, sequence) => {
      const status = await post(wire, DEFINITIONS, definition(sequence));
      if (status !== 201) throw new Error(`a definition was answered ${status}`);
    }),
  );
  await step('each used once (one object)', () => forEach(wires, use));
  await step('discovery and OpenAPI documents read', () => readDocuments(wires[0]!));
  for (const wire of wires) wire.close();
  await server.stop();
  server = await BenchServer.start(directory, { nodeArguments });
  empty = { ...empty };
  await step('after a restart', async () => undefined);
  wires = await open(server);
  await step('and one read of each', () =>
    forEach(wires, async (wire, sequence) => {
      await wire.request({ method: 'GET', path: `${pathOf(sequence)}/one` });
    }),
  );
  for (const wire of wires) wire.close();
  await server.stop();
  return costs;
}

function open(server: BenchServer): Promise<Wire[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, () => openWire(server.served, 2)));
}

const directory = await mkdtemp(join(tmpdir(), 'orrery-bench-'));
const costs = await run(directory);
await rm(directory, { recursive: true });
const lines = tableLines(
  ['when', 'anonymous KB each', 'of it heap', 'seconds', 'server: RSS MB', 'anonymous MB', 'heap MB'],
  costs.map(({ when, anonymousKbEach, heapKbEach, seconds, usage }) => [
    when,
    `${Math.round(anonymousKbEach)}`,
    heapKbEach.toFixed(1),
    seconds.toFixed(1),
    ...[usage.residentMb, usage.anonymousMb, usage.heapMb].map((value) => `${Math.round(value)}`),
  ]),
);
const about = `${count.toLocaleString('en')} definitions over what an empty server has; each figure three seconds after its step, after a garbage collection.`;
reportLines('crd', about, lines, { costs });
