import { expect, test } from 'vitest';
import { canonicalAddress, IpRange } from './ip-range.ts';

test('a range is its network address, whatever host bits were given', () => {
  expect(String(IpRange.parse('10.89.3.77/24'))).toBe('10.89.3.0/24');
  expect(String(IpRange.parse('fd00:1:0:0::9/64'))).toBe('fd00:1::/64');
});

test('ranges overlap when one holds a part of the other, and never across families', () => {
  const wide = IpRange.parse('10.88.0.0/16');
  expect(wide.overlaps(IpRange.parse('10.88.200.0/24'))).toBe(true);
  expect(IpRange.parse('10.88.200.0/24').overlaps(wide)).toBe(true);
  expect(wide.overlaps(IpRange.parse('10.89.0.0/16'))).toBe(false);
  expect(wide.overlaps(IpRange.parse('::/0'))).toBe(false);
});

test('addresses are counted from the first and from the last', () => {
  const range = IpRange.parse('10.89.0.0/24');
  expect([range.at(1), range.at(-1), String(range.next())]).toEqual([
    '10.89.0.1',
    '10.89.0.255',
    '10.89.1.0/24',
  ]);
  expect(range.offsetOf('10.89.0.77')).toBe(77n);
  expect(IpRange.parse('fd00::/64').at(2)).toBe('fd00::2');
});

test('refuses what is no range, quoting it', () => {
  for (const text of ['10.10.134.0', '10.10.134.0/65', '10.0.0/8', 'x/8', '10.0.0.0/8/8', 'fe80::1%eth0/64'])
    expect(() => IpRange.parse(text)).toThrow(`invalid CIDR address: ${text}`);
});

test('an address has one spelling', () => {
  expect(canonicalAddress('fd00:0:0:0::0001')).toBe('fd00::1');
  expect(canonicalAddress('010.0.0.1')).toBeUndefined();
});
