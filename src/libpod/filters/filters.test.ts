import { expect, test } from 'vitest';
import { matchesLabels } from './label-filter.ts';
import { untilTimeMs } from './until-filter.ts';

test('a label filter asks for a key, or for a key and its value, and all must fit', () => {
  const labels = { app: 'web', 'io.x.part': '1', empty: '' };
  expect(matchesLabels(['app'], labels)).toBe(true);
  expect(matchesLabels(['app=web', 'io.x.*'], labels)).toBe(true);
  expect(matchesLabels(['app=web', 'tier'], labels)).toBe(false);
  expect(matchesLabels(['app=db'], labels)).toBe(false);
});

test('until is a time or a duration back from now', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  expect(untilTimeMs('1h30m', now)).toBe(now - 5_400_000);
  expect(untilTimeMs('1700000000', now)).toBe(1_700_000_000_000);
  expect(untilTimeMs('2026-02-01T10:00:00Z', now)).toBe(Date.parse('2026-02-01T10:00:00Z'));
  expect(() => untilTimeMs('soon', now)).toThrow('"soon"');
});
