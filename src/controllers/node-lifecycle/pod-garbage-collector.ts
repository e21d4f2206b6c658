import { messageOf, NotFound } from '../../base/index.ts';
import { type Informer, makeKey, NODES, PODS, splitKey, workspaceOf } from '../../client/index.ts';
import { type corev1, isPodTerminal, observedSpecOf } from '../../kube/index.ts';
import {
  type ControllerContext,
  cachesSynced,
  isInRoot,
  kubeTime,
  type RunnableController,
} from '../context.ts';

const PERIOD_MS = 20_000;
/** How long a node must be gone before its pods are given up; it may just be registering anew. */
const QUARANTINE_MS = 40_000;
const MAX_TERMINATED_PODS = 12_500;

/** Takes away pods that nobody will: of nodes that are gone, deleted before they got a node, ended by the thousand. */
export class PodGarbageCollector implements RunnableController {
  readonly name = 'pod-garbage-collector-controller';
  readonly #context: ControllerContext;
  readonly #pods: Informer<corev1.Pod>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #missingSinceMs = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#pods, this.#nodes))) return;
    while (!signal.aborted) {
      await this.#collect(signal);
      // Rejects only because of the signal, which ends the loop.
      await this.#context.clock.sleep(PERIOD_MS, signal).catch(() => undefined);
    }
  }

  async #collect(signal: AbortSignal): Promise<void> {
    const pods = this.#pods.list();
    const nowMs = this.#context.clock.now();
    const gone = await this.#goneNodes(pods, nowMs);
    const doomed = [
      ...[...byWorkspace(pods).values()].flatMap((some) => surplusTerminated(some, MAX_TERMINATED_PODS)),
      ...pods.filter((pod) => pod.spec.nodeName && gone.has(nodeKeyOf(pod))),
      ...pods.filter((pod) => isUnattended(pod) && pod.metadata.deletionTimestamp !== undefined),
    ];
    for (const pod of new Set(doomed)) {
      if (signal.aborted) return;
      try {
        await this.#remove(pod, gone.has(nodeKeyOf(pod)), nowMs);
      } catch (error) {
        this.#context.log.warn('cannot collect a pod', {
          pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
          why: messageOf(error),
        });
      }
    }
  }

  /** Nodes that pods name and that have been missing for the quarantine, as a fresh look confirms. */
  async #goneNodes(pods: readonly corev1.Pod[], nowMs: number): Promise<Set<string>> {
    const named = new Set(pods.filter((pod) => pod.spec.nodeName).map(nodeKeyOf));
    const missing = [...named].filter((key) => this.#nodes.get(key) === undefined);
    for (const key of [...this.#missingSinceMs.keys()])
      if (!missing.includes(key)) this.#missingSinceMs.delete(key);
    const gone = new Set<string>();
    for (const key of missing) {
      const sinceMs = this.#missingSinceMs.get(key) ?? nowMs;
      this.#missingSinceMs.set(key, sinceMs);
      if (nowMs - sinceMs >= QUARANTINE_MS && !(await this.#exists(key))) gone.add(key);
    }
    return gone;
  }

  async #exists(key: string): Promise<boolean> {
    const { workspace, name } = splitKey(key);
    try {
      await this.#context.client.in(workspace).resource<corev1.Node>(NODES).get(name);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      this.#context.log.warn('cannot look for a node', { node: name, why: messageOf(error) });
      return true;
    }
  }

  async #remove(pod: corev1.Pod, orphaned: boolean, nowMs: number): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const pods = this.#context.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
    try {
      if (!isPodTerminal(pod)) {
        const condition = {
          type: 'DisruptionTarget',
          ...observedSpecOf(pod),
          status: 'True',
          reason: 'DeletionByPodGC',
          message: 'PodGC: node no longer exists',
          lastTransitionTime: kubeTime(nowMs),
        };
        const status = { phase: 'Failed', ...(orphaned && { conditions: [condition] }) };
        await pods.patch(
          name,
          { type: 'strategic', body: { metadata: { uid }, status } },
          { namespace: namespace!, subresource: 'status' },
        );
      }
      await pods.delete(name, {
        namespace: namespace!,
        gracePeriodSeconds: 0,
        preconditions: { uid },
      });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

/** Nobody would confirm its end: it has no node, or lies where nothing runs whatever node it names. */
function isUnattended(pod: corev1.Pod): boolean {
  return !pod.spec.nodeName || !isInRoot(pod);
}

/** The node a pod names, in the pod's own workspace: those of others are none of its. */
function nodeKeyOf(pod: corev1.Pod): string {
  return makeKey(workspaceOf(pod), '', pod.spec.nodeName ?? '');
}

function byWorkspace(pods: readonly corev1.Pod[]): Map<string, corev1.Pod[]> {
  return Map.groupBy(pods, workspaceOf);
}

/** The oldest ended pods above the limit. */
export function surplusTerminated(pods: readonly corev1.Pod[], limit: number): corev1.Pod[] {
  const terminated = pods.filter((pod) => isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
  const surplus = terminated.length - limit;
  if (surplus <= 0) return [];
  return terminated
    .toSorted((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp))
    .slice(0, surplus);
}
