import { Controller, type Informer, keyOf, NODES, workspaceOf } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, isInRoot, type RunnableController } from '../context.ts';
import { NodeCidrs } from './node-cidr.ts';

/** Gives each node a network for its pods out of the cluster's. */
export class NodeIpamController implements RunnableController {
  readonly name = 'node-ipam-controller';
  readonly #context: ControllerContext;
  readonly #nodes: Informer<corev1.Node>;
  readonly #cidrs: NodeCidrs;
  readonly #controller: Controller;
  /** Given by this process, node by network: the cache may not show it yet. */
  readonly #given = new Map<string, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#cidrs = new NodeCidrs(context.config.clusterCidr, context.config.nodeCidrMaskSize ?? 24);
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      // One at a time: two nodes must not get one network.
      workers: 1,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#nodes.addHandler({
      onAdd: (node) => isInRoot(node) && this.#controller.queue.add(keyOf(node)),
      onUpdate: (node) => isInRoot(node) && this.#controller.queue.add(keyOf(node)),
      onDelete: (node) => {
        for (const [cidr, key] of this.#given) if (key === keyOf(node)) this.#given.delete(cidr);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#nodes)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const node = this.#nodes.get(key);
    if (node === undefined || node.spec?.podCIDR) return;
    const taken = this.#nodes
      .list()
      .filter(isInRoot)
      .map((one) => one.spec?.podCIDR ?? '');
    const earlier = [...this.#given].find(([, owner]) => owner === key)?.[0];
    const cidr = earlier ?? this.#cidrs.firstFree(new Set([...taken, ...this.#given.keys()]));
    if (cidr === undefined) {
      this.#context.recorder
        .for('cidrAllocator')
        .event(
          node,
          'Normal',
          'CIDRNotAvailable',
          `Node ${node.metadata.name} status is now: CIDRNotAvailable`,
        );
      return;
    }
    this.#given.set(cidr, key);
    await this.#context.client
      .in(workspaceOf(node))
      .resource<corev1.Node>(NODES)
      .patch(node.metadata.name, { type: 'merge', body: { spec: { podCIDR: cidr, podCIDRs: [cidr] } } });
  }
}
