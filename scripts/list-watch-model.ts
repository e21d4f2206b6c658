/**
 * Plays scenarios of clients that list and watch, until the time is over or one of them diverges from the server.
 *
 *     node bin/node24.mjs scripts/list-watch-model.ts [--minutes 10] [--seed N] [--process]
 *
 * `--process`: against a server in a process of its own, which is killed under them, instead of one in memory.
 * A scenario that fails is printed; what happens in it depends on time too, so it may pass when it is played again.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { MemoryWorld } from '../test/model/memory-world.ts';
import { ProcessWorld } from '../test/model/process-world.ts';
import { play, scenario } from '../test/model/scenario.ts';

const SCENARIOS_A_WORLD = 100;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    process: { type: 'boolean', default: false },
  },
});
const deadline = Date.now() + Number(values.minutes) * 60_000;
const seen = { scenarios: 0, lists: 0, watches: 0, events: 0, gone: 0, cuts: 0, bookmarks: 0 };
for (let seed = Number(values.seed); Date.now() < deadline; seed++) {
  const world = await (values.process ? ProcessWorld : MemoryWorld).start();
  try {
    for (const one of fc.sample(scenario, { numRuns: SCENARIOS_A_WORLD, seed })) {
      if (Date.now() > deadline) break;
      try {
        for (const { counts } of await play(world, one))
          for (const key of Object.keys(counts) as (keyof typeof counts)[]) seen[key] += counts[key];
      } catch (error) {
        console.error(`seed ${seed}, after ${seen.scenarios} scenarios:`, error, '\n', fc.stringify(one));
        process.exitCode = 1;
      }
      if (process.exitCode === 1) break;
      seen.scenarios++;
    }
  } finally {
    await world.close();
  }
  if (process.exitCode === 1) break;
  console.log(JSON.stringify({ seed, ...seen }));
}
