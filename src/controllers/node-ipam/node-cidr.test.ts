import { expect, test } from 'vitest';
import { NodeCidrs } from './node-cidr.ts';

test('gives the first network that is free, until there is none', () => {
  const cidrs = new NodeCidrs('10.42.0.0/16', 24);
  expect(cidrs.firstFree(new Set())).toBe('10.42.0.0/24');
  expect(cidrs.firstFree(new Set(['10.42.0.0/24', '10.42.1.0/24']))).toBe('10.42.2.0/24');
  const all = new Set(Array.from({ length: 256 }, (_, i) => `10.42.${i}.0/24`));
  expect(cidrs.firstFree(all)).toBeUndefined();
});

test('refuses what is no network', () => {
  expect(() => new NodeCidrs('10.42.0.0', 24)).toThrow('is not an IPv4 network');
  expect(() => new NodeCidrs('10.42.0.300/16', 24)).toThrow('is not an IPv4 network');
  expect(() => new NodeCidrs('10.42.0.0/26', 24)).toThrow('does not fit');
});
