import { BlockList, isIPv6 } from 'node:net';
import type { FieldError } from '../../base/index.ts';
import { invalid } from './field-errors.ts';

/** Addresses that no endpoint and no external IP may have (core ValidateNonSpecialIP). */
export function validateNonSpecialIp(address: string, field: string): FieldError[] {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return RANGES.filter(({ list }) => list.check(address, family)).map(({ why }) =>
    invalid(field, address, why(address)),
  );
}

const RANGES = [
  {
    list: blockList(['0.0.0.0', 32], ['::', 128]),
    why: (address: string) => `may not be unspecified (${address})`,
  },
  {
    list: blockList(['127.0.0.0', 8], ['::1', 128]),
    why: () => 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  },
  {
    list: blockList(['169.254.0.0', 16], ['fe80::', 10]),
    why: () => 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  },
  {
    list: blockList(['224.0.0.0', 24], ['ff02::', 16]),
    why: () => 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  },
];

function blockList(v4: [string, number], v6: [string, number]): BlockList {
  const list = new BlockList();
  list.addSubnet(v4[0], v4[1], 'ipv4');
  list.addSubnet(v6[0], v6[1], 'ipv6');
  return list;
}
