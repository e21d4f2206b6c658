import { expect, test } from 'vitest';
import { parseGoDurationMs, parseGoDurationNs } from './go-duration.ts';

test.each([
  ['0', 0],
  ['-0', 0],
  ['0s', 0],
  ['1ns', 1],
  ['1us', 1e3],
  ['1\u00b5s', 1e3],
  ['1\u03bcs', 1e3],
  ['300ms', 300e6],
  ['1.005s', 1_005_000_000],
  ['.5s', 500e6],
  ['5.s', 5e9],
  ['-1.5h', -5400e9],
  ['+2h45m', 9900e9],
  ['1h1m1s1ms1us1ns', 3_661_001_001_001],
  ['0.5ns', 0],
  ['0.333333333333333333s', 333_333_333],
])('%s is %i nanoseconds', (text, nanoseconds) => {
  expect(parseGoDurationNs(text)).toBe(nanoseconds);
});

test.each(['', '+', '.', '.s', '1', '1.5', 's', '1d', '1 s', '1s2', '--1s', '1e3s', '3000000h'])(
  '%j is no duration',
  (text) => {
    expect(parseGoDurationNs(text)).toBeUndefined();
    expect(parseGoDurationMs(text)).toBeUndefined();
  },
);

test('milliseconds keep their fraction', () => {
  expect(parseGoDurationMs('1m1500us')).toBe(60_001.5);
});
