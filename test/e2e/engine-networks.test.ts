import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/base/index.ts';
import type { NetworkResult } from '../../src/engine/index.ts';
import type { corev1, discoveryv1 } from '../../src/kube/index.ts';
import { removeServiceRules } from '../../src/node/index.ts';
import { compileRuleset } from '../../src/node/services/compile-ruleset.ts';
import { LinuxHostNetwork } from '../../src/node/services/index.ts';
import { type EngineFixture, startEngine, textFrom, untilState, whyNotHere } from './engine-fixture.ts';

const reason = await whyNotHere();

const SERVER = `
  require('net').createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('data', (chunk) => { text += chunk; });
    socket.on('end', () => socket.end('heard ' + text + ' from ' + socket.remoteAddress));
    socket.on('error', () => {});
  }).listen(8080, '0.0.0.0', () => console.log('listening'));
`;

const talkTo = (host: string, port = 8080) =>
  `const s = require('net').connect({ port: ${port}, host: '${host}', allowHalfOpen: true }); s.end('hello'); s.pipe(process.stdout);`;

const SERVICE = {
  metadata: { name: 'web', namespace: 'default', uid: 'web' },
  spec: { clusterIP: '198.18.99.1', ports: [{ port: 80, protocol: 'TCP' }] },
} as corev1.Service;

const sliceTo = (address: string) =>
  ({
    metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: {}, nodeName: 'here' }],
  }) as unknown as discoveryv1.EndpointSlice;

async function ask(port: number, host: string): Promise<string> {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.end('hello');
  return await textFrom(socket);
}

describe.skipIf(reason !== '')(`networks${reason && ` (skipped: ${reason})`}`, () => {
  let fixture: EngineFixture;
  let server: NetworkResult;
  let namespace: string;

  beforeAll(async () => {
    fixture = await startEngine();
    await fixture.engine.images.pack({ reference: 'local/node', binaries: [process.execPath, 'sh'] });
    namespace = await fixture.engine.networks.createNamespace('server');
    server = await fixture.engine.networks.attach({
      containerId: 'server',
      namespace: 'server',
      portMappings: [{ hostPort: 18_080, containerPort: 8080, protocol: 'tcp' }],
    });
    await serve(namespace);
  });
  afterAll(() => fixture.dispose());

  async function serve(network: string): Promise<string> {
    const id = await fixture.run('', { image: 'local/node', args: ['-e', SERVER], network });
    await untilState(fixture.engine, id, (state) => state.status === 'running');
    // Its log line tells that it listens.
    for (let tries = 0; tries < 200 && !(await fixture.logOf(id)).includes('listening'); tries++)
      await new Promise((resolve) => setTimeout(resolve, 25));
    return id;
  }

  test('a namespace is made once, whoever asks', async () => {
    const other = await fixture.reopen();
    const paths = await Promise.all([
      fixture.engine.networks.createNamespace('twice'),
      other.networks.createNamespace('twice'),
    ]);
    expect(paths[0]).toBe(paths[1]);
    expect((await fixture.engine.holdings()).mounts.filter((one) => one === paths[0])).toHaveLength(1);
    await fixture.engine.networks.removeNamespace('twice');
    await fixture.engine.networks.removeNamespace('twice');
    expect(await fixture.engine.networks.listNamespaces()).not.toContain('twice');
  });

  test('the host reaches a container by its address', async () => {
    expect(await ask(8080, server.addresses[0]!)).toBe(`heard hello from ${server.gateway}`);
  });

  test('containers reach each other, and the host sees nothing masqueraded between them', async () => {
    const network = await fixture.engine.networks.createNamespace('client');
    const client = await fixture.engine.networks.attach({ containerId: 'client', namespace: 'client' });
    const id = await fixture.run('', {
      image: 'local/node',
      network,
      args: ['-e', talkTo(server.addresses[0]!)],
    });
    await fixture.ended(id);
    expect(await fixture.logOf(id)).toContain(`heard hello from ${client.addresses[0]}`);
    await fixture.engine.networks.detach({ containerId: 'client', namespace: 'client' });
    await fixture.engine.networks.detach({ containerId: 'client', namespace: 'client' });
  });

  test('a Service does not hide which container calls', async () => {
    const network = await fixture.engine.networks.createNamespace('caller');
    const caller = await fixture.engine.networks.attach({ containerId: 'caller', namespace: 'caller' });
    const host = new LinuxHostNetwork();
    const bridgeNetfilter = await host.bridgeNetfilter();
    await host.nft(
      compileRuleset([SERVICE], [sliceTo(server.addresses[0]!)], {
        instance: fixture.instance,
        nodeName: 'here',
        nodeIps: [],
        podCidr: fixture.subnet,
        bridge: `orr${fixture.instance}`,
        bridgeNetfilter,
        hostListens: () => false,
      }),
    );
    const callService = async (from: string) => {
      const args = ['-e', talkTo(SERVICE.spec.clusterIP!, 80)];
      const id = await fixture.run('', { image: 'local/node', network: from, args });
      await fixture.ended(id);
      return await fixture.logOf(id);
    };
    try {
      // Without br_netfilter the answer would go past the rules: then the services' own rule hides it.
      const seen = bridgeNetfilter ? caller.addresses[0] : server.gateway;
      expect(await callService(network)).toContain(`heard hello from ${seen}`);
      expect(await callService(namespace)).toContain(`heard hello from ${server.gateway}`);
    } finally {
      await removeServiceRules({ instance: fixture.instance });
      await fixture.engine.networks.detach({ containerId: 'caller', namespace: 'caller' });
    }
  });

  test('a container reaches a host port of a neighbour, and its own', async () => {
    const network = await fixture.engine.networks.createNamespace('neighbour');
    await fixture.engine.networks.attach({ containerId: 'neighbour', namespace: 'neighbour' });
    for (const from of [network, namespace]) {
      const args = ['-e', talkTo(server.gateway!, 18_080)];
      const id = await fixture.run('', { image: 'local/node', network: from, args });
      await fixture.ended(id);
      expect(await fixture.logOf(id)).toContain(`heard hello from ${server.gateway}`);
    }
    await fixture.engine.networks.detach({ containerId: 'neighbour', namespace: 'neighbour' });
  });

  test('what leaves the subnet is masqueraded', async () => {
    // A neighbour that knows no way to the containers: it can answer only the host's own address.
    const outside = await fixture.engine.networks.createNamespace('outside');
    const [here, there] = [`ov${fixture.instance}`, `ow${fixture.instance}`];
    const inside = (...args: string[]) => runCommand('nsenter', [`--net=${outside}`, 'ip', ...args]);
    await runCommand('ip', ['link', 'add', here, 'type', 'veth', 'peer', 'name', there]);
    try {
      const serverId = await serve(outside);
      const { pid } = await fixture.engine.inspect(serverId);
      await runCommand('ip', ['link', 'set', there, 'netns', String(pid)]);
      await runCommand('ip', ['address', 'add', '198.18.77.1/30', 'dev', here]);
      await runCommand('ip', ['link', 'set', here, 'up']);
      await inside('address', 'add', '198.18.77.2/30', 'dev', there);
      await inside('link', 'set', there, 'up');
      const id = await fixture.run('', {
        image: 'local/node',
        network: namespace,
        args: ['-e', talkTo('198.18.77.2')],
      });
      await fixture.ended(id);
      expect(await fixture.logOf(id)).toContain('heard hello from 198.18.77.1');
    } finally {
      await runCommand('ip', ['link', 'delete', here]);
    }
  });

  test('a host port leads to the container, on the loopback too, and goes with it', async () => {
    expect(await ask(18_080, '127.0.0.1')).toMatch(/^heard hello/);
    await expect(
      (async () => {
        await fixture.engine.networks.createNamespace('taken');
        return await fixture.engine.networks.attach({
          containerId: 'taken',
          namespace: 'taken',
          portMappings: [{ hostPort: 18_080, containerPort: 1, protocol: 'tcp' }],
        });
      })(),
    ).rejects.toThrow('18080 is already in use');
    expect((await fixture.engine.holdings()).addresses).toHaveLength(1);
    expect(await ask(18_080, '127.0.0.1')).toMatch(/^heard hello/);
  });

  test('connect reaches the loopback of the namespace and half-closes', async () => {
    const socket = await fixture.engine.networks.connect(namespace, 8080);
    socket.end('hello');
    expect(await textFrom(socket)).toBe('heard hello from 127.0.0.1');
  });

  test('connect to a closed port says so, and this process stays where it was', async () => {
    await expect(fixture.engine.networks.connect(namespace, 9)).rejects.toThrow(
      'failed to connect to localhost:9 inside namespace: ECONNREFUSED',
    );
    expect(networkInterfaces()).toHaveProperty(`orr${fixture.instance}`);
  });

  test('many connects at once all arrive', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = await fixture.engine.networks.connect(namespace, 8080);
        socket.end('x');
        return await textFrom(socket);
      }),
    );
    expect(new Set(answers)).toEqual(new Set(['heard x from 127.0.0.1']));
  });

  test('many attachments at once get addresses of their own, and give them back', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `many${i}`);
    const results = await Promise.all(
      names.map(async (name) => {
        await fixture.engine.networks.createNamespace(name);
        return await fixture.engine.networks.attach({ containerId: name, namespace: name });
      }),
    );
    expect(new Set(results.map((one) => one.addresses[0])).size).toBe(10);
    await Promise.all(
      names.map((name) => fixture.engine.networks.detach({ containerId: name, namespace: name })),
    );
    expect((await fixture.engine.holdings()).addresses).toEqual(server.addresses);
    for (const name of names) await fixture.engine.networks.removeNamespace(name);
  });
});
