import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN, configMap, pod, TestServer } from './api-server.test-support.ts';
import type { User } from './index.ts';

let server: TestServer;

const AUTHENTICATED = 'system:authenticated';
const NODE: User = { name: 'system:node:n1', groups: ['system:nodes', AUTHENTICATED] };
const NOBODY: User = { name: 'ann', groups: [AUTHENTICATED] };
const BASE = '/api/v1/namespaces/default';

beforeAll(async () => {
  server = await TestServer.start();
  await server.post(`${BASE}/serviceaccounts`, { metadata: { name: 'default' } });
  await server.post(`${BASE}/configmaps`, configMap('used'));
  await server.post(`${BASE}/configmaps`, configMap('unused'));
  for (const [name, node] of [
    ['mine', 'n1'],
    ['theirs', 'n2'],
  ]) {
    const envFrom = node === 'n1' ? [{ configMapRef: { name: 'used' } }] : [];
    await server.post(`${BASE}/pods`, pod(name!, { containers: [{ name: 'main', image: 'x', envFrom }] }));
    await server.post(`${BASE}/pods/${name}/binding`, {
      metadata: { name },
      target: { kind: 'Node', name: node },
    });
  }
});

afterAll(() => server.stop());

describe('who may do what', () => {
  test('everyone with an identity discovers and asks about himself, and nothing else', async () => {
    for (const path of ['/api', '/apis', '/apis/apps/v1', '/openapi/v3', '/version', '/readyz'])
      expect((await server.get(path, NOBODY)).status).toBe(200);
    expect(await server.get(`${BASE}/pods`, NOBODY)).toMatchObject({
      status: 403,
      body: {
        message:
          'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"',
        details: { kind: 'pods' },
      },
    });
    expect((await server.get('/metrics', NOBODY)).body.message).toBe(
      'forbidden: User "ann" cannot get path "/metrics"',
    );
  });

  test('whoami and can-i', async () => {
    const as = (path: string, body: object) => server.send('POST', path, body, { user: NOBODY });
    const who = await as('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(who.body.status.userInfo).toEqual({ username: 'ann', groups: [AUTHENTICATED] });
    const can = await as('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes: { verb: 'create', resource: 'pods', namespace: 'default' } },
    });
    expect(can.body.status.allowed).toBe(false);
    const others = await as('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: 'x', nonResourceAttributes: { path: '/', verb: 'get' } },
    });
    expect(others.status).toBe(403);
  });

  test('a node reads what its pods use and no more', async () => {
    expect((await server.get(`${BASE}/configmaps/used`, NODE)).status).toBe(200);
    expect((await server.get(`${BASE}/configmaps?fieldSelector=metadata.name%3Dused`, NODE)).status).toBe(
      200,
    );
    expect(await server.get(`${BASE}/configmaps/unused`, NODE)).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining("no relationship found between node 'n1' and this object") },
    });
    expect((await server.get(`${BASE}/configmaps`, NODE)).status).toBe(403);
    expect((await server.get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn1', NODE)).status).toBe(200);
  });

  test('a node changes itself and its pods only', async () => {
    const patch = (path: string) =>
      server.send(
        'PATCH',
        path,
        { status: { phase: 'Running' } },
        {
          user: NODE,
          headers: { 'content-type': 'application/merge-patch+json' },
        },
      );
    expect((await patch(`${BASE}/pods/mine/status`)).status).toBe(200);
    expect(await patch(`${BASE}/pods/theirs/status`)).toMatchObject({
      status: 403,
      body: {
        message: expect.stringContaining(
          'node "n1" can only update status for pods with spec.nodeName set to itself',
        ),
      },
    });
    const create = (name: string) =>
      server.send('POST', '/api/v1/nodes', { metadata: { name } }, { user: NODE });
    expect((await create('n2')).status).toBe(403);
    expect((await create('n1')).status).toBe(201);
  });
});

describe('service account tokens', () => {
  const TOKEN = `${BASE}/serviceaccounts/default/token`;
  const review = async (token: string, audiences?: string[]) =>
    (
      await server.post('/apis/authentication.k8s.io/v1/tokenreviews', {
        spec: { token, ...(audiences && { audiences }) },
      })
    ).body.status;

  test('a bound token names account and pod, and dies with the pod', async () => {
    await server.post(`${BASE}/pods`, pod('brief'));
    const { body } = await server.post(TOKEN, {
      spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'brief' } },
    });
    const { token } = body.status;
    expect(await review(token)).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:default:default',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/pod-name': ['brief'] },
      },
    });
    await server.delete(`${BASE}/pods/brief?gracePeriodSeconds=0`);
    expect(await review(token)).toMatchObject({ authenticated: false });
  });

  test('a token is for its audience', async () => {
    const { body } = await server.post(TOKEN, { spec: { audiences: ['vault'] } });
    expect(await review(body.status.token)).toMatchObject({ authenticated: false });
    expect(await review(body.status.token, ['vault'])).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
    });
  });

  test('a changed token is none', async () => {
    const { body } = await server.post(TOKEN, { spec: {} });
    const [head, , signature] = body.status.token.split('.');
    const forged = Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:kube-system:admin' })).toString(
      'base64url',
    );
    expect(await review(`${head}.${forged}.${signature}`)).toMatchObject({ authenticated: false });
    expect(await review('nonsense')).toMatchObject({ authenticated: false });
  });

  test('too short a life is refused, and a node asks only for its own pods', async () => {
    expect(await server.post(TOKEN, { spec: { expirationSeconds: 10 } })).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('may not specify a duration less than 10 minutes') },
    });
    const asNode = async (name: string, uid?: string) =>
      server.send(
        'POST',
        TOKEN,
        { spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } } },
        { user: NODE },
      );
    const uidOf = async (name: string) => (await server.get(`${BASE}/pods/${name}`)).body.metadata.uid;
    expect((await asNode('mine', await uidOf('mine'))).status).toBe(201);
    expect((await asNode('mine')).body.message).toContain('without a uid');
    expect((await asNode('theirs', await uidOf('theirs'))).status).toBe(403);
  });
});

test('a pod gets its account, the projected token volume and the two tolerations', async () => {
  const { body } = await server.send('POST', `${BASE}/pods`, pod('fresh'), { user: ADMIN });
  expect(body.spec).toMatchObject({
    serviceAccountName: 'default',
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 },
    ],
    volumes: [
      { name: expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/), projected: { defaultMode: 420 } },
    ],
    containers: [
      { volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }] },
    ],
  });
  const missing = await server.post(`${BASE}/pods`, pod('lost', { serviceAccountName: 'nobody' }));
  expect(missing).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('serviceaccount "nobody" not found') },
  });
});

test('a pod waits for the default account of a new namespace', async () => {
  await server.post('/api/v1/namespaces', { metadata: { name: 'young' } });
  const creating = server.post('/api/v1/namespaces/young/pods', pod('early'));
  await server.post('/api/v1/namespaces/young/serviceaccounts', { metadata: { name: 'default' } });
  expect((await creating).status).toBe(201);
});
