import { type Clock, OrreryError } from '../../base/index.ts';
import {
  type Client,
  keyOf,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, STORAGE_ANNOTATIONS } from '../../kube/index.ts';
import { type ClusterState, isPlanDone, type PodFacts, type VolumePlan } from '../core/index.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

const BIND_TIMEOUT_MS = 600_000;

/** A plan that the scheduler's picture of the cluster takes for done. */
export interface AssumedVolumes {
  claims: { key: string; claim: Claim }[];
  volumes: { key: string; volume: Volume }[];
}

/**
 * Carries out what was decided about a pod's claims: reserves volumes, tells provisioners the node, and waits until
 * the binder has bound all of them.
 *
 * @see k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding/binder.go
 */
export class VolumeBinder {
  readonly #client: Client;
  readonly #state: ClusterState;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(options: { client: Client; state: ClusterState; clock: Clock }) {
    this.#client = options.client;
    this.#state = options.state;
    this.#clock = options.clock;
  }

  /** A claim or a volume is not what it was. */
  storageChanged(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** From now on nobody else gets these volumes. */
  assume(plan: VolumePlan, nodeName: string): AssumedVolumes {
    const { storage } = this.#state;
    const assumed: AssumedVolumes = { claims: [], volumes: [] };
    for (const { claim, volume } of plan.bind) {
      const key = keyOf(volume);
      const reserved = reservedFor(volume, claim);
      storage.assumeVolume(key, reserved);
      assumed.volumes.push({ key, volume: reserved });
    }
    for (const claim of plan.provision) {
      const key = keyOf(claim);
      const annotations = {
        ...claim.metadata.annotations,
        [STORAGE_ANNOTATIONS.selectedNode]: nodeName,
      };
      const marked = { ...claim, metadata: { ...claim.metadata, annotations } };
      storage.assumeClaim(key, marked);
      assumed.claims.push({ key, claim: marked });
    }
    return assumed;
  }

  revert(assumed: AssumedVolumes): void {
    this.#state.storage.revert(
      assumed.claims.map(({ key }) => key),
      assumed.volumes.map(({ key }) => key),
    );
  }

  /** @throws whatever keeps a volume from being bound; OrreryError `VolumeBindingFailed` when nobody does it */
  async bind(pod: PodFacts, assumed: AssumedVolumes, nodeName: string, signal: AbortSignal): Promise<void> {
    for (const { volume } of assumed.volumes)
      await this.#client
        .in(workspaceOf(volume))
        .resource<Volume>(PERSISTENT_VOLUMES)
        .update(withoutClusterAnnotation(volume));
    for (const { claim } of assumed.claims)
      await this.#client
        .in(workspaceOf(claim))
        .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
        .update(withoutClusterAnnotation(claim));
    await this.#untilBound(pod, assumed, nodeName, signal);
  }

  async #untilBound(
    pod: PodFacts,
    assumed: AssumedVolumes,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    const look = () => {
      if (isPlanDone(pod, this.#state)) done.resolve();
      const trouble = this.#trouble(pod, assumed, nodeName);
      if (trouble !== undefined) done.reject(new OrreryError('VolumeBindingFailed', trouble));
    };
    const timeout = new AbortController();
    const end = AbortSignal.any([signal, timeout.signal]);
    this.#clock.sleep(BIND_TIMEOUT_MS, end).then(
      () => done.reject(new OrreryError('VolumeBindingFailed', 'binding volumes: context deadline exceeded')),
      () => done.reject(new OrreryError('VolumeBindingFailed', 'binding volumes: the scheduler stops')),
    );
    this.#waiting.add(look);
    look();
    try {
      await done.promise;
    } finally {
      this.#waiting.delete(look);
      timeout.abort();
    }
  }

  #trouble(pod: PodFacts, assumed: AssumedVolumes, nodeName: string): string | undefined {
    for (const { claim } of assumed.claims) {
      const { name } = claim.metadata;
      const now = this.#state.storage.claim(pod.namespaceKey, name);
      if (now === undefined) return `binding volumes: persistentvolumeclaim "${name}" not found`;
      if (now.spec.volumeName) continue;
      if (now.metadata.annotations?.[STORAGE_ANNOTATIONS.selectedNode] !== nodeName)
        return `binding volumes: provisioning failed for PVC "${name}"`;
    }
    return undefined;
  }
}

function reservedFor(volume: Volume, claim: Claim): Volume {
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  const annotations = { ...volume.metadata.annotations };
  if (volume.spec.claimRef === undefined) annotations[STORAGE_ANNOTATIONS.boundByController] = 'yes';
  const claimRef: corev1.ObjectReference = {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    name,
    uid,
    ...(namespace !== undefined && { namespace }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: { ...volume.spec, claimRef },
  };
}
