import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type Informer,
  keyOf,
  LOGICAL_CLUSTERS,
  makeKey,
  NAMESPACES,
  splitKey,
  WORKSPACES,
  workspaceOf,
} from '../../client/index.ts';
import {
  type corev1,
  type corev1alpha1,
  DELETION_FINALIZER,
  type KubeObject,
  semanticallyEqual,
  type tenancyv1alpha1,
  withCondition,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { deleteContent, whatHolds } from './content-deletion.ts';
import { contentCondition, type RemainingContent } from './remaining-content.ts';

type LogicalCluster = corev1alpha1.LogicalCluster;

const CLUSTER = 'cluster';
const WORKERS = 32;
/** While something stays, its finalizer's owner has to act, and nothing but looking tells when it did. */
const LOOK_AGAIN = { firstMs: 3_000, mostMs: 30_000 };

/**
 * Empties a logical cluster that is being deleted, says in it what is still there, then lets it go; its owner goes
 * with it. Source: github.com/kcp-dev/kcp pkg/reconciler/core/logicalclusterdeletion.
 */
export class LogicalClusterDeletionController implements RunnableController {
  readonly name = 'logicalcluster-deletion-controller';
  readonly #context: ControllerContext;
  readonly #clusters: Informer<LogicalCluster>;
  readonly #namespaces: Informer<corev1.Namespace>;
  readonly #workspaces: Informer<tenancyv1alpha1.Workspace>;
  readonly #controller: Controller;
  /** Those that were not empty when they were looked at, and since when. */
  readonly #waiting = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers, log, clock } = context;
    this.#clusters = informers.informer<LogicalCluster>(LOGICAL_CLUSTERS);
    this.#namespaces = informers.informer<corev1.Namespace>(NAMESPACES);
    this.#workspaces = informers.informer<tenancyv1alpha1.Workspace>(WORKSPACES);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (cluster: LogicalCluster) => {
      if (isHeld(cluster)) this.#controller.queue.add(keyOf(cluster));
    };
    this.#clusters.addHandler({
      onAdd: add,
      onUpdate: add,
      onDelete: (cluster) => this.#waiting.delete(keyOf(cluster)),
    });
    // What goes last is worth looking at once: an empty namespace, a workspace within.
    const gone = (object: KubeObject) => {
      const cluster = this.#clusters.get(makeKey(workspaceOf(object), '', CLUSTER));
      if (cluster !== undefined) add(cluster);
    };
    this.#namespaces.addHandler({ onDelete: gone });
    this.#workspaces.addHandler({ onDelete: gone });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#clusters, this.#namespaces, this.#workspaces))
      await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const cluster = this.#clusters.get(key);
    if (cluster === undefined || !isHeld(cluster)) return undefined;
    // Who cleans up for others needs the content as it was.
    if ((cluster.status?.terminators ?? []).length > 0) return undefined;
    const { workspace } = splitKey(key);
    try {
      const remaining = await deleteContent(this.#context.client.in(workspace));
      if (remaining !== undefined) return await this.#wait(key, cluster, remaining);
      await this.#deleteOwner(cluster);
      await this.#release(cluster, workspace);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }

  /** Until when to look again. What goes by itself within a moment is not worth saying. */
  async #wait(key: string, cluster: LogicalCluster, remaining: RemainingContent): Promise<number> {
    const { workspace } = splitKey(key);
    const nowMs = this.#context.clock.now();
    const sinceMs = nowMs - (this.#waiting.get(key) ?? nowMs);
    this.#waiting.set(key, nowMs - sinceMs);
    if (sinceMs < LOOK_AGAIN.firstMs && remaining.failures.length === 0) return LOOK_AGAIN.firstMs;
    const held = await whatHolds(this.#context.client.in(workspace), remaining);
    const state = contentCondition(remaining, held);
    const conditions = withCondition(cluster.status?.conditions, state, kubeTime(nowMs));
    const status = { ...cluster.status, conditions };
    if (!semanticallyEqual(status, cluster.status))
      await this.#clientIn(workspace).updateStatus({ ...cluster, status });
    if (remaining.failures.length > 0) throw new Error(remaining.failures.join(', '));
    return Math.min(LOOK_AGAIN.mostMs, Math.max(LOOK_AGAIN.firstMs, sinceMs / 5));
  }

  /** A logical cluster that was deleted from within takes its Workspace along. */
  async #deleteOwner({ spec }: LogicalCluster): Promise<void> {
    if (spec.owner?.resource !== 'workspaces') return;
    const { cluster, name, uid } = spec.owner;
    const owner = this.#workspaces.get(makeKey(cluster, '', name));
    if (owner?.metadata.uid !== uid || owner.metadata.deletionTimestamp !== undefined) return;
    const workspaces = this.#context.client.in(cluster).resource<tenancyv1alpha1.Workspace>(WORKSPACES);
    try {
      await workspaces.delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  async #release(cluster: LogicalCluster, workspace: string): Promise<void> {
    const finalizers = cluster.metadata.finalizers!.filter((one) => one !== DELETION_FINALIZER);
    await this.#clientIn(workspace).update({ ...cluster, metadata: { ...cluster.metadata, finalizers } });
  }

  #clientIn(workspace: string) {
    return this.#context.client.in(workspace).resource<LogicalCluster>(LOGICAL_CLUSTERS);
  }
}

function isHeld({ metadata }: LogicalCluster): boolean {
  return (
    metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(DELETION_FINALIZER) === true
  );
}
