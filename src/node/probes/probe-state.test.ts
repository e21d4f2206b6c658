import { expect, test } from 'vitest';
import { firstProbeState, type ProbeKind, stepProbe } from './probe-state.ts';

const failure = { result: 'failure', output: 'no' } as const;
const success = { result: 'success', output: '' } as const;

/** Probes at the times the state itself asks for, with outcomes in turn. */
function run(kind: ProbeKind, probe: object, outcomes: ('success' | 'failure' | 'unknown')[]) {
  let state = firstProbeState(kind, probe, 1000, 1000);
  return outcomes.map((result) => {
    const atMs = state.nextAtMs;
    const step = stepProbe(state, probe, { result, output: '' }, atMs);
    state = step.state;
    return { atMs: atMs - 1000, result: state.result, changed: step.changed, complain: step.complain };
  });
}

test('the first probe comes at once, or after the initial delay', () => {
  expect(firstProbeState('readiness', {}, 1000, 1005).nextAtMs).toBe(1005);
  expect(firstProbeState('readiness', { initialDelaySeconds: 3 }, 1000, 1005).nextAtMs).toBe(4000);
});

test('readiness is asked soon again until it succeeds, without complaints', () => {
  const steps = run('readiness', { periodSeconds: 10 }, [
    'failure',
    'failure',
    'failure',
    'success',
    'success',
  ]);
  expect(steps.map((s) => s.atMs)).toEqual([0, 25, 75, 175, 10_175]);
  expect(steps.map((s) => s.result)).toEqual([undefined, undefined, undefined, 'success', 'success']);
  expect(steps.some((s) => s.complain)).toBe(false);
});

test('after the first period failures count and are told', () => {
  let state = firstProbeState('readiness', { periodSeconds: 1 }, 0, 0);
  let complaints = 0;
  for (let i = 0; state.nextAtMs < 10_000 && i < 100; i++) {
    const step = stepProbe(state, { periodSeconds: 1, failureThreshold: 3 }, failure, state.nextAtMs);
    if (step.complain) complaints += 1;
    state = step.state;
  }
  expect(state.result).toBe('failure');
  expect(complaints).toBeGreaterThanOrEqual(8);
});

test('liveness fails after its threshold of failures in a row', () => {
  const outcomes = ['failure', 'failure', 'success', 'failure', 'failure', 'failure'] as const;
  const steps = run('liveness', { periodSeconds: 2, failureThreshold: 3 }, [...outcomes]);
  expect(steps.map((s) => s.result)).toEqual([
    undefined,
    undefined,
    'success',
    'success',
    'success',
    'failure',
  ]);
  expect(steps.map((s) => s.complain)).toEqual([true, true, false, true, true, true]);
  expect(steps.at(-1)!.changed).toBe(true);
});

test('readiness comes back after successThreshold successes', () => {
  const state = {
    ...firstProbeState('readiness', {}, 0, 0),
    result: 'failure',
    last: 'failure',
    run: 3,
  } as const;
  const one = stepProbe(state, { successThreshold: 2 }, success, 0);
  expect(one.state.result).toBe('failure');
  const two = stepProbe(one.state, { successThreshold: 2 }, success, one.state.nextAtMs);
  expect(two).toMatchObject({ changed: true, state: { result: 'success' } });
});

test('a probe that could not be carried out changes nothing', () => {
  const steps = run('liveness', {}, ['success', 'unknown']);
  expect(steps[1]).toMatchObject({ result: 'success', changed: false, complain: true });
});

test('what was known before a restart of the node stands until something else is known', () => {
  const state = firstProbeState('readiness', {}, 0, 0, 'success');
  expect(state.result).toBe('success');
  const step = stepProbe(state, { failureThreshold: 3 }, failure, 0);
  expect(step).toMatchObject({ changed: false, complain: true, state: { result: 'success' } });
});
