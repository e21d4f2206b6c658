import { describe, expect, test } from 'vitest';
import type { networkingv1 } from '../../kube/index.ts';
import { containsAddress, mayGo, overlap } from './service-range-verdict.ts';

const range = (name: string, ...cidrs: string[]) =>
  ({ metadata: { name }, spec: { cidrs } }) as unknown as networkingv1.ServiceCIDR;
const address = (name: string, managed = true) =>
  ({
    metadata: { name, labels: managed ? { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } : {} },
  }) as unknown as networkingv1.IPAddress;

describe('a range may go', () => {
  const main = range('kubernetes', '10.43.0.0/16');
  const second = range('second', '203.0.113.0/24');

  test('without addresses, and not with one of a service', () => {
    expect(mayGo(second, [main, second], [address('10.43.0.1')])).toBe(true);
    expect(mayGo(second, [main, second], [address('203.0.113.10')])).toBe(false);
  });

  test('whatever somebody else made of addresses', () => {
    expect(mayGo(second, [main, second], [address('203.0.113.10', false)])).toBe(true);
  });

  test('with addresses that another range has too', () => {
    const wide = range('wide', '203.0.0.0/16');
    const half = range('half', '203.0.113.0/25');
    expect(mayGo(second, [main, second, wide], [address('203.0.113.10')])).toBe(true);
    expect(mayGo(second, [main, second, half], [address('203.0.113.10')])).toBe(true);
    expect(mayGo(second, [main, second, half], [address('203.0.113.200')])).toBe(false);
  });

  test('of two families only with both', () => {
    const dual = range('dual', '203.0.113.0/24', '2001:db8::/64');
    expect(mayGo(dual, [dual, second], [address('2001:db8::7')])).toBe(false);
    expect(mayGo(dual, [dual, second, range('six', '2001:db8::/32')], [address('2001:db8::7')])).toBe(true);
  });
});

test('networks overlap when one lies in the other', () => {
  expect(overlap(range('a', '10.0.0.0/8'), range('b', '10.43.0.0/16'))).toBe(true);
  expect(overlap(range('a', '10.42.0.0/16'), range('b', '10.43.0.0/16'))).toBe(false);
  expect(containsAddress('10.43.0.0/16', '2001:db8::1')).toBe(false);
});
