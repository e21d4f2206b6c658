import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../base/index.ts';
import { CONFIG_MAPS, configMap, TestServer } from '../api-server.test-support.ts';
import { AuditLog } from './audit-log.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever was written.
type Event = any;

let directory: string;
let logFile: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-audit-'));
  logFile = join(directory, 'log', 'audit.log');
});

afterEach(() => rm(directory, { recursive: true }));

/** What a server with this policy wrote while `work` was done. */
async function written(policy: object, work: (server: TestServer) => Promise<unknown>): Promise<Event[]> {
  const policyFile = join(directory, 'policy.yaml');
  await writeFile(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy }));
  const server = await TestServer.start({ audit: { policyFile, logFile } });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
  const lines = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line)).filter(({ user }) => user.username === 'admin');
}

test('an event says who did what to which, and how it went', async () => {
  const events = await written({ rules: [{ level: 'Metadata' }] }, async (server) => {
    const { headers } = await server.post(CONFIG_MAPS, configMap('one'));
    expect(headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
    await server.get(`${CONFIG_MAPS}/nope`);
  });
  expect(events.map(({ stage }) => stage)).toEqual([
    'RequestReceived',
    'ResponseComplete',
    'RequestReceived',
    'ResponseComplete',
  ]);
  const [received, created, , missing] = events;
  expect(created.auditID).toBe(received.auditID);
  expect(created).toMatchObject({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    requestURI: CONFIG_MAPS,
    verb: 'create',
    user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'one', apiVersion: 'v1' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/),
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
  expect(created).not.toHaveProperty('requestObject');
  expect(missing.responseStatus).toMatchObject({ status: 'Failure', reason: 'NotFound', code: 404 });
  expect((await stat(logFile)).mode & 0o777).toBe(0o600);
});

test('bodies as the policy says, of Secrets only when it names them', async () => {
  const policy = {
    rules: [{ level: 'RequestResponse' }],
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
  };
  const events = await written(policy, async (server) => {
    await server.post(CONFIG_MAPS, configMap('one'));
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      stringData: { key: 'hunter2' },
    };
    await server.post('/api/v1/namespaces/default/secrets', secret);
    await server.get('/api/v1/secrets');
    await server.patch(`${CONFIG_MAPS}/one`, { data: { a: 'c' } });
  });
  const [one, , , patched] = events;
  expect(one).toMatchObject({
    requestObject: { data: { a: 'b' } },
    responseObject: { metadata: { name: 'one' } },
  });
  expect(one.responseObject.metadata).not.toHaveProperty('managedFields');
  expect(patched.requestObject).toEqual({ data: { a: 'c' } });
  const text = await readFile(logFile, 'utf8');
  expect(text).not.toContain('hunter2');
  expect(text).not.toContain(Buffer.from('hunter2').toString('base64'));
});

test('a watch starts when it is answered and is complete when it ends', async () => {
  const events = await written({ rules: [{ level: 'Metadata', verbs: ['watch'] }] }, async (server) => {
    await server.events(`${CONFIG_MAPS}?watch=1`, 1, () => server.post(CONFIG_MAPS, configMap('one')));
  });
  expect(events.map(({ stage }) => stage)).toEqual([
    'RequestReceived',
    'ResponseStarted',
    'ResponseComplete',
  ]);
});

test('acting as another is written with both', async () => {
  const events = await written({ rules: [{ level: 'Metadata' }] }, async (server) => {
    await server.send('GET', CONFIG_MAPS, undefined, { headers: { 'impersonate-user': 'bob' } });
  });
  expect(events.at(-1)).toMatchObject({
    user: { username: 'admin' },
    impersonatedUser: { username: 'bob' },
    responseStatus: { code: 403, reason: 'Forbidden' },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  });
});

test('a full log is put aside and ten of those are kept', async () => {
  const log = await AuditLog.open(logFile, { log: silentLog, maxBytes: 100 });
  await log.close();
  for (let round = 0; round < 14; round++) {
    const again = await AuditLog.open(logFile, { log: silentLog, maxBytes: 100 });
    again.write({ round, filling: 'x'.repeat(80) });
    await again.close();
  }
  const files = await readdir(join(directory, 'log'));
  expect(files.length).toBeGreaterThan(5);
  expect(files.length).toBeLessThanOrEqual(11);
  expect(JSON.parse(await readFile(logFile, 'utf8'))).toMatchObject({ round: 13 });
});

test('old files go by number and by age, and nothing is lost between them', async () => {
  const path = join(directory, 'rotated', 'audit.log');
  const log = await AuditLog.open(path, { log: silentLog, maxBytes: 100, maxBackups: 2, maxAgeDays: 1 });
  await writeFile(`${path}.2020-01-01T00-00-00-000Z`, 'ancient');
  for (let i = 0; i < 5; i++) {
    log.write({ i, padding: 'x'.repeat(90) });
    await log.flush();
  }
  await log.close();
  const names = await readdir(join(directory, 'rotated'));
  expect(names).toHaveLength(3);
  expect(names.some((name) => name.includes('2020'))).toBe(false);
});

test('with the mode "blocking" what was done is in the file before the answer', async () => {
  const policyFile = join(directory, 'policy.yaml');
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };
  await writeFile(policyFile, JSON.stringify(policy));
  const server = await TestServer.start({ audit: { policyFile, logFile, mode: 'blocking' } });
  const { headers } = await server.send('GET', CONFIG_MAPS, undefined, { headers: { 'audit-id': 'mine' } });
  expect(headers['audit-id']).toBe('mine');
  expect(await readFile(logFile, 'utf8')).toMatch(/"auditID":"mine","stage":"ResponseComplete"/);
  await server.stop();
});
