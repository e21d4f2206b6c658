import { expect, test } from 'vitest';
import type { appsv1, corev1, metav1 } from '../../kube/index.ts';
import { claimOwners } from './claim-retention.ts';

function setOf(whenDeleted: string, whenScaled: string, replicas = 1): appsv1.StatefulSet {
  return {
    metadata: { name: 'web', uid: 'set' },
    spec: { replicas, persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } },
  } as unknown as appsv1.StatefulSet;
}

function podOf(ordinal: number): corev1.Pod {
  return { metadata: { name: `web-${ordinal}`, uid: `pod-${ordinal}` } } as unknown as corev1.Pod;
}

function claimOf(...ownerReferences: Partial<metav1.OwnerReference>[]): corev1.PersistentVolumeClaim {
  return { metadata: { name: 'data-web-0', ownerReferences } } as unknown as corev1.PersistentVolumeClaim;
}

const owners = (...args: Parameters<typeof claimOwners>) => claimOwners(...args)?.map(({ uid }) => uid);

test('the set owns its claims when they go with it, nobody when they stay', () => {
  expect(owners(setOf('Delete', 'Retain'), podOf(0), claimOf())).toEqual(['set']);
  expect(owners(setOf('Retain', 'Retain'), podOf(0), claimOf())).toBeUndefined();
  const owned = claimOf({ uid: 'set', controller: true });
  expect(owners(setOf('Delete', 'Retain'), podOf(0), owned)).toBeUndefined();
  expect(owners(setOf('Retain', 'Retain'), podOf(0), owned)).toEqual([]);
});

test('a pod that is scaled away takes its claims along, and gives them back when it is wanted again', () => {
  const claim = claimOf({ uid: 'set', controller: true }, { uid: 'stranger' });
  expect(owners(setOf('Delete', 'Delete'), podOf(1), claim)).toEqual(['stranger', 'pod-1']);
  expect(owners(setOf('Retain', 'Delete'), podOf(0), claimOf({ uid: 'pod-0', controller: true }))).toEqual(
    [],
  );
});

test('a claim that somebody else controls is left alone', () => {
  const foreign = claimOf({ uid: 'operator', controller: true });
  expect(owners(setOf('Delete', 'Delete'), podOf(0), foreign)).toBeUndefined();
});
