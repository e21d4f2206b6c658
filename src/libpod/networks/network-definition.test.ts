import { expect, test } from 'vitest';
import { IpRange } from '../../engine/index.ts';
import { defaultNetwork, defineNetwork } from './network-definition.ts';

const CONTEXT = {
  nowMs: 0,
  used: [IpRange.parse('10.88.0.0/16')],
  existing: [defaultNetwork('orr1a2b3cp', 0)],
  bridgePrefix: 'orr1a2b3cp',
  links: ['lo', 'eth0'],
  defaultLink: 'eth0',
};

test('a network nobody says anything about is the next bridge with the next free range', () => {
  const used = [...CONTEXT.used, IpRange.parse('10.89.0.0/23')];
  const network = defineNetwork({}, { ...CONTEXT, used });
  expect(network).toMatchObject({
    Name: 'podman1',
    Driver: 'bridge',
    Interface: 'orr1a2b3cp1',
    DnsEnabled: true,
    IPAM: { Driver: 'host-local', Config: [{ Subnet: '10.89.2.0/24', Gateway: '10.89.2.1' }] },
    hasChosenSubnets: true,
  });
  expect(network.Interface.length).toBeLessThanOrEqual(15);
});

test('ranges, gateways and lease ranges are taken as given', () => {
  const network = defineNetwork(
    {
      Name: 'n',
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: '10.5.0.0/24', Gateway: '10.5.0.254', IPRange: '10.5.0.128/25' }] },
      Options: { 'com.docker.network.bridge.name': 'br-n', 'com.docker.network.driver.mtu': '1400' },
    },
    CONTEXT,
  );
  expect(network.IPAM.Config[0]).toEqual({
    Subnet: '10.5.0.0/24',
    Gateway: '10.5.0.254',
    IPRange: '10.5.0.128/25',
    LeaseRange: { Start: '10.5.0.129', End: '10.5.0.255' },
  });
  expect(network.IPAM.Config[1]!.Subnet).toMatch(/^fd.*\/64$/);
  expect([network.Interface, network.Options, network.hasChosenSubnets]).toEqual([
    'br-n',
    { mtu: '1400' },
    undefined,
  ]);
});

test('an internal network has a gateway only for its names', () => {
  const named = defineNetwork({ Internal: true }, CONTEXT);
  expect(named.IPAM.Config).toEqual([{ Subnet: '10.89.0.0/24', Gateway: '10.89.0.1' }]);
  const nameless = defineNetwork({ Internal: true, DisableDns: true }, CONTEXT);
  expect(nameless.IPAM.Config).toEqual([{ Subnet: '10.89.0.0/24' }]);
});

test.each([
  [{ Name: 'host' }, 'conflicts with a valid network mode'],
  [{ Name: '../x' }, 'names must match'],
  [{ Driver: 'overlay' }, 'unsupported driver overlay'],
  [{ Options: { speed: '1' } }, 'unsupported bridge network option speed'],
  [{ Options: { mtu: 'big' } }, 'mtu big'],
  [{ IPAM: { Config: [{ Subnet: '10.88.3.0/24' }] } }, 'subnet 10.88.3.0/24 is already used on the host'],
  [
    { IPAM: { Config: [{ Subnet: '10.5.0.0/24', Gateway: '10.6.0.1' }] } },
    'gateway 10.6.0.1 not in subnet 10.5.0.0/24',
  ],
  [{ IPAM: { Config: [{ Subnet: '10.5.0.0' }] } }, 'invalid CIDR address: 10.5.0.0'],
  [{ Driver: 'macvlan' }, 'the ipam driver dhcp is not supported'],
  [{ Driver: 'macvlan', Options: { parent: 'nope' } }, 'parent interface nope does not exist'],
  [{ DisableDns: true, DnsServers: ['1.1.1.1'] }, 'cannot set NetworkDNSServers if DNS is not enabled'],
  [{ Interface: 'a-name-that-is-too-long' }, '1 to 15 characters'],
])('refuses %j', (asked, message) => {
  expect(() => defineNetwork(asked, CONTEXT)).toThrow(message);
});
