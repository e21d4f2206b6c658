import { NotFound } from '../../base/index.ts';
import { Controller, type Informer, keyOf, LOGICAL_CLUSTERS, SHARDS, splitKey } from '../../client/index.ts';
import type { corev1alpha1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { rootShards } from '../workspace/root-shards.ts';
import { clusterUrl } from '../workspace/workspace-reconcile-scheduling.ts';

type LogicalCluster = corev1alpha1.LogicalCluster;

/**
 * Keeps the address in every LogicalCluster at that of the shard. All else that a LogicalCluster says of itself follows
 * in the write that changes it (kube's lifecycle). Source: github.com/kcp-dev/kcp pkg/reconciler/core/logicalcluster.
 */
export class LogicalClusterController implements RunnableController {
  readonly name = 'logicalcluster-controller';
  readonly #context: ControllerContext;
  readonly #clusters: Informer<LogicalCluster>;
  readonly #shards: Informer<corev1alpha1.Shard>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#clusters = context.informers.informer<LogicalCluster>(LOGICAL_CLUSTERS);
    this.#shards = context.informers.informer<corev1alpha1.Shard>(SHARDS);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const add = (cluster: LogicalCluster) => {
      if (this.#urlFor(cluster) !== undefined) this.#controller.queue.add(keyOf(cluster));
    };
    this.#clusters.addHandler({ onAdd: add, onUpdate: add });
    const addAll = () => this.#clusters.list().forEach(add);
    this.#shards.addHandler({ onAdd: addAll, onUpdate: addAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#clusters, this.#shards)) await this.#controller.run(signal);
  }

  /** What it should say and does not. */
  #urlFor(cluster: LogicalCluster): string | undefined {
    const [shard] = rootShards(this.#shards);
    if (shard === undefined) return undefined;
    const url = clusterUrl(shard, splitKey(keyOf(cluster)).workspace);
    return url === cluster.status?.URL ? undefined : url;
  }

  async #reconcile(key: string): Promise<undefined> {
    const cluster = this.#clusters.get(key);
    const url = cluster && this.#urlFor(cluster);
    if (url === undefined) return;
    const clusters = this.#context.client
      .in(splitKey(key).workspace)
      .resource<LogicalCluster>(LOGICAL_CLUSTERS);
    try {
      await clusters.updateStatus({ ...cluster!, status: { ...cluster!.status, URL: url } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}
