import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryWorld } from '../model/memory-world.ts';
import { play, scenario } from '../model/scenario.ts';

test('whoever follows lists and watches knows at every revision what was there, whatever happens', {
  timeout: 120_000,
}, async () => {
  const world = await MemoryWorld.start();
  const seen = { lists: 0, watches: 0, events: 0, gone: 0, cuts: 0, bookmarks: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        for (const { counts } of await play(world, one))
          for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += counts[key];
      }),
      // What happens depends on time: a smaller scenario need not fail again.
      { numRuns: 20, seed: 20_261_122, endOnFailure: true },
    );
  } finally {
    await world.close();
  }
  for (const [key, count] of Object.entries(seen)) expect([key, count]).not.toEqual([key, 0]);
});
