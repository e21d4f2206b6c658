import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../object.ts';
import { kcpResources } from '../kcp-resources.ts';
import type { LogicalCluster } from '../types/core-v1alpha1.ts';
import type { Workspace } from '../types/tenancy-v1alpha1.ts';
import { clusterNameOf, OWNER_ANNOTATION, shardHashOf } from './index.ts';
import { INITIALIZER_LABEL_PREFIX, lifecycleLabel, mirroredLabels } from './lifecycle-labels.ts';

const clusters = kcpResources.find(({ kind }) => kind === 'LogicalCluster')!;
const workspaces = kcpResources.find(({ kind }) => kind === 'Workspace')!;
const CREATED = '2026-01-02T03:04:05Z';
const NOW = new Date('2026-01-02T04:00:00Z');

function cluster(spec: LogicalCluster['spec'], more: Partial<KubeObject['metadata']> = {}): LogicalCluster {
  const metadata = { name: 'cluster', creationTimestamp: CREATED, ...more } as LogicalCluster['metadata'];
  return { metadata, spec };
}

function born(spec: LogicalCluster['spec'], more: Partial<KubeObject['metadata']> = {}): LogicalCluster {
  const object = cluster(spec, more);
  clusters.prepareForCreate!(object);
  return object;
}

function withStatus(old: LogicalCluster, status: LogicalCluster['status']): LogicalCluster {
  const next = { ...old, metadata: { ...old.metadata }, status };
  clusters.prepareForStatusUpdate!(next, old, NOW);
  return next;
}

describe('a LogicalCluster', () => {
  test('that nobody has to initialize is ready in the write that makes it', () => {
    const made = born({});
    expect(made.status).toMatchObject({
      phase: 'Ready',
      conditions: [{ type: 'WorkspaceInitialized', status: 'True', lastTransitionTime: CREATED }],
    });
    expect(made.metadata.labels).toEqual({ 'tenancy.kcp.io/phase': 'Ready' });
    expect(made.metadata.finalizers).toEqual(['core.kcp.io/logicalcluster-deletion']);
  });

  test('tells its initializers in status, labels and condition until the last one is done', () => {
    const made = born({ initializers: ['root:a', 'system:apibindings'] });
    expect(made.status).toMatchObject({
      phase: 'Initializing',
      initializers: ['root:a', 'system:apibindings'],
      conditions: [
        {
          status: 'False',
          message: 'Initializers still exist: [root:a system:apibindings]',
          severity: 'Info',
        },
      ],
    });
    const [key, value] = lifecycleLabel(INITIALIZER_LABEL_PREFIX, 'root:a');
    expect(key).toHaveLength(63);
    expect(made.metadata.labels?.[key]).toBe(value);
    const half = withStatus(made, { ...made.status, initializers: ['system:apibindings'] });
    expect(half.status?.phase).toBe('Initializing');
    expect(half.metadata.labels).not.toHaveProperty(key);
    const done = withStatus(half, { ...half.status, initializers: [] });
    expect(done.status).toMatchObject({ phase: 'Ready', conditions: [{ status: 'True' }] });
    expect(made.status?.phase, 'an older state stays as it was').toBe('Initializing');
  });

  test('forgets all of its owner but the name when it is ready', () => {
    const owner = JSON.stringify({ username: 'eve', groups: ['a'] });
    const made = born({ initializers: ['root:a'] }, { annotations: { [OWNER_ANNOTATION]: owner } });
    expect(made.metadata.annotations?.[OWNER_ANNOTATION]).toBe(owner);
    const done = withStatus(made, { ...made.status, initializers: [] });
    expect(done.metadata.annotations?.[OWNER_ANNOTATION]).toBe('{"username":"eve"}');
  });

  test('ends in two steps when somebody has to clean up: Terminating, then Deleting', () => {
    const made = born({ terminators: ['root:t'] });
    expect(made.status?.terminators).toEqual(['root:t']);
    expect(made.metadata.finalizers).toContain('kcp.io/has-terminators');
    const ending = { ...made, metadata: { ...made.metadata, deletionTimestamp: CREATED } };
    clusters.prepareForDelete!(ending);
    expect(ending.status?.phase).toBe('Terminating');
    const clean = withStatus(ending, { ...ending.status, terminators: [] });
    expect(clean.status?.phase).toBe('Deleting');
    expect(clean.metadata.labels?.['tenancy.kcp.io/phase']).toBe('Deleting');
    expect(clean.metadata.finalizers).toEqual(['core.kcp.io/logicalcluster-deletion']);
  });

  test('is inactive while its annotation says so', () => {
    const made = born({});
    const metadata = { ...made.metadata, annotations: { 'core.kcp.io/inactive': 'true' } };
    const still: LogicalCluster = { ...made, metadata };
    clusters.prepareForUpdate!(still, made);
    expect(still.status?.phase).toBe('Inactive');
    const awake: LogicalCluster = { ...still, metadata: { ...made.metadata, annotations: {} } };
    clusters.prepareForUpdate!(awake, still);
    expect(awake.status?.phase).toBe('Ready');
  });
});

describe('a Workspace', () => {
  const made = (spec: Workspace['spec'] = {}): Workspace => {
    const metadata = { name: 'w', uid: 'u-1', creationTimestamp: CREATED } as Workspace['metadata'];
    const object: Workspace = { metadata, spec, status: { phase: 'Ready' } };
    workspaces.prepareForCreate!(object);
    return object;
  };

  test('is held from the start and knows its logical cluster, whatever its maker says of its status', () => {
    const { metadata, status } = made();
    expect(status).toEqual({ phase: 'Scheduling' });
    expect(metadata.finalizers).toEqual(['core.kcp.io/logicalcluster']);
    expect(metadata.annotations?.['internal.tenancy.kcp.io/cluster']).toBe(clusterNameOf('u-1'));
    expect(metadata.labels).toEqual({ 'tenancy.kcp.io/phase': 'Scheduling' });
  });

  test('takes its status along when it is scheduled, and through no other write of its spec', () => {
    const old = made();
    const scheduled: Workspace = { ...old, spec: { cluster: 'c' }, status: { phase: 'Ready' } };
    workspaces.prepareForUpdate!(scheduled, old);
    expect(scheduled.status?.phase).toBe('Ready');
    const later: Workspace = {
      ...scheduled,
      spec: { cluster: 'c', URL: 'x' },
      status: { phase: 'Scheduling' },
    };
    workspaces.prepareForUpdate!(later, scheduled);
    expect(later.status?.phase).toBe('Ready');
  });

  test('a mount has neither finalizer nor logical cluster', () => {
    const { metadata } = made({ mount: { ref: { apiVersion: 'v1', kind: 'A', name: 'a' } } });
    expect(metadata.finalizers).toBeUndefined();
    expect(metadata.annotations).toBeUndefined();
  });
});

test('names of logical clusters are 16 characters and follow from the uid alone', () => {
  expect(clusterNameOf('u-1')).toMatch(/^[0-9a-z]{16}$/);
  expect(clusterNameOf('u-1')).toBe(clusterNameOf('u-1'));
  expect(clusterNameOf('u-2')).not.toBe(clusterNameOf('u-1'));
  expect(shardHashOf('root')).toMatch(/^[0-9a-z]{8}$/);
});

test('labels that are not of the lifecycle stay', () => {
  const labels = { mine: 'yes', 'tenancy.kcp.io/phase': 'Ready', 'initializer.internal.kcp.io/x': 'y' };
  expect(mirroredLabels(labels, { phase: 'Deleting' })).toEqual({
    mine: 'yes',
    'tenancy.kcp.io/phase': 'Deleting',
  });
});
