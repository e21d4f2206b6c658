import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changedHosts, hostsFile, writeInPlace } from './hosts-file.ts';
import { resolvConf } from './resolv-conf.ts';

test('what the user says about hosts comes first and is not said again', () => {
  const text = hostsFile({
    extraHosts: ['db:10.0.0.9', 'gate:host-gateway'],
    baseText: '127.0.0.1 localhost # the host\n10.1.1.1 base\n',
    hostContainersInternal: '10.88.0.1',
    own: [{ address: '10.88.0.2', names: ['abc', 'db'] }],
  });
  expect(text.split('\n')).toEqual([
    '10.0.0.9\tdb',
    '10.88.0.1\tgate',
    '127.0.0.1\tlocalhost',
    '10.1.1.1\tbase',
    '10.88.0.1\thost.containers.internal',
    '10.88.0.2\tabc',
    '',
  ]);
});

test('a peer that comes or goes changes its own lines only', () => {
  const peer = { address: '10.89.0.3', names: ['db', 'abcdef'] };
  const before = '127.0.0.1\tlocalhost\n# by hand\n10.9.9.9 mine';
  const joined = changedHosts(before, { without: [], with: [peer] });
  expect(joined).toBe('127.0.0.1\tlocalhost\n# by hand\n10.9.9.9 mine\n10.89.0.3\tdb abcdef\n');
  expect(changedHosts(joined, { without: [], with: [peer] })).toBe(joined);
  expect(changedHosts(joined, { without: [peer], with: [] })).toBe(`${before}\n`);
});

test('a file is rewritten in its own inode, shorter or longer', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orrery-hosts-'));
  try {
    const path = join(folder, 'hosts');
    await writeFile(path, 'long content\n');
    const { ino } = await stat(path);
    await writeInPlace(path, 'x\n');
    expect(await readFile(path, 'utf8')).toBe('x\n');
    await writeInPlace(path, 'longer than before\n');
    expect([await readFile(path, 'utf8'), (await stat(path)).ino]).toEqual(['longer than before\n', ino]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

const HOST = {
  hostText:
    'search corp.example\nnameserver 127.0.0.53\nnameserver fd00::53\nnameserver 192.0.2.53\noptions edns0\n',
  ...{
    servers: [],
    search: [],
    options: [],
    ownServers: [],
    wayOutServers: [],
    isHostNetwork: false,
    hasIpv6: false,
  },
};

test("a container gets the host's resolvers that it can reach", () => {
  expect(resolvConf(HOST)).toBe('search corp.example\nnameserver 192.0.2.53\noptions edns0\n');
  expect(resolvConf({ ...HOST, hasIpv6: true })).toContain('nameserver fd00::53');
  expect(resolvConf({ ...HOST, isHostNetwork: true })).toContain('nameserver 127.0.0.53');
  expect(resolvConf({ ...HOST, hostText: 'nameserver 127.0.0.1\n' })).toBe(
    'nameserver 8.8.8.8\nnameserver 8.8.4.4\n',
  );
});

test("a network's own name server stands alone, and what the user says wins", () => {
  expect(resolvConf({ ...HOST, ownServers: ['10.89.0.1'] })).toBe(
    'search dns.podman corp.example\nnameserver 10.89.0.1\noptions edns0\n',
  );
  expect(
    resolvConf({
      ...HOST,
      ownServers: ['10.89.0.1'],
      servers: ['1.1.1.1'],
      search: ['.'],
      options: ['ndots:2'],
    }),
  ).toBe('nameserver 1.1.1.1\noptions ndots:2\n');
});
