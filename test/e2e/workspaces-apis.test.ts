import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { User } from '../../src/apiserver/index.ts';
import {
  API_BINDINGS,
  API_EXPORT_ENDPOINT_SLICES,
  API_EXPORTS,
  API_RESOURCE_SCHEMAS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  type ResourceRef,
  WORKSPACES,
} from '../../src/client/index.ts';
import type { Draft, KubeObject } from '../../src/kube/index.ts';
import { bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects are looked at as the JSON they are.
type Json = any;
type Answer = { status: number; body: Json };

const GROUP = 'example.io';
const WIDGETS: ResourceRef = {
  group: GROUP,
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
};
const policies = (resource: string, kind: string): ResourceRef => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  resource,
  kind,
  namespaced: false,
});
const VALIDATING_POLICIES = policies('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
const VALIDATING_POLICY_BINDINGS = policies(
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
);
const API_CONVERSIONS: ResourceRef = {
  group: 'apis.kcp.io',
  version: 'v1alpha1',
  resource: 'apiconversions',
  kind: 'APIConversion',
  namespaced: false,
};
const NAMES = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
const MASTER: User = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

let plane: ControlPlane;
let directory: string;
/** Names of logical clusters. */
const clusters: Record<string, string> = {};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-workspaces-apis-'));
  plane = await bootControlPlane({ directory });
  for (const name of ['provider', 'rival', 'one', 'two', 'three']) clusters[name] = await workspace(name);
  await exportWidgets('provider', { size: { type: 'integer' } });
  await exportWidgets('rival', { colour: { type: 'string' } });
}, 60_000);
afterAll(async () => {
  await plane.stop();
  await rm(directory, { recursive: true, force: true });
});

async function workspace(name: string): Promise<string> {
  const { client } = plane;
  await client.resource<KubeObject>(WORKSPACES).create({ metadata: { name } } as Draft<KubeObject>);
  return until(client, WORKSPACES, undefined, (all: Json[]) => {
    const found = all.find(({ metadata }) => metadata.name === name);
    return found?.status?.phase === 'Ready' && found.spec.cluster;
  });
}

const inside = (name: string) => plane.client.in(clusters[name]!);

async function create(name: string, ref: ResourceRef, object: Json): Promise<Json> {
  return inside(name).resource<KubeObject>(ref).create(object);
}

async function exportWidgets(provider: string, properties: Json, more: Json = {}): Promise<void> {
  const schema = `v1.widgets.${GROUP}`;
  const spec = { type: 'object', properties };
  await create(provider, API_RESOURCE_SCHEMAS, {
    metadata: { name: schema },
    spec: {
      group: GROUP,
      names: NAMES,
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { type: 'object', properties: { spec } },
        },
      ],
    },
  });
  await create(provider, API_EXPORTS, {
    metadata: { name: 'widgets' },
    spec: { resources: [{ name: 'widgets', group: GROUP, schema }], ...more },
  });
  await until(inside(provider), API_EXPORTS, undefined, (all: Json[]) => all[0]?.status?.identityHash);
}

/** Resolves with the binding once `look` says yes to it. */
async function bind(
  consumer: string,
  provider: string,
  look: (binding: Json) => unknown = ({ status }) => status?.phase === 'Bound',
  more: Json = {},
): Promise<Json> {
  const name = `widgets-of-${provider}`;
  const reference = { export: { path: `root:${provider}`, name: 'widgets' } };
  await create(consumer, API_BINDINGS, { metadata: { name }, spec: { reference, ...more } });
  return until(inside(consumer), API_BINDINGS, undefined, (all: Json[]) => {
    const found = all.find(({ metadata }) => metadata.name === name);
    return found !== undefined && look(found) ? found : undefined;
  });
}

async function ask(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: Json,
  user = MASTER,
): Promise<Answer> {
  const [plain, query] = path.split('?');
  const response = await plane.api.handle(
    {
      method,
      path: plain!,
      ...(query !== undefined && { query: new URLSearchParams(query) }),
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    },
    user,
  );
  const chunks: Uint8Array[] = [];
  if (response.body instanceof Uint8Array) chunks.push(response.body);
  else for await (const chunk of response.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return { status: response.status, body: JSON.parse(Buffer.concat(chunks).toString()) };
}

/** Events of a watch, until `look` has seen enough. */
async function watched(path: string, look: (event: Json) => boolean): Promise<void> {
  const ending = new AbortController();
  const [plain, query] = `${path}&watch=true`.split('?');
  const { body } = await plane.api.handle(
    { method: 'GET', path: plain!, query: new URLSearchParams(query), headers: {}, signal: ending.signal },
    MASTER,
  );
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    const lines = Buffer.from(chunk).toString().split('\n');
    if (lines.some((line) => line !== '' && look(JSON.parse(line)))) break;
  }
  ending.abort();
}

const widget = (name: string, spec: Json = {}) => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Widget',
  metadata: { name, namespace: 'default' },
  spec,
});

const nameOf = ({ metadata }: KubeObject) => metadata.name;

test('what one workspace exports is served in those that bind it, to each its own objects', async () => {
  const [binding] = await Promise.all([bind('one', 'provider'), bind('two', 'provider')]);
  expect(binding.status.boundResources).toMatchObject([{ group: GROUP, resource: 'widgets' }]);
  await create('one', WIDGETS, widget('a', { size: 1 }));
  await create('two', WIDGETS, widget('b', { size: 2 }));
  const names = async (where: string) =>
    (await inside(where).resource<KubeObject>(WIDGETS).list()).items.map(nameOf);
  expect(await names('one')).toEqual(['a']);
  expect(await names('two')).toEqual(['b']);
  await expect(names('three')).rejects.toThrow('the server could not find the requested resource');
  await expect(create('one', WIDGETS, widget('c', { size: 'large' }))).rejects.toThrow('spec.size');
});

test('the same kind of two providers lives side by side in two workspaces', async () => {
  await bind('three', 'rival');
  await create('three', WIDGETS, widget('r', { colour: 'red' }));
  await expect(create('three', WIDGETS, widget('s', { colour: 1 }))).rejects.toThrow('spec.colour');
  const [found] = (await inside('three').resource<KubeObject>(WIDGETS).list()).items as Json[];
  expect(found.spec).toEqual({ colour: 'red' });
});

test('an export says where its consumers are seen once it has some', async () => {
  const [slice] = await until(inside('provider'), API_EXPORT_ENDPOINT_SLICES, undefined, (all: Json[]) =>
    all[0]?.status?.endpoints?.length > 0 ? all : undefined,
  );
  expect(slice.metadata.name).toBe('widgets');
  expect(slice.status.endpoints[0].url).toMatch(
    new RegExp(`^https://.*/services/apiexport/${clusters.provider}/widgets$`),
  );
});

const viewOf = (provider: string, where = '*') =>
  `/services/apiexport/${clusters[provider]}/widgets/clusters/${where}`;

test('one watch of an export sees all of its consumers, and none of another export', async () => {
  const all = `${viewOf('provider')}/apis/${GROUP}/v1/widgets`;
  const listed = await ask('GET', all);
  expect(
    listed.body.items.map(({ metadata }: Json) => [metadata.name, metadata.annotations['kcp.io/cluster']]),
  ).toEqual(
    expect.arrayContaining([
      ['a', clusters.one],
      ['b', clusters.two],
    ]),
  );
  expect(listed.body.items).toHaveLength(2);
  const seen: string[] = [];
  const watching = watched(
    `${all}?resourceVersion=${listed.body.metadata.resourceVersion}`,
    ({ type, object }) => {
      seen.push(`${type} ${object.metadata.annotations['kcp.io/cluster']}/${object.metadata.name}`);
      return seen.length === 2;
    },
  );
  await create('three', WIDGETS, widget('not-seen'));
  await create('one', WIDGETS, widget('w1'));
  await create('two', WIDGETS, widget('w2'));
  await watching;
  expect(seen.sort()).toEqual([`ADDED ${clusters.one}/w1`, `ADDED ${clusters.two}/w2`].sort());
});

test('an owner writes to the objects of consumers through the view, and to no workspace that has not bound', async () => {
  const at = (where: string) =>
    `${viewOf('provider', clusters[where])}/apis/${GROUP}/v1/namespaces/default/widgets`;
  expect((await ask('POST', at('one'), widget('made'))).status).toBe(201);
  expect(await inside('one').resource<KubeObject>(WIDGETS).get('made', 'default')).toMatchObject({
    metadata: { name: 'made' },
  });
  expect((await ask('DELETE', `${at('one')}/made`)).status).toBe(200);
  expect(await ask('GET', at('three'))).toMatchObject({
    status: 403,
    body: { message: expect.stringMatching(/cannot list resource "widgets" .*: access denied$/) },
  });
  const { body } = await ask('GET', `${viewOf('provider')}/apis/${GROUP}/v1`);
  expect(body.resources.map(({ name }: Json) => name)).toEqual(['widgets']);
  const groups = (await ask('GET', `${viewOf('provider')}/apis`)).body.groups;
  expect(groups.map(({ name }: Json) => name)).toEqual(['apis.kcp.io', GROUP]);
  const bindings = await ask('GET', `${viewOf('provider')}/apis/apis.kcp.io/v1alpha2/apibindings`);
  expect(
    bindings.body.items.map(({ metadata }: Json) => metadata.annotations['kcp.io/cluster']).sort(),
  ).toEqual([clusters.one, clusters.two].sort());
  expect((await ask('GET', `${viewOf('provider')}/api/v1/configmaps`)).status).toBe(404);
});

test('who may not look at an export does not learn whether it, or a workspace, exists', async () => {
  const stranger: User = { name: 'stranger', groups: ['system:authenticated'] };
  const told = async (provider: string, name: string, where: string) => {
    const path = `/services/apiexport/${provider}/${name}/clusters/${where}/apis/${GROUP}/v1/widgets`;
    const { status, body } = await ask('GET', path, undefined, stranger);
    return { status, message: body.message };
  };
  const nothing = await told('root:nowhere', 'nothing', '*');
  expect(nothing.status).toBe(403);
  for (const provider of ['root:provider', clusters.provider!, 'zzzzzzzzzzzzzzzz'])
    for (const name of ['widgets', 'nothing'])
      for (const where of ['*', clusters.one!, 'zzzzzzzzzzzzzzzz'])
        expect(await told(provider, name, where)).toEqual(nothing);
});

test('across all workspaces what is bound goes by its identity', async () => {
  const identity = async (provider: string) =>
    ((await inside(provider).resource<KubeObject>(API_EXPORTS).get('widgets')) as Json).status.identityHash;
  const list = async (resource: string) => ask('GET', `/clusters/*/apis/${GROUP}/v1/${resource}`);
  const { body } = await list(`widgets:${await identity('rival')}`);
  expect(body.items.map(nameOf)).toEqual(['not-seen', 'r']);
  expect((await list(`widgets:${await identity('provider')}`)).body.items.map(nameOf)).toEqual(
    expect.arrayContaining(['a', 'b']),
  );
  expect((await list('widgets')).status).toBe(404);
});

test('what a bound object owns goes with it', async () => {
  const owner = await create('one', WIDGETS, widget('owner'));
  const ownerReferences = [
    { apiVersion: `${GROUP}/v1`, kind: 'Widget', name: 'owner', uid: owner.metadata.uid },
  ];
  await create('one', WIDGETS, {
    ...widget('owned'),
    metadata: { ...widget('owned').metadata, ownerReferences },
  });
  await create('one', CONFIG_MAPS, { metadata: { name: 'owned', namespace: 'default', ownerReferences } });
  await inside('one').resource(WIDGETS).delete('owner', { namespace: 'default' });
  for (const kind of [WIDGETS, CONFIG_MAPS])
    await until(inside('one'), kind, 'default', (all: Json[]) => !all.map(nameOf).includes('owned'));
});

test('policies of the owner guard what is exported, and those of consumers do not', async () => {
  const policy = (name: string, expression: string) => ({
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: [GROUP], apiVersions: ['*'], operations: ['CREATE'], resources: ['widgets'] },
        ],
      },
      validations: [{ expression, message: `said by ${name}` }],
    },
  });
  const bindingOf = (policyName: string) => ({
    metadata: { name: policyName },
    spec: { policyName, validationActions: ['Deny'] },
  });
  await create('provider', VALIDATING_POLICIES, policy('owner', "object.metadata.name != 'bad'"));
  await create('provider', VALIDATING_POLICY_BINDINGS, bindingOf('owner'));
  await create('one', VALIDATING_POLICIES, policy('consumer', 'false'));
  await create('one', VALIDATING_POLICY_BINDINGS, bindingOf('consumer'));
  await expect(create('one', WIDGETS, widget('bad'))).rejects.toThrow('said by owner');
  await create('one', WIDGETS, widget('good'));
});

test('whose identity an export has, and what a binding binds, nobody says who may do all in a workspace', async () => {
  const thief: User = { name: 'thief', groups: ['system:authenticated'] };
  for (const where of ['rival', 'three'])
    await create(where, CLUSTER_ROLE_BINDINGS, {
      metadata: { name: 'thief' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', name: 'thief', apiGroup: 'rbac.authorization.k8s.io' }],
    });
  const { status: wanted } = (await inside('provider').resource(API_EXPORTS).get('widgets')) as Json;
  const change = async (at: string, path: string, edit: (status: Json) => void) => {
    const full = `${at}/apis/apis.kcp.io/v1alpha2/${path}`;
    const { body } = await ask('GET', full, undefined, thief);
    edit(body.status);
    return ask('PUT', `${full}/status`, body, thief);
  };
  const stolen = await change(`/clusters/${clusters.rival}`, 'apiexports/widgets', (status) => {
    status.identityHash = wanted.identityHash;
  });
  expect(stolen.status).toBe(403);
  const restored = await ask(
    'POST',
    `/clusters/${clusters.rival}/apis/apis.kcp.io/v1alpha2/apiexports`,
    { metadata: { name: 'restored' }, spec: {}, status: wanted },
    thief,
  );
  expect([restored.status, restored.body.status?.identityHash]).toEqual([201, undefined]);
  const seen = await ask('GET', `${viewOf('rival')}/apis/${GROUP}/v1/widgets`, undefined, thief);
  expect(seen.body.items.map(nameOf)).toEqual(['not-seen', 'r']);

  const claim = { group: 'apis.kcp.io', resource: 'apibindings', verbs: ['*'] };
  await create('rival', API_EXPORTS, { metadata: { name: 'binder' }, spec: { permissionClaims: [claim] } });
  await create('three', API_BINDINGS, {
    metadata: { name: 'binder' },
    spec: {
      reference: { export: { path: 'root:rival', name: 'binder' } },
      permissionClaims: [{ ...claim, state: 'Accepted', selector: { matchAll: true } }],
    },
  });
  await until(inside('three'), API_BINDINGS, undefined, (all: Json[]) =>
    all.some(({ metadata, status }) => metadata.name === 'binder' && status?.phase === 'Bound'),
  );
  const view = `/services/apiexport/${clusters.rival}/binder/clusters/${clusters.three}`;
  const through = (edit: (status: Json) => void) => change(view, 'apibindings/widgets-of-rival', edit);
  const unasked = await through((status) => {
    status.boundResources[0].schema.identityHash = wanted.identityHash;
  });
  expect(unasked.body.message).toContain('status.boundResources is written by the server alone');
  const noted = await through(({ conditions }) =>
    conditions.push({ type: 'Mine', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }),
  );
  expect(noted.status).toBe(200);
});

test('a view is for who has the content of the export', async () => {
  const joe: User = { name: 'joe', groups: ['system:authenticated'] };
  const path = `${viewOf('provider')}/apis/${GROUP}/v1/widgets`;
  expect((await ask('GET', path, undefined, joe)).status).toBe(403);
  const rules = [{ apiGroups: ['apis.kcp.io'], resources: ['apiexports/content'], verbs: ['list'] }];
  await create('provider', CLUSTER_ROLES, { metadata: { name: 'content' }, rules });
  for (const role of ['content', 'system:kcp:workspace:access'])
    await create('provider', CLUSTER_ROLE_BINDINGS, {
      metadata: { name: `joe-${role.replaceAll(':', '-')}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'joe' }],
    });
  expect((await ask('GET', path, undefined, joe)).status).toBe(200);
  expect((await ask('GET', `${path}?watch=true`, undefined, joe)).status).toBe(403);
});

test('a name that a definition has is told on the binding, and one that is bound is kept from definitions', async () => {
  const definition = {
    metadata: { name: `widgets.${GROUP}` },
    spec: {
      group: GROUP,
      names: NAMES,
      scope: 'Namespaced',
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
      ],
    },
  };
  await expect(create('one', CUSTOM_RESOURCE_DEFINITIONS, definition)).rejects.toThrow(
    'cannot create because resource is bound by APIBinding "widgets-of-provider"',
  );
  clusters.four = await workspace('four');
  await create('four', CUSTOM_RESOURCE_DEFINITIONS, definition);
  const refused = await bind('four', 'provider', ({ status }) =>
    status?.conditions?.some(({ reason }: Json) => reason === 'NamingConflicts'),
  );
  expect(refused.status.phase).toBe('Binding');
  expect(refused.status.conditions.find(({ type }: Json) => type === 'BindingUpToDate').message).toBe(
    `Unable to bind APIs: naming conflict with CustomResourceDefinition "widgets.${GROUP}": spec.names.plural=widgets is forbidden`,
  );
  await inside('four').resource(CUSTOM_RESOURCE_DEFINITIONS).delete(`widgets.${GROUP}`);
  await until(inside('four'), API_BINDINGS, undefined, ([one]: Json[]) => one.status.phase === 'Bound');
});

test('who has not the right to bind is told no more than that', async () => {
  const jane: User = { name: 'jane', groups: ['system:authenticated'] };
  await create('one', CLUSTER_ROLE_BINDINGS, {
    metadata: { name: 'jane' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  });
  const path = `/clusters/${clusters.one}/apis/apis.kcp.io/v1alpha2/apibindings`;
  for (const provider of ['rival', 'nowhere']) {
    const reference = { export: { path: `root:${provider}`, name: 'widgets' } };
    const answer = await ask('POST', path, { metadata: { name: 'mine' }, spec: { reference } }, jane);
    expect(answer).toMatchObject({
      status: 403,
      body: {
        message: `apibindings.apis.kcp.io "mine" is forbidden: unable to create APIBinding: no permission to bind to export root:${provider}:widgets`,
      },
    });
  }
});

test('of what an owner claims he sees what consumers have accepted', async () => {
  clusters.claimer = await workspace('claimer');
  for (const name of ['five', 'six']) clusters[name] = await workspace(name);
  const claim = { group: '', resource: 'configmaps', verbs: ['get', 'list', 'watch', 'create'] };
  await exportWidgets('claimer', {}, { permissionClaims: [claim] });
  const chosen = { ...claim, state: 'Accepted', selector: { matchLabels: { shown: 'yes' } } };
  const bound = await bind('five', 'claimer', undefined, { permissionClaims: [chosen] });
  expect(bound.status.appliedPermissionClaims).toHaveLength(1);
  await bind('six', 'claimer', undefined, { permissionClaims: [{ ...chosen, state: 'Rejected' }] });
  const labels = { shown: 'yes' };
  for (const where of ['five', 'six'])
    await create(where, CONFIG_MAPS, { metadata: { name: 'shown', namespace: 'default', labels } });
  await create('five', CONFIG_MAPS, { metadata: { name: 'hidden', namespace: 'default' } });

  const all = `${viewOf('claimer')}/api/v1/configmaps`;
  const at = (where: string) => `${viewOf('claimer', clusters[where])}/api/v1/namespaces/default/configmaps`;
  const listed = (await ask('GET', all)).body;
  expect(listed.items.map(nameOf)).toEqual(['shown']);
  expect((await ask('GET', `${at('five')}/hidden`)).status).toBe(404);
  expect((await ask('GET', at('six'))).status).toBe(403);
  expect((await ask('DELETE', `${at('five')}/shown`)).status).toBe(403);
  const made = await ask('POST', at('five'), { metadata: { name: 'made' } });
  expect(made.body.metadata.labels).toEqual(labels);
  expect(await ask('POST', at('five'), { metadata: { name: 'm', labels: { shown: 'no' } } })).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('protected label shown must have value yes') },
  });

  const seen: string[] = [];
  const watching = watched(
    `${all}?resourceVersion=${listed.metadata.resourceVersion}`,
    ({ type, object }) => {
      seen.push(`${type} ${object.metadata.name} ${object.metadata.annotations['kcp.io/cluster']}`);
      return seen.length === 3;
    },
  );
  const relabel = { type: 'merge', body: { metadata: { labels } } } as const;
  await inside('five').resource(CONFIG_MAPS).patch('hidden', relabel, { namespace: 'default' });
  const accept = { spec: { permissionClaims: [{ ...chosen, state: 'Accepted' }] } };
  await inside('six').resource(API_BINDINGS).patch('widgets-of-claimer', { type: 'merge', body: accept });
  await watching;
  expect(seen).toEqual([
    `ADDED made ${clusters.five}`,
    `ADDED hidden ${clusters.five}`,
    `ADDED shown ${clusters.six}`,
  ]);
});

test('what was exported once, and is claimed now, has to be accepted', async () => {
  clusters.nine = await workspace('nine');
  clusters.shifty = await workspace('shifty');
  await exportWidgets('shifty', {});
  await bind('nine', 'shifty');
  const { status } = (await inside('provider').resource(API_EXPORTS).get('widgets')) as Json;
  const claim = { group: GROUP, resource: 'widgets', identityHash: status.identityHash, verbs: ['*'] };
  const body = { spec: { resources: [], permissionClaims: [claim] } };
  await inside('shifty').resource(API_EXPORTS).patch('widgets', { type: 'merge', body });
  const path = `${viewOf('shifty', clusters.nine)}/apis/${GROUP}/v1/namespaces/default/widgets`;
  expect((await ask('POST', path, widget('planted'))).status).toBe(403);
  const accepted = { ...claim, state: 'Accepted', selector: { matchAll: true } };
  const accept = { spec: { permissionClaims: [accepted] } };
  await inside('nine').resource(API_BINDINGS).patch('widgets-of-shifty', { type: 'merge', body: accept });
  await until(inside('nine'), API_BINDINGS, undefined, ([binding]: Json[]) =>
    binding?.status?.appliedPermissionClaims?.some((one: Json) => one.identityHash === status.identityHash),
  );
  // Nobody has bound the other's there.
  expect((await ask('POST', path, widget('planted'))).status).toBe(404);
});

test('roles that a workspace lets an owner write may say more than the owner has there', async () => {
  clusters.ten = await workspace('ten');
  const rules = [
    { apiGroups: ['apis.kcp.io'], resources: ['apiexports/content'], verbs: ['*'] },
    { nonResourceURLs: ['/'], verbs: ['access'] },
  ];
  await create('rival', CLUSTER_ROLES, { metadata: { name: 'operator' }, rules });
  await create('rival', CLUSTER_ROLE_BINDINGS, {
    metadata: { name: 'operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'operator' },
    subjects: [{ kind: 'User', name: 'operator', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  const claim = { group: 'rbac.authorization.k8s.io', resource: 'clusterroles', verbs: ['create'] };
  await create('rival', API_EXPORTS, { metadata: { name: 'roles' }, spec: { permissionClaims: [claim] } });
  await create('ten', API_BINDINGS, {
    metadata: { name: 'roles' },
    spec: {
      reference: { export: { path: 'root:rival', name: 'roles' } },
      permissionClaims: [{ ...claim, state: 'Accepted', selector: { matchAll: true } }],
    },
  });
  await until(
    inside('ten'),
    API_BINDINGS,
    undefined,
    ([binding]: Json[]) => binding?.status?.phase === 'Bound',
  );
  const role = {
    metadata: { name: 'granted' },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
  };
  const operator: User = { name: 'operator', groups: ['system:authenticated'] };
  const at = `/clusters/${clusters.ten}/apis/rbac.authorization.k8s.io/v1`;
  const through = `/services/apiexport/${clusters.rival}/roles${at}`;
  expect((await ask('POST', `${through}/clusterroles`, role, operator)).status).toBe(201);
  expect((await ask('POST', `${through}/clusterrolebindings`, role, operator)).status).toBe(403);
  expect((await ask('POST', `${at}/clusterroles`, role, operator)).status).toBe(403);
});

test('who may do what in a workspace is told to an owner that it lets ask', async () => {
  const claim = { group: 'authorization.k8s.io', resource: 'subjectaccessreviews', verbs: ['create'] };
  await create('rival', API_EXPORTS, { metadata: { name: 'judge' }, spec: { permissionClaims: [claim] } });
  const asked = (groups: string[]) =>
    ask(
      'POST',
      `/services/apiexport/${clusters.rival}/judge/clusters/${clusters.three}/apis/authorization.k8s.io/v1/subjectaccessreviews`,
      { spec: { groups, resourceAttributes: { verb: 'get', resource: 'secrets', namespace: 'default' } } },
    );
  const accepted = { ...claim, state: 'Accepted', selector: { matchAll: true } };
  await create('three', API_BINDINGS, {
    metadata: { name: 'judge' },
    spec: {
      reference: { export: { path: 'root:rival', name: 'judge' } },
      permissionClaims: [{ ...accepted, state: 'Rejected' }],
    },
  });
  await until(inside('three'), API_BINDINGS, undefined, (all: Json[]) =>
    all.some(({ metadata, status }) => metadata.name === 'judge' && status?.phase === 'Bound'),
  );
  expect((await asked(MASTER.groups as string[])).status).toBe(403);
  const body = { spec: { permissionClaims: [accepted] } };
  await inside('three').resource(API_BINDINGS).patch('judge', { type: 'merge', body });
  const verdict = async (groups: string[]) => (await asked(groups)).body.status.allowed;
  expect(await verdict(['system:masters'])).toBe(true);
  expect(await verdict(['nobody'])).toBe(false);
});

test('a maximal permission policy bounds what consumers may do, whatever their own roles say', async () => {
  clusters.strict = await workspace('strict');
  clusters.seven = await workspace('seven');
  await exportWidgets('strict', {}, { maximalPermissionPolicy: { local: {} } });
  await bind('seven', 'strict');
  const rules = [{ apiGroups: [GROUP], resources: ['widgets'], verbs: ['get', 'list'] }];
  await create('strict', CLUSTER_ROLES, { metadata: { name: 'readers' }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };
  const subject = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User' };
  await create('strict', CLUSTER_ROLE_BINDINGS, {
    metadata: { name: 'readers' },
    roleRef: { ...roleRef, name: 'readers' },
    subjects: [{ ...subject, name: 'apis.kcp.io:binding:sue' }],
  });
  for (const name of ['sue', 'tom'])
    await create('seven', CLUSTER_ROLE_BINDINGS, {
      metadata: { name },
      roleRef: { ...roleRef, name: 'cluster-admin' },
      subjects: [{ ...subject, name }],
    });
  const path = `/clusters/${clusters.seven}/apis/${GROUP}/v1/namespaces/default/widgets`;
  const as = (name: string): User => ({ name, groups: ['system:authenticated'] });
  expect((await ask('GET', path, undefined, as('sue'))).status).toBe(200);
  expect((await ask('POST', path, widget('x'), as('sue'))).status).toBe(403);
  expect((await ask('GET', path, undefined, as('tom'))).status).toBe(403);
});

test('objects of one version are seen in another by the rules of who exports them', async () => {
  const schema = `v1.people.${GROUP}`;
  const text = { type: 'string' };
  const version = (name: string, storage: boolean, properties: Json) => ({
    name,
    ...{ served: true, storage },
    schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
  });
  await create('provider', API_RESOURCE_SCHEMAS, {
    metadata: { name: schema },
    spec: {
      group: GROUP,
      names: { plural: 'people', singular: 'person', kind: 'Person', listKind: 'PersonList' },
      scope: 'Namespaced',
      versions: [
        version('v1', true, { name: text, since: text }),
        version('v2', false, { first: text, last: text }),
      ],
    },
  });
  const transformation = "self.split(' ')";
  const conversions = [
    {
      ...{ from: 'v1', to: 'v2', preserve: ['spec.since'] },
      rules: [
        { field: 'spec.name', destination: 'spec.first', transformation: `${transformation}[0]` },
        { field: 'spec.name', destination: 'spec.last', transformation: `${transformation}[1]` },
      ],
    },
    { from: 'v2', to: 'v1', rules: [{ field: 'spec.first', destination: 'spec.name' }] },
  ];
  const refused = create('provider', API_CONVERSIONS, {
    metadata: { name: schema },
    spec: { conversions: [{ ...conversions[0], rules: [{ field: 'spec.no', destination: 'spec.first' }] }] },
  });
  await expect(refused).rejects.toThrow('field "spec.no" doesn\'t exist');
  await create('provider', API_CONVERSIONS, { metadata: { name: schema }, spec: { conversions } });
  await create('provider', API_EXPORTS, {
    metadata: { name: 'people' },
    spec: { resources: [{ name: 'people', group: GROUP, schema }] },
  });
  await create('three', API_BINDINGS, {
    metadata: { name: 'people' },
    spec: { reference: { export: { path: 'root:provider', name: 'people' } } },
  });
  await until(inside('three'), API_BINDINGS, undefined, (all: Json[]) =>
    all.some(({ metadata, status }) => metadata.name === 'people' && status?.phase === 'Bound'),
  );
  const people = (of: string, name = '') =>
    `/clusters/${clusters.three}/apis/${GROUP}/${of}/namespaces/default/people${name}`;
  const made = { apiVersion: `${GROUP}/v1`, kind: 'Person', metadata: { name: 'ada' } };
  await ask('POST', people('v1'), { ...made, spec: { name: 'Ada Lovelace', since: '1815' } });
  expect((await ask('GET', people('v2', '/ada'))).body.spec).toEqual({ first: 'Ada', last: 'Lovelace' });
  const second = { ...made, apiVersion: `${GROUP}/v2`, metadata: { name: 'alan' }, spec: { first: 'Alan' } };
  await ask('POST', people('v2'), second);
  expect((await ask('GET', people('v1', '/alan'))).body.spec).toEqual({ name: 'Alan' });
});

test("kcp's own APIs have an identity, which claims name, and can be bound though they are built in", async () => {
  const { client } = plane;
  const identityHash = await until(
    client,
    API_EXPORTS,
    undefined,
    (all: Json[]) => all.find(({ metadata }) => metadata.name === 'tenancy.kcp.io')?.status?.identityHash,
  );
  const everywhere = (identity: string) =>
    ask('GET', `/clusters/*/apis/tenancy.kcp.io/v1alpha1/workspaces:${identity}`);
  expect((await everywhere(identityHash)).body.items.map(nameOf)).toContain('rival');
  expect((await everywhere('0'.repeat(64))).status).toBe(404);
  const claim = { group: 'tenancy.kcp.io', resource: 'workspaces', identityHash, verbs: ['*'] };
  await create('rival', API_EXPORTS, {
    metadata: { name: 'keeper' },
    spec: { permissionClaims: [claim] },
  });
  const binding = (path: string, name: string, more: Json = {}) =>
    create('three', API_BINDINGS, {
      metadata: { name },
      spec: { reference: { export: { path, name } }, ...more },
    });
  await binding('root', 'tenancy.kcp.io');
  await binding('root:rival', 'keeper', {
    permissionClaims: [{ ...claim, state: 'Accepted', selector: { matchAll: true } }],
  });
  const names = ['tenancy.kcp.io', 'keeper'];
  await until(inside('three'), API_BINDINGS, undefined, (all: Json[]) => {
    const bound = all.filter(({ metadata }) => names.includes(metadata.name));
    return bound.length === 2 && bound.every(({ status }) => status?.phase === 'Bound');
  });
  await create('three', WORKSPACES, { metadata: { name: 'child' } });
  const seen = await ask(
    'GET',
    `/services/apiexport/${clusters.rival}/keeper/clusters/*/apis/tenancy.kcp.io/v1alpha1/workspaces`,
  );
  expect(seen.body.items.map(({ metadata }: Json) => metadata.name)).toEqual(['child']);
});

test('a binding that goes takes the objects with it', async () => {
  const watching = watched(
    `/clusters/${clusters.two}/apis/${GROUP}/v1/widgets?resourceVersion=0`,
    ({ type }) => type === 'never',
  );
  await create('two', WIDGETS, {
    ...widget('held'),
    metadata: { ...widget('held').metadata, finalizers: ['a/b'] },
  });
  await inside('two').resource(API_BINDINGS).delete('widgets-of-provider');
  const held = await until(inside('two'), API_BINDINGS, undefined, ([one]: Json[]) =>
    one.status.conditions.find(({ type }: Json) => type === 'BindingResourceDeleteSuccess'),
  );
  expect(held.message).toBe(
    'Some content in the workspace has finalizers remaining: a/b in 1 resource instances',
  );
  await expect(create('two', WIDGETS, widget('late'))).rejects.toThrow('create not allowed');
  const discovered = await ask('GET', `/clusters/${clusters.two}/apis/${GROUP}/v1`);
  expect(discovered.body.resources[0].verbs).not.toContain('create');
  const release = { type: 'merge', body: { metadata: { finalizers: [] } } } as const;
  await inside('two').resource(WIDGETS).patch('held', release, { namespace: 'default' });
  await until(inside('two'), API_BINDINGS, undefined, (all: Json[]) => all.length === 0);
  await expect(inside('two').resource(WIDGETS).list()).rejects.toThrow('could not find');
  await watching;
  await bind('two', 'provider');
  expect((await inside('two').resource<KubeObject>(WIDGETS).list()).items).toEqual([]);
});

test('what is bound is there again when the server is, also when who exported it has taken all back', async () => {
  await create('two', WIDGETS, widget('kept', { size: 3 }));
  const { metadata } = (await ask('GET', `${viewOf('provider')}/apis/${GROUP}/v1/widgets`)).body;
  await inside('rival').resource(API_EXPORTS).delete('widgets');
  await inside('rival').resource(API_RESOURCE_SCHEMAS).delete(`v1.widgets.${GROUP}`);
  await plane.stop();
  plane = await bootControlPlane({ directory });
  const listed = await inside('two').resource<KubeObject>(WIDGETS).list();
  expect(listed.items.map(nameOf)).toEqual(['kept']);
  const red = (await inside('three').resource<KubeObject>(WIDGETS).get('r', 'default')) as Json;
  expect(red.spec.colour).toBe('red');
  const ada = `/clusters/${clusters.three}/apis/${GROUP}/v2/namespaces/default/people/ada`;
  expect((await ask('GET', ada)).body.spec).toEqual({ first: 'Ada', last: 'Lovelace' });
  const watching = watched(
    `${viewOf('provider')}/apis/${GROUP}/v1/widgets?resourceVersion=${metadata.resourceVersion}`,
    ({ type, object }) => type === 'ADDED' && object.metadata.name === 'later',
  );
  await create('two', WIDGETS, widget('later'));
  await watching;
});
