import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { refuseTakenRange } from './address-ranges.ts';

const at = (cidr: string) => [{ family: 'IPv4', cidr, address: cidr.split('/')[0] } as NetworkInterfaceInfo];

test('a range another interface has is refused by name', () => {
  expect(() => refuseTakenRange('10.42.0.0/24', 'orr111111', { orr222222: at('10.42.0.1/24') })).toThrow(
    '10.42.0.0/24, the range for pods, is in use: interface orr222222 has 10.42.0.1/24',
  );
  expect(() => refuseTakenRange('10.42.0.0/24', 'orr111111', { tun0: at('10.42.0.77/30') })).toThrow('tun0');
});

test('our own bridge, other networks and wider ones around do no harm', () => {
  refuseTakenRange('10.42.0.0/24', 'orr111111', {
    orr111111: at('10.42.0.1/24'),
    eth0: at('192.168.1.2/24'),
    tun0: at('10.0.0.5/8'),
  });
});
