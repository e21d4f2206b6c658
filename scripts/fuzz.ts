/**
 * Sends hostile requests to a server in memory until the time is over; every hit is printed once, and counted.
 *
 *     node bin/node24.mjs scripts/fuzz.ts [--minutes 5] [--seed N]
 *
 * The same seed sends the same requests. Exit code 1 when something was hit.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { bulkyRequest, request } from '../test/fuzz/requests.ts';
import { Hit, shownBody, Target } from '../test/fuzz/target.ts';

const REQUESTS_A_SEED = 200;
const BULKY_A_SEED = 5;
const SEEDS_A_SERVER = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const deadline = Date.now() + Number(values.minutes) * 60_000;
const hits = new Map<string, number>();
let sent = 0;
const first = Number(values.seed);
let target = await Target.start();
for (let seed = first; Date.now() < deadline; seed++) {
  if (seed > first && (seed - first) % SEEDS_A_SERVER === 0) {
    await target.stop();
    target = await Target.start();
  }
  const some = fc.sample(request, { numRuns: REQUESTS_A_SEED, seed });
  for (const one of [...some, ...fc.sample(bulkyRequest, { numRuns: BULKY_A_SEED, seed })]) {
    if (Date.now() > deadline) break;
    sent++;
    try {
      await target.fire(one);
    } catch (error) {
      const message = String(error instanceof Hit ? error.message : (error as Error).stack);
      const kind = message.slice(0, 120);
      hits.set(kind, (hits.get(kind) ?? 0) + 1);
      if (hits.get(kind) === 1) console.log(`seed ${seed}: ${message}\n${shownBody(one)}\n`);
      process.exitCode = 1;
    }
  }
  console.log(JSON.stringify({ seed, sent, hits: hits.size, statuses: Object.fromEntries(target.statuses) }));
}
await target.stop();
