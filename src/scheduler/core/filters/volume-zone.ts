import type { corev1 } from '../../../kube/index.ts';
import type { Snapshot } from '../cluster-state.ts';
import { type Filter, unresolvable } from '../filter.ts';
import type { PodFacts } from '../pod-facts.ts';

/** Labels that say where something is, and the older names of the same. */
const TOPOLOGY_LABELS: Readonly<Record<string, string>> = {
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};

/** A volume with a zone is reached from nodes of that zone; nodes that say nothing about zones are in all. */
export const volumeZone: Filter = {
  name: 'VolumeZone',
  prepare: (pod, snapshot) => {
    const rules = boundVolumes(pod, snapshot).flatMap(({ metadata }) =>
      Object.entries(TOPOLOGY_LABELS).flatMap(([label, current]) => {
        const value = metadata.labels?.[label];
        return value === undefined ? [] : [{ label, current, values: value.split('__') }];
      }),
    );
    if (rules.length === 0) return undefined;
    return ({ labels }) => {
      if (!Object.keys(TOPOLOGY_LABELS).some((label) => labels[label] !== undefined)) return undefined;
      const fits = rules.every(({ label, current, values }) =>
        values.includes(labels[label] ?? labels[current] ?? ''),
      );
      return fits ? undefined : unresolvable('node(s) had no available volume zone');
    };
  },
};

function boundVolumes({ namespaceKey, claims }: PodFacts, { storage }: Snapshot): corev1.PersistentVolume[] {
  const workspace = namespaceKey.slice(0, namespaceKey.indexOf('|'));
  return claims.flatMap(({ name }) => {
    const volumeName = storage.claim(namespaceKey, name)?.spec.volumeName;
    const volume = volumeName ? storage.volume(workspace, volumeName) : undefined;
    return volume === undefined ? [] : [volume];
  });
}
