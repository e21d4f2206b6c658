import { AlreadyExists, Conflict, messageOf } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { claimNameOf, type corev1, type Draft, isOwnedByPod } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

type Claim = corev1.PersistentVolumeClaim;

/**
 * Makes the claims of pods' generic ephemeral volumes; each is its pod's and goes with it.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/ephemeral
 */
export class EphemeralVolumeController implements RunnableController {
  readonly name = 'ephemeral_volume';
  readonly #client: Client;
  readonly #claims: Informer<Claim>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor({ client, clock, informers, log, recorder }: ControllerContext) {
    this.#client = client;
    this.#recorder = recorder.for(this.name);
    this.#claims = informers.informer<Claim>(PERSISTENT_VOLUME_CLAIMS);
    this.#pods = informers.informer<corev1.Pod>(PODS);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#pods.addHandler({ onAdd: (pod) => isConcerned(pod) && queue.add(keyOf(pod)) });
    this.#claims.addHandler({
      onDelete: (claim) => {
        const owner = claim.metadata.ownerReferences?.find(({ kind }) => kind === 'Pod');
        if (owner !== undefined)
          queue.add(makeKey(workspaceOf(claim), claim.metadata.namespace ?? '', owner.name));
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#claims, this.#pods)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !isConcerned(pod)) return undefined;
    for (const volume of pod.spec.volumes ?? []) if (volume.ephemeral) await this.#make(pod, volume);
    return undefined;
  }

  async #make(pod: corev1.Pod, volume: corev1.Volume): Promise<void> {
    const { namespace = '', name: podName, uid } = pod.metadata;
    const name = claimNameOf(pod, volume)!;
    const known = this.#claims.get(makeKey(workspaceOf(pod), namespace, name));
    if (known !== undefined) {
      if (isOwnedByPod(known, pod)) return;
      const why = `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`;
      this.#refused(pod, why);
      // Until somebody takes it away.
      throw new Conflict(why);
    }
    const { metadata, spec } = volume.ephemeral!.volumeClaimTemplate!;
    const owner = {
      apiVersion: 'v1',
      kind: 'Pod',
      name: podName,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const claim: Draft<Claim> = {
      metadata: {
        name,
        namespace,
        ...(metadata?.labels !== undefined && { labels: metadata.labels }),
        ...(metadata?.annotations !== undefined && { annotations: metadata.annotations }),
        ownerReferences: [owner],
      },
      spec,
    };
    try {
      await this.#client.in(workspaceOf(pod)).resource<Claim>(PERSISTENT_VOLUME_CLAIMS).create(claim);
    } catch (error) {
      // The cache lags behind; its event brings the rest.
      if (error instanceof AlreadyExists) return;
      this.#refused(pod, `create PVC ${name}: ${messageOf(error)}`);
      throw error;
    }
  }

  #refused(pod: corev1.Pod, why: string): void {
    this.#recorder.event(pod, 'Warning', 'FailedBinding', `ephemeral volume controller: ${why}`);
  }
}

function isConcerned({ metadata, spec }: corev1.Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    (spec.volumes ?? []).some((one) => one.ephemeral !== undefined)
  );
}
