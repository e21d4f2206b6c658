import fc from 'fast-check';
import { expect, test } from 'vitest';
import { request } from '../fuzz/requests.ts';
import { Target } from '../fuzz/target.ts';

test('nothing that can be sent is answered with the server’s own error, late, or leaves traces', {
  timeout: 120_000,
}, async () => {
  const target = await Target.start();
  try {
    for (const one of fc.sample(request, { numRuns: 1500, seed: 20_261_122 })) await target.fire(one);
  } finally {
    await target.stop();
  }
  // Not all of it is refused at the door.
  for (const status of [200, 201, 400, 404, 409, 422]) expect(target.statuses.get(status)).toBeGreaterThan(3);
});
