import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../api-server.test-support.ts';
import type { User } from '../http/messages.ts';

const TENANCY = '/apis/tenancy.kcp.io/v1alpha1';
const WORKSPACES = `${TENANCY}/workspaces`;
const CLUSTERS = '/apis/core.kcp.io/v1alpha1/logicalclusters';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const JANE: User = { name: 'jane', groups: ['devs', 'system:authenticated'] };

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

function workspace(name: string, spec: object = {}) {
  return { apiVersion: 'tenancy.kcp.io/v1alpha1', kind: 'Workspace', metadata: { name }, spec };
}

describe('the first workspace', () => {
  test('has the types that trees begin with', async () => {
    const { body } = await server.get(`${TENANCY}/workspacetypes`);
    expect(body.items.map((one: { metadata: { name: string } }) => one.metadata.name)).toEqual([
      ...['home', 'organization', 'root', 'team', 'universal'],
    ]);
    for (const one of body.items) expect(one.metadata.annotations).toMatchObject({ 'kcp.io/path': 'root' });
  });

  test('is of the type root, and ready', async () => {
    const { body } = await server.get(`${CLUSTERS}/cluster`);
    expect(body).toMatchObject({
      metadata: { annotations: { 'kcp.io/path': 'root', 'internal.tenancy.kcp.io/type': 'root:root' } },
      status: { phase: 'Ready', URL: 'https://192.0.2.1:6443/clusters/root' },
    });
  });

  test('lies on a shard that is this server', async () => {
    const { body } = await server.get('/apis/core.kcp.io/v1alpha1/shards/root');
    expect(body.spec).toMatchObject({ baseURL: 'https://192.0.2.1:6443' });
  });

  test('shows its workspaces and types to everybody, and lets them use those', async () => {
    expect((await server.get(WORKSPACES, JANE)).status).toBe(200);
    expect((await server.get(`${TENANCY}/workspacetypes`, JANE)).status).toBe(200);
    const refused = await server.send('POST', WORKSPACES, workspace('hers'), { user: JANE });
    expect(refused.body.message).toBe(
      'workspaces.tenancy.kcp.io is forbidden: User "jane" cannot create resource "workspaces" in API group "tenancy.kcp.io" at the cluster scope',
    );
  });
});

describe('a workspace', () => {
  test('gets its type from its parent, and its owner', async () => {
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'makes-workspaces' },
      rules: [{ apiGroups: ['tenancy.kcp.io'], resources: ['workspaces'], verbs: ['create'] }],
    });
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'makes-workspaces' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'makes-workspaces' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    const made = await server.send('POST', WORKSPACES, workspace('a'), { user: JANE });
    expect(made.body).toMatchObject({
      metadata: { annotations: { 'experimental.tenancy.kcp.io/owner': expect.stringContaining('"jane"') } },
      spec: { type: { name: 'organization', path: 'root' } },
      status: { phase: 'Scheduling' },
    });
    const home = await server.send('POST', WORKSPACES, workspace('b', { type: { name: 'home' } }), {
      user: JANE,
    });
    expect(home.body.message).toBe(
      `workspaces.tenancy.kcp.io "b" is forbidden: unable to use cluster workspace type root:home: missing verb='use' permission on workspacetype`,
    );
  });

  test('is refused with the words of its schema', async () => {
    const { status, body } = await server.post(WORKSPACES, workspace('No'));
    expect(status).toBe(422);
    expect(body.message).toContain('Workspace.tenancy.kcp.io "No" is invalid');
  });

  test('keeps its type', async () => {
    await server.post(WORKSPACES, workspace('typed', { type: { name: 'universal', path: 'root' } }));
    const changed = await server.patch(`${WORKSPACES}/typed`, { spec: { type: { name: 'team' } } });
    expect(changed).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('name is immutable') },
    });
  });

  test('is applied, with fields of owners', async () => {
    const apply = (manager: string, spec: object) =>
      server.send('PATCH', `${WORKSPACES}/applied?fieldManager=${manager}`, workspace('applied', spec), {
        headers: { 'content-type': 'application/apply-patch+yaml' },
      });
    expect((await apply('one', { location: { selector: { matchLabels: { a: 'b' } } } })).status).toBe(201);
    const conflict = await apply('two', { location: { selector: { matchLabels: { a: 'c' } } } });
    expect(conflict.status).toBe(409);
    expect(conflict.body.message).toContain('.spec.location.selector');
  });

  test('is printed', async () => {
    await server.post(WORKSPACES, workspace('printed'));
    const { body } = await server.send('GET', `${WORKSPACES}/printed`, undefined, { headers: TABLE });
    expect(body.columnDefinitions.map((one: { name: string }) => one.name)).toEqual([
      ...['Name', 'Type', 'Region', 'Phase', 'URL', 'Age'],
    ]);
    expect(body.rows[0].cells.slice(0, 2)).toEqual(['printed', 'organization']);
  });

  test('has no form in protobuf', async () => {
    const headers = { accept: 'application/vnd.kubernetes.protobuf' };
    expect((await server.send('GET', WORKSPACES, undefined, { headers })).status).toBe(406);
  });
});

test('an export is one object in two versions', async () => {
  const EXPORTS = '/apis/apis.kcp.io';
  const sent = {
    apiVersion: 'apis.kcp.io/v1alpha1',
    kind: 'APIExport',
    metadata: { name: 'wild' },
    spec: {
      latestResourceSchemas: ['v1.cowboys.wild.dev'],
      permissionClaims: [{ resource: 'secrets', all: true }],
    },
  };
  const made = await server.post(`${EXPORTS}/v1alpha1/apiexports`, sent);
  expect(made).toMatchObject({ status: 201, body: { spec: sent.spec } });
  const { body } = await server.get(`${EXPORTS}/v1alpha2/apiexports/wild`);
  expect(body).toMatchObject({
    metadata: { annotations: { 'kcp.io/path': 'root' } },
    spec: {
      resources: [
        { group: 'wild.dev', name: 'cowboys', schema: 'v1.cowboys.wild.dev', storage: { crd: {} } },
      ],
      permissionClaims: [{ group: '', resource: 'secrets', identityHash: '', verbs: ['*'] }],
    },
  });
  body.spec.permissionClaims[0].verbs = ['get'];
  expect((await server.put(`${EXPORTS}/v1alpha2/apiexports/wild`, body)).status).toBe(200);
  const old = await server.get(`${EXPORTS}/v1alpha1/apiexports/wild`);
  expect(old.body.spec).toMatchObject(sent.spec);
  expect(old.body.metadata.annotations).toHaveProperty(['apis.v1alpha2.kcp.io/permission-claims']);
});

test('kinds are discovered and explained', async () => {
  const { body } = await server.get('/apis/tenancy.kcp.io/v1alpha1');
  expect(body.resources).toContainEqual(
    expect.objectContaining({
      name: 'workspaces',
      kind: 'Workspace',
      shortNames: ['ws'],
      categories: ['kcp'],
    }),
  );
  const group = await server.get('/apis/apis.kcp.io');
  expect(group.body.preferredVersion.version).toBe('v1alpha2');
  const document = await server.get('/openapi/v3/apis/tenancy.kcp.io/v1alpha1');
  const schema = document.body.components.schemas['io.kcp.tenancy.v1alpha1.Workspace'];
  expect(schema.properties.spec.properties.mount.description).toContain('traffic');
  const services = await server.get('/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.tenancy.kcp.io');
  expect(services.status).toBe(200);
});

test('a logical cluster is neither made nor ended by people', async () => {
  await server.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'joe' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'joe' }],
  });
  const user: User = { name: 'joe', groups: ['system:authenticated'] };
  const deleted = await server.send('DELETE', `${CLUSTERS}/cluster`, undefined, { user });
  expect(deleted.body.message).toBe(
    'logicalclusters.core.kcp.io "cluster" is forbidden: LogicalCluster cannot be deleted',
  );
});
