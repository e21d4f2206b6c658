import { NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import { claimNameOf, type corev1, isPodTerminal } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { withFinalizer, withoutFinalizer } from './finalizers.ts';

type Claim = corev1.PersistentVolumeClaim;

const PROTECTION = 'kubernetes.io/pvc-protection';

/**
 * A claim that a pod uses goes only when the pod has ended, however it is deleted: until then the finalizer holds it.
 *
 * @see k8s.io/kubernetes/pkg/controller/volume/pvcprotection
 */
export class ClaimProtectionController implements RunnableController {
  readonly name = 'pvc-protection-controller';
  readonly #client: Client;
  readonly #claims: Informer<Claim>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #controller: Controller;

  constructor({ client, clock, informers, log }: ControllerContext) {
    this.#client = client;
    this.#claims = informers.informer<Claim>(PERSISTENT_VOLUME_CLAIMS);
    this.#pods = informers.informer<corev1.Pod>(PODS);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    const add = (claim: Claim) => queue.add(keyOf(claim));
    this.#claims.addHandler({ onAdd: add, onUpdate: add });
    this.#pods.addHandler({
      onUpdate: (pod) => isPodTerminal(pod) && this.#addClaimsOf(pod),
      onDelete: (pod) => this.#addClaimsOf(pod),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#claims, this.#pods)) await this.#controller.run(signal);
  }

  #addClaimsOf(pod: corev1.Pod): void {
    for (const volume of pod.spec.volumes ?? []) {
      const name = claimNameOf(pod, volume);
      if (name !== undefined)
        this.#controller.queue.add(makeKey(workspaceOf(pod), pod.metadata.namespace ?? '', name));
    }
  }

  async #reconcile(key: string): Promise<undefined> {
    const claim = this.#claims.get(key);
    if (claim === undefined) return undefined;
    const isGoing = claim.metadata.deletionTimestamp !== undefined;
    const next = isGoing ? withoutFinalizer(claim, PROTECTION) : withFinalizer(claim, PROTECTION);
    if (next === undefined || (isGoing && (await this.#isUsed(claim)))) return undefined;
    try {
      await this.#client
        .in(workspaceOf(claim))
        .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
        .update(withoutClusterAnnotation(next));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }

  /** By the cache, and by the server too before the last hold is given up. */
  async #isUsed(claim: Claim): Promise<boolean> {
    const uses = (pod: corev1.Pod) =>
      Boolean(pod.spec.nodeName) &&
      !isPodTerminal(pod) &&
      (pod.spec.volumes ?? []).some((volume) => claimNameOf(pod, volume) === claim.metadata.name);
    if (this.#pods.byIndex('namespace', namespaceKeyOf(claim)).some(uses)) return true;
    const { items } = await this.#client
      .in(workspaceOf(claim))
      .resource<corev1.Pod>(PODS)
      .list({ namespace: claim.metadata.namespace! });
    return items.some(uses);
  }
}
