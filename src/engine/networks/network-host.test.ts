import { expect, test } from 'vitest';
import { insideScript, plugScript } from './container-links.ts';
import { nameFile } from './name-server.ts';
import { linkNamesIn, routesIn } from './network-host.ts';

test('links are named as proc_net_dev names them', () => {
  const table = `Inter-|   Receive                   |  Transmit
 face |bytes    packets errs drop|bytes
    lo: 7144 26 0 0
orr1a2b3cp0: 1 2 3 4
`;
  expect(linkNamesIn(table)).toEqual(['lo', 'orr1a2b3cp0']);
});

test('routes are ranges with their links, whatever kind they are; what is on every link is none', () => {
  const text = `default via 192.0.2.1 dev eth0
10.88.0.0/16 dev orr1a2b3cp0 proto kernel scope link src 10.88.0.1 linkdown
local 192.0.2.2 dev eth0 table local proto kernel
unreachable 198.18.0.0/15 dev lo metric 4294967295
fd00::/64 dev eth0 proto kernel metric 256 pref medium
fe80::/64 dev eth0 proto kernel metric 256 pref medium
multicast ff00::/8 dev eth0 table local
`;
  expect(routesIn(text)).toEqual([
    { range: '10.88.0.0/16', link: 'orr1a2b3cp0' },
    { range: '192.0.2.2/32', link: 'eth0' },
    { range: '198.18.0.0/15', link: 'lo' },
    { range: 'fd00::/64', link: 'eth0' },
  ]);
});

const LINK = {
  namespacePath: '/a folder/ns',
  interfaceName: 'eth0',
  macAddress: '02:00:00:00:00:01',
  mtu: 1400,
  addresses: ['10.5.0.2/24', 'fd05::2/64'],
  routes: [{ destination: '0.0.0.0/0', gateway: '10.5.0.1', metric: 101 }],
};

test('a pair is made into its namespace, a second face of a link as well', () => {
  const bridge = { name: 'br', addresses: ['10.5.0.1/24'], macAddress: '02:00:00:00:00:02' };
  expect(plugScript({ ...LINK, upstream: { kind: 'bridge', bridge, hostLink: 'ov1' } }).split('\n')).toEqual([
    'addr replace 10.5.0.1/24 brd + dev br',
    'link set dev br up',
    'link add name ov1 mtu 1400 type veth peer name eth0 address 02:00:00:00:00:01 mtu 1400 netns "/a folder/ns"',
    'link set dev ov1 master br up',
    expect.stringContaining('hairpin on'),
    '',
  ]);
  expect(plugScript({ ...LINK, upstream: { kind: 'macvlan', parent: 'eth7', mode: 'bridge' } })).toBe(
    'link add link eth7 name eth0 address 02:00:00:00:00:01 mtu 1400 netns "/a folder/ns" type macvlan mode bridge\n',
  );
});

test('inside, addresses come before routes', () => {
  const bridge = { name: 'br', addresses: [], macAddress: '02:00:00:00:00:02' };
  expect(
    insideScript({ ...LINK, upstream: { kind: 'bridge', bridge, hostLink: 'ov1' } }).split('\n'),
  ).toEqual([
    'addr replace 10.5.0.2/24 brd + dev eth0',
    'addr replace fd05::2/64 nodad dev eth0',
    'link set dev eth0 up',
    'route replace 0.0.0.0/0 via 10.5.0.1 dev eth0 metric 101',
    '',
  ]);
});

test("the name server's file has the gateways first, and a line a container", () => {
  const one = { id: 'a1', ipv4: ['10.5.0.2'], ipv6: [], names: ['one', 'db'] };
  const network = {
    name: 'n',
    listenAddresses: ['10.5.0.1', 'fd05::1'],
    upstreams: ['9.9.9.9'],
    containers: [one],
  };
  expect(nameFile(network)).toBe('10.5.0.1,fd05::1 9.9.9.9\na1 10.5.0.2  one,db\n');
});
