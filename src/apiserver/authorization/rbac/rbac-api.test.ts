import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN, configMap, TestServer } from '../../api-server.test-support.ts';
import type { User } from '../../index.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLES = `${RBAC}/namespaces/default/roles`;
const BINDINGS = `${RBAC}/namespaces/default/rolebindings`;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const REVIEWS = '/apis/authorization.k8s.io/v1';
const READ_CONFIG = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] };

let server: TestServer;
let count = 0;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post(CONFIG_MAPS, configMap('a'));
});

afterAll(() => server.stop());

function someone(...groups: string[]): User {
  return { name: `user-${++count}`, groups: [...groups, 'system:authenticated'] };
}

const subjectOf = ({ name }: User) => ({ kind: 'User', name });
const as = (user: User, method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown) =>
  server.send(method, path, body, { user });

async function grant(user: User, rules: object[], namespace = 'default'): Promise<string> {
  const name = `for-${user.name}`;
  const base = `${RBAC}/namespaces/${namespace}`;
  await server.post(`${base}/roles`, { metadata: { name }, rules });
  await server.post(`${base}/rolebindings`, {
    metadata: { name },
    subjects: [subjectOf(user)],
    roleRef: { kind: 'Role', name },
  });
  return name;
}

async function grantCluster(user: User, rules: object[]): Promise<void> {
  const name = `for-${user.name}`;
  await server.post(`${RBAC}/clusterroles`, { metadata: { name }, rules });
  await server.post(`${RBAC}/clusterrolebindings`, {
    metadata: { name },
    subjects: [subjectOf(user)],
    roleRef: { kind: 'ClusterRole', name },
  });
}

describe('a role and a binding', () => {
  test('count from the answer to their writing on, in their namespace only, and end with it', async () => {
    const user = someone();
    expect((await as(user, 'GET', CONFIG_MAPS)).status).toBe(403);
    const name = await grant(user, [READ_CONFIG]);
    expect((await as(user, 'GET', CONFIG_MAPS)).status).toBe(200);
    expect((await as(user, 'GET', '/api/v1/namespaces/kube-system/configmaps')).status).toBe(403);
    expect((await as(user, 'GET', '/api/v1/configmaps')).body.message).toBe(
      `configmaps is forbidden: User "${user.name}" cannot list resource "configmaps" in API group "" at the cluster scope`,
    );
    await server.patch(`${ROLES}/${name}`, { rules: [{ ...READ_CONFIG, verbs: ['get'] }] });
    expect((await as(user, 'GET', CONFIG_MAPS)).status).toBe(403);
    expect((await as(user, 'GET', `${CONFIG_MAPS}/a`)).status).toBe(200);
    await server.delete(`${BINDINGS}/${name}`);
    expect((await as(user, 'GET', `${CONFIG_MAPS}/a`)).status).toBe(403);
  });

  test('give a service account, a group and one name their rights', async () => {
    const robot: User = {
      name: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    };
    await server.post(ROLES, {
      metadata: { name: 'one' },
      rules: [{ ...READ_CONFIG, resourceNames: ['a'] }],
    });
    await server.post(BINDINGS, {
      metadata: { name: 'one' },
      subjects: [
        { kind: 'ServiceAccount', name: 'robot' },
        { kind: 'Group', name: 'readers' },
      ],
      roleRef: { kind: 'Role', name: 'one' },
    });
    for (const user of [robot, someone('readers')]) {
      expect((await as(user, 'GET', `${CONFIG_MAPS}/a`)).status).toBe(200);
      expect((await as(user, 'GET', `${CONFIG_MAPS}/b`)).status).toBe(403);
      expect((await as(user, 'GET', CONFIG_MAPS)).status).toBe(403);
    }
  });

  test('the role of a binding stays what it is', async () => {
    const name = await grant(someone(), [READ_CONFIG]);
    const { status, body } = await server.patch(`${BINDINGS}/${name}`, { roleRef: { name: 'other' } });
    expect(status).toBe(422);
    expect(body.message).toBe(
      `RoleBinding.rbac.authorization.k8s.io "${name}" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"other"}: cannot change roleRef`,
    );
  });

  test('may have colons in their names, and print as kubectl users expect', async () => {
    const { body } = await server.send('GET', `${RBAC}/clusterrolebindings/system:basic-user`, undefined, {
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect(body.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
      'Name',
      'Role',
      'Age',
      'Users',
      'Groups',
      'ServiceAccounts',
    ]);
    expect(body.rows[0].cells[1]).toBe('ClusterRole/system:basic-user');
    expect(body.rows[0].cells[4]).toBe('system:authenticated');
  });
});

describe('nobody gives what he has not', () => {
  const MANAGE = {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles', 'rolebindings'],
    verbs: ['create', 'get', 'update', 'patch'],
  };

  test('a role needs its rules', async () => {
    const user = someone();
    await grant(user, [MANAGE, { ...READ_CONFIG, verbs: ['get'] }]);
    const refused = await as(user, 'POST', ROLES, { metadata: { name: 'more' }, rules: [READ_CONFIG] });
    expect(refused.status).toBe(403);
    expect(refused.body.message).toBe(
      `roles.rbac.authorization.k8s.io "more" is forbidden: user "${user.name}" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["list"]}`,
    );
    const allowed = { metadata: { name: 'same' }, rules: [{ ...READ_CONFIG, verbs: ['get'] }] };
    expect((await as(user, 'POST', ROLES, allowed)).status).toBe(201);
    const wider = { metadata: { name: 'same' }, rules: [READ_CONFIG] };
    expect((await as(user, 'PUT', `${ROLES}/same`, wider)).status).toBe(403);
  });

  test('or the verb escalate', async () => {
    const user = someone();
    await grant(user, [MANAGE, { ...MANAGE, resources: ['roles'], verbs: ['escalate'] }]);
    expect((await as(user, 'POST', ROLES, { metadata: { name: 'high' }, rules: [READ_CONFIG] })).status).toBe(
      201,
    );
  });

  test('a binding needs the rules of its role, or the verb bind on it', async () => {
    const user = someone();
    const name = await grant(user, [MANAGE]);
    const binding = (to: string) => ({
      metadata: { name: `${user.name}-${to}` },
      subjects: [subjectOf(user)],
      roleRef: { kind: 'ClusterRole', name: to },
    });
    const refused = await as(user, 'POST', BINDINGS, binding('view'));
    expect(refused.body.message).toContain('is attempting to grant RBAC permissions not currently held:\n');
    expect((await as(user, 'POST', BINDINGS, binding('nothing'))).body.message).toBe(
      'clusterroles.rbac.authorization.k8s.io "nothing" not found',
    );
    const bind = { ...MANAGE, resources: ['clusterroles'], resourceNames: ['view'], verbs: ['bind'] };
    await server.patch(`${ROLES}/${name}`, { rules: [MANAGE, bind] });
    expect((await as(user, 'POST', BINDINGS, binding('view'))).status).toBe(201);
    expect((await as(user, 'POST', BINDINGS, binding('edit'))).status).toBe(403);
  });

  test('an aggregation rule is for cluster-admins', async () => {
    const user = someone();
    await grantCluster(user, [{ ...MANAGE, resources: ['clusterroles'] }]);
    const gathering = {
      metadata: { name: 'gathering' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    };
    expect((await as(user, 'POST', `${RBAC}/clusterroles`, gathering)).body.message).toBe(
      'clusterroles.rbac.authorization.k8s.io "gathering" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    );
  });
});

describe('reviews', () => {
  test('say by what somebody is allowed', async () => {
    const user = someone('devs');
    await server.post(`${RBAC}/clusterrolebindings`, {
      metadata: { name: 'devs-view' },
      subjects: [{ kind: 'Group', name: 'devs' }],
      roleRef: { kind: 'ClusterRole', name: 'view' },
    });
    const review = async (resourceAttributes: object) =>
      (
        await server.post(`${REVIEWS}/subjectaccessreviews`, {
          spec: { user: user.name, groups: user.groups, resourceAttributes },
        })
      ).body.status;
    expect(await review({ verb: 'list', resource: 'pods', namespace: 'default' })).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "devs-view" of ClusterRole "view" to Group "devs"',
    });
    expect(await review({ verb: 'get', resource: 'secrets', namespace: 'default' })).toEqual({
      allowed: false,
    });
  });

  test('list the rules of oneself', async () => {
    const user = someone();
    await grant(user, [READ_CONFIG]);
    const { body } = await as(user, 'POST', `${REVIEWS}/selfsubjectrulesreviews`, {
      spec: { namespace: 'default' },
    });
    expect(body.status.incomplete).toBe(false);
    expect(body.status.resourceRules).toContainEqual(READ_CONFIG);
    expect(body.status.nonResourceRules).toContainEqual({
      verbs: ['get'],
      nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'],
    });
    expect((await as(user, 'POST', `${REVIEWS}/selfsubjectrulesreviews`, { spec: {} })).body.message).toBe(
      'no namespace on request',
    );
  });
});

describe('default roles', () => {
  test('are there, gathered, and bound as upstream', async () => {
    const names = async (resource: string) =>
      (await server.get(`${RBAC}/${resource}`)).body.items.map(
        (one: { metadata: { name: string } }) => one.metadata.name,
      );
    const roles = await names('clusterroles');
    for (const name of [
      'cluster-admin',
      'admin',
      'edit',
      'view',
      'system:node',
      'system:controller:job-controller',
    ])
      expect(roles).toContain(name);
    const { body } = await server.get(`${RBAC}/clusterroles/admin`);
    expect(body.metadata.labels).toEqual({ 'kubernetes.io/bootstrapping': 'rbac-defaults' });
    expect(body.rules).toContainEqual({
      apiGroups: ['authorization.k8s.io'],
      resources: ['localsubjectaccessreviews'],
      verbs: ['create'],
    });
    expect(body.rules).toContainEqual(
      expect.objectContaining({ apiGroups: [''], resources: ['namespaces'] }),
    );
  });

  test('get back at the next start what they lost, unless they are marked', async () => {
    const path = (name: string) => `${RBAC}/clusterroles/${name}`;
    await server.patch(path('system:basic-user'), { rules: [READ_CONFIG] });
    await server.patch(path('system:monitoring'), {
      metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [],
    });
    await server.patch(`${RBAC}/clusterrolebindings/system:discovery`, { subjects: [] });
    await server.delete(path('system:heapster'));
    const untouched = (await server.get(path('system:node'))).body.metadata.resourceVersion;
    await server.api.bootstrap();
    const rulesOf = async (name: string) => (await server.get(path(name))).body.rules;
    expect(await rulesOf('system:basic-user')).toHaveLength(4);
    expect(await rulesOf('system:basic-user')).toContainEqual(READ_CONFIG);
    expect((await rulesOf('system:monitoring')) ?? []).toEqual([]);
    expect((await server.get(`${RBAC}/clusterrolebindings/system:discovery`)).body.subjects).toHaveLength(1);
    expect((await server.get(path('system:heapster'))).status).toBe(200);
    expect((await server.get(path('system:node'))).body.metadata.resourceVersion).toBe(untouched);
  });
});

describe('acting as another', () => {
  const headers = (more: Record<string, string>) => ({ headers: { 'impersonate-user': 'ann', ...more } });
  const whoami = async (user: User, more: Record<string, string> = {}) =>
    server.send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { user, ...headers(more) });

  test('is for who may impersonate every part of him', async () => {
    const user = someone();
    expect((await whoami(user)).body.message).toBe(
      `users "ann" is forbidden: User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`,
    );
    await grantCluster(user, [
      {
        apiGroups: [''],
        resources: ['users', 'groups'],
        resourceNames: ['ann', 'devs'],
        verbs: ['impersonate'],
      },
      { apiGroups: ['authentication.k8s.io'], resources: ['userextras/team'], verbs: ['impersonate'] },
    ]);
    const allowed = await whoami(user, {
      'impersonate-group': 'devs',
      'impersonate-extra-team': 'blue, red',
    });
    expect(allowed.body.status.userInfo).toEqual({
      username: 'ann',
      groups: ['devs', 'system:authenticated'],
      extra: { team: ['blue', 'red'] },
    });
    expect((await whoami(user, { 'impersonate-group': 'devs, ops' })).body.message).toContain(
      'groups "ops" is forbidden',
    );
    expect((await whoami(user, { 'impersonate-uid': '7' })).body.message).toContain(
      'cannot impersonate resource "uids" in API group "authentication.k8s.io"',
    );
  });

  test('gives a service account its groups, and rights are then those of the other', async () => {
    const robot = { 'impersonate-user': 'system:serviceaccount:default:robot' };
    expect((await whoami(ADMIN, robot)).body.status.userInfo.groups).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
    const refused = await server.send('GET', '/api/v1/secrets', undefined, { headers: robot });
    expect(refused.body.message).toContain('User "system:serviceaccount:default:robot" cannot list');
  });
});

describe('an update that creates', () => {
  test('needs the verb create too', async () => {
    const user = someone();
    const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['update', 'patch'] };
    const name = await grant(user, [leases]);
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/new';
    const lease = { metadata: { name: 'new' }, spec: {} };
    const apply = () =>
      server.send(
        'PATCH',
        `${path}?fieldManager=me`,
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease },
        {
          user,
          headers: { 'content-type': 'application/apply-patch+yaml' },
        },
      );
    const refusal = `leases.coordination.k8s.io "new" is forbidden: User "${user.name}" cannot create resource "leases" in API group "coordination.k8s.io" in the namespace "default"`;
    expect((await as(user, 'PUT', path, lease)).body.message).toBe(refusal);
    expect((await apply()).body.message).toBe(refusal);
    await server.patch(`${ROLES}/${name}`, { rules: [{ ...leases, verbs: ['create', 'update', 'patch'] }] });
    expect((await as(user, 'PUT', path, lease)).status).toBe(201);
  });
});

test('a local review answers of its own namespace only', async () => {
  const path = `${REVIEWS}/namespaces/default/localsubjectaccessreviews`;
  const ask = (namespace: string) =>
    server.post(path, {
      spec: { user: 'ann', resourceAttributes: { verb: 'get', resource: 'pods', namespace } },
    });
  expect((await ask('default')).body.status).toEqual({ allowed: false });
  expect((await ask('kube-system')).body.message).toContain(
    'spec.resourceAttributes.namespace: Invalid value: "kube-system": must match metadata.namespace',
  );
});

test('extension API servers find what they need to check client certificates, and may read it', async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  const scheduler: User = { name: 'system:kube-scheduler', groups: ['system:authenticated'] };
  await server.patch(path, {
    data: { 'client-ca-file': 'old', 'requestheader-allowed-names': '[]', own: 'x' },
  });
  await server.api.bootstrap();
  const { status, body } = await as(scheduler, 'GET', path);
  expect(status).toBe(200);
  expect(body.data['client-ca-file']).toContain('BEGIN CERTIFICATE');
  expect(body.data['requestheader-allowed-names']).toBe('["front-proxy-client"]');
  expect(body.data.own).toBe('x');
});
