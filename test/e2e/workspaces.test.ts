import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotFound } from '../../src/base/index.ts';
import {
  API_BINDINGS,
  API_EXPORTS,
  API_RESOURCE_SCHEMAS,
  CLUSTER_ROLE_BINDINGS,
  type Client,
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  LOGICAL_CLUSTERS,
  NAMESPACES,
  PODS,
  SERVICE_ACCOUNTS,
  SHARDS,
  WORKSPACE_TYPES,
  WORKSPACES,
} from '../../src/client/index.ts';
import type {
  apiextensionsv1,
  apisv1alpha1,
  apisv1alpha2,
  corev1,
  corev1alpha1,
  Draft,
  KubeObject,
  rbacv1,
  tenancyv1alpha1,
} from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

type Workspace = tenancyv1alpha1.Workspace;
type LogicalCluster = corev1alpha1.LogicalCluster;

const OWNER = { 'experimental.tenancy.kcp.io/owner': '{"username":"eve","groups":["devs"]}' };
const WIDGETS = {
  group: 'example.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

let plane: ControlPlane;
let root: Client;

beforeAll(async () => {
  plane = await bootControlPlane();
  root = plane.client;
});
afterAll(() => plane.stop());

function make(at: Client, name: string, type = 'universal'): Promise<Workspace> {
  return at.resource<Workspace>(WORKSPACES).create({
    metadata: { name, annotations: OWNER },
    spec: { type: { name: type, path: 'root' } },
  });
}

/** Waits until a workspace is in a phase. */
function reached(at: Client, name: string, phase: string): Promise<Workspace> {
  return until<Workspace, Workspace>(at, WORKSPACES, undefined, (all) =>
    all.find((one) => one.metadata.name === name && one.status?.phase === phase),
  );
}

async function ready(at: Client, name: string, type?: string): Promise<Workspace> {
  await make(at, name, type);
  return reached(at, name, 'Ready');
}

function gone(at: Client, name: string): Promise<true> {
  return until<Workspace, true>(at, WORKSPACES, undefined, (all) =>
    all.some(({ metadata }) => metadata.name === name) ? undefined : true,
  );
}

/** Keys of what the store holds of logical clusters, all outside root or some. */
async function stored(control: ControlPlane, ...clusters: string[]): Promise<string[]> {
  const { items } = await control.store.list({ prefix: '/' });
  const keys = items.map(({ key }) => key);
  return keys.filter((key) => {
    const [, , , cluster] = key.split('/');
    return clusters.length === 0 ? cluster !== 'root' : clusters.includes(cluster!);
  });
}

function widgetDefinition(): Draft<apiextensionsv1.CustomResourceDefinition> {
  const names = { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  } as Draft<apiextensionsv1.CustomResourceDefinition>;
}

async function defineWidgets(at: Client): Promise<void> {
  type Definition = apiextensionsv1.CustomResourceDefinition;
  await at.resource<Definition>(CUSTOM_RESOURCE_DEFINITIONS).create(widgetDefinition());
  await until<Definition, true>(at, CUSTOM_RESOURCE_DEFINITIONS, undefined, ([one]) =>
    one?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'),
  );
}

describe('a tree of workspaces', () => {
  test('becomes ready from the top down, each with its path, its owner as admin and a namespace', async () => {
    const org = await ready(root, 'org', 'organization');
    expect(org.spec).toMatchObject({ cluster: expect.stringMatching(/^[0-9a-z]{16}$/) });
    expect(org.spec.URL).toMatch(/\/clusters\/root:org$/);
    expect(org.metadata.labels?.['tenancy.kcp.io/phase']).toBe('Ready');
    expect(org.metadata.annotations?.['experimental.tenancy.kcp.io/owner']).toBe('{"username":"eve"}');
    expect(org.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'WorkspaceInitialized=True',
      'WorkspaceScheduled=True',
    ]);

    // Whoever writes a Shard elsewhere than in the first workspace leads nobody away.
    const stranger = { metadata: { name: 'a' }, spec: { baseURL: 'https://elsewhere.example' } };
    await root.in('root:org').resource<corev1alpha1.Shard>(SHARDS).create(stranger);
    const team = await ready(root.in('root:org'), 'team');
    expect(team.spec.URL).toBe(`${org.spec.URL}:team`);
    const inTeam = root.in('root:org:team');
    const cluster = await inTeam.resource<LogicalCluster>(LOGICAL_CLUSTERS).get('cluster');
    expect(cluster.metadata.annotations).toMatchObject({
      'kcp.io/cluster': team.spec.cluster,
      'kcp.io/path': 'root:org:team',
      'internal.tenancy.kcp.io/type': 'root:universal',
    });
    expect(cluster.spec.owner).toMatchObject({
      name: 'team',
      cluster: org.spec.cluster,
      uid: team.metadata.uid,
    });
    expect(cluster.status).toMatchObject({
      phase: 'Ready',
      URL: expect.stringContaining(team.spec.cluster!),
    });
    const binding = await inTeam
      .resource<rbacv1.ClusterRoleBinding>(CLUSTER_ROLE_BINDINGS)
      .get('workspace-admin');
    expect(binding).toMatchObject({
      subjects: [{ kind: 'User', name: 'eve' }],
      roleRef: { name: 'cluster-admin' },
    });

    const at = root.in(team.spec.cluster!);
    await until(at, SERVICE_ACCOUNTS, 'default', (all) =>
      all.some(({ metadata }) => metadata.name === 'default'),
    );
    await until(at, CONFIG_MAPS, 'default', ([one]) => one?.metadata.name === 'kube-root-ca.crt');
  });

  test('stays Initializing until what a type asks for is done, and Terminating until it is undone', async () => {
    await root.resource<tenancyv1alpha1.WorkspaceType>(WORKSPACE_TYPES).create({
      metadata: { name: 'guarded' },
      spec: { initializer: true, terminator: true, extend: { with: [{ name: 'universal', path: 'root' }] } },
    });
    await make(root, 'guarded', 'guarded');
    const begun = await reached(root, 'guarded', 'Initializing');
    expect(begun.status).toMatchObject({ initializers: ['root:guarded'], terminators: ['root:guarded'] });
    const clusters = root.in(begun.spec.cluster!).resource<LogicalCluster>(LOGICAL_CLUSTERS);
    const clear = (field: string) =>
      clusters.patch(
        'cluster',
        { type: 'merge', body: { status: { [field]: null } } },
        { subresource: 'status' },
      );
    await clear('initializers');
    expect((await reached(root, 'guarded', 'Ready')).status?.initializers).toBeUndefined();

    await root.resource(WORKSPACES).delete('guarded');
    await until<LogicalCluster, true>(root.in(begun.spec.cluster!), LOGICAL_CLUSTERS, undefined, ([one]) =>
      one?.status?.phase === 'Terminating' ? true : undefined,
    );
    await root.in(begun.spec.cluster!).resource(NAMESPACES).get('default');
    await clear('terminators');
    await gone(root, 'guarded');
    expect(await stored(plane, begun.spec.cluster!)).toEqual([]);
  });

  test('has from its type what that binds by default, before it is ready', async () => {
    await root.resource<apisv1alpha1.APIResourceSchema>(API_RESOURCE_SCHEMAS).create({
      metadata: { name: 'v1.widgets.example.com' },
      spec: {
        ...widgetDefinition().spec,
        versions: [{ name: 'v1', served: true, storage: true, schema: { type: 'object' } }],
      },
    } as never);
    const types = root.resource<tenancyv1alpha1.WorkspaceType>(WORKSPACE_TYPES);
    await types.create({
      metadata: { name: 'widgeted' },
      spec: { defaultAPIBindings: [{ path: 'root', export: 'widgets' }] },
    });
    await make(root, 'widgeted', 'widgeted');
    const waiting = await until<LogicalCluster, LogicalCluster>(
      root.in('*'),
      LOGICAL_CLUSTERS,
      undefined,
      (all) =>
        all.find(({ status }) => status?.conditions?.some(({ reason }) => reason === 'APIBindingErrors')),
    );
    expect(waiting.status?.initializers).toEqual(['system:apibindings']);

    await root.resource<apisv1alpha2.APIExport>(API_EXPORTS).create({
      metadata: { name: 'widgets' },
      spec: {
        resources: [
          { name: 'widgets', group: 'example.com', schema: 'v1.widgets.example.com', storage: { crd: {} } },
        ],
      },
    });
    const workspace = await reached(root, 'widgeted', 'Ready');
    const at = root.in(workspace.spec.cluster!);
    const [binding] = (await at.resource<apisv1alpha2.APIBinding>(API_BINDINGS).list()).items;
    expect(binding?.metadata.name).toMatch(/^widgets-[0-9a-z]{5}$/);
    expect(binding?.status?.phase).toBe('Bound');
    await at.resource(WIDGETS).create({ metadata: { name: 'one', namespace: 'default' } });

    // What a type maintains comes back.
    const body = { spec: { defaultAPIBindingLifecycle: 'Maintain' } };
    await types.patch('widgeted', { type: 'merge', body });
    await at.resource(API_BINDINGS).delete(binding!.metadata.name);
    await until<apisv1alpha2.APIBinding, true>(at, API_BINDINGS, undefined, ([one]) =>
      one !== undefined && one.metadata.uid !== binding!.metadata.uid && one.status?.phase === 'Bound'
        ? true
        : undefined,
    );
    await until<LogicalCluster, true>(at, LOGICAL_CLUSTERS, undefined, ([one]) =>
      one?.status?.conditions?.some(
        ({ type, status }) => type === 'APIBindingsReconciled' && status === 'True',
      ),
    );

    await root.resource(WORKSPACES).delete('widgeted');
    await gone(root, 'widgeted');
    expect(await stored(plane, workspace.spec.cluster!)).toEqual([]);
  });

  test('says Unschedulable when no shard is what a workspace asks for', async () => {
    await root.resource<Workspace>(WORKSPACES).create({
      metadata: { name: 'nowhere', annotations: OWNER },
      spec: {
        type: { name: 'universal', path: 'root' },
        location: { selector: { matchLabels: { region: 'moon' } } },
      },
    });
    const lost = await until<Workspace, Workspace>(root, WORKSPACES, undefined, (all) =>
      all.find(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable')),
    );
    expect(lost.spec.cluster).toBeUndefined();
    await root.resource(WORKSPACES).delete('nowhere');
    await gone(root, 'nowhere');
  });
});

test('a workspace that was put to rest answers nobody until it is woken', async () => {
  const name = (await ready(root, 'resting')).spec.cluster!;
  const at = root.in(name);
  const clusters = at.resource<LogicalCluster>(LOGICAL_CLUSTERS);
  const mark = (value: string | null) => {
    const body = { metadata: { annotations: { 'core.kcp.io/inactive': value } } };
    return clusters.patch('cluster', { type: 'merge', body });
  };
  const master = { name: 'admin', groups: ['system:masters'] };
  const path = `/clusters/${name}/api/v1/namespaces`;
  const status = async () => (await plane.api.handle({ method: 'GET', path }, master)).status;
  expect(await status()).toBe(200);
  expect((await mark('true')).status?.phase).toBe('Inactive');
  expect(await status()).toBe(403);
  expect((await mark(null)).status?.phase).toBe('Ready');
  expect(await status()).toBe(200);
  await root.resource(WORKSPACES).delete('resting');
  await gone(root, 'resting');
});

describe('the deletion of a workspace', () => {
  test('takes all that is in it, workspaces in workspaces too, and leaves nothing in the store', async () => {
    const outer = await ready(root, 'outer');
    const at = root.in(outer.spec.cluster!);
    const inner = await ready(at, 'inner');
    for (const client of [at, root.in(inner.spec.cluster!)]) {
      await defineWidgets(client);
      await client.resource(WIDGETS).create({ metadata: { name: 'w', namespace: 'default' } });
      await client.resource<KubeObject>(NAMESPACES).create({ metadata: { name: 'more' }, spec: {} } as never);
      await client.resource(CONFIG_MAPS).create({ metadata: { name: 'c', namespace: 'more' } });
    }
    await root.resource(WORKSPACES).delete('outer');
    await gone(root, 'outer');
    expect(await stored(plane, outer.spec.cluster!, inner.spec.cluster!)).toEqual([]);
    const maps = at.resource<KubeObject>(CONFIG_MAPS);
    expect((await maps.list({ namespace: 'default' })).items).toEqual([]);
    await expect(maps.get('c', 'default')).rejects.toThrow(NotFound);
  });

  test('tells what holds it, and goes on when that lets go', async () => {
    const held = await ready(root, 'held');
    const at = root.in(held.spec.cluster!);
    const configMaps = at.resource(CONFIG_MAPS);
    const finalizers = ['example.com/hold'];
    await configMaps.create({ metadata: { name: 'c', namespace: 'default', finalizers } });
    await root.resource(WORKSPACES).delete('held');
    const told = await until<Workspace, Workspace>(root, WORKSPACES, undefined, (all) =>
      all.find(({ status }) => status?.conditions?.some(({ reason }) => reason === 'SomeResourcesRemain')),
    );
    expect(told.status?.phase).toBe('Deleting');
    expect(told.status?.conditions?.find(({ type }) => type === 'WorkspaceContentDeleted')?.message).toBe(
      'Some resources are remaining: namespaces. has 1 resource instances',
    );
    const late = at
      .resource<KubeObject>(NAMESPACES)
      .create({ metadata: { name: 'late' }, spec: {} } as never);
    await expect(late).rejects.toThrow('because it is being terminated');
    const body = { metadata: { finalizers: null } };
    await configMaps.patch('c', { type: 'merge', body }, { namespace: 'default' });
    await gone(root, 'held');
    expect(await stored(plane, held.spec.cluster!)).toEqual([]);
  });

  test('from within takes the Workspace along', async () => {
    const { spec } = await ready(root, 'inside');
    const clusters = root.in(spec.cluster!).resource<LogicalCluster>(LOGICAL_CLUSTERS);
    await clusters.patch('cluster', { type: 'merge', body: { spec: { directlyDeletable: true } } });
    await clusters.delete('cluster');
    await gone(root, 'inside');
    expect(await stored(plane, spec.cluster!)).toEqual([]);
  });

  test('in the midst of its making leaves nothing either', async () => {
    const before = (await stored(plane)).length;
    const names = Array.from({ length: 20 }, (_, index) => `hasty-${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        await make(root, name);
        // Sooner or later in its making, by as many turns of the loop.
        for (let turn = 0; turn < index * 10; turn++) await new Promise(setImmediate);
        await root.resource(WORKSPACES).delete(name);
      }),
    );
    for (const name of names) await gone(root, name);
    expect((await stored(plane)).length).toBe(before);
  });

  test('the same name again is another logical cluster', async () => {
    const first = await ready(root, 'again');
    await root.resource(WORKSPACES).delete('again');
    await gone(root, 'again');
    const second = await ready(root, 'again');
    expect(second.spec.cluster).not.toBe(first.spec.cluster);
  });
});

test('garbage is collected in a workspace, by kinds that it alone serves', async () => {
  const at = root.in((await ready(root, 'collected')).spec.cluster!);
  await defineWidgets(at);
  const owner = await at.resource(WIDGETS).create({ metadata: { name: 'owner', namespace: 'default' } });
  const owned = (name: string, kind: string): Draft<KubeObject> => {
    const { uid } = owner.metadata;
    const ownerReferences = [{ apiVersion: 'example.com/v1', kind, name: 'owner', uid }];
    return { metadata: { name, namespace: 'default', ownerReferences } };
  };
  await at.resource(CONFIG_MAPS).create(owned('dependent', 'Widget'));
  // Another workspace does not serve the kind: that is no sign that the owner is gone.
  await root.resource(CONFIG_MAPS).create(owned('stranger', 'Widget'));
  await at.resource(WIDGETS).delete('owner', { namespace: 'default' });
  await until(at, CONFIG_MAPS, 'default', (all) =>
    all.some(({ metadata }) => metadata.name === 'dependent') ? undefined : true,
  );
  await root.resource(CONFIG_MAPS).get('stranger', 'default');
  await root.resource(CONFIG_MAPS).delete('stranger', { namespace: 'default' });
  await root.resource(WORKSPACES).delete('collected');
  await gone(root, 'collected');
});

test('a workspace has no nodes: its pods wait, and what it says of nodes concerns nobody else', async () => {
  await addNode(root, 'node-1', '192.0.2.7');
  const at = root.in((await ready(root, 'nodeless')).spec.cluster!);
  await addNode(at, 'node-1', '192.0.2.7');
  const pods = at.resource<corev1.Pod>(PODS);
  const pod = (name: string, nodeName?: string): Draft<corev1.Pod> => ({
    metadata: { name, namespace: 'default' },
    spec: {
      initContainers: [],
      containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '4' } } }],
      ...(nodeName && { nodeName }),
    },
  });
  await until(at, SERVICE_ACCOUNTS, 'default', (all) => all.length > 0);
  await pods.create(pod('waits'));
  const message = await until<corev1.Pod, string>(
    at,
    PODS,
    'default',
    ([one]) =>
      one?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
        ?.message,
  );
  expect(message).toBe('no nodes available to schedule pods');

  await pods.create(pod('named', 'node-1'));
  await expect(pods.getSubresource('named', 'log', 'default')).rejects.toThrow('nodes "node-1" not found');
  await until(root, SERVICE_ACCOUNTS, 'default', (all) => all.length > 0);
  await root.resource<corev1.Pod>(PODS).create(pod('fits'));
  await until<corev1.Pod, true>(
    root,
    PODS,
    'default',
    ([one]) => one?.spec.nodeName === 'node-1' || undefined,
  );
  for (const [client, name] of [
    [root, 'fits'],
    [at, 'named'],
  ] as const)
    await client.resource(PODS).delete(name, { namespace: 'default', gracePeriodSeconds: 0 });
  await root.resource(WORKSPACES).delete('nodeless');
  await gone(root, 'nodeless');
});

test('500 workspaces at once become ready, and all go again', async () => {
  const count = 500;
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  const inTurns = (work: (name: string) => Promise<unknown>) => {
    const left = [...names];
    const turn = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await work(name);
    };
    return Promise.all(Array.from({ length: 32 }, turn));
  };
  const perSecond = (sinceMs: number) => Math.round((count * 1000) / (performance.now() - sinceMs));
  const isOne = ({ metadata }: Workspace) => metadata.name.startsWith('many-');
  const before = (await stored(plane)).length;

  const madeMs = performance.now();
  await inTurns((name) => make(root, name));
  await until<Workspace, true>(root, WORKSPACES, undefined, (all) =>
    all.filter((one) => isOne(one) && one.status?.phase === 'Ready').length === count ? true : undefined,
  );
  const made = perSecond(madeMs);
  const deletedMs = performance.now();
  await inTurns((name) => root.resource(WORKSPACES).delete(name));
  await until<Workspace, true>(root, WORKSPACES, undefined, (all) => (all.some(isOne) ? undefined : true));
  console.info(`${made} workspaces/s to Ready, ${perSecond(deletedMs)}/s deleted`);
  expect((await stored(plane)).length).toBe(before);
}, 60_000);

test('killed in the midst of making and of deleting workspaces, the server goes on with both', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-killed-'));
  const script = join(import.meta.dirname, 'workspaces-process.ts');
  /** Kills the process after so many answers; gives the names that were acknowledged. */
  const killed = async (verb: 'make' | 'delete', after: number): Promise<string[]> => {
    const child = spawn(process.execPath, [script, directory, verb], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const names: string[] = [];
    for await (const name of createInterface(child.stdout))
      if (names.push(name) === after) child.kill('SIGKILL');
    return names;
  };
  try {
    const made = await killed('make', 20);
    expect(made.length).toBeGreaterThanOrEqual(20);
    const second = await bootControlPlane({ directory });
    const all = await until<Workspace, Workspace[]>(second.client, WORKSPACES, undefined, (found) =>
      found.length >= made.length && found.every(({ status }) => status?.phase === 'Ready')
        ? found
        : undefined,
    );
    expect(all.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(made));
    const clusters = (await second.client.in('*').resource<LogicalCluster>(LOGICAL_CLUSTERS).list()).items;
    const owned = clusters.flatMap(({ spec }) => (spec.owner === undefined ? [] : [spec.owner.uid]));
    expect(owned.sort()).toEqual(all.map(({ metadata }) => metadata.uid).sort());
    await second.stop();

    await killed('delete', 10);
    const third = await bootControlPlane({ directory });
    const names = (await third.client.resource<Workspace>(WORKSPACES).list()).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    for (const { metadata } of names) await third.client.resource(WORKSPACES).delete(metadata.name);
    await until(third.client, WORKSPACES, undefined, (found) => (found.length === 0 ? true : undefined));
    expect(await stored(third)).toEqual([]);
    await third.stop();
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 60_000);
