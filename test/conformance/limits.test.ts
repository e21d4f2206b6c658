import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, startServer } from './running-server.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

let running: RunningServer;
let admin: { certificate: string; key: string };

beforeAll(async () => {
  running = await startServer({ limits: { stallLimitMs: 300, maxConnectionsPerClient: 20 } });
  admin = await running.pki.issueClientCertificate({
    commonName: 'orrery-admin',
    organizations: ['system:masters'],
  });
});

afterAll(() => running?.stop());

function opened(identity: { certificate: string; key: string } | undefined): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${running.port}`, {
    ca: running.pki.caCertificatePem,
    ...(identity !== undefined && { cert: identity.certificate, key: identity.key }),
  });
  session.on('error', () => undefined);
  return session;
}

interface Answer {
  status: number;
  text: string;
  code: number;
}

/** Waits for the end of the stream, whoever ends it. */
function send(
  session: ClientHttp2Session,
  method: string,
  path: string,
  body?: Buffer,
  tells = true,
): Promise<Answer> {
  const stream = session.request({
    ':method': method,
    ':path': path,
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(body !== undefined && tells && { 'content-length': body.length }),
  });
  stream.end(body);
  return new Promise((resolve, reject) => {
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => (status === 0 ? reject(error) : undefined));
    stream.on('close', () =>
      resolve({ status, text: Buffer.concat(chunks).toString(), code: stream.rstCode }),
    );
  });
}

test('bodies that are refused unread leave their connection as good as new', async () => {
  const session = opened(undefined);
  const body = Buffer.alloc(900_000, 'x');
  for (let i = 0; i < 120; i++) {
    const { status } = await send(session, 'POST', CONFIG_MAPS, body);
    expect(status).toBe(401);
  }
  expect((await send(session, 'GET', '/version')).status).toBe(200);
  session.destroy();
});

test.each(['told', 'not told'])(
  'a body over 3 MiB, its size %s, is refused in upstream’s words',
  async (told) => {
    const session = opened(admin);
    const body = Buffer.alloc(3 * 1024 * 1024 + 1, 'x');
    const { status, text } = await send(session, 'POST', CONFIG_MAPS, body, told === 'told');
    expect(status).toBe(413);
    expect(JSON.parse(text)).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
    expect((await send(session, 'GET', '/version')).status).toBe(200);
    session.destroy();
  },
);

test('a watcher that does not read is ended, and its memory given back', async () => {
  const session = opened(admin);
  const stream = session.request({ ':path': `${CONFIG_MAPS}?watch=true&resourceVersion=0` });
  await once(stream, 'response');
  stream.pause();
  const ended = once(stream, 'close');
  const writer = opened(admin);
  expect(await openWatches(writer)).toBe(1);
  const big = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'big' },
    data: { a: 'x'.repeat(1_000_000) },
  };
  expect((await send(writer, 'POST', CONFIG_MAPS, Buffer.from(JSON.stringify(big)))).status).toBe(201);
  for (let i = 0; i < 6; i++) {
    const body = Buffer.from(JSON.stringify({ ...big, data: { a: `${i}${big.data.a}` } }));
    expect((await send(writer, 'PUT', `${CONFIG_MAPS}/big`, body)).status).toBe(200);
  }
  // Wakes it to hear that it was reset.
  const asked = setInterval(() => stream.resume(), 1000);
  await ended;
  clearInterval(asked);
  expect(await openWatches(writer)).toBe(0);
  const { text } = await send(writer, 'GET', '/metrics');
  expect(text).toContain('apiserver_terminated_watchers_total{group="",resource="configmaps"} 1');
  session.destroy();
  writer.destroy();
});

async function openWatches(session: ClientHttp2Session): Promise<number> {
  const { text } = await send(session, 'GET', '/metrics');
  const line = text.split('\n').find((one) => one.startsWith('apiserver_longrunning_requests{verb="WATCH"'));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('one address has only so many connections', async () => {
  const sessions = Array.from({ length: 25 }, () => opened(admin));
  const outcomes = await Promise.all(
    sessions.map((session) =>
      send(session, 'GET', '/version').then(
        ({ status }) => status,
        () => 0,
      ),
    ),
  );
  expect(outcomes.filter((status) => status === 200).length).toBeLessThanOrEqual(20);
  expect(outcomes.filter((status) => status === 200).length).toBeGreaterThan(0);
  await Promise.all(
    sessions.map((session) => {
      const closed = session.destroyed ? undefined : once(session, 'close');
      session.destroy();
      return closed;
    }),
  );
});

test('a long request head is read', async () => {
  const session = opened(admin);
  const selector = encodeURIComponent(
    `a in (${Array.from({ length: 3000 }, (_, i) => `value-${i}`).join(',')})`,
  );
  expect((await send(session, 'GET', `${CONFIG_MAPS}?labelSelector=${selector}`)).status).toBe(200);
  session.destroy();
});
