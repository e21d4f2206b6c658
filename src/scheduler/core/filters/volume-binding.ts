import {
  type corev1,
  findMatchingVolume,
  isDelayedBinding,
  isOwnedByPod,
  isVolumeBoundToClaim,
  matchesTerm,
  matchesVolumeAffinity,
  parseQuantity,
  STORAGE_ANNOTATIONS,
  storageClassNameOf,
  type storagev1,
} from '../../../kube/index.ts';
import type { NodeState, Snapshot } from '../cluster-state.ts';
import { type Filter, unresolvable } from '../filter.ts';
import type { PodFacts } from '../pod-facts.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
const NO_MATCH = "node(s) didn't find available persistent volumes to bind";
const ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity";
const NO_VOLUME = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** What becomes of a pod's claims when it goes to one node. */
export interface VolumePlan {
  bind: { claim: Claim; volume: Volume }[];
  provision: Claim[];
}

/**
 * The pod's volumes can be reached from the node, or be bound or made for it.
 *
 * @see k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding
 */
export const volumeBinding: Filter = {
  name: 'VolumeBinding',
  before: (pod, snapshot) => missingClaim(pod, snapshot) ?? unboundImmediate(pod, snapshot),
  prepare: (pod, snapshot) =>
    pod.claims.length === 0
      ? undefined
      : (node) => {
          const plan = planVolumes(pod, node, snapshot);
          return Array.isArray(plan) ? unresolvable(...plan) : undefined;
        },
};

function missingClaim(pod: PodFacts, { storage }: Snapshot): string | undefined {
  for (const { name, isEphemeral } of pod.claims) {
    const claim = storage.claim(pod.namespaceKey, name);
    if (claim === undefined)
      return isEphemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
    if (claim.metadata.deletionTimestamp !== undefined)
      return `persistentvolumeclaim "${name}" is being deleted`;
    if (isEphemeral && !isOwnedByPod(claim, pod.pod)) {
      const { namespace } = pod.pod.metadata;
      return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.pod.metadata.name} (pod is not owner)`;
    }
  }
  return undefined;
}

function unboundImmediate(pod: PodFacts, snapshot: Snapshot): string | undefined {
  const waits = claimsOf(pod, snapshot).some(
    (claim) => !isBound(claim) && (claim.spec.volumeName || !isDelayedBinding(classOf(pod, claim, snapshot))),
  );
  return waits ? 'pod has unbound immediate PersistentVolumeClaims' : undefined;
}

function claimsOf(pod: PodFacts, { storage }: Snapshot): Claim[] {
  return pod.claims.flatMap(({ name }) => storage.claim(pod.namespaceKey, name) ?? []);
}

function workspaceOf({ namespaceKey }: PodFacts): string {
  return namespaceKey.slice(0, namespaceKey.indexOf('|'));
}

function classOf(pod: PodFacts, claim: Claim, { storage }: Snapshot): storagev1.StorageClass | undefined {
  return storage.storageClass(workspaceOf(pod), storageClassNameOf(claim));
}

function isBound({ spec, metadata }: Claim): boolean {
  return Boolean(spec.volumeName) && metadata.annotations?.[STORAGE_ANNOTATIONS.bindCompleted] !== undefined;
}

/** What would be done about the pod's claims on that node; reasons when it cannot be there. */
export function planVolumes(pod: PodFacts, node: NodeState, snapshot: Snapshot): VolumePlan | string[] {
  const claims = claimsOf(pod, snapshot);
  const reasons = new Set<string>();
  for (const claim of claims.filter(isBound)) {
    const volume = snapshot.storage.volume(workspaceOf(pod), claim.spec.volumeName!);
    if (volume === undefined) reasons.add(NO_VOLUME);
    else if (!matchesVolumeAffinity(volume, node)) reasons.add(ELSEWHERE);
  }
  const plan: VolumePlan = { bind: [], provision: [] };
  const unbound = claims
    .filter((claim) => !isBound(claim))
    // The small ones first, or they take what a large one needs.
    .sort((a, b) => storageOf(a).compare(storageOf(b)));
  for (const claim of unbound) if (!planClaim(pod, claim, node, snapshot, plan)) reasons.add(NO_MATCH);
  return reasons.size > 0 ? [...reasons] : plan;
}

function storageOf({ spec }: Claim) {
  return parseQuantity(spec.resources?.requests?.storage ?? '0');
}

function planClaim(
  pod: PodFacts,
  claim: Claim,
  node: NodeState,
  snapshot: Snapshot,
  plan: VolumePlan,
): boolean {
  const selected = claim.metadata.annotations?.[STORAGE_ANNOTATIONS.selectedNode];
  if (selected !== undefined && selected !== node.name) return false;
  if (selected === undefined) {
    const volume = findMatchingVolume({
      claim,
      node,
      volumes: snapshot.storage.volumes(workspaceOf(pod), storageClassNameOf(claim)),
      taken: new Set(plan.bind.map((one) => one.volume.metadata.name)),
      delayedBinding: true,
    });
    if (volume !== undefined) {
      plan.bind.push({ claim, volume });
      return true;
    }
  }
  const storageClass = classOf(pod, claim, snapshot);
  if (storageClass === undefined || storageClass.provisioner === NO_PROVISIONER) return false;
  if (!allowsTopology(storageClass, node)) return false;
  plan.provision.push(claim);
  return true;
}

function allowsTopology({ allowedTopologies }: storagev1.StorageClass, node: NodeState): boolean {
  if (allowedTopologies === undefined || allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchesTerm(
      { matchExpressions: matchLabelExpressions.map(({ key, values }) => ({ key, operator: 'In', values })) },
      node,
    ),
  );
}

/** All of the plan's claims are bound: the pod can start. */
export function isPlanDone(pod: PodFacts, snapshot: Snapshot): boolean {
  return claimsOf(pod, snapshot).every((claim) => {
    if (!isBound(claim)) return false;
    const volume = snapshot.storage.volume(workspaceOf(pod), claim.spec.volumeName!);
    return volume !== undefined && isVolumeBoundToClaim(volume, claim);
  });
}
