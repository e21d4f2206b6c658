import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProcessWorld } from '../model/process-world.ts';
import { play, scenario } from '../model/scenario.ts';

test('whoever follows lists and watches never diverges from a server that is killed under them', {
  timeout: 120_000,
}, async () => {
  const world = await ProcessWorld.start();
  const seen = { lists: 0, watches: 0, events: 0, cuts: 0 };
  try {
    for (const one of fc.sample(scenario, { numRuns: 8, seed: 20_261_122 }))
      for (const { counts } of await play(world, one))
        for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += counts[key];
  } finally {
    await world.close();
  }
  for (const [key, count] of Object.entries(seen)) expect([key, count]).not.toEqual([key, 0]);
});
