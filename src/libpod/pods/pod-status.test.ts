import { expect, test } from 'vitest';
import { podStatus } from './pod-status.ts';

test("a pod's state is that of its containers when they agree", () => {
  expect(podStatus([])).toBe('Created');
  expect(podStatus(['created', 'initialized'])).toBe('Created');
  expect(podStatus(['running', 'running'])).toBe('Running');
  expect(podStatus(['paused', 'paused'])).toBe('Paused');
  expect(podStatus(['exited', 'exited'])).toBe('Exited');
});

test('one that runs beside one that does not makes it Degraded; one that ended beside one never started, Stopped', () => {
  expect(podStatus(['running', 'exited'])).toBe('Degraded');
  expect(podStatus(['running', 'created'])).toBe('Degraded');
  expect(podStatus(['exited', 'created'])).toBe('Stopped');
});
