import { describe, expect, test } from 'vitest';
import type { corev1alpha1, tenancyv1alpha1 } from '../../kube/index.ts';
import { transitiveTypes } from './transitive-types.ts';
import { nextDeletionStep } from './workspace-reconcile-deletion.ts';
import { statusAsIn } from './workspace-reconcile-phase.ts';
import {
  chooseShard,
  logicalClusterFor,
  ownerBinding,
  workspaceUrl,
} from './workspace-reconcile-scheduling.ts';

type Workspace = tenancyv1alpha1.Workspace;
type WorkspaceType = tenancyv1alpha1.WorkspaceType;
type Shard = corev1alpha1.Shard;

const NOW = '2026-01-02T03:04:05Z';

function workspace(more: Partial<Workspace['metadata']> = {}, spec: Workspace['spec'] = {}): Workspace {
  const metadata = { name: 'team', uid: 'u', ...more } as Workspace['metadata'];
  return { metadata, spec: { type: { name: 'org', path: 'root' }, ...spec } };
}

function type(name: string, spec: WorkspaceType['spec'] = {}): WorkspaceType {
  return { metadata: { name } as WorkspaceType['metadata'], spec };
}

function shard(name: string, more: Partial<Shard['metadata']> = {}): Shard {
  const spec = { baseURL: 'https://a:1/', externalURL: 'https://b:2/' };
  return { metadata: { name, ...more } as Shard['metadata'], spec };
}

describe('transitiveTypes', () => {
  const resolve = (name: string, ...types: WorkspaceType[]) =>
    transitiveTypes(
      { path: 'root', name },
      (place) => types.find(({ metadata }) => metadata.name === place.name),
      () => 'root',
    ).map(({ metadata }) => metadata.name);
  const extending = (name: string, ...others: string[]) =>
    type(name, { extend: { with: others.map((other) => ({ name: other, path: 'root' })) } });

  test('gives what a type extends before itself, each once', () => {
    const types = [extending('a', 'b', 'c'), extending('b', 'd'), extending('c', 'd'), type('d')];
    expect(resolve('a', ...types)).toEqual(['b', 'd', 'c', 'a']);
  });

  test('refuses a type that extends itself, by the way it does', () => {
    expect(() => resolve('a', extending('a', 'b'), extending('b', 'a'))).toThrow(
      'circular dependency detected in workspace type root:a: root:a -> root:b',
    );
  });

  test('names the type that is missing', () => {
    expect(() => resolve('a', extending('a', 'b'))).toThrow('unable to find inherited workspace type root:b');
    expect(() => resolve('a')).toThrow('"root:a" not found');
  });
});

describe('scheduling', () => {
  test('takes a shard that the selector matches and that takes workspaces', () => {
    const closed = shard('x', { annotations: { 'experimental.core.kcp.io/unschedulable': 'true' } });
    const north = shard('y', { labels: { region: 'north' } });
    expect(chooseShard(workspace(), [closed, north])).toEqual({ shard: north });
    const south = workspace({}, { location: { selector: { matchLabels: { region: 'south' } } } });
    expect(chooseShard(south, [north])).toMatchObject({
      condition: { type: 'WorkspaceScheduled', status: 'False', reason: 'Unschedulable' },
    });
  });

  test('hands owner, groups, path and type down, and the initializers of all types', () => {
    const annotations = { 'authorization.kcp.io/required-groups': 'g', other: 'x' };
    const types = [
      type('base', { initializer: true, terminator: true }),
      type('org', { defaultAPIBindings: [{ export: 'e' }] }),
    ];
    const draft = logicalClusterFor(workspace({ annotations }), {
      path: 'root:team',
      clusterName: 'c',
      shard: shard('root'),
      types,
      pathOf: () => 'root:up',
    });
    expect(draft.metadata.annotations).toEqual({
      'internal.tenancy.kcp.io/type': 'root:org',
      'kcp.io/path': 'root:team',
      'authorization.kcp.io/required-groups': 'g',
    });
    expect(draft.spec).toMatchObject({
      owner: { name: 'team', cluster: 'root', uid: 'u' },
      initializers: ['root:base', 'system:apibindings'],
      terminators: ['root:up:base'],
    });
    expect(draft.status?.URL).toBe('https://b:2/clusters/c');
    expect(workspaceUrl(shard('root'), 'root:team')).toBe('https://b:2/clusters/root:team');
  });

  test('makes the owner an admin, and nobody when none is named', () => {
    const annotations = { 'experimental.tenancy.kcp.io/owner': '{"username":"eve"}' };
    expect(ownerBinding(workspace({ annotations }))).toMatchObject({
      metadata: { name: 'workspace-admin' },
      subjects: [{ kind: 'User', name: 'eve' }],
      roleRef: { name: 'cluster-admin' },
    });
    expect(ownerBinding(workspace())).toBeUndefined();
  });
});

describe('statusAsIn', () => {
  test('is Ready when nobody has to initialize the logical cluster any more', () => {
    const initializing = statusAsIn(workspace(), { status: { initializers: ['root:a'] } }, NOW);
    expect(initializing).toMatchObject({ phase: 'Initializing', initializers: ['root:a'] });
    const ready = statusAsIn({ ...workspace(), status: initializing }, { status: {} }, NOW);
    expect(ready.phase).toBe('Ready');
    expect(ready.initializers).toBeUndefined();
    expect(ready.conditions).toMatchObject([{ type: 'WorkspaceInitialized', status: 'True' }]);
  });

  test('is Unavailable while a condition of its own is False, and Ready again after', () => {
    const conditions = [{ type: 'WorkspaceMounted', status: 'False' as const, lastTransitionTime: NOW }];
    const hurt = statusAsIn({ ...workspace(), status: { phase: 'Ready', conditions } }, { status: {} }, NOW);
    expect(hurt.phase).toBe('Unavailable');
    const healed = statusAsIn({ ...workspace(), status: { ...hurt, conditions: [] } }, { status: {} }, NOW);
    expect(healed.phase).toBe('Ready');
  });

  test('tells where the deletion of the content stands, and that it is done when it is gone', () => {
    const ending = { ...workspace({ deletionTimestamp: NOW }), status: { phase: 'Ready' as const } };
    const told = {
      type: 'WorkspaceContentDeleted',
      status: 'False' as const,
      reason: 'SomeResourcesRemain',
      lastTransitionTime: '2026-01-02T00:00:00Z',
    };
    const status = statusAsIn(ending, { status: { phase: 'Deleting', conditions: [told] } }, NOW);
    expect(status).toEqual({ phase: 'Deleting', conditions: [told] });
    expect(statusAsIn(ending, undefined, NOW).conditions).toMatchObject([{ status: 'True' }]);
  });
});

describe('nextDeletionStep', () => {
  const FINALIZER = 'core.kcp.io/logicalcluster';
  const cluster = (uid: string, deletionTimestamp?: string) =>
    ({
      metadata: { ...(deletionTimestamp && { deletionTimestamp }) },
      spec: { owner: { uid } },
    }) as corev1alpha1.LogicalCluster;

  test('waits for all others, deletes the logical cluster, then lets the workspace go', () => {
    expect(nextDeletionStep(workspace({ finalizers: ['x', FINALIZER] }), cluster('u'))).toBe(
      'wait-for-others',
    );
    const held = workspace({ finalizers: [FINALIZER] });
    expect(nextDeletionStep(held, cluster('u'))).toBe('delete-cluster');
    expect(nextDeletionStep(held, cluster('u', NOW))).toBe('wait-for-cluster');
    expect(nextDeletionStep(held, undefined)).toBe('release');
    expect(nextDeletionStep(workspace(), cluster('u'))).toBe('nothing');
  });

  test('leaves the logical cluster of another workspace alone', () => {
    expect(nextDeletionStep(workspace({ finalizers: [FINALIZER] }), cluster('stranger'))).toBe('release');
  });
});
