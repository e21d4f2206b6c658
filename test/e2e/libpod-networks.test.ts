import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CommandFailed, runCommand, systemClock } from '../../src/base/index.ts';
import type { EndpointSettings, NetworkSetUp, PublishedPort } from '../../src/libpod/index.ts';
import { LocalUserNetworks } from '../../src/libpod/networks/local-user-networks.ts';

/** A TCP server of one line in a namespace: who it is, and who asks. */
const SERVER = `
const [name, port] = process.argv.slice(1);
require('node:net').createServer((s) => s.end(name + ' ' + s.remoteAddress)).listen(+port, '::', () => console.log('ready'));
`;
const CLIENT = `
const [host, port] = process.argv.slice(1);
const s = require('node:net').connect({ host, port: +port, timeout: 1500 });
s.on('timeout', () => process.exit(3)).on('error', (e) => { console.error(e.code); process.exit(2); }).pipe(process.stdout);
`;

interface Joined {
  containers: string[];
  networks: Record<string, string[]>;
}

let folder: string;
let instance: string;
let networks: LocalUserNetworks;
let joined: Joined;
let namespaces: string[];
let children: ChildProcess[];

const idOf = (name: string) => Buffer.from(name).toString('hex').padEnd(64, '0');

const nameOf = (id: string) => Buffer.from(id, 'hex').toString().replaceAll('\0', '');

async function open(nameServerPrograms?: readonly string[]): Promise<LocalUserNetworks> {
  return await LocalUserNetworks.open({
    directory: join(folder, 'networks'),
    instance,
    clock: systemClock,
    containers: () => ({
      idOf: async (name) => idOf(name),
      list: async () =>
        joined.containers.map((name) => ({
          ...{ id: idOf(name), name, isRunning: true, networkMode: 'bridge' },
          networks: joined.networks[name] ?? [],
        })),
      setUpOf: async (id) => {
        const name = nameOf(id);
        return request(name, Object.fromEntries((joined.networks[name] ?? []).map((one) => [one, {}])));
      },
      setNetworks: async (id, all) => {
        joined.networks[nameOf(id)] = Object.keys(all);
      },
      remove: async () => undefined,
    }),
    events: { append: async () => undefined },
    ...(nameServerPrograms && { nameServerPrograms }),
  });
}

function request(
  name: string,
  all: Record<string, EndpointSettings>,
  ports: PublishedPort[] = [],
): NetworkSetUp {
  return {
    containerId: idOf(name),
    containerName: name,
    hostname: `host-${name}`,
    namespacePath: join(folder, `${name}.ns`),
    networks: all,
    ports,
    nameFiles: {
      hostsPath: join(folder, `${name}.hosts`),
      resolvConfPath: join(folder, `${name}.resolv`),
      ...{ extraHosts: [], dns: [], dnsSearch: [], dnsOptions: [], baseHostsPath: '' },
    },
  };
}

async function namespace(name: string): Promise<void> {
  const path = join(folder, `${name}.ns`);
  await writeFile(path, '');
  await runCommand('unshare', [`--net=${path}`, 'ip', 'link', 'set', 'lo', 'up']);
  namespaces.push(path);
}

/** A container without a process: its namespace, joined to networks. @returns its addresses, network by network */
async function joinTo(
  name: string,
  all: Record<string, EndpointSettings>,
  ports: PublishedPort[] = [],
): Promise<string[]> {
  await namespace(name);
  joined.containers.push(name);
  joined.networks[name] = Object.keys(all);
  return Object.values(await networks.setUp(request(name, all, ports))).flatMap((one) => one.addresses);
}

async function inside(name: string, ...command: string[]): Promise<string> {
  return (await runCommand('nsenter', [`--net=${join(folder, `${name}.ns`)}`, ...command])).stdout;
}

async function serve(name: string, port: number): Promise<void> {
  const child = spawn(
    'nsenter',
    [`--net=${join(folder, `${name}.ns`)}`, process.execPath, '-e', SERVER, name, String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  await once(child.stdout!, 'data');
}

/** What a server answers to someone in a namespace; undefined when nobody answers. */
async function asked(from: string, host: string, port: number): Promise<string | undefined> {
  try {
    return await inside(from, process.execPath, '-e', CLIENT, host, String(port));
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}

async function askedFromHost(host: string, port: number): Promise<string> {
  const socket = createConnection({ host, port });
  return await text(socket);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

const published = (hostPort: number, containerPort: number): PublishedPort => ({
  ...{ hostIp: '', hostPort, containerPort, protocol: 'tcp' },
});
const leftOnHost = async () =>
  (await runCommand('sh', ['-c', 'ip -o link; nft list tables'])).stdout
    .split('\n')
    .filter((line) => line.includes(instance));

/** They go after the teardown, in processes of their own. */
const untilLinksAreGone = async () =>
  await expect
    .poll(async () => (await leftOnHost()).filter((line) => !line.startsWith('table')), { timeout: 20_000 })
    .toEqual([]);

describe.skipIf(process.geteuid?.() !== 0)('user networks', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'orrery-networks-'));
    instance = randomBytes(3).toString('hex');
    joined = { containers: [], networks: {} };
    namespaces = [];
    children = [];
    networks = await open([]);
  });

  afterEach(async () => {
    for (const child of children) child.kill();
    await networks.reset();
    expect(await leftOnHost()).toEqual([]);
    for (const path of namespaces) await runCommand('umount', [path]);
    await rm(folder, { recursive: true });
  });

  test('containers of a network reach each other, over IPv4 and IPv6, and those of another do not', async () => {
    await networks.create({ Name: 'a', EnableIPv6: true });
    await networks.create({ Name: 'b' });
    const [ipv4, ipv6] = await joinTo('one', { a: {} });
    await joinTo('two', { a: {} });
    await joinTo('three', { b: {} });
    await serve('one', 80);
    expect(await asked('two', ipv4!, 80)).toMatch(/^one /);
    expect(await asked('two', ipv6!, 80)).toMatch(/^one fd/);
    expect(await asked('three', ipv4!, 80)).toBeUndefined();
  });

  test('several networks are eth0, eth1, … and the first one leads out', async () => {
    await networks.create({ Name: 'a', Options: { mtu: '1400' } });
    await networks.create({ Name: 'b' });
    await joinTo('one', { b: { MacAddress: '02:11:22:33:44:55' }, a: { InterfaceName: 'wan0' } });
    const links = await inside('one', 'ip', '-o', 'link');
    expect(links).toMatch(/eth0@.*mtu 1500.*02:11:22:33:44:55/);
    expect(links).toMatch(/wan0@.*mtu 1400/);
    expect(await inside('one', 'ip', 'route', 'get', '192.0.2.200')).toContain('dev eth0');
  });

  test('a host port leads to the container, from the host, from others and from itself', async () => {
    const port = await freePort();
    const [address] = await joinTo('one', { podman: {} }, [published(port, 80)]);
    await networks.create({ Name: 'a' });
    await joinTo('two', { a: {} });
    await serve('one', 80);
    const network = await networks.inspect('podman');
    const gateway = network.IPAM.Config[0]!.Gateway!;
    expect(await askedFromHost('127.0.0.1', port)).toMatch(/^one /);
    expect(await askedFromHost(gateway, port)).toMatch(/^one /);
    expect(await asked('two', gateway, port)).toMatch(/^one /);
    expect(await asked('one', gateway, port)).toMatch(/^one /);
    // Straight: nobody has rewritten who asks.
    expect(await askedFromHost(address!, 80)).toBe(`one ::ffff:${gateway}`);
    await networks.tearDown(idOf('one'));
    await expect(askedFromHost('127.0.0.1', port)).rejects.toThrow('ECONNREFUSED');
  });

  test("a client from outside keeps its address, and the host's loopback is not the containers'", async () => {
    const port = await freePort();
    await joinTo('one', { podman: {} }, [published(port, 80)]);
    await serve('one', 80);
    // Somebody outside, on a link of their own.
    const far = join(folder, 'far.ns');
    await namespace('far');
    const link = `x${instance}`;
    await runCommand('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far]);
    try {
      await runCommand('ip', ['addr', 'add', '198.18.77.1/24', 'dev', link]);
      await runCommand('ip', ['link', 'set', link, 'up']);
      await inside('far', 'ip', 'addr', 'add', '198.18.77.2/24', 'dev', 'eth0');
      await inside('far', 'ip', 'link', 'set', 'eth0', 'up');
      await inside('far', 'ip', 'route', 'add', 'default', 'via', '198.18.77.1');
      expect(await asked('far', '198.18.77.1', port)).toBe('one ::ffff:198.18.77.2');
    } finally {
      await runCommand('ip', ['link', 'delete', link]);
    }
  });

  test('a host port that is taken is refused, by whomever it is taken', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await expect(joinTo('one', { podman: {} }, [published(port, 80)])).rejects.toThrow(
      `cannot listen on the TCP port: listen tcp4 :${port}: bind: address already in use`,
    );
    server.close();
    await once(server, 'close');
    await joinTo('two', { podman: {} }, [published(port, 80)]);
    await expect(joinTo('three', { podman: {} }, [published(port, 81)])).rejects.toThrow('already in use');
    const held = await networks.reservePorts([published(await freePort(), 80)]);
    expect(held.descriptors).toHaveLength(1);
    held.close();
  });

  test('without a name server, peers are in /etc/hosts as they come and go, in the same inode', async () => {
    await networks.create({ Name: 'a' });
    await joinTo('one', { a: {} });
    const path = join(folder, 'one.hosts');
    const { ino } = await stat(path);
    const [two] = await joinTo('two', { a: { Aliases: ['db'] } });
    const line = `${two}\ttwo ${idOf('two').slice(0, 12)} db\n`;
    expect(await readFile(path, 'utf8')).toContain(line);
    await networks.disconnect('a', 'two');
    expect(await readFile(path, 'utf8')).not.toContain(line);
    await networks.connect('a', 'two', { Aliases: ['db2'] });
    expect(await readFile(path, 'utf8')).toMatch(/\ttwo \S+ db2\n/);
    await networks.tearDown(idOf('two'));
    expect(await readFile(path, 'utf8')).not.toContain('two');
    expect((await stat(path)).ino).toBe(ino);
    expect(await readFile(join(folder, 'one.resolv'), 'utf8')).not.toContain('10.89.');
  });

  test('a container is connected to and disconnected from networks while it runs; its ports follow', async () => {
    const port = await freePort();
    await networks.create({ Name: 'a' });
    await networks.create({ Name: 'b' });
    await joinTo('one', { a: {} }, [published(port, 80)]);
    await serve('one', 80);
    await expect(networks.connect('a', 'one')).rejects.toThrow('network is already connected');
    await networks.connect('b', 'one');
    expect(await inside('one', 'ip', '-o', 'link')).toContain('eth1@');
    await networks.disconnect('a', 'one');
    expect(await inside('one', 'ip', '-o', 'link')).not.toContain('eth0@');
    expect(await askedFromHost('127.0.0.1', port)).toMatch(/^one /);
    expect(Object.keys(await networks.endpointsOf(idOf('one')))).toEqual(['b']);
    await expect(networks.disconnect('a', 'one')).rejects.toThrow('is not connected to network a');
  });

  test('addresses that are asked for are given once, and only inside of the network', async () => {
    await networks.create({ Name: 'a', IPAM: { Config: [{ Subnet: '198.18.80.0/28' }] } });
    const IPv4Address = '198.18.80.9';
    expect(await joinTo('one', { a: { IPAMConfig: { IPv4Address } } })).toEqual([IPv4Address]);
    await expect(joinTo('two', { a: { IPAMConfig: { IPv4Address } } })).rejects.toThrow(
      `requested ip address ${IPv4Address} is already allocated to container ID ${idOf('one')}`,
    );
    await expect(joinTo('three', { a: { IPAMConfig: { IPv4Address: '198.18.81.1' } } })).rejects.toThrow(
      'requested static ip 198.18.81.1 not in any subnet on network a',
    );
    await networks.tearDown(idOf('one'));
    expect(await joinTo('four', { a: { IPAMConfig: { IPv4Address } } })).toEqual([IPv4Address]);
  });

  test('what a process leaves when it dies half way is taken down by the next', async () => {
    await networks.create({ Name: 'a' });
    await joinTo('one', { a: {} }, [published(await freePort(), 80)]);
    const path = join(folder, 'networks', 'containers', `${idOf('one')}.json`);
    const record = JSON.parse(await readFile(path, 'utf8')) as { endpoints: Record<string, object> };
    // As if it had died after it took the address and made the link, and before it wrote them down.
    await writeFile(path, JSON.stringify({ ...record, isComplete: false }));
    networks = await open([]);
    const endpoints = await networks.setUp(request('one', { a: {} }));
    expect(await inside('one', 'ip', '-o', 'addr', 'show', 'eth0')).toContain(endpoints.a!.addresses[0]!);
    await networks.tearDown(idOf('one'));
    await untilLinksAreGone();
  });

  test('rules that somebody has flushed come back with the next container, or by reload', async () => {
    const port = await freePort();
    await networks.create({ Name: 'a' });
    await joinTo('one', { a: {} }, [published(port, 80)]);
    await serve('one', 80);
    await runCommand('nft', ['delete', 'table', 'inet', `orrery_${instance}_user`]);
    await joinTo('two', { a: {} });
    expect(await askedFromHost('127.0.0.1', port)).toMatch(/^one /);
    await runCommand('nft', ['delete', 'table', 'inet', `orrery_${instance}_user`]);
    await networks.reload(idOf('one'));
    expect(await askedFromHost('127.0.0.1', port)).toMatch(/^one /);
  });

  test('an internal network leads nowhere but to its own', async () => {
    await networks.create({ Name: 'in', Internal: true });
    const [address] = await joinTo('one', { in: {} });
    await joinTo('two', { in: {} });
    await serve('one', 80);
    expect(await asked('two', address!, 80)).toMatch(/^one /);
    expect(await inside('two', 'ip', 'route')).not.toContain('default');
  });

  test('twelve containers at once have twelve addresses', async () => {
    await networks.create({ Name: 'a' });
    const names = Array.from({ length: 12 }, (_, at) => `c${at}`);
    const given = await Promise.all(names.map((name) => joinTo(name, { a: {} })));
    expect(new Set(given.flat()).size).toBe(12);
    await Promise.all(names.map((name) => networks.tearDown(idOf(name))));
    await untilLinksAreGone();
  });

  test('what is going yet is in nobody’s way: a container set up again at once, a network made again', async () => {
    const { Interface } = await networks.create({ Name: 'a' });
    await joinTo('one', { a: {} });
    for (let again = 0; again < 3; again++) {
      await networks.tearDown(idOf('one'));
      await networks.setUp(request('one', { a: {} }));
      expect(await inside('one', 'ip', '-o', 'link')).toContain('eth0@');
      expect((await leftOnHost()).filter((line) => line.includes('master'))).toHaveLength(1);
    }
    await networks.tearDown(idOf('one'));
    joined.containers = [];
    await networks.remove('a');
    expect(await networks.create({ Name: 'a' })).toMatchObject({ Interface });
  });

  test('the rules go with the last network nobody uses, and stay while somebody does', async () => {
    for (const Name of ['a', 'b', 'c']) await networks.create({ Name });
    await joinTo('one', { a: {} });
    await joinTo('two', { b: {} });
    const leave = async (name: string) => {
      await networks.tearDown(idOf(name));
      joined.containers = joined.containers.filter((one) => one !== name);
    };
    await leave('two');
    await networks.remove('b');
    expect(await leftOnHost()).toContain(`table inet orrery_${instance}_user`);
    await leave('one');
    expect(await networks.prune()).toEqual(['a', 'c']);
    expect(await leftOnHost()).toEqual([]);
  });

  test('a network in use stays; nobody removes the default one', async () => {
    await networks.create({ Name: 'a', Labels: { tier: 'x' } });
    await networks.create({ Name: 'b', Labels: { tier: 'x' } });
    await joinTo('one', { a: {} });
    await expect(networks.remove('a')).rejects.toThrow('"a" has associated containers with it');
    await expect(networks.remove('bridge')).rejects.toThrow('default network podman cannot be removed');
    expect(await networks.prune({ label: ['tier=x'] })).toEqual(['b']);
    expect((await networks.list({ dangling: ['false'] })).map((one) => one.Name)).toEqual(['a', 'podman']);
    await expect(networks.create({ Name: 'a' })).rejects.toThrow('network name a already used');
    await expect(networks.inspect('c')).rejects.toThrow('unable to find network with name or ID c');
  });

  test('a name server on the gateway answers for names while there are containers', async (context) => {
    networks = await open();
    await networks.create({ Name: 'a' });
    const [address] = await joinTo('one', { a: { Aliases: ['db'] } });
    await joinTo('two', { a: {} });
    const resolvers = await readFile(join(folder, 'two.resolv'), 'utf8');
    // A host without aardvark-dns has the names in /etc/hosts instead, as tested above.
    if (!resolvers.includes('dns.podman')) return context.skip();
    const server = /nameserver (\S+)/.exec(resolvers)![1]!;
    const lookUp = `const r = new (require('node:dns').promises.Resolver)(); r.setServers([process.argv[1]]); r.resolve4('db').then((a) => console.log(a[0]));`;
    expect((await inside('two', process.execPath, '-e', lookUp, server)).trim()).toBe(address);
    const pid = await readFile(join(folder, 'networks', 'names', 'aardvark.pid'), 'utf8');
    process.kill(Number(pid), 'SIGKILL');
    await joinTo('three', { a: {} });
    expect((await inside('two', process.execPath, '-e', lookUp, server)).trim()).toBe(address);
  });
});
