import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NetworkResult } from '../../src/engine/index.ts';
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
      args: [
        '-e',
        `const s = require('net').connect({ port: 8080, host: '${server.addresses[0]}', allowHalfOpen: true }); s.end('hello'); s.pipe(process.stdout);`,
      ],
    });
    await fixture.ended(id);
    expect(await fixture.logOf(id)).toContain(`heard hello from ${client.addresses[0]}`);
    await fixture.engine.networks.detach({ containerId: 'client', namespace: 'client' });
    await fixture.engine.networks.detach({ containerId: 'client', namespace: 'client' });
  });

  test('what leaves the subnet is masqueraded', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal && one.address !== server.gateway)?.address;
    if (address === undefined) return;
    const seen = new Promise<string>((resolve) => {
      const listener = createServer((socket) => {
        resolve(socket.remoteAddress ?? '');
        socket.destroy();
        listener.close();
      }).listen(18_090, address);
    });
    const id = await fixture.run('', {
      image: 'local/node',
      network: namespace,
      args: ['-e', `require('net').connect(18090, '${address}').on('error', () => {})`],
    });
    // Local delivery does not pass the postrouting hook of another interface: the address is the container's or the host's own.
    expect([server.addresses[0], server.gateway, address]).toContain((await seen).replace('::ffff:', ''));
    await fixture.ended(id);
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
