import { type ClientHttp2Session, connect } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from './running-server.ts';

/** After test/e2e/apimachinery/flowcontrol.go and the conformance tests of FlowSchema and PriorityLevelConfiguration. */

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
  json(): Json;
}

const ROOT = '/apis/flowcontrol.apiserver.k8s.io/v1';
const SCHEMAS = `${ROOT}/flowschemas`;
const LEVELS = `${ROOT}/prioritylevelconfigurations`;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const FIELD = 'x-kubernetes-pf-';

let running: RunningServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  running = await startServer({ limits: { requestTimeoutMs: 4000 } });
  const admin = await running.pki.issueClientCertificate({
    commonName: 'orrery-admin',
    organizations: ['system:masters'],
  });
  session = connect(`https://127.0.0.1:${running.port}`, {
    ca: running.pki.caCertificatePem,
    cert: admin.certificate,
    key: admin.key,
  });
  await send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'everybody' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }],
  });
});

afterAll(async () => {
  session?.destroy();
  await running?.stop();
});

interface Sending {
  user?: string;
  type?: string;
  /** The body stays away. */
  withheld?: boolean;
}

function send(method: string, path: string, body?: object, sending: Sending = {}): Promise<Answer> {
  const stream = session.request({
    ':method': method,
    ':path': path,
    ...(body !== undefined && { 'content-type': sending.type ?? 'application/json' }),
    ...(sending.user !== undefined && {
      'impersonate-user': sending.user,
      'impersonate-group': 'system:authenticated',
    }),
  });
  if (sending.withheld !== true) stream.end(body === undefined ? undefined : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    let status = 0;
    let headers: Record<string, string> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (got) => {
      status = Number(got[':status']);
      headers = got as Record<string, string>;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({ status, headers, text, json: () => JSON.parse(text) });
    });
    stream.on('error', reject);
  });
}

function level(name: string, limited: Json): Json {
  return {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: { name, labels: { suite: 'flow' } },
    spec: { type: 'Limited', limited },
  };
}

function schema(name: string, levelName: string, users: string[], precedence = 1000): Json {
  return {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name, labels: { suite: 'flow' } },
    spec: {
      matchingPrecedence: precedence,
      priorityLevelConfiguration: { name: levelName },
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: users.map((user) => ({ kind: 'User', user: { name: user } })),
          resourceRules: [
            { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
          ],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        },
      ],
    },
  };
}

const REJECT = { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } };
const QUEUE = {
  nominalConcurrencyShares: 1,
  borrowingLimitPercent: 0,
  limitResponse: { type: 'Queue', queuing: { queues: 32, handSize: 4, queueLengthLimit: 20 } },
};

/** Resolves when a request of this user is classified by the schema: configuration counts within moments. */
async function classifies(user: string, uid: string): Promise<Answer> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await send('GET', '/version', undefined, { user });
    if (answer.headers[`${FIELD}flowschema-uid`] === uid) return answer;
  }
  throw new Error(`requests of ${user} are not classified by the schema`);
}

async function metric(name: string, labels: string): Promise<number> {
  const { text } = await send('GET', '/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(labels));
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

describe('requests', () => {
  beforeEach(async () => {
    await send('DELETE', `${SCHEMAS}?labelSelector=suite%3Dflow`);
    await send('DELETE', `${LEVELS}?labelSelector=suite%3Dflow`);
  });

  test('are classified by the FlowSchemas and PriorityLevelConfigurations that are there', async () => {
    const levelUid = (await send('POST', LEVELS, level('e2e-level', REJECT))).json().metadata.uid;
    const schemaUid = (await send('POST', SCHEMAS, schema('e2e-schema', 'e2e-level', ['noxu']))).json()
      .metadata.uid;
    const mine = await classifies('noxu', schemaUid);
    expect(mine.headers[`${FIELD}prioritylevel-uid`]).toBe(levelUid);
    const other = await send('GET', '/version', undefined, { user: 'foo' });
    const found = other.headers[`${FIELD}flowschema-uid`];
    expect(found).toBe((await send('GET', `${SCHEMAS}/global-default`)).json().metadata.uid);
    expect(other.headers[`${FIELD}prioritylevel-uid`]).toBe(
      (await send('GET', `${LEVELS}/global-default`)).json().metadata.uid,
    );
    expect(await metric('apiserver_flowcontrol_nominal_limit_seats', 'priority_level="e2e-level"')).toBe(3);
    await send('DELETE', `${LEVELS}/e2e-level`);
    const { headers } = await classifies('noxu', found!);
    expect(headers[`${FIELD}prioritylevel-uid`]).not.toBe(levelUid);
  });

  test('beyond the seats of their level are refused, those of others are not', async () => {
    await send('POST', LEVELS, level('busy', REJECT));
    const created = await send('POST', SCHEMAS, schema('busy', 'busy', ['flood']));
    await classifies('flood', created.json().metadata.uid);
    // Three seats are held by requests whose bodies do not come.
    const stuck = Array.from({ length: 3 }, () =>
      send('POST', CONFIG_MAPS, {}, { user: 'flood', withheld: true }),
    );
    const refused = await refusedAfter(() => send('GET', CONFIG_MAPS, undefined, { user: 'flood' }));
    expect(refused).toMatchObject({ status: 429, text: 'Too many requests, please try again later.\n' });
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'content-type': 'text/plain; charset=utf-8',
      [`${FIELD}flowschema-uid`]: created.json().metadata.uid,
    });
    expect((await send('GET', CONFIG_MAPS, undefined, { user: 'quiet' })).status).toBe(200);
    expect(
      await metric(
        'apiserver_flowcontrol_rejected_requests_total',
        'priority_level="busy",flow_schema="busy",reason="concurrency-limit"',
      ),
    ).toBeGreaterThan(0);
    const { text } = await send('GET', '/debug/api_priority_and_fairness/dump_priority_levels');
    expect(text.split('\n')[0]).toMatch(
      /^PriorityLevelName, +ActiveQueues, +IsIdle, +IsQuiescing, +WaitingRequests, +ExecutingRequests$/,
    );
    expect(text).toMatch(/^busy, +0, +false, +false, +0, +3$/m);
    // A body that never comes ends with the request's time, and its seat is free again.
    const timedOut = await Promise.all(stuck);
    expect(timedOut[0]).toMatchObject({ status: 504 });
    expect(timedOut[0]!.json()).toMatchObject({
      reason: 'Timeout',
      message: 'Timeout: request did not complete within the allotted timeout',
    });
    await until(
      () => send('GET', CONFIG_MAPS, undefined, { user: 'flood' }),
      ({ status }) => status === 200,
    );
  });

  test('of a flooding user do not starve those of another in the same level', async () => {
    await send('POST', LEVELS, level('shared', QUEUE));
    const created = await send('POST', SCHEMAS, schema('shared', 'shared', ['loud', 'calm']));
    await classifies('loud', created.json().metadata.uid);
    let flooding = true;
    let floods = 0;
    const flood = async () => {
      while (flooding) {
        await send('GET', CONFIG_MAPS, undefined, { user: 'loud' });
        floods++;
      }
    };
    const loud = Array.from({ length: 60 }, flood);
    const statuses = new Set<number>();
    let slowest = 0;
    for (let i = 0; i < 50; i++) {
      const begin = floods;
      statuses.add((await send('GET', CONFIG_MAPS, undefined, { user: 'calm' })).status);
      slowest = Math.max(slowest, floods - begin);
    }
    flooding = false;
    await Promise.all(loud);
    expect(statuses).toEqual(new Set([200]));
    // It never waited for all that was queued before it.
    expect(slowest).toBeLessThan(100);
  });
});

/** The seats are taken when the requests have arrived. */
async function refusedAfter(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await ask();
    if (answer.status !== 200) return answer;
  }
  throw new Error('was not refused');
}

describe.each([
  ['FlowSchema', SCHEMAS, () => schema('api', 'api', ['someone'], 9000)],
  ['PriorityLevelConfiguration', LEVELS, () => level('api', QUEUE)],
])('%s', (kind, collection, sample) => {
  test('supports its API operations', async () => {
    const found = (await send('GET', ROOT)).json().resources as Json[];
    const name = collection.split('/').at(-1)!;
    expect(found.find((one) => one.name === name)).toMatchObject({ kind, namespaced: false });
    expect(found.find((one) => one.name === `${name}/status`)?.verbs).toEqual(['get', 'patch', 'update']);
    const created = await send('POST', collection, sample());
    expect(created.status).toBe(201);
    const read = (await send('GET', `${collection}/api`)).json();
    expect(read.metadata.uid).toBe(created.json().metadata.uid);
    const list = (await send('GET', `${collection}?labelSelector=suite%3Dflow`)).json();
    expect(list.items.some((one: Json) => one.metadata.name === 'api')).toBe(true);
    const merge = 'application/merge-patch+json';
    const patched = await send(
      'PATCH',
      `${collection}/api`,
      { metadata: { annotations: { patched: 'true' } } },
      { type: merge },
    );
    expect(patched.json().metadata.annotations.patched).toBe('true');
    const read2 = patched.json();
    read2.metadata.annotations.updated = 'true';
    const updated = await send('PUT', `${collection}/api`, read2);
    expect(updated.json().metadata.annotations.updated).toBe('true');
    const condition = { type: 'E2E', status: 'True', reason: 'Test', message: 'set by a test' };
    const status = await send(
      'PATCH',
      `${collection}/api/status`,
      { metadata: { annotations: { status: 'patched' } }, status: { conditions: [condition] } },
      { type: merge },
    );
    expect(status.status).toBe(200);
    expect(status.json()).toMatchObject({ status: { conditions: [condition] } });
    expect((await send('GET', `${collection}/api/status`)).json().status.conditions).toHaveLength(1);
    const put = status.json();
    put.status.conditions[0].message = 'set again';
    expect((await send('PUT', `${collection}/api/status`, put)).json().status.conditions[0].message).toBe(
      'set again',
    );
    expect((await send('DELETE', `${collection}/api`)).status).toBe(200);
    expect((await send('GET', `${collection}/api`)).status).toBe(404);
    await send('POST', collection, sample());
    expect((await send('DELETE', `${collection}?labelSelector=suite%3Dflow`)).status).toBe(200);
    expect((await send('GET', `${collection}?labelSelector=suite%3Dflow`)).json().items).toEqual([]);
  });

  test('a mandatory object that was deleted comes back', async () => {
    const before = (await send('GET', `${collection}/catch-all`)).json();
    await send('DELETE', `${collection}/catch-all`);
    const again = await until(
      async () => (await send('GET', `${collection}/catch-all`)).json(),
      (one) => one.metadata.uid !== undefined,
    );
    expect(again.metadata.uid).not.toBe(before.metadata.uid);
    expect(again.spec).toEqual(before.spec);
  });
});

async function until<T>(ask: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const found = await ask();
    if (holds(found)) return found;
  }
  throw new Error('did not come');
}
