import {
  API_BINDINGS,
  API_EXPORTS,
  Controller,
  type Informer,
  keyOf,
  makeKey,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import type { apisv1alpha2, corev1alpha1, KubeObject } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { WorkspaceTree } from '../workspace/workspace-tree.ts';
import { DefaultBinder, isInitializing } from './apibinder-reconcile.ts';

const WORKERS = 32;
const CLUSTER = 'cluster';
const BY_STATE = 'apibindings';
const WAITING = 'waiting';
const BY_LIFECYCLE = 'lifecycle';
const MAINTAIN = 'Maintain';

/** The initializer `system:apibindings`, and what keeps the bindings of a type that is maintained. */
export class ApiBinderController implements RunnableController {
  readonly name = 'apibinder-controller';
  readonly #bindings: Informer<apisv1alpha2.APIBinding>;
  readonly #exports: Informer<apisv1alpha2.APIExport>;
  readonly #tree: WorkspaceTree;
  readonly #controller: Controller;

  constructor({ informers, client, clock, log }: ControllerContext) {
    this.#bindings = informers.informer<apisv1alpha2.APIBinding>(API_BINDINGS);
    this.#exports = informers.informer<apisv1alpha2.APIExport>(API_EXPORTS);
    this.#tree = new WorkspaceTree(informers);
    this.#tree.clusters.addIndex(BY_STATE, (cluster) => (isInitializing(cluster) ? [WAITING] : []));
    this.#tree.types.addIndex(BY_LIFECYCLE, ({ spec }) => [spec?.defaultAPIBindingLifecycle ?? '']);
    const binder = new DefaultBinder({
      client,
      tree: this.#tree,
      bindings: this.#bindings,
      exports: this.#exports,
      now: () => clock.now(),
    });
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      workers: WORKERS,
      reconcile: (key) => binder.reconcile(splitKey(key).workspace),
    });
    this.#listen();
  }

  #listen(): void {
    const add = (cluster: corev1alpha1.LogicalCluster) => {
      if (isInitializing(cluster) || this.#mayMaintain()) this.#controller.queue.add(keyOf(cluster));
    };
    this.#tree.clusters.addHandler({ onAdd: add, onUpdate: add });
    const addIts = (object: KubeObject) => {
      const cluster = this.#tree.clusters.get(makeKey(workspaceOf(object), '', CLUSTER));
      if (cluster !== undefined) add(cluster);
    };
    this.#bindings.addHandler({ onAdd: addIts, onUpdate: addIts, onDelete: addIts });
    const addWaiting = () => {
      for (const cluster of this.#tree.clusters.byIndex(BY_STATE, WAITING)) add(cluster);
    };
    const addAll = () => {
      if (!this.#mayMaintain()) return addWaiting();
      for (const cluster of this.#tree.clusters.list()) add(cluster);
    };
    this.#exports.addHandler({ onAdd: addAll, onUpdate: addAll });
    this.#tree.types.addHandler({ onAdd: addWaiting, onUpdate: addAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clusters, types } = this.#tree;
    if (await cachesSynced(signal, this.#bindings, this.#exports, clusters, types))
      await this.#controller.run(signal);
  }

  /** Few types are maintained: where none is, workspaces that are ready are nothing to look at. */
  #mayMaintain(): boolean {
    return this.#tree.types.byIndex(BY_LIFECYCLE, MAINTAIN).length > 0;
  }
}
