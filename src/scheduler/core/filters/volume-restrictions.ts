import type { Snapshot } from '../cluster-state.ts';
import { type Filter, resolvable } from '../filter.ts';
import type { PodFacts } from '../pod-facts.ts';

const CONFLICT =
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

/**
 * A claim with ReadWriteOncePod has one pod at a time, in the whole cluster. (The other restriction of upstream's
 * plugin is about disks of clouds that no node here mounts.)
 */
export const volumeRestrictions: Filter = {
  name: 'VolumeRestrictions',
  prepare: (pod, snapshot) => {
    const single = singlePodClaims(pod, snapshot);
    if (single.size === 0) return undefined;
    const isUsed = snapshot
      .nodes()
      .some((node) => [...node.pods.values()].some((other) => uses(other, pod, single)));
    return () => (isUsed ? resolvable(CONFLICT) : undefined);
  },
};

function singlePodClaims(pod: PodFacts, snapshot: Snapshot): ReadonlySet<string> {
  const names = pod.claims
    .map(({ name }) => name)
    .filter((name) =>
      snapshot.storage.claim(pod.namespaceKey, name)?.spec.accessModes?.includes('ReadWriteOncePod'),
    );
  return new Set(names);
}

function uses(other: PodFacts, pod: PodFacts, names: ReadonlySet<string>): boolean {
  return other.namespaceKey === pod.namespaceKey && other.claims.some(({ name }) => names.has(name));
}
