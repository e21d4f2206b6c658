import { expect, test } from 'vitest';
import { parseDurationMs } from './duration.ts';

test.each([
  ['15s', 15_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
])('reads %s', (text, ms) => {
  expect(parseDurationMs('--x', text)).toBe(ms);
});

test.each(['', '15', 's', '1d', '1s ', '-1s'])('refuses "%s", naming the flag', (text) => {
  expect(() => parseDurationMs('--x', text)).toThrow(`--x "${text}" is not a duration`);
});
