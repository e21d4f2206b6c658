import { parseQuantity } from '../quantity/quantity.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { corev1, storagev1 } from '../types/index.generated.ts';
import { matchesTerm, type NodeIdentity } from '../workloads/node-matching.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/** Annotations by which binder, scheduler and provisioners understand each other. */
export const STORAGE_ANNOTATIONS = {
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  selectedNode: 'volume.kubernetes.io/selected-node',
  provisioner: 'volume.kubernetes.io/storage-provisioner',
  betaProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
  /** How a class was named before spec.storageClassName. */
  betaClass: 'volume.beta.kubernetes.io/storage-class',
} as const;

/** The class a claim or volume is of; '' for none. */
export function storageClassNameOf(object: Claim | Volume): string {
  return (
    object.metadata.annotations?.[STORAGE_ANNOTATIONS.betaClass] ??
    (object.spec.storageClassName as string | undefined) ??
    ''
  );
}

/** The volume is reserved for this claim: by name alone (before the claim was there), or by its uid too. */
export function isVolumeBoundToClaim({ spec }: Volume, { metadata }: Claim): boolean {
  const reference = spec.claimRef;
  if (reference === undefined) return false;
  if (reference.name !== metadata.name || reference.namespace !== metadata.namespace) return false;
  return !reference.uid || reference.uid === metadata.uid;
}

/** The claim waits for a pod before anything is bound or made for it. */
export function isDelayedBinding(storageClass: storagev1.StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

export function matchesVolumeAffinity({ spec }: Volume, node: NodeIdentity): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, node));
}

/**
 * Why a claim cannot have the volume it names; undefined when it can.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/persistentvolume checkVolumeSatisfyClaim
 */
export function volumeMismatch(volume: Volume, claim: Claim): string | undefined {
  if (volume.metadata.deletionTimestamp !== undefined)
    return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (!isLargeEnough(volume, claim)) return 'requested PV is too small';
  if (storageClassNameOf(volume) !== storageClassNameOf(claim)) return 'storageClassName does not match';
  if (!sameVolumeMode(volume, claim)) return 'incompatible volumeMode';
  if (!hasAccessModes(volume, claim)) return 'incompatible accessMode';
  return undefined;
}

export function sameVolumeMode(volume: Volume, claim: Claim): boolean {
  return (volume.spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem');
}

export interface VolumeSearch {
  claim: Claim;
  volumes: readonly Volume[];
  /** The scheduler asks for one node; without it, the binder asks. */
  node?: NodeIdentity;
  /** Volumes others will have. */
  taken?: ReadonlySet<string>;
  delayedBinding: boolean;
}

/**
 * The volume a claim gets: the one reserved for it, or else the smallest that suffices, with the fewest access
 * modes beyond those it asks for.
 *
 * @see k8s.io/component-helpers/storage/volume FindMatchingVolume
 */
export function findMatchingVolume(search: VolumeSearch): Volume | undefined {
  const { claim, volumes, node, taken, delayedBinding } = search;
  const selector = claim.spec.selector && labelSelectorAsSelector(claim.spec.selector);
  const className = storageClassNameOf(claim);
  let best: Volume | undefined;
  for (const volume of volumes) {
    if (taken?.has(volume.metadata.name)) continue;
    const isReserved = isVolumeBoundToClaim(volume, claim);
    if (volume.spec.claimRef !== undefined && !isReserved) continue;
    if (!isLargeEnough(volume, claim) || !sameVolumeMode(volume, claim)) continue;
    if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? ''))
      continue;
    if (volume.metadata.deletionTimestamp !== undefined) continue;
    const isNear = node === undefined || matchesVolumeAffinity(volume, node);
    if (isReserved) return isNear ? volume : undefined;
    if (node === undefined && delayedBinding) continue;
    if (volume.status?.phase !== 'Available' || !isNear || !hasAccessModes(volume, claim)) continue;
    if (selector !== undefined && !selector.matches(volume.metadata.labels)) continue;
    if (storageClassNameOf(volume) !== className) continue;
    if (best === undefined || isBetter(volume, best)) best = volume;
  }
  return best;
}

function isBetter(volume: Volume, best: Volume): boolean {
  const modes = (volume.spec.accessModes?.length ?? 0) - (best.spec.accessModes?.length ?? 0);
  return modes < 0 || (modes === 0 && capacityOf(volume).compare(capacityOf(best)) < 0);
}

function isLargeEnough(volume: Volume, claim: Claim): boolean {
  return capacityOf(volume).compare(parseQuantity(claim.spec.resources?.requests?.storage ?? '0')) >= 0;
}

function capacityOf(volume: Volume) {
  return parseQuantity(volume.spec.capacity?.storage ?? '0');
}

function hasAccessModes(volume: Volume, claim: Claim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode));
}

/** The claim a pod's volume stands for, when it stands for one; an ephemeral one is named after pod and volume. */
export function claimNameOf(pod: corev1.Pod, volume: corev1.Volume): string | undefined {
  return volume.ephemeral === undefined
    ? volume.persistentVolumeClaim?.claimName
    : `${pod.metadata.name}-${volume.name}`;
}

/** Whether the claim is the one that was made for this pod's ephemeral volume, and not somebody else's. */
export function isOwnedByPod(claim: Claim, pod: corev1.Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === pod.metadata.uid,
  );
}
