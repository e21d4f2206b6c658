import {
  Controller,
  type Informer,
  keyOf,
  makeKey,
  SHARDS,
  WORKSPACES,
  workspaceOf,
} from '../../client/index.ts';
import type { corev1alpha1, tenancyv1alpha1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { reconcileWorkspace } from './workspace-reconcile.ts';
import { WorkspaceTree } from './workspace-tree.ts';

type Workspace = tenancyv1alpha1.Workspace;
type LogicalCluster = corev1alpha1.LogicalCluster;

/** Many at once: a workspace waits for a few writes one after the other, and the store takes many together. */
const WORKERS = 64;

/**
 * Gives every Workspace its logical cluster, says in it how that one is, and takes it down with it.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/workspace.
 */
export class WorkspaceController implements RunnableController {
  readonly name = 'workspace-controller';
  readonly #workspaces: Informer<Workspace>;
  readonly #shards: Informer<corev1alpha1.Shard>;
  readonly #tree: WorkspaceTree;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    const { informers, client, clock, log } = context;
    this.#workspaces = informers.informer<Workspace>(WORKSPACES);
    this.#shards = informers.informer<corev1alpha1.Shard>(SHARDS);
    this.#tree = new WorkspaceTree(informers);
    const parts = {
      client,
      workspaces: this.#workspaces,
      shards: this.#shards,
      tree: this.#tree,
      now: () => clock.now(),
    };
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      workers: WORKERS,
      reconcile: (key) => reconcileWorkspace(key, parts),
    });
    this.#listen();
  }

  #listen(): void {
    const { queue } = this.#controller;
    const add = (workspace: Workspace) => queue.add(keyOf(workspace));
    this.#workspaces.addHandler({ onAdd: add, onUpdate: add });
    const changed = (cluster: LogicalCluster) => this.#addOwner(cluster);
    this.#tree.clusters.addHandler({
      onAdd: (cluster) => this.#addChildren(cluster),
      onUpdate: changed,
      onDelete: changed,
    });
    const addWaiting = () => {
      for (const workspace of this.#workspaces.list()) if (!workspace.spec.cluster) add(workspace);
    };
    const addAll = () => {
      for (const workspace of this.#workspaces.list()) add(workspace);
    };
    this.#shards.addHandler({ onAdd: addAll, onUpdate: addAll });
    this.#tree.types.addHandler({ onAdd: addWaiting, onUpdate: addWaiting });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clusters, types } = this.#tree;
    if (await cachesSynced(signal, this.#workspaces, this.#shards, clusters, types))
      await this.#controller.run(signal);
  }

  /** One that is being placed sees its logical cluster without being told. */
  #addOwner({ spec }: LogicalCluster): void {
    if (spec?.owner?.resource !== 'workspaces') return;
    const key = makeKey(spec.owner.cluster, '', spec.owner.name);
    const workspace = this.#workspaces.get(key);
    if (workspace?.spec.cluster || workspace?.metadata.deletionTimestamp !== undefined)
      this.#controller.queue.add(key);
  }

  /** Those that were made before their parent was known here. */
  #addChildren(cluster: LogicalCluster): void {
    for (const workspace of this.#workspaces.byIndex('namespace', `${workspaceOf(cluster)}|`))
      if (!workspace.spec.cluster) this.#controller.queue.add(keyOf(workspace));
  }
}
