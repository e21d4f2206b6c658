import { expect, test } from 'vitest';
import { humanDuration } from '../../base/index.ts';
import { statusText } from './docker-status.ts';

test.each([
  [500, 'Less than a second'],
  [1_000, '1 second'],
  [59_000, '59 seconds'],
  [60_000, 'About a minute'],
  [3_540_000, '59 minutes'],
  [3_600_000, 'About an hour'],
  [2 * 3_600_000, '2 hours'],
  [3 * 86_400_000, '3 days'],
  [15 * 86_400_000, '2 weeks'],
  [65 * 86_400_000, '2 months'],
])('%i ms is %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text);
});

test('a status says how long, how it ended, and how its health is', () => {
  const nowMs = Date.parse('2024-01-01T00:01:00Z');
  const at = '2024-01-01T00:00:50Z';
  expect(statusText({ status: 'running', startedAt: at, health: 'starting' }, nowMs)).toBe(
    'Up 10 seconds (health: starting)',
  );
  expect(statusText({ status: 'exited', exitCode: 3, finishedAt: at }, nowMs)).toBe(
    'Exited (3) 10 seconds ago',
  );
  expect(statusText({ status: 'initialized' }, nowMs)).toBe('Created');
});
