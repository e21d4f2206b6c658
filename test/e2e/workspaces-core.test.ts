import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { User } from '../../src/apiserver/index.ts';
import { type Json, MASTER, person, WorkspaceServer } from '../harness/workspace-server.ts';

const jane = person('jane');
const mallory = person('mallory', 'devs');

const LOGICAL_CLUSTERS = '/apis/core.kcp.io/v1alpha1/logicalclusters';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
const A = '/clusters/aaaaaaaaaaaaaaaa';
const B = '/clusters/bbbbbbbbbbbbbbbb';

let server: WorkspaceServer;
beforeAll(async () => {
  server = await WorkspaceServer.start();
  await server.makeWorkspace('team-a', 'aaaaaaaaaaaaaaaa');
  await server.makeWorkspace('team-b', 'bbbbbbbbbbbbbbbb');
});
afterAll(() => server.stop());

const ask: WorkspaceServer['ask'] = (...about) => server.ask(...about);
const made = (path: string, body: Json) => server.made(path, body);
const grant: WorkspaceServer['grant'] = (...about) => server.grant(...about);

function definition(kind: string, field: string) {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { [field]: { type: 'string' } } } },
            },
          },
        },
      ],
    },
  };
}

async function untilServed(path: string): Promise<void> {
  await expect.poll(async () => (await ask(MASTER, 'GET', path)).status, { timeout: 10_000 }).toBe(200);
}

describe('two workspaces', () => {
  test('have namespaces, objects and definitions of their own, though all names clash', async () => {
    for (const [prefix, field] of [
      [A, 'color'],
      [B, 'size'],
    ] as const) {
      await made(`${prefix}/api/v1/namespaces`, { metadata: { name: 'shop' } });
      await made(`${prefix}${CRDS}`, definition('Widget', field));
      await untilServed(`${prefix}/apis/example.com/v1/widgets`);
      const widget = await made(`${prefix}/apis/example.com/v1/namespaces/shop/widgets`, {
        apiVersion: 'example.com/v1',
        kind: 'Widget',
        metadata: { name: 'one' },
        spec: { color: 'red', size: 'big' },
      });
      expect(widget.spec).toEqual({ [field]: field === 'color' ? 'red' : 'big' });
      expect(widget.metadata.annotations).toEqual({ 'kcp.io/cluster': prefix.slice('/clusters/'.length) });
    }
    expect((await ask(MASTER, 'GET', '/apis/example.com/v1/widgets')).status).toBe(404);
    expect((await ask(MASTER, 'GET', '/api/v1/namespaces/shop')).status).toBe(404);
    await made(`${A}/api/v1/namespaces/shop/configmaps`, { metadata: { name: 'only-here' } });
    const inB = await ask(MASTER, 'GET', `${B}/api/v1/namespaces/shop/configmaps`);
    expect(inB.body.items).toEqual([]);
  });

  test('tell of their own APIs only, in discovery and OpenAPI', async () => {
    await made(`${A}${CRDS}`, definition('Gadget', 'name'));
    await untilServed(`${A}/apis/example.com/v1/gadgets`);
    const names = async (prefix: string) =>
      (await ask(MASTER, 'GET', `${prefix}/apis/example.com/v1`)).body.resources.map((one: Json) => one.name);
    expect(await names(A)).toEqual(['widgets', 'gadgets']);
    expect(await names(B)).toEqual(['widgets']);
    const groups = (await ask(MASTER, 'GET', '/apis')).body.groups.map((one: Json) => one.name);
    expect(groups).not.toContain('example.com');
    const index = (await ask(MASTER, 'GET', `${B}/openapi/v3`)).body.paths['apis/example.com/v1'];
    expect(index.serverRelativeURL).toMatch(
      /^\/clusters\/bbbbbbbbbbbbbbbb\/openapi\/v3\/apis\/example\.com\/v1\?hash=/,
    );
    const document = JSON.stringify((await ask(MASTER, 'GET', `${B}/openapi/v3/apis/example.com/v1`)).body);
    expect(document).toContain('"size"');
    expect(document).not.toMatch(/"color"|Gadget/);
  });

  test('a definition that goes takes its own objects only', async () => {
    await ask(MASTER, 'DELETE', `${A}${CRDS}/widgets.example.com`);
    await expect
      .poll(async () => (await ask(MASTER, 'GET', `${A}${CRDS}/widgets.example.com`)).status, {
        timeout: 10_000,
      })
      .toBe(404);
    expect((await ask(MASTER, 'GET', `${B}/apis/example.com/v1/namespaces/shop/widgets/one`)).status).toBe(
      200,
    );
  });
});

describe('who may come in', () => {
  test('an administrator of one has no rights in another, and cannot tell whether it is there', async () => {
    await grant(A, 'jane', 'cluster-admin');
    expect((await ask(jane, 'GET', `${A}/api/v1/secrets`)).status).toBe(200);
    expect((await ask(jane, 'GET', `${A}/version`)).status).toBe(200);
    const nowhere = '/clusters/zzzzzzzzzzzzzzzz';
    for (const [method, path, body] of [
      ['GET', '/api/v1/secrets'],
      ['GET', '/api/v1/namespaces/shop/configmaps/x'],
      ['GET', '/apis'],
      ['GET', '/version'],
      ['GET', '/apis/example.com/v1/widgets'],
      ['POST', '/api/v1/namespaces', { metadata: { name: 'mine' } }],
      ['PATCH', '/api/v1/namespaces/shop', { metadata: { labels: { a: 'b' } } }],
      ['DELETE', '/api/v1/namespaces/shop'],
      ['POST', LOGICAL_CLUSTERS, { metadata: { name: 'cluster' } }],
    ] as const) {
      const [real, absent, byPath, path404] = await Promise.all(
        [B, nowhere, '/clusters/root:nothing', '/clusters/root:team-b:x'].map((prefix) =>
          ask(jane, method, prefix + path, body as Json | undefined),
        ),
      );
      expect(real, `${method} ${path}`).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
      for (const other of [absent, byPath, path404]) expect(other).toEqual(real);
    }
  });

  test('a binding of rights without access opens nothing', async () => {
    await grant(B, 'mallory', 'view');
    expect((await ask(mallory, 'GET', `${B}/api/v1/namespaces`)).status).toBe(403);
    await grant(B, 'mallory', 'system:kcp:workspace:access');
    expect((await ask(mallory, 'GET', `${B}/api/v1/namespaces`)).status).toBe(200);
    expect((await ask(mallory, 'POST', `${B}/api/v1/namespaces`, { metadata: { name: 'no' } })).status).toBe(
      403,
    );
  });

  test('across all workspaces nobody looks but the system', async () => {
    expect((await ask(jane, 'GET', '/clusters/*/api/v1/configmaps')).status).toBe(403);
    const all = await ask(MASTER, 'GET', '/clusters/*/api/v1/configmaps');
    expect(all.body.items.map((one: Json) => one.metadata.annotations['kcp.io/cluster'])).toContain(
      'aaaaaaaaaaaaaaaa',
    );
    expect((await ask(MASTER, 'GET', '/clusters/*/api/v1/namespaces/shop/configmaps')).status).toBe(405);
    // Definitions of one name have nothing in common but metadata.
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const widgets = (headers: Record<string, string>) =>
      ask(MASTER, 'GET', '/clusters/*/apis/example.com/v1/widgets', undefined, headers);
    expect((await widgets({})).status).toBe(404);
    expect(await widgets({ accept })).toMatchObject({
      status: 200,
      body: { kind: 'PartialObjectMetadataList' },
    });
  });

  test('a service account is good in its own workspace only', async () => {
    await made(`${A}/api/v1/namespaces/shop/serviceaccounts`, { metadata: { name: 'bot' } });
    const token = (await made(`${A}/api/v1/namespaces/shop/serviceaccounts/bot/token`, { spec: {} })).status
      .token;
    for (const prefix of [A, B, ''])
      await made(`${prefix}${BINDINGS}`, {
        metadata: { name: 'bot' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'shop' }],
      });
    const review = (prefix: string) =>
      made(`${prefix}/apis/authentication.k8s.io/v1/tokenreviews`, { spec: { token } });
    const { user } = (await review('')).status as {
      user: { username: string; groups: string[]; extra: Record<string, string[]>; uid: string };
    };
    const bot: User = { name: user.username, uid: user.uid, groups: user.groups, extra: user.extra };
    expect(user.extra['authentication.kcp.io/cluster-name']).toEqual(['aaaaaaaaaaaaaaaa']);
    expect((await ask(bot, 'GET', `${A}/api/v1/secrets`)).status).toBe(200);
    expect((await ask(bot, 'GET', `${B}/api/v1/secrets`)).status).toBe(403);
    expect((await ask(bot, 'GET', '/clusters/root/api/v1/secrets')).status).toBe(403);
    // What knows no workspaces, as any client inside of a cluster, is at home.
    const names = async (path: string) =>
      (await ask(bot, 'GET', path)).body.items.map((one: Json) => one.metadata.uid);
    expect(await names('/api/v1/namespaces')).toEqual(await names(`${A}/api/v1/namespaces`));
  });

  test('a token may be for the API server by its name in kcp', async () => {
    const path = `${A}/api/v1/namespaces/shop/serviceaccounts`;
    await made(path, { metadata: { name: 'kcp-bot' } });
    const tokenFor = async (audience: string) =>
      (await made(`${path}/kcp-bot/token`, { spec: { audiences: [audience] } })).status.token;
    const review = async (token: string) =>
      (await made(`${A}/apis/authentication.k8s.io/v1/tokenreviews`, { spec: { token } })).status;
    expect((await review(await tokenFor('https://kcp.default.svc'))).authenticated).toBe(true);
    expect((await review(await tokenFor('https://else'))).authenticated).not.toBe(true);
  });

  test('impersonation in a workspace stays in it, and makes nobody of the system', async () => {
    const as = (user: string, ...groups: string[]) => ({
      'impersonate-user': user,
      ...(groups.length > 0 && { 'impersonate-group': groups.join(',') }),
    });
    expect((await ask(jane, 'GET', `${A}/api/v1/secrets`, undefined, as('jane'))).status).toBe(200);
    for (const headers of [
      as('mallory', 'system:masters'),
      as('system:kube-controller-manager'),
      as('system:apiserver'),
    ])
      expect(await ask(jane, 'GET', `${A}/api/v1/secrets`, undefined, headers)).toMatchObject({
        status: 403,
      });
    expect((await ask(jane, 'GET', `${B}/api/v1/secrets`, undefined, as('mallory'))).status).toBe(403);
    const admin = person('kcp-admin', 'system:kcp:admin');
    const own = await ask(admin, 'GET', `${A}/api/v1/secrets`, undefined, as('x', 'system:kcp:admin'));
    expect(own.status).toBe(200);
    const more = await ask(admin, 'GET', `${A}/api/v1/secrets`, undefined, as('x', 'system:masters'));
    expect(more.status).toBe(403);
  });

  test('what the system says of workspaces and bindings nobody else says', async () => {
    await server.makeWorkspace('told', 'ffffffffffffffff');
    const admin = person('kcp-admin', 'system:kcp:admin');
    const status = async (user: User, path: string) =>
      (await ask(user, 'PATCH', `${path}/status`, { status: {} })).status;
    const told = '/apis/tenancy.kcp.io/v1alpha1/workspaces/told';
    expect([await status(admin, told), await status(MASTER, told)]).toEqual([403, 200]);
    for (const kind of ['apibindings', 'apiexports'])
      expect(await status(jane, `${A}/apis/apis.kcp.io/v1alpha2/${kind}/none`)).toBe(403);
  });

  test("required groups keep out whoever is in none of them, but not kcp's administrators", async () => {
    const prefix = await server.makeWorkspace('closed', 'dddddddddddddddd');
    const annotations = { 'authorization.kcp.io/required-groups': 'insiders' };
    const mark = { metadata: { annotations } };
    expect((await ask(MASTER, 'PATCH', `${prefix}${LOGICAL_CLUSTERS}/cluster`, mark)).status).toBe(200);
    await grant(prefix, 'jane', 'cluster-admin');
    const status = async (user: User) => (await ask(user, 'GET', `${prefix}/api/v1/secrets`)).status;
    expect(await status(jane)).toBe(403);
    expect(await status(person('jane', 'insiders'))).toBe(200);
    expect(await status(person('kcp-admin', 'system:kcp:admin'))).toBe(200);
  });

  test('the system asks what the roles of a workspace say, whether somebody may come in or not', async () => {
    const prefix = await server.makeWorkspace('asked', 'eeeeeeeeeeeeeeee');
    await grant(prefix, 'ann', 'view');
    const resourceAttributes = { verb: 'list', resource: 'configmaps', version: 'v1' };
    const review = { spec: { user: 'ann', groups: [], resourceAttributes } };
    const path = `${prefix}/apis/authorization.k8s.io/v1/subjectaccessreviews`;
    const deep = { 'x-kcp-internal-deep-subjectaccessreview': 'true' };
    const allowed = async (user: User, headers: Record<string, string>) =>
      (await ask(user, 'POST', path, review, headers)).body.status.allowed;
    expect(await allowed(MASTER, {})).toBe(false);
    expect(await allowed(MASTER, deep)).toBe(true);
    await grant(prefix, 'jane', 'cluster-admin');
    expect(await allowed(jane, deep)).toBe(false);
  });

  test('who may see everything finds nothing left in a logical cluster that is gone', async () => {
    for (const prefix of ['/clusters/gonegonegonegone', '/clusters/root:nothing:at-all']) {
      const list = await ask(MASTER, 'GET', `${prefix}/api/v1/namespaces`);
      expect(list).toMatchObject({ status: 200, body: { items: [] } });
      expect((await ask(MASTER, 'GET', `${prefix}${LOGICAL_CLUSTERS}/cluster`)).status).toBe(404);
      expect((await ask(MASTER, 'GET', `${prefix}/api`)).status).toBe(404);
      const namespace = { metadata: { name: 'x' } };
      expect((await ask(MASTER, 'POST', `${prefix}/api/v1/namespaces`, namespace)).status).toBe(404);
      expect((await ask(person('kcp-admin', 'system:kcp:admin'), 'GET', `${prefix}/api`)).status).toBe(403);
    }
  });

  test('ClusterRoles of system:admin may be bound in every workspace, and are the system’s alone', async () => {
    const roles = '/clusters/system:admin/apis/rbac.authorization.k8s.io/v1/clusterroles';
    const lister = {
      metadata: { name: 'lister' },
      rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
    };
    const nodes = async () => (await ask(jane, 'GET', `${A}/api/v1/nodes`)).status;
    const guest = person('guest');
    await grant(A, 'guest', 'system:kcp:workspace:access');
    await grant(A, 'guest', 'lister');
    const guests = async () => (await ask(guest, 'GET', `${A}/api/v1/nodes`)).status;
    expect([await nodes(), await guests()]).toEqual([200, 403]);
    expect((await ask(jane, 'POST', roles, lister)).status).toBe(403);
    await made(roles, lister);
    expect(await guests()).toBe(200);
    expect((await ask(MASTER, 'DELETE', `${roles}/lister`)).status).toBe(200);
    expect(await guests()).toBe(403);
    const other = await ask(MASTER, 'POST', '/clusters/system:admin/api/v1/namespaces', {
      metadata: { name: 'no' },
    });
    expect(other).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('holds ClusterRoles only') },
    });
  });
});
