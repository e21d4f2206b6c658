import { expect, test } from 'vitest';
import type { HealthState } from '../libpod.ts';
import { healthCheckPlan } from './health-config.ts';
import { nextCheckMs, nextHealthState, STARTING } from './health-state.ts';

const SECOND = 1_000_000_000;
const plan = healthCheckPlan({ Test: ['CMD', 'true'], Interval: 5 * SECOND, Retries: 2 })!;

function run(state: HealthState, exitCode: number, atMs = 100_000, of = plan): HealthState {
  return nextHealthState(state, { startMs: atMs, endMs: atMs + 10, exitCode, output: 'x' }, of, 0);
}

test('is healthy at the first success, unhealthy after as many failures in a row as are allowed', () => {
  const healthy = run(STARTING, 0);
  expect(healthy).toMatchObject({ Status: 'healthy', FailingStreak: 0 });
  const once = run(healthy, 1);
  expect(once).toMatchObject({ Status: 'healthy', FailingStreak: 1 });
  expect(run(once, -1)).toMatchObject({ Status: 'unhealthy', FailingStreak: 2 });
  expect(run(run(once, 0), 1)).toMatchObject({ Status: 'healthy', FailingStreak: 1 });
});

test('a failure in the start period does not count, unless it was healthy before', () => {
  const patient = { ...plan, startPeriodMs: 60_000 };
  expect(run(STARTING, 1, 30_000, patient)).toMatchObject({ Status: 'starting', FailingStreak: 0 });
  expect(run(run(STARTING, 0, 1000, patient), 1, 2000, patient)).toMatchObject({ FailingStreak: 1 });
  expect(run(STARTING, 1, 60_000, patient)).toMatchObject({ FailingStreak: 1 });
});

test('keeps the last five results and the beginning of what they said', () => {
  let state = STARTING;
  for (let at = 1; at <= 7; at++)
    state = nextHealthState(state, { startMs: at, endMs: at, exitCode: 0, output: 'y'.repeat(900) }, plan, 0);
  expect(state.Log.map(({ Start }) => Date.parse(Start))).toEqual([3, 4, 5, 6, 7]);
  expect(state.Log[0]!.Output).toHaveLength(500);
});

test('is checked an interval after the start, then after the end of each check', () => {
  const record = { state: STARTING, plan, startedAtMs: 1000 };
  expect(nextCheckMs(record)).toBe(6000);
  expect(nextCheckMs({ ...record, state: run(STARTING, 0, 7000) })).toBe(7010 + 5000);
  const eager = { ...plan, startPeriodMs: 60_000, startIntervalMs: 500 };
  expect(nextCheckMs({ ...record, plan: eager })).toBe(1500);
  expect(nextCheckMs({ ...record, plan: { ...plan, intervalMs: 0 } })).toBeUndefined();
});

test('a check that left no result counts as one for when the next comes', () => {
  const record = { state: run(STARTING, 0, 7000), plan, startedAtMs: 1000 };
  expect(nextCheckMs(record, 9000)).toBe(9000 + 5000);
  expect(nextCheckMs(record, 6000)).toBe(7010 + 5000);
});

test("the container's settings win over the image's, and what neither says is the default", () => {
  const image = { Test: ['CMD-SHELL', 'curl localhost'], Interval: 2 * SECOND, Retries: 7 };
  expect(healthCheckPlan({ Retries: 1 }, image)).toEqual({
    command: ['/bin/sh', '-c', 'curl localhost'],
    intervalMs: 2000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 0,
    retries: 1,
  });
  expect(healthCheckPlan({ Test: ['NONE'] }, image)).toBeUndefined();
  expect(healthCheckPlan(undefined, undefined)).toBeUndefined();
  expect(healthCheckPlan({ Interval: -1 }, image)?.intervalMs).toBe(0);
  expect(healthCheckPlan({ Test: ['/healthcheck'] })?.command).toEqual(['/healthcheck']);
});
