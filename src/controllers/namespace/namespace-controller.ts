import { messageOf, NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type DiscoveredResource,
  type Informer,
  keyOf,
  makeKey,
  NAMESPACES,
  PODS,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, type KubeObject, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { type DeletionOutcome, isContentGone, namespaceConditions } from './namespace-conditions.ts';

const FINALIZER = 'kubernetes';
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
    const { workspace, name } = splitKey(key);
    const client = this.#context.client.in(workspace);
    if (this.#namespaces.get(key)?.metadata.deletionTimestamp === undefined) return undefined;
    try {
      const namespace = await client.resource<corev1.Namespace>(NAMESPACES).get(name);
      if (namespace.metadata.deletionTimestamp === undefined) return undefined;
      if (!namespace.spec?.finalizers?.includes(FINALIZER)) return undefined;
      return await this.#empty(client, namespace);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #empty(client: Client, namespace: corev1.Namespace): Promise<number | undefined> {
    const namespaces = client.resource<corev1.Namespace>(NAMESPACES);
    const outcome = await deleteContent(client, namespace.metadata.name);
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

/** Deletes everything in a namespace and tells what is still there. Pods go before what they depend on. */
async function deleteContent(client: Client, namespace: string): Promise<DeletionOutcome> {
  const { resources, failures } = await client.discover();
  const deletable = resources.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'),
  );
  const isPods = ({ group, resource }: DiscoveredResource) =>
    group === PODS.group && resource === PODS.resource;
  const outcome = {
    discoveryFailures: failures.map(({ groupVersion, error }) => ({
      groupVersion,
      message: messageOf(error),
    })),
    contentFailures: [] as string[],
    remaining: new Map<string, number>(),
    finalizers: new Map<string, number>(),
  };
  for (const resource of deletable.filter(isPods)) await deleteAll(client, namespace, resource, outcome);
  if (outcome.remaining.size > 0) return outcome;
  await Promise.all(
    deletable
      .filter((resource) => !isPods(resource))
      .map((resource) => deleteAll(client, namespace, resource, outcome)),
  );
  return outcome;
}

async function deleteAll(
  client: Client,
  namespace: string,
  ref: DiscoveredResource,
  outcome: { contentFailures: string[]; remaining: Map<string, number>; finalizers: Map<string, number> },
): Promise<void> {
  const resource = client.resource<KubeObject>(ref);
  const name = `${ref.resource}.${ref.group}`;
  try {
    let { items } = await resource.list({ namespace });
    if (items.length === 0) return;
    if (ref.verbs.includes('deletecollection'))
      await resource.deleteCollection({ namespace, propagationPolicy: 'Background' });
    else
      for (const item of items)
        await resource
          .delete(item.metadata.name, { namespace, propagationPolicy: 'Background' })
          .catch(ignoreNotFound);
    ({ items } = await resource.list({ namespace }));
    if (items.length > 0) outcome.remaining.set(name, items.length);
    for (const finalizer of items.flatMap((item) => item.metadata.finalizers ?? []))
      outcome.finalizers.set(finalizer, (outcome.finalizers.get(finalizer) ?? 0) + 1);
  } catch (error) {
    if (!(error instanceof NotFound)) outcome.contentFailures.push(`${name}: ${messageOf(error)}`);
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof NotFound)) throw error;
}
