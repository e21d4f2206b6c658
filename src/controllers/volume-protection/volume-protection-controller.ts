import { NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type Informer,
  keyOf,
  PERSISTENT_VOLUMES,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { withFinalizer, withoutFinalizer } from './finalizers.ts';

type Volume = corev1.PersistentVolume;

const PROTECTION = 'kubernetes.io/pv-protection';

/**
 * A volume that is bound to a claim goes only when it is not any more.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/pvprotection
 */
export class VolumeProtectionController implements RunnableController {
  readonly name = 'pv-protection-controller';
  readonly #client: Client;
  readonly #volumes: Informer<Volume>;
  readonly #controller: Controller;

  constructor({ client, clock, informers, log }: ControllerContext) {
    this.#client = client;
    this.#volumes = informers.informer<Volume>(PERSISTENT_VOLUMES);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (volume: Volume) => this.#controller.queue.add(keyOf(volume));
    this.#volumes.addHandler({ onAdd: add, onUpdate: add });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#volumes)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const volume = this.#volumes.get(key);
    if (volume === undefined) return undefined;
    const isGoing = volume.metadata.deletionTimestamp !== undefined;
    const next = isGoing ? withoutFinalizer(volume, PROTECTION) : withFinalizer(volume, PROTECTION);
    if (next === undefined || (isGoing && volume.status?.phase === 'Bound')) return undefined;
    try {
      await this.#client
        .in(workspaceOf(volume))
        .resource<Volume>(PERSISTENT_VOLUMES)
        .update(withoutClusterAnnotation(next));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }
}
