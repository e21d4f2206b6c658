import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, startServer } from './running-server.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

let running: RunningServer;
let directory: string;
let admin: { certificate: string; key: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-limits-'));
  const policyFile = join(directory, 'policy.yaml');
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
  await writeFile(policyFile, JSON.stringify(policy));
  const audit = { policyFile, logFile: join(directory, 'audit.log'), mode: 'blocking' as const };
  running = await startServer({ audit, limits: { stallLimitMs: 300, maxConnectionsPerClient: 20 } });
  admin = await running.pki.issueClientCertificate({
    commonName: 'orrery-admin',
    organizations: ['system:masters'],
  });
});

afterAll(async () => {
  await running?.stop();
  await rm(directory, { recursive: true });
});

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

test('who could not show who he is stands in the audit log', async () => {
  const session = opened(undefined);
  const stream = session.request({
    ':path': `${CONFIG_MAPS}/x`,
    authorization: 'Bearer nonsense',
    'audit-id': 'refused',
  });
  stream.resume();
  await once(stream, 'close');
  session.destroy();
  // What came after it is in the file before its answer.
  const other = opened(admin);
  await send(other, 'GET', '/version');
  other.destroy();
  const lines = (await readFile(join(directory, 'audit.log'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '');
  const events = lines.map((line) => JSON.parse(line)).filter(({ auditID }) => auditID === 'refused');
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    stage: 'ResponseStarted',
    verb: 'get',
    user: {},
    sourceIPs: ['127.0.0.1'],
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'x' },
    responseStatus: { code: 401, message: 'Authentication failed, attempted: bearer' },
  });
});

test('a server that stops says so first, ends its watches without an error and finishes what runs', async () => {
  const second = await startServer({ limits: { shutdownDelayMs: 300 } });
  const identity = await second.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  const session = connect(`https://127.0.0.1:${second.port}`, {
    ca: second.pki.caCertificatePem,
    cert: identity.certificate,
    key: identity.key,
  });
  const goaway = once(session, 'goaway');
  const watch = session.request({ ':path': `${CONFIG_MAPS}?watch=true` });
  await once(watch, 'response');
  watch.resume();
  const ended = once(watch, 'close');
  const stopping = second.stop();
  const ready = await send(session, 'GET', '/readyz');
  expect(ready).toMatchObject({ status: 500 });
  expect(ready.text).toContain('[-]shutdown failed: reason withheld\n');
  expect((await send(session, 'GET', '/livez')).status).toBe(200);
  await ended;
  expect(watch.rstCode).toBe(0);
  expect((await goaway)[0]).toBe(0);
  await stopping;
});
