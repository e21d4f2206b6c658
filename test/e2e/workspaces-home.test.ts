import { afterAll, beforeAll, expect, test } from 'vitest';
import { person, WorkspaceServer } from '../harness/workspace-server.ts';

const HOME = '/apis/tenancy.kcp.io/v1alpha1/workspaces/~';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const ann = person('ann', 'devs');
const bob = person('bob');
const mail = person('Ann@example.org');

let server: WorkspaceServer;
beforeAll(async () => {
  server = await WorkspaceServer.start();
});
afterAll(() => server.stop());

test('a home is made when it is asked for, and stays', async () => {
  const before = await server.ask(ann, 'GET', `/clusters/user:ann${CONFIG_MAPS}`);
  expect(before.status).toBe(403);
  const { status, body } = await server.ask(ann, 'GET', HOME);
  expect(status, body.message).toBe(200);
  expect(body).toMatchObject({
    kind: 'Workspace',
    metadata: { name: 'cluster', creationTimestamp: expect.any(String) },
    spec: { cluster: expect.stringMatching(/^[0-9a-z]{10,13}$/) },
    status: { phase: 'Ready' },
  });
  expect(new URL(body.spec.URL).pathname).toBe(`/clusters/${body.spec.cluster}`);
  expect((await server.ask(ann, 'GET', HOME)).body).toEqual(body);
  expect((await server.ask(ann, 'GET', `/clusters/root${HOME}`)).body).toEqual(body);
});

test('its owner is its administrator, nobody else comes in', async () => {
  const { body } = await server.ask(ann, 'GET', HOME);
  for (const place of ['user:ann', body.spec.cluster]) {
    const namespaces = await server.ask(ann, 'GET', `/clusters/${place}/api/v1/namespaces`);
    expect(namespaces.status).toBe(200);
    const roles = await server.ask(
      ann,
      'GET',
      `/clusters/${place}/apis/rbac.authorization.k8s.io/v1/clusterroles`,
    );
    expect(roles.status).toBe(200);
    const others = await server.ask(bob, 'GET', `/clusters/${place}/api/v1/namespaces`);
    const nowhere = await server.ask(bob, 'GET', '/clusters/user:nobody/api/v1/namespaces');
    expect(others).toEqual(nowhere);
    expect(others.status).toBe(403);
  }
  const cluster = '/apis/core.kcp.io/v1alpha1/logicalclusters/cluster';
  const { metadata } = (await server.ask(ann, 'GET', `/clusters/user:ann${cluster}`)).body;
  expect(metadata.annotations).toMatchObject({
    'kcp.io/path': 'user:ann',
    'internal.tenancy.kcp.io/type': 'root:home',
    'experimental.tenancy.kcp.io/owner': '{"username":"ann"}',
  });
  const ended = await server.ask(ann, 'DELETE', `/clusters/user:ann${cluster}`);
  expect(ended.status).toBe(403);
});

test('homes of several who ask at once are made once each', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => server.ask(bob, 'GET', HOME)));
  expect(new Set(answers.map(({ body }) => body.spec?.cluster)).size).toBe(1);
});

test('a user whose name fits no path has a home too', async () => {
  const { body } = await server.ask(mail, 'GET', HOME);
  const { spec } = body;
  expect((await server.ask(mail, 'GET', `/clusters/${spec.cluster}/api/v1/namespaces`)).status).toBe(200);
});

test('nobody who is not known has one, nor an account of the system', async () => {
  const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
  expect((await server.ask(anonymous, 'GET', HOME)).status).toBe(403);
  const account = person('system:serviceaccount:default:robot', 'system:serviceaccounts');
  const refused = await server.ask(account, 'GET', HOME);
  expect(refused.status).toBe(403);
  expect(refused.body.message).toBe(
    'workspaces.tenancy.kcp.io "~" is forbidden: User "system:serviceaccount:default:robot" cannot create resource "workspaces" in API group "tenancy.kcp.io" at the cluster scope: workspace access not permitted',
  );
  // Whose identity counts elsewhere only is nobody here.
  const scoped = { ...person('ann'), extra: { 'authentication.kcp.io/scopes': ['cluster:elsewhere'] } };
  expect((await server.ask(scoped, 'GET', HOME)).status).toBe(403);
});

test('~ is a name in root alone', async () => {
  const { status } = await server.ask(ann, 'GET', `/clusters/user:ann${HOME}`);
  expect(status).toBe(404);
});
