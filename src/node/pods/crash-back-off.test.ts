import { expect, test } from 'vitest';
import { formatDuration, restartAfter } from './crash-back-off.ts';

test('a crashing container waits 0, 10, 20, 40, 80, 160, 300, 300 seconds', () => {
  const delays: number[] = [];
  let backOffMs = 0;
  let nowMs = 0;
  for (let i = 0; i < 8; i++) {
    const restart = restartAfter({
      backOffMs,
      createdAtMs: nowMs,
      startedAtMs: nowMs,
      finishedAtMs: nowMs + 50,
    });
    delays.push((restart.atMs - nowMs - 50) / 1000);
    backOffMs = restart.nextBackOffMs;
    nowMs = restart.atMs;
  }
  expect(delays).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
});

test('ten minutes up forgive everything', () => {
  const restart = restartAfter({ backOffMs: 300_000, createdAtMs: 0, startedAtMs: 0, finishedAtMs: 600_001 });
  expect(restart).toEqual({ delayMs: 0, atMs: 600_001, nextBackOffMs: 10_000 });
});

test('just under ten minutes forgive nothing', () => {
  const restart = restartAfter({ backOffMs: 40_000, createdAtMs: 0, startedAtMs: 0, finishedAtMs: 599_000 });
  expect(restart.atMs).toBe(639_000);
});

test('prints delays as Go does', () => {
  expect([10_000, 160_000, 300_000, 0].map(formatDuration)).toEqual(['10s', '2m40s', '5m0s', '0s']);
});
