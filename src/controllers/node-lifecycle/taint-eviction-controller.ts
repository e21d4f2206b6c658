import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  NODES,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, isPodTerminal, observedSpecOf, semanticallyEqual } from '../../kube/index.ts';
import {
  type ControllerContext,
  cachesSynced,
  isInRoot,
  kubeTime,
  type RunnableController,
} from '../context.ts';
import { evictionTimeMs } from './taint-eviction.ts';

/** Deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate. */
export class TaintEvictionController implements RunnableController {
  readonly name = 'taint-eviction-controller';
  readonly #context: ControllerContext;
  readonly #nodes: Informer<corev1.Node>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;
  /** Since when pods have had taints that end their stay: kubectl writes no time on a taint. */
  readonly #noticedMs = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#pods.addIndex('node', (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
    this.#recorder = context.recorder.for(this.name);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#pods.addHandler({
      onAdd: (pod) => pod.spec.nodeName && queue.add(keyOf(pod)),
      onUpdate: (pod, old) =>
        (pod.spec.nodeName !== old.spec.nodeName ||
          !semanticallyEqual(pod.spec.tolerations, old.spec.tolerations)) &&
        queue.add(keyOf(pod)),
      onDelete: (pod) => this.#noticedMs.delete(keyOf(pod)),
    });
    this.#nodes.addHandler({
      onUpdate: (node, old) => {
        if (!isInRoot(node) || semanticallyEqual(node.spec?.taints, old.spec?.taints)) return;
        for (const pod of this.#pods.byIndex('node', node.metadata.name)) queue.add(keyOf(pod));
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#nodes, this.#pods)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const pod = this.#pods.get(key);
    if (!pod?.spec.nodeName || pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod))
      return undefined;
    const node = this.#nodes.get(makeKey(workspaceOf(pod), '', pod.spec.nodeName));
    const nowMs = this.#context.clock.now();
    const noticedMs = this.#noticedMs.get(key) ?? nowMs;
    const atMs = evictionTimeMs(node?.spec?.taints ?? [], pod.spec.tolerations ?? [], noticedMs);
    if (atMs === undefined) {
      this.#noticedMs.delete(key);
      return undefined;
    }
    this.#noticedMs.set(key, noticedMs);
    // Looked at again then: the taint may be gone by that time.
    if (atMs > nowMs) return atMs - nowMs;
    await this.#evict(pod, nowMs);
    return undefined;
  }

  async #evict(pod: corev1.Pod, nowMs: number): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const pods = this.#context.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
    const condition = {
      type: 'DisruptionTarget',
      ...observedSpecOf(pod),
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: kubeTime(nowMs),
    };
    this.#recorder.event(
      pod,
      'Normal',
      'TaintManagerEviction',
      `Marking for deletion Pod ${namespace}/${name}`,
    );
    try {
      await pods.patch(
        name,
        { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
        { namespace: namespace!, subresource: 'status' },
      );
      await pods.delete(name, { namespace: namespace!, preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}
