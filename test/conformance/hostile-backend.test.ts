import { connect } from 'node:http2';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KeyPair, makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';
import { eventually } from '../harness/cloud.ts';
import { type RunningServer, startServer } from './running-server.ts';

/** An extension API server in somebody else's hands: what it answers must harm nobody but those who ask for its own. */
const GROUP = 'hostile.example.com';
const BASE = `/apis/${GROUP}/v1`;
const JSON_TYPE = { 'content-type': 'application/json' };

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is answered.
type Json = any;

interface Answer {
  status: number;
  body: string;
}

let running: RunningServer;
let admin: KeyPair;
let authority: KeyPair;
let backend: Server;
let turn = 0;
/** What it answers by path; elsewhere 404. */
let answers: Record<string, { status?: number; headers?: Record<string, string>; body: string }> = {};

beforeAll(async () => {
  running = await startServer();
  admin = await running.pki.issueClientCertificate({
    commonName: 'admin',
    organizations: ['system:masters'],
  });
  authority = await makeAuthority('hostile-ca', Date.now(), 1);
  const host = 'api.hostile.svc';
  const about = { commonName: host, hosts: [host], usages: ['server' as const], validDays: 1 };
  const pair = await makeCertificate(authority, about, Date.now());
  backend = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
    const path = request.url!.split('?')[0]!;
    const { status = 200, headers = JSON_TYPE, body } = answers[path] ?? { status: 404, body: '{}' };
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'hostile' } });
  const spec = { type: 'ExternalName', externalName: 'localhost' };
  await ask('POST', '/api/v1/namespaces/hostile/services', { metadata: { name: 'api' }, spec });
});

afterAll(async () => {
  backend?.closeAllConnections();
  backend?.close();
  await running?.stop();
});

/** Over HTTP/2, whose rules about answers are the stricter ones. */
async function ask(method: string, path: string, body?: object, accept = '*/*'): Promise<Answer> {
  const session = connect(`https://127.0.0.1:${running.port}`, {
    ca: running.pki.caCertificatePem,
    cert: admin.certificate,
    key: admin.key,
  });
  try {
    const stream = session.request({ ':method': method, ':path': path, accept, ...JSON_TYPE });
    const status = new Promise<number>((resolve, reject) => {
      stream.once('response', (headers) => resolve(headers[':status']!));
      stream.once('error', reject);
      session.once('error', reject);
      stream.once('close', () => reject(new Error('closed without an answer')));
    });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    const code = await status;
    if (!stream.readableEnded) await new Promise((resolve) => stream.once('end', resolve));
    return { status: code, body: Buffer.concat(chunks).toString() };
  } finally {
    session.destroy();
  }
}

const read = async (path: string): Promise<Json> => JSON.parse((await ask('GET', path)).body);

/** Registers it anew, and waits until it was asked for everything. */
async function register(now: typeof answers): Promise<void> {
  answers = { [BASE]: { body: '{"kind":"APIResourceList","resources":[]}' }, ...now };
  const services = '/apis/apiregistration.k8s.io/v1/apiservices';
  const name = `v1.${GROUP}`;
  if (turn++ > 0) await ask('DELETE', `${services}/${name}`);
  const { port } = backend.address() as AddressInfo;
  await ask('POST', services, {
    metadata: { name },
    spec: {
      group: GROUP,
      version: 'v1',
      groupPriorityMinimum: 20000,
      versionPriority: 200,
      service: { namespace: 'hostile', name: 'api', port },
      caBundle: Buffer.from(authority.certificate).toString('base64'),
    },
  });
  await eventually('the backend is known', async () => {
    const { status } = await read(`${services}/${name}`);
    return status?.conditions?.some((one: Json) => one.type === 'Available' && one.status === 'True');
  });
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

test.each([
  ['no list', { length: 3 }],
  ['nothing', [null]],
  ['verbs that are none', [{ resource: 'x', scope: 'Cluster', singularResource: 'x', verbs: 'get' }]],
  ['a name that is a number', [{ resource: 1, scope: 'Cluster', singularResource: 'x', verbs: [] }]],
  [
    'a kind that is text',
    [{ resource: 'x', scope: 'Cluster', singularResource: '', verbs: [], responseKind: 'x' }],
  ],
])('discovery that is %s reaches no client', async (_what, resources) => {
  const items = [{ metadata: { name: GROUP }, versions: [{ version: 'v1', resources }] }];
  await register({
    '/apis': { headers: { 'content-type': AGGREGATED }, body: JSON.stringify({ items }) },
  });
  const { body } = await ask('GET', '/apis', undefined, AGGREGATED);
  const group = JSON.parse(body).items.find((one: Json) => one.metadata.name === GROUP);
  expect(group.versions).toEqual([{ version: 'v1', freshness: 'Stale' }]);
});

test.each([
  ['nothing', 'null'],
  ['a list', '[]'],
  ['a definition that is nothing', '{"paths":{},"definitions":{"x":null}}'],
  ['a kind that is nothing', '{"paths":{},"definitions":{"x":{"x-kubernetes-group-version-kind":[null]}}}'],
  ['an operation that is nothing', `{"paths":{"${BASE}/x":{"get":null}},"definitions":{}}`],
  ['a path that is nothing', `{"paths":{"${BASE}/x":null},"definitions":{}}`],
  [
    'deeper than any stack',
    `{"paths":{"${BASE}/x":${'['.repeat(20_000)}${']'.repeat(20_000)}},"definitions":{}}`,
  ],
])('an OpenAPI document that is %s breaks nobody', async (_what, body) => {
  await register({ '/openapi/v2': { body } });
  const answer = await ask('GET', '/openapi/v2');
  expect(answer.status).toBe(200);
  expect(Object.keys(JSON.parse(answer.body).definitions).length).toBeGreaterThan(100);
  expect((await ask('GET', '/openapi/v3')).status).toBe(200);
});

test.each([
  ['a status that HTTP has no place for', 700, {}],
  ['a redirection', 302, { location: 'https://elsewhere.example.com/' }],
])('%s does not pass from its OpenAPI document', async (_what, status, headers) => {
  const index = { paths: { [BASE.slice(1)]: { serverRelativeURL: `/openapi/v3${BASE}?hash=1` } } };
  await register({
    '/openapi/v3': { body: JSON.stringify(index) },
    [`/openapi/v3${BASE}`]: { status, headers, body: '' },
  });
  const answer = await ask('GET', `/openapi/v3${BASE}`);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect(answer.status).toBeLessThan(600);
});
