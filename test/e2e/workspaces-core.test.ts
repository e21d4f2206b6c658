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
    expect(user.extra['authentication.kubernetes.io/cluster-name']).toEqual(['aaaaaaaaaaaaaaaa']);
    expect((await ask(bot, 'GET', `${A}/api/v1/secrets`)).status).toBe(200);
    expect((await ask(bot, 'GET', `${B}/api/v1/secrets`)).status).toBe(403);
    expect((await ask(bot, 'GET', '/api/v1/secrets')).status).toBe(403);
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
  });
});
