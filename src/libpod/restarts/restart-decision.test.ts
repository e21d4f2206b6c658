import { expect, test } from 'vitest';
import { comesBackAfterReboot, type RestartFacts, restartDecision } from './restart-decision.ts';

const facts = (fields: Partial<RestartFacts>): RestartFacts => ({
  policy: { Name: 'always' },
  exitCode: 1,
  wasStopped: false,
  restarts: 0,
  lastDelayMs: 0,
  ranMs: 50,
  ...fields,
});

test('waits twice as long at each end, up to a minute', () => {
  const delays: number[] = [];
  let lastDelayMs = 0;
  for (let restarts = 0; restarts < 12; restarts++) {
    const decision = restartDecision(facts({ restarts, lastDelayMs }));
    if (decision === 'stay') throw new Error('must restart');
    delays.push(decision.delayMs);
    lastDelayMs = decision.delayMs;
  }
  expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(delays.slice(-2)).toEqual([60_000, 60_000]);
});

test('a container that has run for ten seconds begins anew', () => {
  expect(restartDecision(facts({ lastDelayMs: 6400, ranMs: 9_999 }))).toEqual({ delayMs: 12_800 });
  expect(restartDecision(facts({ lastDelayMs: 6400, ranMs: 10_000 }))).toEqual({ delayMs: 100 });
});

test('on-failure lets success rest and gives up after its number', () => {
  const policy = { Name: 'on-failure', MaximumRetryCount: 2 } as const;
  expect(restartDecision(facts({ policy, exitCode: 0 }))).toBe('stay');
  expect(restartDecision(facts({ policy, restarts: 1 }))).not.toBe('stay');
  expect(restartDecision(facts({ policy, restarts: 2 }))).toBe('stay');
  expect(restartDecision(facts({ policy: { Name: 'on-failure' }, restarts: 99 }))).not.toBe('stay');
});

test('one that people stopped stays, whatever its policy', () => {
  for (const Name of ['always', 'unless-stopped', 'on-failure'] as const)
    expect(restartDecision(facts({ policy: { Name }, wasStopped: true }))).toBe('stay');
  expect(restartDecision(facts({ policy: { Name: 'no' } }))).toBe('stay');
  expect(restartDecision(facts({ policy: undefined }))).toBe('stay');
});

test('after a reboot unless-stopped does not bring back what people stopped, always does', () => {
  const ran = { wasStopped: false, wasEverStarted: true };
  expect(comesBackAfterReboot({ Name: 'always' }, { ...ran, wasStopped: true })).toBe(true);
  expect(comesBackAfterReboot({ Name: 'always' }, { ...ran, wasEverStarted: false })).toBe(false);
  expect(comesBackAfterReboot({ Name: 'unless-stopped' }, ran)).toBe(true);
  expect(comesBackAfterReboot({ Name: 'unless-stopped' }, { ...ran, wasStopped: true })).toBe(false);
  expect(comesBackAfterReboot({ Name: 'on-failure' }, ran)).toBe(false);
});
