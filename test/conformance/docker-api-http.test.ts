import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';
import { BadRequest, silentLog } from '../../src/base/index.ts';
import { DockerHttpServer, type Handler } from '../../src/docker-api/http/http-server.ts';
import { Router } from '../../src/docker-api/http/router.ts';

/** What the API's HTTP server does with clients that behave, and with those that do not. */

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';
let folder: string;
let path: string;
let server: DockerHttpServer;
const aborted: string[] = [];
let activity: number[] = [];

const routes: Record<string, Handler> = {
  json: async (x) => x.send(200, { got: await x.json(), version: x.version }),
  fail: async () => {
    throw new TypeError('the secret is 42');
  },
  refuse: async () => {
    throw new BadRequest('no');
  },
  echo: async (x) => {
    const body = (await x.json()) as { last?: string };
    const connection = x.hijack(MULTIPLEXED);
    connection.output.write(`${JSON.stringify(body)}\n`);
    connection.input.pipe(connection.output, { end: false });
    const ended = new Promise<void>((resolve) => {
      if (connection.input.readableEnded) resolve();
      else connection.input.once('end', resolve);
    });
    await Promise.race([ended, connection.closed]);
    connection.output.write(body.last ?? 'bye');
    connection.close();
    await connection.closed;
  },
  flood: async (x) => {
    x.open('application/octet-stream');
    const chunk = Buffer.alloc(1024 * 1024);
    let written = 0;
    for (; !x.signal.aborted; written++) await x.write(chunk);
    aborted.push(`flood after ${written < 200 ? 'few' : 'many'}`);
  },
  follow: async (x) => {
    x.open('application/json');
    await new Promise((resolve) => x.signal.addEventListener('abort', resolve, { once: true }));
    aborted.push('follow');
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-docker-http-'));
  path = join(folder, 'api.sock');
  const router = new Router(
    Object.entries(routes).map(([name, handler]) => ({ method: 'POST' as const, path: `/${name}`, handler })),
  );
  const onActivity = (active: number) => activity.push(active);
  server = new DockerHttpServer({
    ...{ router, headers: { 'Api-Version': '1.44' }, log: silentLog, headersTimeoutMs: 500, onActivity },
  });
  await new Promise<void>((resolve) => server.server.listen(path, resolve));
});

afterAll(async () => {
  await server.close(1_000);
  await rm(folder, { recursive: true, force: true });
});

function post(
  to: string,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, path: to, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          text: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Bytes as they are; resolves with all that came until the other side ended. */
function raw(write: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      socket.end();
      resolve(text);
    });
    socket.on('error', reject);
    socket.on('connect', () => write(socket));
  });
}

test('answers in JSON with the headers of every answer', async () => {
  const { status, text, headers } = await post('/v1.30/json', '{"a":1}');
  expect([status, JSON.parse(text)]).toEqual([200, { got: { a: 1 }, version: '1.30' }]);
  expect(headers['api-version']).toBe('1.44');
});

test.each([
  ['/json', '{"a":', 400, 'invalid JSON: the body cannot be parsed'],
  ['/json', '[1]', 400, 'invalid JSON: the body is not an object'],
  ['/json', 'x'.repeat(5 * 1024 * 1024), 413, 'the body is larger than 4194304 bytes'],
  ['/nonesuch', '', 404, 'page not found'],
  ['/refuse', 'unread', 400, 'no'],
  ['/fail', '', 500, 'internal error'],
])('%s is refused in JSON, case %#', async (to, body, status, message) => {
  const answer = await post(to, body);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { message }]);
});

test('a client that upgrades has its body read, then speaks raw, and may end its half', async () => {
  const body = '{"last":"the end"}';
  const head = `POST /v1.44/echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${body.length}\r\n\r\n`;
  const text = await raw((socket) => {
    // In pieces: the head, half of the body, the rest of it with the first input.
    socket.write(head + body.slice(0, 5));
    setImmediate(() => socket.end(`${body.slice(5)}input`));
  });
  expect(text).toBe(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${MULTIPLEXED}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${body}\ninputthe end`,
  );
});

test('a client that does not upgrade has the bytes as a body without an end', async () => {
  const body = '{"last":"!"}';
  const text = await raw((socket) =>
    socket.end(`POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toContain(`Content-Type: ${MULTIPLEXED}\r\n`);
  expect(text).not.toContain('chunked');
  expect(text.split('\r\n\r\n')[1]).toBe(`${body}\n!`);
});

test('an upgrade where there is none has an ordinary answer', async () => {
  const upgrade = { Connection: 'Upgrade', Upgrade: 'tcp' };
  expect((await post('/json', '', upgrade)).status).toBe(200);
  expect((await post('/nonesuch', '', upgrade)).status).toBe(404);
  expect((await post('/fail', '', upgrade)).text).toBe('{"message":"internal error"}\n');
});

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', '400 Bad Request'],
  ['headers without an end', `POST /json HTTP/1.1\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`, '431 Request Header'],
  [
    'two lengths',
    'POST /json HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 Bad Request',
  ],
  [
    'an upgrade with a length that is none',
    'POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 99999999\r\n\r\n',
    '400 Bad Request',
  ],
])('%s is refused', async (_, bytes, status) => {
  const text = await raw((socket) => socket.write(bytes));
  expect(text.split('\r\n')[0]).toContain(status);
  expect(text).toMatch(/\{"message":"[^"]+"\}\n$/);
});

test('headers that come too slowly end the connection', async () => {
  const text = await raw((socket) => socket.write('POST /json HTTP/1.1\r\nHost: d\r\n'));
  expect(text).toContain('408 Request Timeout');
});

test('a client that does not read stops the writer; one that leaves ends it', async () => {
  aborted.length = 0;
  await new Promise<void>((resolve, reject) => {
    const sent = request({ socketPath: path, path: '/flood', method: 'POST' }, (response) => {
      response.once('data', () => {
        response.pause();
        // Were there no backpressure, the server would write for ever in the meantime.
        setImmediate(() => response.destroy());
      });
      response.on('close', () => resolve());
      response.on('error', () => undefined);
    });
    sent.on('error', reject);
    sent.end();
  });
  await expect.poll(() => aborted, { timeout: 10_000 }).toEqual(['flood after few']);
});

test('a hijacked connection that breaks takes nothing else with it', async () => {
  const socket = createConnection({ path });
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve());
    socket.write('POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  });
  socket.destroy();
  expect((await post('/json')).status).toBe(200);
});

test('closing ends follow loops and hijacked connections, and tells of every end', async () => {
  aborted.length = 0;
  activity = [];
  const other = new DockerHttpServer({
    router: new Router([
      { method: 'POST', path: '/follow', handler: routes.follow! },
      { method: 'POST', path: '/echo', handler: routes.echo! },
    ]),
    headers: {},
    log: silentLog,
    onActivity: (active) => activity.push(active),
  });
  const its = join(folder, 'other.sock');
  await new Promise<void>((resolve) => other.server.listen(its, resolve));
  const follow = createConnection({ path: its });
  const hijacked = createConnection({ path: its });
  const heard = (socket: Socket) => new Promise<void>((resolve) => socket.once('data', () => resolve()));
  const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
  follow.write('POST /follow HTTP/1.1\r\nHost: d\r\n\r\n');
  hijacked.write('POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  await Promise.all([heard(follow), heard(hijacked)]);
  const gone = Promise.all([closed(follow), closed(hijacked)]);
  hijacked.resume();
  follow.resume();
  await other.close(500);
  await gone;
  expect(aborted).toEqual(['follow']);
  await expect.poll(() => activity.at(-1), { timeout: 5_000 }).toBe(0);
});

test('over TCP only clients with a certificate of the right authority come in', async () => {
  const now = Date.now();
  const [ours, others] = [await makeAuthority('ours', now, 1), await makeAuthority('others', now, 1)];
  const host = { commonName: 'host', hosts: ['127.0.0.1'], usages: ['server'] as const, validDays: 1 };
  const client = { commonName: 'client', usages: ['client'] as const, validDays: 1 };
  const its = await makeCertificate(ours, host, now);
  const secure = new DockerHttpServer({
    router: new Router([{ method: 'GET', path: '/_ping', handler: async (x) => x.send(200, 'OK') }]),
    ...{ headers: {}, log: silentLog, onActivity: () => undefined },
    tls: { certificate: its.certificate, key: its.key, clientAuthority: ours.certificate },
  });
  await new Promise<void>((resolve) => secure.server.listen(0, '127.0.0.1', resolve));
  const { port } = secure.server.address() as AddressInfo;
  const ask = (more: RequestOptions): Promise<number | string> =>
    new Promise((resolve) => {
      const options = {
        host: '127.0.0.1',
        port,
        path: '/_ping',
        ca: ours.certificate,
        agent: false as const,
      };
      get({ ...options, ...more }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).on('error', () => resolve('refused'));
    });
  const known = await makeCertificate(ours, client, now);
  const foreign = await makeCertificate(others, client, now);
  expect(await ask({ cert: known.certificate, key: known.key })).toBe(200);
  expect(await ask({})).toBe('refused');
  expect(await ask({ cert: foreign.certificate, key: foreign.key })).toBe('refused');
  await secure.close(500);
});
