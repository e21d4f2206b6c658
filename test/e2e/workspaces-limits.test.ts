import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MASTER, person, WorkspaceServer } from '../harness/workspace-server.ts';

const CLUSTER = '/apis/core.kcp.io/v1alpha1/logicalclusters/cluster';
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const ann = person('ann');

let server: WorkspaceServer;
let full: string;
let other: string;
let roomy: string;
beforeAll(async () => {
  server = await WorkspaceServer.start({ limits: { logicalClusterTotalObjectLimit: 25 } });
  full = await server.makeWorkspace('full', 'ffffffffffffffff');
  other = await server.makeWorkspace('other', 'eeeeeeeeeeeeeeee');
  roomy = await server.makeWorkspace('roomy', 'dddddddddddddddd');
  for (const prefix of [full, other, roomy]) {
    await server.grant(prefix, 'ann', 'cluster-admin');
    await server.made(`${prefix}/api/v1/namespaces`, { metadata: { name: 'default' } });
  }
});
afterAll(() => server.stop());

describe('a quota of a whole workspace', () => {
  const QUOTAS = '/api/v1/namespaces/admin/resourcequotas';
  const annotations = { 'experimental.quota.kcp.io/cluster-scoped': 'true' };
  const send = (prefix: string, target: string, name: string) =>
    server.ask(ann, 'POST', `${prefix}${target}`, { metadata: { name } });
  const used = async () => (await server.ask(ann, 'GET', `${roomy}${QUOTAS}/all`)).body.status?.used;

  test('counts what is there, in all namespaces and outside', async () => {
    for (const name of ['admin', 'a', 'b'])
      await server.made(`${roomy}/api/v1/namespaces`, { metadata: { name } });
    expect((await send(roomy, '/api/v1/namespaces/a/configmaps', 'one')).status).toBe(201);
    const hard = { 'count/configmaps': '3', 'count/namespaces': '5' };
    await server.made(`${roomy}${QUOTAS}`, { metadata: { name: 'all', annotations }, spec: { hard } });
    await expect.poll(used).toEqual({ 'count/configmaps': '1', 'count/namespaces': '4' });
  });

  test('is for every namespace, for what has none, and for this workspace alone', async () => {
    expect((await send(roomy, '/api/v1/namespaces/b/configmaps', 'two')).status).toBe(201);
    expect((await send(roomy, '/api/v1/namespaces/admin/configmaps', 'three')).status).toBe(201);
    const { status, body } = await send(roomy, '/api/v1/namespaces/a/configmaps', 'four');
    expect(status).toBe(403);
    expect(body.message).toBe(
      'configmaps "four" is forbidden: exceeded quota: all, requested: count/configmaps=1, used: count/configmaps=3, limited: count/configmaps=3',
    );
    expect((await send(roomy, '/api/v1/namespaces', 'c')).status).toBe(201);
    expect((await send(roomy, '/api/v1/namespaces', 'd')).status).toBe(403);
    expect((await send(other, CONFIG_MAPS, 'five')).status).toBe(201);
  });

  test('gives back what is deleted anywhere', async () => {
    await server.ask(ann, 'DELETE', `${roomy}/api/v1/namespaces/b/configmaps/two`);
    await expect.poll(used).toMatchObject({ 'count/configmaps': '2' });
    expect((await send(roomy, '/api/v1/namespaces/a/configmaps', 'four')).status).toBe(201);
  });

  test('is of its namespace without the annotation, and everywhere but in admin', async () => {
    const hard = { 'count/secrets': '0' };
    await server.made(`${roomy}${QUOTAS}`, { metadata: { name: 'plain' }, spec: { hard } });
    await server.made(`${roomy}/api/v1/namespaces/b/resourcequotas`, {
      metadata: { name: 'elsewhere', annotations },
      spec: { hard },
    });
    expect((await send(roomy, '/api/v1/namespaces/a/secrets', 's')).status).toBe(201);
    expect((await send(roomy, '/api/v1/namespaces/admin/secrets', 's')).status).toBe(403);
    expect((await send(roomy, '/api/v1/namespaces/b/secrets', 's')).status).toBe(403);
  });
});

describe('a workspace that may hold a number of objects', () => {
  const make = (prefix: string, name: string) =>
    server.ask(ann, 'POST', `${prefix}${CONFIG_MAPS}`, { metadata: { name } });
  const limit = (value: string, user = MASTER) =>
    server.ask(user, 'PATCH', `${full}${CLUSTER}`, {
      metadata: { annotations: { 'core.kcp.io/max-total-objects': value } },
    });

  test('is set so by the system alone', async () => {
    const { status, body } = await limit('1000', ann);
    expect(status).toBe(403);
    expect(body.message).toContain('modification of reserved annotation: "core.kcp.io/max-total-objects"');
    expect((await limit('12')).status).toBe(200);
  });

  test('takes as many of all kinds and no more, and says so', async () => {
    // LogicalCluster, the binding and the namespace are three.
    for (let n = 0; n < 9; n++) expect((await make(full, `map-${n}`)).status).toBe(201);
    const { status, body } = await make(full, 'one-too-many');
    expect(status).toBe(403);
    expect(body.message).toBe(
      'configmaps "one-too-many" is forbidden: logical cluster "ffffffffffffffff" has reached its total object count limit (12/12 objects); delete objects to free up capacity',
    );
    const secret = { metadata: { name: 's' } };
    expect((await server.ask(ann, 'POST', `${full}/api/v1/namespaces/default/secrets`, secret)).status).toBe(
      403,
    );
    expect((await make(other, 'one-too-many')).status).toBe(201);
  });

  test('lets its objects be changed, and events be told', async () => {
    const changed = await server.ask(ann, 'PATCH', `${full}${CONFIG_MAPS}/map-0`, { data: { a: 'b' } });
    expect(changed.status).toBe(200);
    const event = {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'ConfigMap', namespace: 'default', name: 'map-0' },
      reason: 'Full',
      message: 'full',
      type: 'Normal',
    };
    expect((await server.ask(ann, 'POST', `${full}/api/v1/namespaces/default/events`, event)).status).toBe(
      201,
    );
  });

  test('has room again for what was deleted', async () => {
    expect((await server.ask(ann, 'DELETE', `${full}${CONFIG_MAPS}/map-0`)).status).toBe(200);
    const made = await Promise.all(Array.from({ length: 5 }, (_, n) => make(full, `new-${n}`)));
    expect(made.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403, 403]);
  });

  test('is every one that does not say otherwise, by the flag, but root', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 25; n++) statuses.push((await make(other, `map-${n}`)).status);
    expect(statuses.indexOf(403)).toBe(20);
    await server.made(CONFIG_MAPS, { metadata: { name: 'in-root' } });
  });

  test('has no end when the number is 0', async () => {
    await limit('0');
    for (let n = 0; n < 10; n++) expect((await make(full, `more-${n}`)).status).toBe(201);
    expect((await make(full, 'again')).status).toBe(201);
  });
});
