/**
 * Calls `act` `count` times, in batches of 1, 2, 4, … at once, and stops after the first batch with a
 * failure: what fails for all of them (a quota, say) is asked few times, not hundreds.
 *
 * @returns how many succeeded, and the first error.
 */
export async function slowStart(
  count: number,
  act: () => Promise<void>,
): Promise<{ successes: number; error?: unknown }> {
  let successes = 0;
  for (let remaining = count, size = 1; remaining > 0; size *= 2) {
    const batch = Math.min(size, remaining);
    const results = await Promise.allSettled(Array.from({ length: batch }, act));
    successes += results.filter((result) => result.status === 'fulfilled').length;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) return { successes, error: failed.reason };
    remaining -= batch;
  }
  return { successes };
}
