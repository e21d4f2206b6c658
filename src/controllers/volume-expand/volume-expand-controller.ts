import {
  type Client,
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, parseQuantity, STORAGE_ANNOTATIONS } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { LOCAL_PATH_PROVISIONER } from '../local-path/local-path-volume.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/**
 * Lets a bound claim grow when its owner asks for more (admission has looked whether its class allows that). A folder
 * is as large as its disk, so nothing but the numbers changes; volumes of others wait for who made them.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/expand
 */
export class VolumeExpandController implements RunnableController {
  readonly name = 'volume_expand';
  readonly #client: Client;
  readonly #claims: Informer<Claim>;
  readonly #volumes: Informer<Volume>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor({ client, clock, informers, log, recorder }: ControllerContext) {
    this.#client = client;
    this.#recorder = recorder.for(this.name);
    this.#claims = informers.informer<Claim>(PERSISTENT_VOLUME_CLAIMS);
    this.#volumes = informers.informer<Volume>(PERSISTENT_VOLUMES);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#claims.addHandler({
      onAdd: (claim) => wantsMore(claim) && this.#controller.queue.add(keyOf(claim)),
      onUpdate: (claim) => wantsMore(claim) && this.#controller.queue.add(keyOf(claim)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#claims, this.#volumes)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const claim = this.#claims.get(key);
    if (claim === undefined || !wantsMore(claim)) return undefined;
    const volume = this.#volumes.get(makeKey(workspaceOf(claim), '', claim.spec.volumeName!));
    if (volume?.spec.claimRef?.uid !== claim.metadata.uid) return undefined;
    if (volume.metadata.annotations?.[STORAGE_ANNOTATIONS.provisionedBy] !== LOCAL_PATH_PROVISIONER) {
      const message = 'waiting for an external controller to expand this PVC';
      this.#recorder.event(claim, 'Normal', 'ExternalExpanding', message);
      return undefined;
    }
    const storage = claim.spec.resources!.requests!.storage!;
    const api = this.#client.in(workspaceOf(claim));
    if (volume.spec.capacity?.storage !== storage)
      await api.resource<Volume>(PERSISTENT_VOLUMES).update({
        ...withoutClusterAnnotation(volume),
        spec: { ...volume.spec, capacity: { ...volume.spec.capacity, storage } },
      });
    await api.resource<Claim>(PERSISTENT_VOLUME_CLAIMS).updateStatus({
      ...withoutClusterAnnotation(claim),
      status: { ...claim.status, capacity: { ...claim.status?.capacity, storage } },
    });
    this.#recorder.event(
      claim,
      'Normal',
      'VolumeResizeSuccessful',
      `ExpandVolume succeeded for volume ${claim.metadata.namespace}/${claim.metadata.name}`,
    );
    return undefined;
  }
}

function wantsMore({ spec, status }: Claim): boolean {
  if (status?.phase !== 'Bound' || !spec.volumeName) return false;
  const wanted = parseQuantity(spec.resources?.requests?.storage ?? '0');
  const has = status.capacity?.storage;
  return has !== undefined && wanted.compare(parseQuantity(has)) > 0;
}
