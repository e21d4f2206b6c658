import { type Clock, type Log, messageOf, NotFound } from '../../base/index.ts';
import {
  type Client,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  keyOf,
  NAMESPACES,
  NODES,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, isPodTerminal, semanticallyEqual } from '../../kube/index.ts';
import { ClusterState } from '../core/cluster-state.ts';
import { podFacts } from '../core/pod-facts.ts';
import { schedulePod } from '../core/schedule-pod.ts';
import { type QueuedPod, SchedulingQueue } from './scheduling-queue.ts';

export interface SchedulerOptions {
  client: Client;
  /** Shared with whoever else watches pods and nodes; runs elsewhere. */
  informers: InformerFactory;
  recorder: EventRecorder;
  clock: Clock;
  log: Log;
  /** 0 ≤ x < 1; breaks ties. Default Math.random. */
  random?: () => number;
  /** Whose pods are placed. Default `default-scheduler`. */
  schedulerName?: string;
}

export interface Scheduler {
  /** Places pods until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the caches are whole and pods are being placed. */
  ready(): Promise<void>;
}

export function createScheduler(options: SchedulerOptions): Scheduler {
  return new SchedulerLoop(options);
}

/**
 * Watches for pods without a node and binds them. A decision counts at once in its own picture of the
 * cluster (the pod is assumed to be there), so that the next one need not wait for the first to be written.
 */
class SchedulerLoop implements Scheduler {
  readonly #options: SchedulerOptions;
  readonly #schedulerName: string;
  readonly #pods: Informer<corev1.Pod>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #namespaces: Informer<corev1.Namespace>;
  readonly #recorder: EventRecorder;
  readonly #log: Log;
  readonly #state = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #ready = Promise.withResolvers<void>();
  /** Writes under way, so that `run` ends after them. */
  readonly #writes = new Set<Promise<unknown>>();
  /** Pods being bound. */
  readonly #inFlight = new Set<string>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#schedulerName = options.schedulerName ?? 'default-scheduler';
    this.#recorder = options.recorder.for(this.#schedulerName);
    this.#log = options.log.with({ component: 'scheduler' });
    this.#queue = new SchedulingQueue(options.clock);
    this.#pods = options.informers.informer<corev1.Pod>(PODS);
    this.#nodes = options.informers.informer<corev1.Node>(NODES);
    this.#namespaces = options.informers.informer<corev1.Namespace>(NAMESPACES);
    this.#watch();
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const caches = [this.#pods.synced(), this.#nodes.synced(), this.#namespaces.synced()];
    await Promise.race([Promise.all(caches), aborted]);
    this.#ready.resolve();
    for (let next = await this.#queue.take(signal); next; next = await this.#queue.take(signal))
      this.#scheduleOne(next);
    this.#queue.close();
    await Promise.all(this.#writes);
  }

  #watch(): void {
    this.#nodes.addHandler({
      onAdd: (node) => {
        this.#state.setNode(node);
        this.#queue.clusterChanged();
      },
      onUpdate: (node, old) => {
        if (sameForScheduling(node, old)) return;
        this.#state.setNode(node);
        this.#queue.clusterChanged();
      },
      onDelete: (node) => this.#state.removeNode(node.metadata.name),
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podChanged(pod, undefined),
      onUpdate: (pod, old) => this.#podChanged(pod, old),
      onDelete: (pod) => this.#podGone(pod),
    });
    const setNamespace = (namespace: corev1.Namespace) =>
      this.#state.setNamespace(
        `${workspaceOf(namespace)}|${namespace.metadata.name}`,
        namespace.metadata.labels ?? {},
      );
    this.#namespaces.addHandler({
      onAdd: setNamespace,
      onUpdate: setNamespace,
      onDelete: (one) => this.#state.removeNamespace(`${workspaceOf(one)}|${one.metadata.name}`),
    });
  }

  #podChanged(pod: corev1.Pod, old: corev1.Pod | undefined): void {
    if (isPodTerminal(pod)) {
      this.#podGone(pod);
      return;
    }
    if (pod.spec.nodeName) {
      this.#queue.remove(keyOf(pod));
      const wasThere = this.#state.placementOf(pod.metadata.uid) === pod.spec.nodeName;
      if (old !== undefined && wasThere && sameFacts(pod, old)) return;
      this.#state.placePod(podFacts(pod), pod.spec.nodeName);
      // Not our own binding coming back: a pod others want to be near, or one that gave something back.
      if (!wasThere || old?.spec.nodeName) this.#queue.clusterChanged();
      return;
    }
    if (!this.#isOurs(pod)) {
      this.#queue.remove(keyOf(pod));
      return;
    }
    if (this.#inFlight.has(keyOf(pod))) return;
    // A change of its status (our own condition, say) is no reason to try again at once.
    if (old !== undefined && this.#queue.has(keyOf(pod)) && sameFacts(pod, old)) return;
    this.#queue.add(keyOf(pod), pod.spec.priority ?? 0);
  }

  #podGone(pod: corev1.Pod): void {
    this.#queue.remove(keyOf(pod));
    if (this.#state.removePod(pod.metadata.uid)) this.#queue.clusterChanged();
  }

  #isOurs(pod: corev1.Pod): boolean {
    return (
      (pod.spec.schedulerName || 'default-scheduler') === this.#schedulerName &&
      pod.metadata.deletionTimestamp === undefined &&
      (pod.spec.schedulingGates ?? []).length === 0
    );
  }

  #scheduleOne(queued: QueuedPod): void {
    const pod = this.#pods.get(queued.key);
    if (pod === undefined || pod.spec.nodeName || isPodTerminal(pod) || !this.#isOurs(pod)) return;
    const facts = podFacts(pod);
    const placement = schedulePod(facts, this.#state, this.#options.random ?? Math.random);
    if (placement.kind === 'unschedulable') {
      this.#queue.addUnschedulable(queued);
      this.#track(this.#tellUnschedulable(queued.key, pod, placement.message));
      return;
    }
    this.#state.placePod(facts, placement.nodeName);
    this.#inFlight.add(queued.key);
    const bound = this.#bind(queued, pod, placement.nodeName);
    this.#track(bound.finally(() => this.#inFlight.delete(queued.key)));
    // A pod that wants to be near this one need not wait any longer.
    this.#queue.clusterChanged();
  }

  #track(work: Promise<unknown>): void {
    const done = work.finally(() => this.#writes.delete(done));
    this.#writes.add(done);
  }

  async #bind(queued: QueuedPod, pod: corev1.Pod, nodeName: string): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    try {
      await this.#podClient(pod).createSubresource(name, 'binding', binding, namespace);
      const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
      this.#recorder.event(pod, 'Normal', 'Scheduled', message);
    } catch (error) {
      this.#bindingFailed(queued, pod, error);
    }
  }

  #bindingFailed(queued: QueuedPod, pod: corev1.Pod, error: unknown): void {
    const now = this.#pods.get(queued.key);
    // Bound after all (the answer was lost), or gone: the cache knows better.
    if (now === undefined || now.metadata.uid !== pod.metadata.uid || now.spec.nodeName) {
      if (now?.metadata.uid !== pod.metadata.uid) this.#state.removePod(pod.metadata.uid);
      return;
    }
    this.#state.removePod(pod.metadata.uid);
    this.#queue.clusterChanged();
    if (error instanceof NotFound) return;
    this.#log.warn('binding failed', { pod: queued.key, why: messageOf(error) });
    this.#recorder.event(pod, 'Warning', 'FailedScheduling', `binding rejected: ${messageOf(error)}`);
    this.#queue.addBackingOff(queued);
  }

  async #tellUnschedulable(key: string, pod: corev1.Pod, message: string): Promise<void> {
    this.#recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const known = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message) return;
    const time = new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const lastTransitionTime = known?.status === 'False' ? (known.lastTransitionTime ?? time) : time;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime,
    };
    const { name, namespace, uid } = pod.metadata;
    try {
      await this.#podClient(pod).patch(
        name,
        { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
        { namespace: namespace!, subresource: 'status' },
      );
    } catch (error) {
      if (!(error instanceof NotFound))
        this.#log.warn('cannot write the PodScheduled condition', {
          pod: key,
          why: messageOf(error),
        });
    }
  }

  #podClient(pod: corev1.Pod) {
    return this.#options.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
  }
}

/** Heartbeats and conditions change a node all the time; none of that moves a pod. */
function sameForScheduling(node: corev1.Node, old: corev1.Node): boolean {
  return (
    semanticallyEqual(node.spec, old.spec) &&
    semanticallyEqual(node.metadata.labels, old.metadata.labels) &&
    semanticallyEqual(node.status?.allocatable, old.status?.allocatable) &&
    semanticallyEqual(node.status?.images, old.status?.images)
  );
}

/** Nothing changed that placing this pod, or others beside it, looks at. */
function sameFacts(pod: corev1.Pod, old: corev1.Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === old.metadata.deletionTimestamp &&
    semanticallyEqual(pod.metadata.labels, old.metadata.labels) &&
    semanticallyEqual(pod.spec, old.spec)
  );
}
