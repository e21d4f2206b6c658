import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiRequest, User } from '../../src/apiserver/index.ts';
import { LOGICAL_CLUSTERS, NAMESPACES, WORKSPACES } from '../../src/client/index.ts';
import type { corev1alpha1, tenancyv1alpha1 } from '../../src/kube/index.ts';
import { type Json, MASTER, person } from '../harness/workspace-server.ts';
import { bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

type Workspace = tenancyv1alpha1.Workspace;

const TENANCY = '/apis/tenancy.kcp.io/v1alpha1';
const CLUSTERS = '/apis/core.kcp.io/v1alpha1/logicalclusters';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const INITIALIZING = '/services/initializingworkspaces/root:prepared/clusters';
const TERMINATING = '/services/terminatingworkspaces/root:prepared/clusters';
const ANN = person('ann');

let plane: ControlPlane;

beforeAll(async () => {
  plane = await bootControlPlane();
  const universal = { name: 'universal', path: 'root' };
  for (const name of ['prepared', 'other'])
    await made(`${TENANCY}/workspacetypes`, {
      metadata: { name },
      spec: { initializer: true, terminator: name === 'prepared', extend: { with: [universal] } },
    });
  const rule = {
    apiGroups: ['tenancy.kcp.io'],
    resources: ['workspacetypes'],
    resourceNames: ['prepared'],
    verbs: ['initialize', 'terminate'],
  };
  await made(`${RBAC}/clusterroles`, { metadata: { name: 'preparer' }, rules: [rule] });
  await made(`${RBAC}/clusterrolebindings`, {
    metadata: { name: 'preparer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'preparer' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }],
  });
});
afterAll(() => plane.stop());

function requestOf(method: ApiRequest['method'], target: string, body?: Json): ApiRequest {
  const [path, query] = target.split('?');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return {
    method,
    path: path!,
    ...(query !== undefined && { query: new URLSearchParams(query) }),
    headers: { 'content-type': type },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  };
}

async function ask(user: User, method: ApiRequest['method'], target: string, body?: Json) {
  const answer = await plane.api.handle(requestOf(method, target, body), user);
  const chunks: Uint8Array[] = [];
  if (answer.body instanceof Uint8Array) chunks.push(answer.body);
  else for await (const chunk of answer.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return { status: answer.status, body: JSON.parse(Buffer.concat(chunks).toString()) as Json };
}

async function made(target: string, body: Json): Promise<void> {
  const answer = await ask(MASTER, 'POST', target, body);
  expect(answer.status, answer.body.message).toBe(201);
}

/** Of the user eve. */
async function initializing(name: string, type: string): Promise<string> {
  const owner = JSON.stringify({ username: 'eve', groups: ['devs', 'system:authenticated'] });
  await made(`${TENANCY}/workspaces`, {
    metadata: { name, annotations: { 'experimental.tenancy.kcp.io/owner': owner } },
    spec: { type: { name: type, path: 'root' } },
  });
  const found = await phase(name, 'Initializing');
  return found.spec.cluster!;
}

function phase(name: string, wanted: string): Promise<Workspace> {
  return until<Workspace, Workspace>(plane.client, WORKSPACES, undefined, (all) =>
    all.find((one) => one.metadata.name === name && one.status?.phase === wanted),
  );
}

const clustersOf = (list: Json) => list.items.map((one: Json) => one.metadata.annotations['kcp.io/cluster']);

test('who prepares the workspaces of a type sees those that wait for it, acts in them for their owner, and lets them go', async () => {
  const watch = await plane.api.handle(requestOf('GET', `${INITIALIZING}/*${CLUSTERS}?watch=true`), ANN);
  const events = (watch.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const nextType = async () => {
    const { value } = await events.next();
    return (
      JSON.parse(
        Buffer.from(value as Uint8Array)
          .toString()
          .split('\n')[0]!,
      ) as Json
    ).type;
  };
  const cluster = await initializing('first', 'prepared');
  const stranger = await initializing('second', 'other');
  expect(await nextType()).toBe('ADDED');

  const all = await ask(ANN, 'GET', `${INITIALIZING}/*${CLUSTERS}`);
  expect(clustersOf(all.body)).toEqual([cluster]);
  expect((await ask(person('bob'), 'GET', `${INITIALIZING}/*${CLUSTERS}`)).status).toBe(403);
  expect((await ask(ANN, 'GET', `/clusters/${cluster}/api/v1/namespaces`)).status).toBe(403);

  const at = `${INITIALIZING}/${cluster}`;
  const configMaps = `${at}/api/v1/namespaces/default/configmaps`;
  expect((await ask(ANN, 'GET', `${at}/apis`)).body.kind).toBe('APIGroupList');
  await until(plane.client.in(cluster), NAMESPACES, undefined, ([one]) => one !== undefined);
  expect((await ask(ANN, 'POST', configMaps, { metadata: { name: 'prepared' } })).status).toBe(201);
  const refused = await ask(ANN, 'GET', `${INITIALIZING}/${stranger}/api/v1/namespaces`);
  expect(refused).toMatchObject({ status: 403 });
  expect(refused.body.message).toContain('initializer "root:prepared" cannot access this workspace');
  expect((await ask(ANN, 'GET', `${INITIALIZING}/${stranger}${CLUSTERS}/cluster`)).status).toBe(404);

  const status = `${at}${CLUSTERS}/cluster/status`;
  const wrong = await ask(ANN, 'PATCH', status, { status: { conditions: [] } });
  expect(wrong).toMatchObject({ status: 422 });
  expect(wrong.body.message).toContain('only removing the "root:prepared" initializer is supported');
  expect((await ask(ANN, 'PATCH', `${at}${CLUSTERS}/cluster`, { spec: {} })).status).toBe(405);
  expect((await ask(ANN, 'PATCH', status, { status: { initializers: null } })).status).toBe(200);
  await phase('first', 'Ready');
  expect(await nextType()).toBe('DELETED');
  await events.return?.();
  expect((await ask(ANN, 'POST', configMaps, { metadata: { name: 'late' } })).status).toBe(403);
});

test('who cleans up after the workspaces of a type does so before anything is deleted', async () => {
  const { spec } = await phase('first', 'Ready');
  const at = `${TERMINATING}/${spec.cluster}`;
  const prepared = `${at}/api/v1/namespaces/default/configmaps/prepared`;
  expect((await ask(ANN, 'GET', prepared)).status).toBe(403);
  await plane.client.resource(WORKSPACES).delete('first');
  await until<corev1alpha1.LogicalCluster, true>(
    plane.client.in(spec.cluster!),
    LOGICAL_CLUSTERS,
    undefined,
    ([one]) => one?.status?.phase === 'Terminating' || undefined,
  );
  expect(clustersOf((await ask(ANN, 'GET', `${TERMINATING}/*${CLUSTERS}`)).body)).toEqual([spec.cluster]);
  expect((await ask(ANN, 'DELETE', prepared)).status).toBe(200);
  const status = `${at}${CLUSTERS}/cluster/status`;
  expect((await ask(ANN, 'PATCH', status, { status: { terminators: null } })).status).toBe(200);
  await until<Workspace, true>(plane.client, WORKSPACES, undefined, (all) =>
    all.some(({ metadata }) => metadata.name === 'first') ? undefined : true,
  );
});
