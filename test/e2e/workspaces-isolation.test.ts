import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Json, MASTER, person, WorkspaceServer } from '../harness/workspace-server.ts';

/**
 * The administrator of one workspace against another: every resource, verb and subresource that discovery names, by
 * every way to name a workspace. Nothing may be told, not even whether there is such a workspace.
 */
const A = '/clusters/aaaaaaaaaaaaaaaa';
const B = '/clusters/bbbbbbbbbbbbbbbb';
const jane = person('jane');

/** A way to write a workspace of somebody else, and the same way to one that does not exist. */
const WAYS: readonly (readonly [why: string, there: string, nowhere: string])[] = [
  ['name', B, '/clusters/zzzzzzzzzzzzzzzz'],
  ['path', '/clusters/root:team-b', '/clusters/root:team-z'],
  ['percent-encoded name', '/clusters/%62bbbbbbbbbbbbbbb', '/clusters/%7Azzzzzzzzzzzzzzz'],
  ['percent-encoded path', '/clusters/root%3Ateam-b', '/clusters/root%3Ateam-z'],
  ['doubled slashes', '//clusters//bbbbbbbbbbbbbbbb/', '//clusters//zzzzzzzzzzzzzzzz/'],
  ['a child of it', '/clusters/bbbbbbbbbbbbbbbb:child', '/clusters/zzzzzzzzzzzzzzzz:child'],
  ['capitals', '/clusters/BBBBBBBBBBBBBBBB', '/clusters/ZZZZZZZZZZZZZZZZ'],
  ['spaces', '/clusters/%20bbbbbbbbbbbbbbbb', '/clusters/%20zzzzzzzzzzzzzzzz'],
];

const VERBS = [
  ['GET', ''],
  ['GET', '?watch=true'],
  ['GET', '?labelSelector=app%3Dx&limit=1'],
  ['GET', '?fieldSelector=metadata.name%3Dsecret'],
  ['POST', '', { metadata: { name: 'secret' } }],
  ['DELETE', ''],
  ['GET', '/secret'],
  ['PUT', '/secret', { metadata: { name: 'secret' } }],
  ['PATCH', '/secret', { metadata: { labels: { a: 'b' } } }],
  ['DELETE', '/secret'],
] as const;

let server: WorkspaceServer;
let collections: string[];
let subresources: string[];

beforeAll(async () => {
  server = await WorkspaceServer.start();
  await server.makeWorkspace('team-a', 'aaaaaaaaaaaaaaaa');
  await server.makeWorkspace('team-b', 'bbbbbbbbbbbbbbbb');
  await server.grant(A, 'jane', 'cluster-admin');
  for (const prefix of [A, B]) {
    await server.made(`${prefix}/api/v1/namespaces`, { metadata: { name: 'shop' } });
    await server.made(`${prefix}/api/v1/namespaces/shop/configmaps`, {
      metadata: { name: 'secret', labels: { app: 'x' } },
      data: { of: prefix },
    });
  }
  ({ collections, subresources } = await pathsOf(B));
});
afterAll(() => server.stop());

/** Every collection and subresource that a workspace tells of. */
async function pathsOf(prefix: string): Promise<{ collections: string[]; subresources: string[] }> {
  const get = async (path: string) => (await server.ask(MASTER, 'GET', prefix + path)).body;
  const versions = ['/api/v1'];
  for (const group of (await get('/apis')).groups)
    for (const { groupVersion } of group.versions) versions.push(`/apis/${groupVersion}`);
  const found = { collections: [] as string[], subresources: [] as string[] };
  for (const version of versions)
    for (const { name, namespaced } of (await get(version)).resources as Json[]) {
      const [resource, subresource] = name.split('/');
      const collection = `${version}${namespaced ? '/namespaces/shop' : ''}/${resource}`;
      if (subresource === undefined) found.collections.push(collection);
      else found.subresources.push(`${collection}/secret/${subresource}`);
    }
  return found;
}

/** What two answers tell, but for the words of the asker in them. */
function told({ status, body }: { status: number; body: Json }, way: string): string {
  return JSON.stringify([status, body]).replaceAll(way, '<way>');
}

async function expectNothing(
  method: (typeof VERBS)[number][0],
  path: string,
  body: Json | undefined,
  [why, there, nowhere]: (typeof WAYS)[number],
): Promise<void> {
  const [real, absent] = await Promise.all(
    [there, nowhere].map((way) => server.ask(jane, method, way + path, body)),
  );
  expect([403, 404], `${method} ${there}${path} by ${why}: ${real!.status}`).toContain(real!.status);
  expect(told(real!, there), `${method} ${path} by ${why}`).toBe(told(absent!, nowhere));
}

describe('the administrator of one workspace learns nothing of another', () => {
  test('with any verb on any resource, however he names it', async () => {
    expect(collections.length).toBeGreaterThan(90);
    for (const way of WAYS)
      for (const collection of collections)
        for (const [method, rest, body] of VERBS) await expectNothing(method, collection + rest, body, way);
  });

  test('with any verb on any subresource', async () => {
    expect(subresources.length).toBeGreaterThan(40);
    for (const way of WAYS)
      for (const path of subresources)
        for (const method of ['GET', 'POST', 'PUT', 'PATCH'] as const)
          await expectNothing(
            method,
            path,
            method === 'GET' ? undefined : { metadata: { name: 'secret' } },
            way,
          );
  });

  test('from paths that are no resources', async () => {
    for (const way of WAYS)
      for (const path of [
        '/',
        '/api',
        '/apis',
        '/apis/apps',
        '/version',
        '/openapi/v2',
        '/openapi/v3',
        '/metrics',
        '/logs',
        '/debug',
      ])
        await expectNothing('GET', path, undefined, way);
  });

  test('by climbing out of his own', async () => {
    for (const path of [
      `${A}/../bbbbbbbbbbbbbbbb`,
      `${A}/%2e%2e/bbbbbbbbbbbbbbbb`,
      `${A}${B}`,
      `${A}/..${B}`,
      `${A}//..//..${B}`,
    ])
      for (const rest of ['/api/v1/secrets', '/api/v1/namespaces/shop/configmaps/secret', '/apis']) {
        const { status } = await server.ask(jane, 'GET', path + rest);
        expect([403, 404], `${path}${rest}`).toContain(status);
      }
    for (const name of ['..%2F..%2Fbbbbbbbbbbbbbbbb%2Fshop%2Fsecret', '%2F', '..', 'shop%2Fsecret']) {
      const { status } = await server.ask(jane, 'GET', `${A}/api/v1/namespaces/shop/configmaps/${name}`);
      expect([400, 404], name).toContain(status);
    }
    for (const namespace of ['..%2F..%2Fbbbbbbbbbbbbbbbb%2Fshop', '..', '%2E%2E']) {
      const { body } = await server.ask(jane, 'GET', `${A}/api/v1/namespaces/${namespace}/configmaps`);
      expect(JSON.stringify(body), namespace).not.toContain(B);
    }
  });

  test('across all workspaces', async () => {
    for (const collection of collections) {
      const all = collection.replace('/namespaces/shop', '');
      for (const query of ['', '?watch=true', '?labelSelector=app%3Dx'])
        expect((await server.ask(jane, 'GET', `/clusters/*${all}${query}`)).status, all).toBe(403);
    }
    for (const path of ['/apis', '/api', '/openapi/v3', '/version'])
      expect((await server.ask(jane, 'GET', `/clusters/*${path}`)).status, path).toBe(403);
  });

  test('with a continue token or a resource version of the other', async () => {
    await server.made(`${B}/api/v1/namespaces/shop/configmaps`, { metadata: { name: 'second' } });
    const list = '/api/v1/configmaps?limit=1';
    const first = await server.ask(MASTER, 'GET', B + list);
    const token = encodeURIComponent(first.body.metadata.continue);
    const more = await server.ask(jane, 'GET', `${A}${list}&continue=${token}`);
    expect(JSON.stringify(more.body)).not.toMatch(/second|bbbbbbbbbbbbbbbb/);
    const { resourceVersion } = first.body.items[0].metadata;
    const same = await server.ask(
      jane,
      'GET',
      `${A}/api/v1/configmaps?resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`,
    );
    expect(JSON.stringify(same.body)).not.toContain('bbbbbbbbbbbbbbbb');
    const stale = await server.ask(jane, 'PUT', `${A}/api/v1/namespaces/shop/configmaps/secret`, {
      metadata: { name: 'secret', resourceVersion },
    });
    expect(stale.status).toBe(409);
  });

  test('with reviews, tokens and bindings in his own', async () => {
    const review = await server.ask(
      jane,
      'POST',
      `${A}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews`,
      {
        spec: { resourceAttributes: { verb: 'get', resource: 'secrets', namespace: 'shop' } },
      },
    );
    expect(review.body.status.allowed).toBe(true);
    await server.made(`${B}/api/v1/namespaces/shop/serviceaccounts`, { metadata: { name: 'bot' } });
    const token = await server.ask(jane, 'POST', `${A}/api/v1/namespaces/shop/serviceaccounts/bot/token`, {
      spec: {},
    });
    expect(token.status).toBe(404);
    const bound = await server.ask(
      jane,
      'POST',
      `${A}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings`,
      {
        metadata: { name: 'wide' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }],
      },
    );
    expect(bound.status).toBe(201);
    expect((await server.ask(person('anybody'), 'GET', `${A}/api/v1/secrets`)).status).toBe(200);
    expect((await server.ask(person('anybody'), 'GET', `${B}/api/v1/secrets`)).status).toBe(403);
    expect((await server.ask(person('anybody'), 'GET', '/api/v1/secrets')).status).toBe(403);
  });

  test('with an object that says it lives elsewhere, or is owned from there', async () => {
    const other = (await server.ask(MASTER, 'GET', `${B}/api/v1/namespaces/shop/configmaps/secret`)).body
      .metadata;
    const made = await server.ask(jane, 'POST', `${A}/api/v1/namespaces/shop/configmaps`, {
      metadata: {
        name: 'liar',
        annotations: { 'kcp.io/cluster': 'bbbbbbbbbbbbbbbb' },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'ConfigMap', name: 'secret', uid: other.uid, blockOwnerDeletion: true },
        ],
      },
    });
    expect(made.body.metadata.annotations).toEqual({ 'kcp.io/cluster': 'aaaaaaaaaaaaaaaa' });
    const all = await server.ask(MASTER, 'GET', '/clusters/*/api/v1/configmaps');
    const liar = all.body.items.find((one: Json) => one.metadata.name === 'liar');
    expect(liar.metadata.annotations['kcp.io/cluster']).toBe('aaaaaaaaaaaaaaaa');
  });
});
