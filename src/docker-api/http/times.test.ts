import { expect, test } from 'vitest';
import { parseTime, unixNanoseconds, utcTime } from './times.ts';

test.each([
  ['1700000000', 1_700_000_000_000],
  ['1700000000.5', 1_700_000_000_500],
  ['2023-11-14T22:13:20Z', 1_700_000_000_000],
  ['10s', 990_000],
  ['1m30s', 910_000],
])('%s is %i', (text, ms) => {
  expect(parseTime(text, 1_000_000)).toBe(ms);
});

test('refuses what is no time', () => {
  expect(() => parseTime('soon', 0)).toThrow('invalid time "soon"');
});

test('a time of another zone keeps its nanoseconds in UTC', () => {
  expect(utcTime('2024-01-01T01:30:00.123456789+02:00')).toBe('2023-12-31T23:30:00.123456789Z');
  expect(utcTime('2024-01-01T01:30:00Z')).toBe('2024-01-01T01:30:00Z');
});

test('nanoseconds since 1970 are exact', () => {
  expect(unixNanoseconds('2023-11-14T22:13:20.000000001Z')).toBe(1_700_000_000_000_000_001n);
});
