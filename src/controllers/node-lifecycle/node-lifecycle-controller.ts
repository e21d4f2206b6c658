import { Conflict, NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  LEASES,
  NODES,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import {
  type coordinationv1,
  type corev1,
  isPodReady,
  isPodTerminal,
  observedSpecOf,
  ROOT_WORKSPACE,
  semanticallyEqual,
} from '../../kube/index.ts';
import {
  type ControllerContext,
  cachesSynced,
  isInRoot,
  kubeTime,
  type RunnableController,
} from '../context.ts';
import {
  evictionRate,
  nextTaints,
  noExecuteTaint,
  readyStatus,
  silentConditions,
  zoneOf,
} from './node-health.ts';

const MONITOR_MS = 5_000;
const DEFAULT_GRACE_MS = 40_000;
const LEASE_NAMESPACE = 'kube-node-lease';

/**
 * Watches over nodes: one whose lease and status have not moved for the grace period (by this process' own
 * clock) is marked Unknown; conditions become taints; its pods become not ready.
 */
export class NodeLifecycleController implements RunnableController {
  readonly name = 'node-lifecycle-controller';
  readonly #context: ControllerContext;
  readonly #client: Client;
  readonly #nodes: Informer<corev1.Node>;
  readonly #leases: Informer<coordinationv1.Lease>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;
  /** When each node's last sign of life was seen here. */
  readonly #lastSeenMs = new Map<string, number>();
  /** When a zone last gave up a node. */
  readonly #lastEvictionMs = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#client = context.client.in(ROOT_WORKSPACE);
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
    this.#leases = context.informers.informer<coordinationv1.Lease>(LEASES);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#pods.addIndex('node', (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
    this.#recorder = context.recorder.for('node-controller');
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      workers: 1,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#nodes, this.#leases, this.#pods))) return;
    await Promise.all([this.#controller.run(signal), this.#monitor(signal)]);
  }

  #watch(): void {
    const seen = (name: string) => this.#lastSeenMs.set(name, this.#context.clock.now());
    this.#nodes.addHandler({
      onAdd: (node) => {
        if (!isInRoot(node)) return;
        seen(node.metadata.name);
        this.#recorder.event(
          node,
          'Normal',
          'RegisteredNode',
          `Node ${node.metadata.name} event: Registered Node ${node.metadata.name} in Controller`,
        );
        this.#controller.queue.add(keyOf(node));
      },
      onUpdate: (node, old) => {
        if (!isInRoot(node)) return;
        // Our own writes change spec and conditions' status, never a heartbeat.
        if (!semanticallyEqual(heartbeats(node), heartbeats(old))) seen(node.metadata.name);
        this.#controller.queue.add(keyOf(node));
      },
      onDelete: (node) => isInRoot(node) && this.#lastSeenMs.delete(node.metadata.name),
    });
    const renewed = (lease: coordinationv1.Lease) =>
      isInRoot(lease) && lease.metadata.namespace === LEASE_NAMESPACE && seen(lease.metadata.name);
    this.#leases.addHandler({
      onAdd: renewed,
      onUpdate: renewed,
    });
  }

  /** Silence makes no event, so it has to be looked for. */
  async #monitor(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const node of this.#nodes.list().filter(isInRoot))
        if (this.#isSilent(node) || readyStatus(node) !== 'True') this.#controller.queue.add(keyOf(node));
      // Rejects only because of the signal, which ends the loop.
      await this.#context.clock.sleep(MONITOR_MS, signal).catch(() => undefined);
    }
  }

  #isSilent(node: corev1.Node): boolean {
    const nowMs = this.#context.clock.now();
    const graceMs = this.#context.config.nodeMonitorGraceMs ?? DEFAULT_GRACE_MS;
    return nowMs - (this.#lastSeenMs.get(node.metadata.name) ?? nowMs) > graceMs;
  }

  async #reconcile(key: string): Promise<undefined> {
    const cached = this.#nodes.get(key);
    if (cached === undefined) return;
    let node = cached;
    const nowMs = this.#context.clock.now();
    const wasReady = readyStatus(node) === 'True';
    if (this.#isSilent(node)) {
      const conditions = silentConditions(node, nowMs);
      if (conditions !== undefined)
        node = await this.#nodeClient().updateStatus({ ...node, status: { ...node.status, conditions } });
    }
    const taints = nextTaints(node, this.#noExecute(node, nowMs), nowMs);
    if (taints !== undefined)
      node = await this.#nodeClient().update({ ...node, spec: { ...node.spec, taints } });
    if (readyStatus(node) === 'True') return;
    if (wasReady) {
      const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
      this.#recorder.event(node, 'Normal', 'NodeNotReady', message);
    }
    await this.#markPodsNotReady(node, nowMs);
  }

  #nodeClient() {
    return this.#client.resource<corev1.Node>(NODES);
  }

  /** See nextTaints. */
  #noExecute(node: corev1.Node, nowMs: number): string | undefined {
    const taint = noExecuteTaint(node);
    if (taint === undefined) return '';
    const all = this.#nodes.list().filter(isInRoot);
    // All down: pods stay where they are, and taints given before are taken back.
    if (!all.some((one) => readyStatus(one) === 'True')) return '';
    const has = node.spec?.taints?.some(({ key, effect }) => key === taint && effect === 'NoExecute');
    if (has) return taint;
    const zone = zoneOf(node);
    const rate = evictionRate(
      all.filter((one) => zoneOf(one) === zone),
      all,
    );
    const last = this.#lastEvictionMs.get(zone) ?? Number.NEGATIVE_INFINITY;
    if (rate === 0 || nowMs - last < 1000 / rate) return undefined;
    this.#lastEvictionMs.set(zone, nowMs);
    return taint;
  }

  /** Traffic must not go to pods of a node that does not answer. */
  async #markPodsNotReady(node: corev1.Node, nowMs: number): Promise<void> {
    if (readyStatus(node) !== 'Unknown') return;
    for (const pod of this.#pods.byIndex('node', node.metadata.name).filter(isInRoot)) {
      if (!isPodReady(pod) || isPodTerminal(pod)) continue;
      const conditions = pod.status!.conditions!.map((condition) =>
        condition.type === 'Ready'
          ? { ...condition, ...observedSpecOf(pod), status: 'False', lastTransitionTime: kubeTime(nowMs) }
          : condition,
      );
      try {
        const pods = this.#context.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
        await pods.updateStatus({ ...pod, status: { ...pod.status!, conditions } });
        this.#recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
      } catch (error) {
        if (!(error instanceof NotFound) && !(error instanceof Conflict)) throw error;
      }
    }
  }
}

function heartbeats(node: corev1.Node): unknown {
  return (node.status?.conditions ?? []).map(({ type, lastHeartbeatTime }) => [type, lastHeartbeatTime]);
}
