import { type Clock, NotFound } from '../../base/index.ts';
import {
  type Client,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import {
  type corev1,
  isVolumeBoundToClaim,
  STORAGE_ANNOTATIONS,
  semanticallyEqual,
} from '../../kube/index.ts';
import { kubeTime } from '../context.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/**
 * The four writes that a binding is made of, each idempotent, each on the state the one before it left: the volume's
 * claimRef and phase, the claim's volumeName and phase. A crash between two is mended at the next look.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/persistentvolume/pv_controller.go
 */
export class VolumeWrites {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(options: { client: Client; clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /** Makes claim and volume each other's, as far as they are not. */
  async bind(volume: Volume, claim: Claim): Promise<void> {
    const reserved = await this.#reserve(volume, claim);
    const bound = await this.setVolumePhase(reserved, 'Bound');
    const named = await this.#nameVolume(claim, bound);
    await this.setClaimPhase(named, 'Bound', bound);
  }

  async #reserve(volume: Volume, claim: Claim): Promise<Volume> {
    const { name, namespace, uid, resourceVersion } = claim.metadata;
    if (volume.spec.claimRef?.uid === uid && isVolumeBoundToClaim(volume, claim)) return volume;
    const annotations = { ...volume.metadata.annotations };
    if (!isVolumeBoundToClaim(volume, claim)) annotations[STORAGE_ANNOTATIONS.boundByController] = 'yes';
    const claimRef: corev1.ObjectReference = {
      kind: 'PersistentVolumeClaim',
      apiVersion: 'v1',
      namespace: namespace!,
      name,
      uid,
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    return await this.updateVolume({
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef },
    });
  }

  async #nameVolume(claim: Claim, volume: Volume): Promise<Claim> {
    const annotations = { ...claim.metadata.annotations };
    if (claim.spec.volumeName !== volume.metadata.name)
      annotations[STORAGE_ANNOTATIONS.boundByController] = 'yes';
    annotations[STORAGE_ANNOTATIONS.bindCompleted] ??= 'yes';
    const next = {
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName: volume.metadata.name },
    };
    return semanticallyEqual(next, claim) ? claim : await this.updateClaim(next);
  }

  /** The volume is nobody's again; one that an administrator reserved stays reserved by name. */
  async unbind(volume: Volume): Promise<void> {
    const { [STORAGE_ANNOTATIONS.boundByController]: byController, ...annotations } =
      volume.metadata.annotations ?? {};
    const { claimRef, ...spec } = volume.spec;
    const { uid: _, resourceVersion: __, ...byName } = claimRef ?? {};
    const free = await this.updateVolume({
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: byController === undefined ? { ...spec, claimRef: byName } : spec,
    });
    await this.setVolumePhase(free, 'Available');
  }

  async setVolumePhase(volume: Volume, phase: string, message = ''): Promise<Volume> {
    const { status } = volume;
    if (status?.phase === phase) return volume;
    const { message: _, ...others } = status ?? {};
    const next: Volume = {
      ...withoutClusterAnnotation(volume),
      status: {
        ...others,
        phase,
        ...(message !== '' && { message }),
        lastPhaseTransitionTime: kubeTime(this.#clock.now()),
      },
    };
    return await this.#volumes(volume).updateStatus(next);
  }

  /** @param volume what the claim has now: its modes and its size are the claim's. */
  async setClaimPhase(claim: Claim, phase: string, volume?: Volume): Promise<Claim> {
    const { accessModes: _, capacity: __, ...others } = claim.status ?? {};
    const wasBound = claim.status?.phase === 'Bound';
    const capacity = wasBound ? claim.status?.capacity : volume?.spec.capacity;
    const volumeAttributesClass = !wasBound && volume?.spec.volumeAttributesClassName;
    const status: corev1.PersistentVolumeClaimStatus = {
      ...others,
      phase,
      ...(volume !== undefined && {
        accessModes: volume.spec.accessModes ?? [],
        ...(capacity !== undefined && { capacity }),
        // Once it is bound, the class is the driver's to say.
        ...(volumeAttributesClass && { currentVolumeAttributesClassName: volumeAttributesClass }),
      }),
    };
    if (semanticallyEqual(status, claim.status)) return claim;
    return await this.#claims(claim).updateStatus({ ...withoutClusterAnnotation(claim), status });
  }

  updateVolume(volume: Volume): Promise<Volume> {
    return this.#volumes(volume).update(withoutClusterAnnotation(volume));
  }

  updateClaim(claim: Claim): Promise<Claim> {
    return this.#claims(claim).update(withoutClusterAnnotation(claim));
  }

  /** As the server has it now, when a cache may lag behind. */
  async readClaim(workspace: string, namespace: string, name: string): Promise<Claim | undefined> {
    try {
      return await this.#client.in(workspace).resource<Claim>(PERSISTENT_VOLUME_CLAIMS).get(name, namespace);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  #volumes(volume: Volume) {
    return this.#client.in(workspaceOf(volume)).resource<Volume>(PERSISTENT_VOLUMES);
  }

  #claims(claim: Claim) {
    return this.#client.in(workspaceOf(claim)).resource<Claim>(PERSISTENT_VOLUME_CLAIMS);
  }
}
