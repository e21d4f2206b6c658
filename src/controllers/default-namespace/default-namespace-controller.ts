import { AlreadyExists } from '../../base/index.ts';
import {
  Controller,
  type Informer,
  LOGICAL_CLUSTERS,
  makeKey,
  NAMESPACES,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, type corev1alpha1, ROOT_WORKSPACE } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

type LogicalCluster = corev1alpha1.LogicalCluster;

const DEFAULT = 'default';
const WORKERS = 32;

/** Every workspace begins with the namespace `default`, and has it again when it was deleted. */
export class DefaultNamespaceController implements RunnableController {
  readonly name = 'default-namespace-controller';
  readonly #context: ControllerContext;
  readonly #clusters: Informer<LogicalCluster>;
  readonly #namespaces: Informer<corev1.Namespace>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#clusters = context.informers.informer<LogicalCluster>(LOGICAL_CLUSTERS);
    this.#namespaces = context.informers.informer<corev1.Namespace>(NAMESPACES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#clusters.addHandler({
      onAdd: (cluster) => queue.add(makeKey(workspaceOf(cluster), '', DEFAULT)),
    });
    this.#namespaces.addHandler({
      onDelete: (namespace) =>
        namespace.metadata.name === DEFAULT && queue.add(makeKey(workspaceOf(namespace), '', DEFAULT)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#clusters, this.#namespaces)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const { workspace } = splitKey(key);
    // The first one's is the server's own.
    if (workspace === ROOT_WORKSPACE || this.#namespaces.get(key) !== undefined) return;
    const cluster = this.#clusters.get(makeKey(workspace, '', 'cluster'));
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) return;
    try {
      await this.#context.client
        .in(workspace)
        .resource<corev1.Namespace>(NAMESPACES)
        .create({ metadata: { name: DEFAULT }, spec: {} });
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
    }
  }
}
