import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Clock, silentLog } from '../../base/index.ts';
import { healthCheckPlan } from './health-config.ts';
import { watchHealth } from './health-monitor.ts';
import { HealthRecords } from './health-records.ts';
import { STARTING } from './health-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'orrery-health-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('keeps to its interval also where a check cannot be run', async () => {
  const records = new HealthRecords(folder);
  const plan = healthCheckPlan({ Test: ['CMD', 'true'], Interval: 200e6 })!;
  const about = { plan, onFailure: 'none', startedAtMs: 0, isWatched: true, state: STARTING } as const;
  await records.write({ id: 'a'.repeat(64), ...about });
  let nowMs = 0;
  const stop = new AbortController();
  const checksAtMs: number[] = [];
  // Time goes on only by what is slept.
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (delayMs, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal?.aborted) nowMs += delayMs;
    },
  };
  const check = async (): Promise<never> => {
    checksAtMs.push(nowMs);
    if (checksAtMs.length === 3) stop.abort();
    throw new Error('the container is gone');
  };
  await watchHealth({ records, check, clock, log: silentLog }, stop.signal);
  expect(checksAtMs).toEqual([200, 400, 600]);
});
