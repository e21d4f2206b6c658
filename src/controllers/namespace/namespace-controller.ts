import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type Informer,
  keyOf,
  makeKey,
  NAMESPACES,
  PODS,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, ROOT_WORKSPACE, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { isContentGone, namespaceConditions } from './namespace-conditions.ts';
import { deleteServedContent, deleteStoredContent } from './namespace-content.ts';

const FINALIZER = 'kubernetes';
/** A namespace waits for a few writes one after the other, and the store takes many together. */
const WORKERS = 32;
/** While something stays: its finalizer's owner has to act, and nothing but looking tells when it did. */
const LOOK_AGAIN_MS = 1_000;

/** Empties a namespace that is being deleted, then lets it go. */
export class NamespaceController implements RunnableController {
  readonly name = 'namespace-controller';
  readonly #context: ControllerContext;
  readonly #namespaces: Informer<corev1.Namespace>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#namespaces = context.informers.informer<corev1.Namespace>(NAMESPACES);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (namespace: corev1.Namespace) => {
      if (namespace.metadata.deletionTimestamp !== undefined) this.#controller.queue.add(keyOf(namespace));
    };
    this.#namespaces.addHandler({ onAdd: add, onUpdate: add });
    // Pods take the longest to go; the last one's end is worth looking at once.
    this.#pods.addHandler({
      onDelete: (pod) => {
        const key = makeKey(workspaceOf(pod), '', pod.metadata.namespace ?? '');
        const namespace = this.#namespaces.get(key);
        if (namespace !== undefined) add(namespace);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#namespaces, this.#pods)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const { workspace } = splitKey(key);
    const namespace = this.#namespaces.get(key);
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
    if (!namespace.spec?.finalizers?.includes(FINALIZER)) return undefined;
    try {
      return await this.#empty(workspace, namespace);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #empty(workspace: string, namespace: corev1.Namespace): Promise<number | undefined> {
    const client = this.#context.client.in(workspace);
    const namespaces = client.resource<corev1.Namespace>(NAMESPACES);
    // What extension servers serve, in the first workspace alone, is not among what is stored here.
    const outcome = await (workspace === ROOT_WORKSPACE ? deleteServedContent : deleteStoredContent)(
      client,
      namespace.metadata.name,
    );
    const conditions = namespaceConditions(
      namespace.status?.conditions ?? [],
      outcome,
      this.#context.clock.now(),
    );
    if (!isContentGone(outcome)) {
      const status = { ...namespace.status, phase: 'Terminating', conditions };
      if (!semanticallyEqual(status, namespace.status))
        await namespaces.updateStatus({ ...namespace, status });
      return LOOK_AGAIN_MS;
    }
    const finalizers = namespace.spec.finalizers!.filter((finalizer) => finalizer !== FINALIZER);
    await namespaces.updateSubresource({ ...namespace, spec: { ...namespace.spec, finalizers } }, 'finalize');
    return undefined;
  }
}
