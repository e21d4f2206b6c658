import { expect, test } from 'vitest';
import { slirpAddresses, slirpOptions } from './slirp4netns.ts';

test('addresses are the 100th, the second and the third of the range', () => {
  expect(slirpAddresses('10.0.2.0/24')).toEqual({
    guest: '10.0.2.100',
    gateway: '10.0.2.2',
    dns: '10.0.2.3',
  });
  expect(slirpAddresses('192.168.255.0/23').guest).toBe('192.168.255.100');
});

test('options are those of the man page, and no others', () => {
  expect(slirpOptions(['allow_host_loopback=true', 'mtu=1500', 'port_handler=slirp4netns'])).toMatchObject({
    ...{ allowHostLoopback: true, mtu: 1500, portHandler: 'slirp4netns', cidr: '10.0.2.0/24' },
  });
  expect(() => slirpOptions(['speed=high'])).toThrow('unknown option for slirp4netns: "speed"');
  expect(() => slirpOptions(['cidr'])).toThrow('unknown option for slirp4netns: "cidr"');
  expect(() => slirpOptions(['cidr=ten'])).toThrow('invalid cidr "ten"');
});
