import { expect, test } from 'vitest';
import {
  addressRange,
  addressText,
  candidates,
  firstServiceAddress,
  portRange,
  someCandidate,
} from './service-range.ts';

test('neither the network nor its broadcast address is given out', () => {
  const { first, last } = addressRange('10.43.0.0/28');
  expect([addressText(first), addressText(last)]).toEqual(['10.43.0.1', '10.43.0.14']);
  expect(firstServiceAddress('10.43.0.0/16')).toBe('10.43.0.1');
});

test("upstream's lower band is left to people who choose, where the range is large enough", () => {
  expect(addressRange('10.43.0.0/16').reserved).toBe(256);
  expect(addressRange('10.43.0.0/24').reserved).toBe(16);
  expect(addressRange('10.43.0.0/28').reserved).toBe(0);
  expect(portRange({ first: 30_000, last: 32_767 }).reserved).toBe(86);
  expect(portRange({ first: 30_000, last: 30_009 }).reserved).toBe(0);
});

test('every number comes once, the reserved ones last', () => {
  const range = { first: 100, last: 199, reserved: 20 };
  const all = [...candidates(range)];
  expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => 100 + i));
  expect(Math.min(...all.slice(0, 80))).toBe(120);
  expect(someCandidate(range)).toBeGreaterThanOrEqual(120);
});

test.each(['10.43.0.0', '10.43.0.0/31', '10.43.0.0/7', '10.43.0.256/16', 'fd00::/64'])(
  'refuses %s',
  (cidr) => {
    expect(() => addressRange(cidr)).toThrow(`the service range "${cidr}"`);
  },
);
