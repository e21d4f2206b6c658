import type { corev1 } from '../../../kube/index.ts';
import type { NodeState, Snapshot } from '../cluster-state.ts';
import { type Filter, resolvable } from '../filter.ts';
import type { PodFacts } from '../pod-facts.ts';

/** A node takes no more volumes of a CSI driver than its CSINode says it may. */
export const nodeVolumeLimits: Filter = {
  name: 'NodeVolumeLimits',
  prepare: (pod, snapshot) => {
    const wanted = csiVolumes(pod, snapshot);
    if (wanted.size === 0) return undefined;
    return (node) => {
      const drivers = snapshot.storage.csiNode(node.name)?.spec.drivers ?? [];
      for (const { name, allocatable } of drivers) {
        if (allocatable?.count === undefined) continue;
        const used = volumesOn(node, snapshot);
        const more = [...wanted].filter(([handle, driver]) => driver === name && !used.has(handle));
        const there = [...used.values()].filter((driver) => driver === name).length;
        if (more.length > 0 && there + more.length > allocatable.count)
          return resolvable('node(s) exceed max volume count');
      }
      return undefined;
    };
  },
};

function volumesOn(node: NodeState, snapshot: Snapshot): Map<string, string> {
  return new Map([...node.pods.values()].flatMap((other) => [...csiVolumes(other, snapshot)]));
}

/** `driver/handle` → driver. */
function csiVolumes({ pod, namespaceKey, claims }: PodFacts, { storage }: Snapshot): Map<string, string> {
  const workspace = namespaceKey.slice(0, namespaceKey.indexOf('|'));
  const found = new Map<string, string>();
  for (const { name } of claims) {
    const claim = storage.claim(namespaceKey, name);
    const csi: corev1.CSIPersistentVolumeSource | undefined =
      claim?.spec.volumeName === undefined
        ? undefined
        : storage.volume(workspace, claim.spec.volumeName)?.spec.csi;
    if (csi !== undefined) found.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    else if (claim !== undefined && !claim.spec.volumeName) {
      const provisioner = storage.storageClass(workspace, claim.spec.storageClassName ?? '')?.provisioner;
      if (provisioner !== undefined)
        found.set(`${provisioner}/${namespaceKey}|${pod.metadata.name}|${name}`, provisioner);
    }
  }
  return found;
}
