/**
 * A process that loads a server: opens connections and runs one operation after the other on each. Told what to do
 * by messages (load.ts is the other end).
 */
import { once } from 'node:events';
import { COLLECTION, configMap, OPERATIONS, type OperationName, seedName } from './operations.ts';
import { openWire, type Target, type Wire, type WireAnswer } from './wire.ts';

export type Job =
  | { type: 'connect'; target: Target; http: 1 | 2; connections: number; processId: number; objects: number }
  | { type: 'run'; operation: OperationName; seconds: number }
  | { type: 'seed'; from: number; to: number }
  | { type: 'watch'; watches: number; path: string }
  | { type: 'writeAt'; perSecond: number; seconds: number; collection: string }
  | { type: 'disconnect' };

/** Times in milliseconds. */
export interface JobResult {
  latencies: number[];
  elapsedMs: number;
  bytes: number;
  /** Of a watch: how long after it was sent each change came, over all watches of the process. */
  deliveries: number[];
}

let wires: Wire[] = [];
let context = { processId: 0, objects: 0, made: 0 };
let deliveries: number[] = [];

function expectSuccess({ status }: WireAnswer): void {
  if (status !== 200 && status !== 201) throw new Error(`the server answered ${status}`);
}

async function perform(job: Job): Promise<Partial<JobResult>> {
  switch (job.type) {
    case 'connect': {
      context = { processId: job.processId, objects: job.objects, made: 0 };
      wires = await Promise.all(
        Array.from({ length: job.connections }, () => openWire(job.target, job.http)),
      );
      return {};
    }
    case 'run':
      return run(job.operation, job.seconds);
    case 'seed':
      return seed(job.from, job.to);
    case 'watch':
      return watch(job.watches, job.path);
    case 'writeAt':
      return writeAt(job);
    case 'disconnect':
      for (const wire of wires) wire.close();
      wires = [];
      return { deliveries };
  }
}

async function run(name: OperationName, seconds: number): Promise<Partial<JobResult>> {
  const operation = OPERATIONS[name];
  const latencies: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let sequence = name === 'create' ? context.made : 0;
  let bytes = 0;
  await Promise.all(
    wires.map(async (wire) => {
      while (performance.now() < endMs) {
        const request = operation(sequence++, context);
        if (request === undefined) return;
        const beganMs = performance.now();
        const answer = await wire.request(request);
        expectSuccess(answer);
        latencies.push(performance.now() - beganMs);
        bytes += answer.bytes;
      }
    }),
  );
  if (name === 'create') context.made = sequence;
  if (name === 'delete') context.made = 0;
  return { latencies, elapsedMs: performance.now() - startMs, bytes };
}

async function seed(from: number, to: number): Promise<Partial<JobResult>> {
  let next = from;
  await Promise.all(
    wires.map(async (wire) => {
      while (next < to) {
        const sequence = next++;
        const body = configMap(seedName(sequence), sequence);
        const headers = { 'content-type': 'application/json' };
        expectSuccess(await wire.request({ method: 'POST', path: COLLECTION, headers, body }));
      }
    }),
  );
  return {};
}

const SENT = '"sent":"';

/** Times when a change was sent stand in the change itself: clocks of one machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Watches spread over the connections; resolves when all of them have begun. */
async function watch(watches: number, path: string): Promise<Partial<JobResult>> {
  deliveries = [];
  for (let index = 0; index < watches; index++) {
    const onData = (chunk: Buffer) => {
      const atMs = now();
      for (let at = chunk.indexOf(SENT); at !== -1; at = chunk.indexOf(SENT, at + 1))
        deliveries.push(atMs - Number(chunk.toString('latin1', at + SENT.length, at + SENT.length + 17)));
    };
    // The end of it is the end of the connection.
    wires[index % wires.length]!.request({ method: 'GET', path, onData }).catch(() => undefined);
  }
  // A request after them on each connection is answered when the watches before it are set up.
  await Promise.all(wires.map((wire) => wire.request({ method: 'GET', path: `${COLLECTION}?limit=1` })));
  return {};
}

async function writeAt({
  perSecond,
  seconds,
  collection,
}: Job & { type: 'writeAt' }): Promise<Partial<JobResult>> {
  const latencies: number[] = [];
  const startMs = performance.now();
  const writes: Promise<void>[] = [];
  for (let sequence = 0; sequence < perSecond * seconds; sequence++) {
    const waitMs = startMs + (sequence * 1000) / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const beganMs = performance.now();
    // As many digits as the watcher reads.
    const sent = now().toFixed(3).padStart(17, '0');
    const body = configMap(`w-${process.pid}-${perSecond}-${sequence}`, 0, { sent });
    const headers = { 'content-type': 'application/json' };
    const wire = wires[sequence % wires.length]!;
    writes.push(
      wire.request({ method: 'POST', path: collection, headers, body }).then((answer) => {
        expectSuccess(answer);
        latencies.push(performance.now() - beganMs);
      }),
    );
  }
  await Promise.all(writes);
  return { latencies, elapsedMs: performance.now() - startMs };
}

process.on('message', (job: Job) => {
  perform(job).then(
    (result) => process.send!({ latencies: [], elapsedMs: 0, bytes: 0, deliveries: [], ...result }),
    (error: Error) => process.send!({ error: error.message }),
  );
});
await once(process, 'disconnect');
process.exit(0);
