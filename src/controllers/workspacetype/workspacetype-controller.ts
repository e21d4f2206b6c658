import { NotFound } from '../../base/index.ts';
import { Controller, type Informer, keyOf, SHARDS, splitKey, WORKSPACE_TYPES } from '../../client/index.ts';
import { type corev1alpha1, semanticallyEqual, type tenancyv1alpha1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { rootShards } from '../workspace/root-shards.ts';
import { WorkspaceTree } from '../workspace/workspace-tree.ts';
import { workspaceTypeStatus } from './workspacetype-status.ts';

type WorkspaceType = tenancyv1alpha1.WorkspaceType;

/** Says in every WorkspaceType where its workspaces are seen by those who prepare them and clean up after them. */
export class WorkspaceTypeController implements RunnableController {
  readonly name = 'workspacetype-controller';
  readonly #context: ControllerContext;
  readonly #tree: WorkspaceTree;
  readonly #shards: Informer<corev1alpha1.Shard>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#tree = new WorkspaceTree(context.informers);
    this.#shards = context.informers.informer<corev1alpha1.Shard>(SHARDS);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (type: WorkspaceType) => this.#controller.queue.add(keyOf(type));
    this.#tree.types.addHandler({ onAdd: add, onUpdate: add });
    const addAll = () => this.#tree.types.list().forEach(add);
    this.#shards.addHandler({ onAdd: addAll, onUpdate: addAll, onDelete: addAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { types, clusters } = this.#tree;
    if (await cachesSynced(signal, types, clusters, this.#shards)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const type = this.#tree.types.get(key);
    if (type === undefined) return;
    const { clock, client } = this.#context;
    const path = this.#tree.pathOfType(type);
    const status = workspaceTypeStatus(type, path, rootShards(this.#shards), kubeTime(clock.now()));
    if (semanticallyEqual(status, type.status)) return;
    try {
      const types = client.in(splitKey(key).workspace).resource<WorkspaceType>(WORKSPACE_TYPES);
      await types.updateStatus({ ...type, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}
