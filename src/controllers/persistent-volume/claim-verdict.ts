import {
  type corev1,
  findMatchingVolume,
  isDelayedBinding,
  isVolumeBoundToClaim,
  STORAGE_ANNOTATIONS,
  storageClassNameOf,
  type storagev1,
  volumeMismatch,
} from '../../kube/index.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

export interface ClaimFacts {
  claim: Claim;
  /** All there are in its workspace. */
  volumes: readonly Volume[];
  /** The one the claim is of, when it exists. */
  storageClass: storagev1.StorageClass | undefined;
  /** A pod that uses the claim and has no node yet. */
  waitingPod: string | undefined;
}

export interface Say {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What becomes of a claim. */
export type ClaimVerdict =
  | { kind: 'bind'; volume: Volume }
  | { kind: 'wait'; say?: Say }
  | { kind: 'lost'; say: Say }
  /** Somebody who is called by this name makes a volume. */
  | { kind: 'provision'; provisioner: string };

/**
 * @see k8s.io/kubernetes/pkg/controller/volume/persistentvolume syncUnboundClaim, syncBoundClaim
 */
export function claimVerdict(facts: ClaimFacts): ClaimVerdict {
  const { claim, volumes } = facts;
  const { volumeName } = claim.spec;
  const named = volumeName ? volumes.find(({ metadata }) => metadata.name === volumeName) : undefined;
  if (claim.metadata.annotations?.[STORAGE_ANNOTATIONS.bindCompleted] !== undefined)
    return boundVerdict(claim, named);
  if (volumeName) return requestedVerdict(claim, named);
  return openVerdict(facts);
}

function boundVerdict(claim: Claim, volume: Volume | undefined): ClaimVerdict {
  const lost = (reason: string, message: string): ClaimVerdict => ({
    kind: 'lost',
    say: { type: 'Warning', reason, message },
  });
  if (!claim.spec.volumeName)
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  if (volume === undefined)
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  if (volume.spec.claimRef === undefined || volume.spec.claimRef.uid === claim.metadata.uid)
    return { kind: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

/** Its owner wants this very volume. */
function requestedVerdict(claim: Claim, volume: Volume | undefined): ClaimVerdict {
  if (volume === undefined) return { kind: 'wait' };
  const { name } = volume.metadata;
  if (volume.spec.claimRef === undefined) {
    const mismatch = volumeMismatch(volume, claim);
    if (mismatch === undefined) return { kind: 'bind', volume };
    const message = `Cannot bind to requested volume "${name}": ${mismatch}`;
    return { kind: 'wait', say: { type: 'Warning', reason: 'VolumeMismatch', message } };
  }
  if (isVolumeBoundToClaim(volume, claim)) return { kind: 'bind', volume };
  const message = `volume "${name}" already bound to a different claim.`;
  return { kind: 'wait', say: { type: 'Warning', reason: 'FailedBinding', message } };
}

function openVerdict({ claim, volumes, storageClass, waitingPod }: ClaimFacts): ClaimVerdict {
  const isDelayed = isDelayedBinding(storageClass);
  const volume = findMatchingVolume({ claim, volumes, delayedBinding: isDelayed });
  if (volume !== undefined) return { kind: 'bind', volume };
  if (isDelayed && claim.metadata.annotations?.[STORAGE_ANNOTATIONS.selectedNode] === undefined)
    return { kind: 'wait', say: waitsForPod(waitingPod) };
  const className = storageClassNameOf(claim);
  if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return { kind: 'wait', say: { type: 'Normal', reason: 'FailedBinding', message } };
  }
  const failed = (message: string): ClaimVerdict => ({
    kind: 'wait',
    say: { type: 'Warning', reason: 'ProvisioningFailed', message },
  });
  if (storageClass === undefined) return failed(`storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  if (provisioner.startsWith('kubernetes.io/'))
    return failed(`no volume plugin matched name: ${provisioner}`);
  return { kind: 'provision', provisioner };
}

function waitsForPod(pod: string | undefined): Say {
  return pod === undefined
    ? {
        type: 'Normal',
        reason: 'WaitForFirstConsumer',
        message: 'waiting for first consumer to be created before binding',
      }
    : { type: 'Normal', reason: 'WaitForPodScheduled', message: `waiting for pod ${pod} to be scheduled` };
}
