import { type corev1, STORAGE_ANNOTATIONS, sameVolumeMode } from '../../kube/index.ts';
import type { Say } from './claim-verdict.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/** What becomes of a volume. */
export type VolumeVerdict =
  | { kind: 'phase'; phase: string; message?: string; say?: Say }
  /** Its claim is there and has yet to take it. */
  | { kind: 'look at claim'; phase?: string; say?: Say }
  | { kind: 'unbind' };

/**
 * @param claim the one its claimRef names, if there is one of that name and uid
 * @see k8s.io/kubernetes/pkg/controller/volume/persistentvolume syncVolume, reclaimVolume
 */
export function volumeVerdict(volume: Volume, claim: Claim | undefined): VolumeVerdict {
  const { claimRef } = volume.spec;
  if (claimRef === undefined) return { kind: 'phase', phase: 'Available' };
  // Reserved by name; the claim may come, or may be there and finish the binding.
  if (!claimRef.uid) return { kind: 'look at claim', phase: 'Available' };
  if (claim === undefined) return released(volume);
  if (!claim.spec.volumeName) {
    if (sameVolumeMode(volume, claim)) return { kind: 'look at claim' };
    const message = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
    return { kind: 'look at claim', say: { type: 'Warning', reason: 'VolumeMismatch', message } };
  }
  if (claim.spec.volumeName === volume.metadata.name) return { kind: 'phase', phase: 'Bound' };
  // The claim took another. What was made for it alone is of no use any more.
  const isMadeForIt = volume.metadata.annotations?.[STORAGE_ANNOTATIONS.provisionedBy] !== undefined;
  return isMadeForIt && volume.spec.persistentVolumeReclaimPolicy === 'Delete'
    ? released(volume)
    : { kind: 'unbind' };
}

/** Its claim is gone. Whoever provisioned it deletes it; nobody here deletes or empties what others made. */
function released(volume: Volume): VolumeVerdict {
  const { name, annotations } = volume.metadata;
  const failed = (reason: string, message: string): VolumeVerdict => ({
    kind: 'phase',
    phase: 'Failed',
    message,
    say: { type: 'Warning', reason, message },
  });
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Recycle':
      return failed('VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    case 'Delete':
      return annotations?.[STORAGE_ANNOTATIONS.provisionedBy] === undefined
        ? failed(
            'VolumeFailedDelete',
            `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`,
          )
        : { kind: 'phase', phase: 'Released' };
    default:
      return { kind: 'phase', phase: 'Released' };
  }
}
