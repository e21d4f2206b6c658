import { AlreadyExists } from '../../base/index.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  type Client,
  type Informer,
  LOGICAL_CLUSTERS,
  splitKey,
  WORKSPACES,
} from '../../client/index.ts';
import {
  clusterNameOf,
  type corev1alpha1,
  type KcpCondition,
  LOGICAL_CLUSTER_FINALIZER,
  type rbacv1,
  SHARD_ANNOTATION,
  semanticallyEqual,
  shardHashOf,
  type tenancyv1alpha1,
  withCondition,
} from '../../kube/index.ts';
import { ignoreNotFound, kubeTime } from '../context.ts';
import { rootShards } from './root-shards.ts';
import { nextDeletionStep } from './workspace-reconcile-deletion.ts';
import { statusAsIn, withAvailability } from './workspace-reconcile-phase.ts';
import {
  chooseShard,
  logicalClusterFor,
  ownerBinding,
  scheduledCondition,
  workspaceUrl,
} from './workspace-reconcile-scheduling.ts';
import type { WorkspaceTree } from './workspace-tree.ts';

type Workspace = tenancyv1alpha1.Workspace;
type LogicalCluster = corev1alpha1.LogicalCluster;

const CLUSTER = 'cluster';
const REGION = 'region';

export interface ReconcileParts {
  client: Client;
  workspaces: Informer<Workspace>;
  shards: Informer<corev1alpha1.Shard>;
  tree: WorkspaceTree;
  now(): number;
}

/** Brings one workspace a step on: places it, follows its logical cluster, or takes it down with it. */
export async function reconcileWorkspace(key: string, parts: ReconcileParts): Promise<undefined> {
  const workspace = parts.workspaces.get(key);
  if (workspace === undefined || workspace.spec.mount !== undefined) return;
  const { workspace: parent } = splitKey(key);
  const step = new WorkspaceStep(workspace, parent, parts);
  if (workspace.metadata.deletionTimestamp !== undefined) await step.end();
  else if (!workspace.spec.cluster || !workspace.spec.URL) await step.schedule();
  else await step.follow();
}

class WorkspaceStep {
  readonly #workspace: Workspace;
  readonly #parent: string;
  readonly #parts: ReconcileParts;

  constructor(workspace: Workspace, parent: string, parts: ReconcileParts) {
    this.#workspace = workspace;
    this.#parent = parent;
    this.#parts = parts;
  }

  /**
   * Makes the logical cluster and its owner an admin of it, then says in one write where it is and how far. Each step
   * may be repeated: the name of the logical cluster follows from the workspace's uid.
   */
  async schedule(): Promise<void> {
    const workspace = this.#workspace;
    const { tree, shards, client } = this.#parts;
    // Without its parent it will be deleted, or the cache is not there yet: either brings it back here.
    if (tree.cluster(this.#parent) === undefined || workspace.spec.type === undefined) return;
    const chosen = chooseShard(workspace, rootShards(shards));
    if ('condition' in chosen) {
      const conditions = withCondition(this.#conditions, chosen.condition, this.#now);
      return this.#writeStatus(withAvailability({ ...workspace.status, conditions }));
    }
    const { shard } = chosen;
    const name = clusterNameOf(workspace.metadata.uid);
    const path = `${tree.pathOf(this.#parent)}:${workspace.metadata.name}`;
    const cluster = await this.#ensureCluster(client.in(name), path, shard, name);
    await this.#ensureBinding(client.in(name));
    const conditions = withCondition(this.#conditions, scheduledCondition(), this.#now);
    const status = statusAsIn(
      { ...workspace, status: { ...workspace.status, conditions } },
      cluster,
      this.#now,
    );
    const annotations = {
      ...workspace.metadata.annotations,
      [SHARD_ANNOTATION]: shardHashOf(shard.metadata.name),
    };
    const region = shard.metadata.labels?.[REGION];
    const labels = { ...workspace.metadata.labels, ...(region !== undefined && { [REGION]: region }) };
    const spec = { ...workspace.spec, cluster: name, URL: workspaceUrl(shard, path) };
    await this.#client.update({
      ...workspace,
      metadata: { ...workspace.metadata, annotations, labels },
      spec,
      status,
    });
  }

  async #ensureCluster(
    client: Client,
    path: string,
    shard: corev1alpha1.Shard,
    name: string,
  ): Promise<LogicalCluster> {
    const { tree } = this.#parts;
    const { type } = this.#workspace.spec;
    const draft = logicalClusterFor(this.#workspace, {
      path,
      shard,
      clusterName: name,
      types: tree.typesOf(type!.path ?? '', type!.name),
      pathOf: (one) => tree.pathOfType(one),
    });
    const clusters = client.resource<LogicalCluster>(LOGICAL_CLUSTERS);
    try {
      return await clusters.create(draft);
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
      const existing = await clusters.get(CLUSTER);
      if (existing.spec.owner?.uid === this.#workspace.metadata.uid) return existing;
      throw error;
    }
  }

  async #ensureBinding(client: Client): Promise<void> {
    const binding = ownerBinding(this.#workspace);
    if (binding === undefined) return;
    try {
      await client.resource<rbacv1.ClusterRoleBinding>(CLUSTER_ROLE_BINDINGS).create(binding);
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
    }
  }

  /** Keeps what a scheduled workspace says at what its logical cluster says. */
  async follow(): Promise<void> {
    const workspace = this.#workspace;
    const { tree, shards } = this.#parts;
    const hash = workspace.metadata.annotations?.[SHARD_ANNOTATION];
    const shard = rootShards(shards).find(({ metadata }) => shardHashOf(metadata.name) === hash);
    if (shard !== undefined && tree.cluster(this.#parent) !== undefined) {
      const URL = workspaceUrl(shard, `${tree.pathOf(this.#parent)}:${workspace.metadata.name}`);
      if (URL !== workspace.spec.URL) {
        await this.#client.update({ ...workspace, spec: { ...workspace.spec, URL } });
        return;
      }
    }
    const conditions = withCondition(this.#conditions, scheduledCondition(), this.#now);
    const status = { ...workspace.status, conditions };
    await this.#writeStatus(
      statusAsIn({ ...workspace, status }, tree.cluster(workspace.spec.cluster!), this.#now),
    );
  }

  /** Deletes the logical cluster, and lets the workspace go when that is gone. */
  async end(): Promise<void> {
    const workspace = this.#workspace;
    const { tree, client } = this.#parts;
    const name = clusterNameOf(workspace.metadata.uid);
    const clusters = client.in(name).resource<LogicalCluster>(LOGICAL_CLUSTERS);
    // What the cache does not know may have been made a moment ago.
    const cluster = tree.cluster(name) ?? (await clusters.get(CLUSTER).catch(ignoreNotFound));
    switch (nextDeletionStep(workspace, cluster)) {
      case 'delete-cluster':
        await clusters
          .delete(CLUSTER, { preconditions: { uid: cluster!.metadata.uid } })
          .catch(ignoreNotFound);
        return;
      case 'release': {
        const finalizers = workspace.metadata.finalizers!.filter((one) => one !== LOGICAL_CLUSTER_FINALIZER);
        const metadata = { ...workspace.metadata, finalizers };
        await this.#client.update({ ...workspace, metadata }).catch(ignoreNotFound);
        return;
      }
      case 'wait-for-cluster':
        return this.#writeStatus(statusAsIn(workspace, cluster, this.#now));
      case 'wait-for-others':
      case 'nothing':
    }
  }

  async #writeStatus(status: NonNullable<Workspace['status']>): Promise<void> {
    if (semanticallyEqual(status, this.#workspace.status)) return;
    await this.#client.updateStatus({ ...this.#workspace, status }).catch(ignoreNotFound);
  }

  get #client() {
    return this.#parts.client.in(this.#parent).resource<Workspace>(WORKSPACES);
  }

  get #conditions(): KcpCondition[] | undefined {
    return this.#workspace.status?.conditions as KcpCondition[] | undefined;
  }

  get #now(): string {
    return kubeTime(this.#parts.now());
  }
}
