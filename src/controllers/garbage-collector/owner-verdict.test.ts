import { describe, expect, test } from 'vitest';
import { PODS, REPLICA_SETS } from '../../client/index.ts';
import type { KubeObject, metav1 } from '../../kube/index.ts';
import { OwnerGraph } from './owner-graph.ts';
import { judge, type OwnerState } from './owner-verdict.ts';

const owner = (uid: string, blockOwnerDeletion = true): metav1.OwnerReference => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: uid,
  uid,
  blockOwnerDeletion,
});

describe('judge', () => {
  const verdict = (
    states: Record<string, OwnerState>,
    more: { finalizers?: string[]; hasDependents?: boolean; inCircle?: boolean } = {},
  ) =>
    judge({
      owners: Object.keys(states).map((uid) => owner(uid)),
      states: new Map(Object.entries(states)),
      finalizers: more.finalizers ?? [],
      hasDependents: more.hasDependents ?? false,
      inCircle: more.inCircle ?? false,
    });

  test('keeps what nobody owns, or what one owner holds', () => {
    expect(verdict({})).toEqual({ kind: 'keep' });
    expect(verdict({ a: 'exists' })).toEqual({ kind: 'keep' });
  });

  test('drops the references to owners that are gone while another holds', () => {
    expect(verdict({ a: 'exists', b: 'absent', c: 'waits-for-dependents' })).toEqual({
      kind: 'drop-references',
      uids: ['b', 'c'],
    });
  });

  test('deletes what lost all owners, as its finalizers ask', () => {
    const policy = (finalizers: string[]) => verdict({ a: 'absent' }, { finalizers });
    expect(policy([])).toMatchObject({ kind: 'delete', propagationPolicy: 'Background' });
    expect(policy(['orphan'])).toMatchObject({ propagationPolicy: 'Orphan' });
    expect(policy(['foregroundDeletion'])).toMatchObject({ propagationPolicy: 'Foreground' });
  });

  test('hands a foreground deletion down, and opens a circle', () => {
    expect(verdict({ a: 'waits-for-dependents' }, { hasDependents: true, inCircle: true })).toEqual({
      kind: 'delete',
      propagationPolicy: 'Foreground',
      unblockOwners: true,
    });
    expect(verdict({ a: 'waits-for-dependents' })).toMatchObject({ propagationPolicy: 'Background' });
  });
});

describe('OwnerGraph', () => {
  const object = (
    uid: string,
    owners: metav1.OwnerReference[] = [],
    more: Partial<metav1.ObjectMeta> = {},
  ): KubeObject => ({
    apiVersion: 'v1',
    metadata: { name: uid, namespace: 'default', uid, ownerReferences: owners, ...more } as metav1.ObjectMeta,
  });
  const uids = (nodes: { uid: string }[]) => nodes.map((node) => node.uid);

  test('an owner nobody has seen is to be asked for', () => {
    const graph = new OwnerGraph();
    const change = graph.observe(object('pod', [owner('rs')]), PODS);
    expect(uids(change.toDelete)).toContain('rs');
    expect(graph.get('rs')).toMatchObject({ virtual: true });
    graph.observe(object('rs'), REPLICA_SETS);
    expect(graph.get('rs')).toMatchObject({ virtual: false });
  });

  test("an owner's removal brings its dependents up, and is remembered until they are gone", () => {
    const graph = new OwnerGraph();
    graph.observe(object('rs'), REPLICA_SETS);
    graph.observe(object('pod', [owner('rs')]), PODS);
    expect(uids(graph.remove('rs').toDelete)).toEqual(['pod']);
    expect(graph.get('rs')).toMatchObject({ virtual: true });
    graph.remove('pod');
    expect(graph.size).toBe(0);
  });

  test('a foreground deletion looks at all dependents, and at the owner when the last goes', () => {
    const graph = new OwnerGraph();
    graph.observe(object('rs'), REPLICA_SETS);
    graph.observe(object('pod', [owner('rs')]), PODS);
    const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foregroundDeletion'] };
    expect(uids(graph.observe(object('rs', [], deleting), REPLICA_SETS).toDelete)).toEqual(['pod', 'rs']);
    expect(uids(graph.remove('pod').toDelete)).toEqual(['rs']);
  });

  test('an orphaning deletion is told apart', () => {
    const graph = new OwnerGraph();
    const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['orphan'] };
    expect(uids(graph.observe(object('rs', [], deleting), REPLICA_SETS).toOrphan)).toEqual(['rs']);
  });

  test('an object that lets go of its owner is no longer its dependent', () => {
    const graph = new OwnerGraph();
    graph.observe(object('rs'), REPLICA_SETS);
    graph.observe(object('pod', [owner('rs')]), PODS);
    graph.observe(object('pod'), PODS);
    expect(graph.get('rs')!.dependents.size).toBe(0);
    expect(graph.remove('rs').toDelete).toEqual([]);
  });
});
