import { type Clock, type Log, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import {
  type Client,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  keyOf,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, isPodTerminal, semanticallyEqual } from '../../kube/index.ts';
import { ClusterState } from '../core/cluster-state.ts';
import { type PodFacts, podFacts, seesNodes } from '../core/pod-facts.ts';
import { type Placement, schedulePod, volumesToBind } from '../core/schedule-pod.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { PodStatusWriter } from './pod-status-writer.ts';
import { Preemptor } from './preemptor.ts';
import { type QueuedPod, SchedulingQueue } from './scheduling-queue.ts';
import { type AssumedVolumes, VolumeBinder } from './volume-binder.ts';

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
  readonly #cluster: ClusterWatch;
  readonly #recorder: EventRecorder;
  readonly #log: Log;
  readonly #state = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #volumes: VolumeBinder;
  readonly #preemptor: Preemptor;
  readonly #status: PodStatusWriter;
  readonly #ready = Promise.withResolvers<void>();
  readonly #end = new AbortController();
  /** Writes under way, so that `run` ends after them. */
  readonly #writes = new Set<Promise<unknown>>();
  /** Pods being bound. */
  readonly #inFlight = new Set<string>();
  /** Pods that room is being made for: true when one was due meanwhile. */
  readonly #preempting = new Map<string, boolean>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#schedulerName = options.schedulerName ?? 'default-scheduler';
    this.#recorder = options.recorder.for(this.#schedulerName);
    this.#log = options.log.with({ component: 'scheduler' });
    const { client, clock } = options;
    const shared = { client, clock, log: this.#log, recorder: this.#recorder };
    this.#queue = new SchedulingQueue(clock);
    this.#volumes = new VolumeBinder({ client, clock, state: this.#state });
    this.#preemptor = new Preemptor(shared);
    this.#status = new PodStatusWriter(shared);
    this.#pods = options.informers.informer<corev1.Pod>(PODS);
    this.#cluster = new ClusterWatch({
      informers: options.informers,
      state: this.#state,
      onEvent: (event) => {
        this.#queue.clusterChanged(event);
        if (event === 'claim' || event === 'volume') this.#volumes.storageChanged();
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podChanged(pod, undefined),
      onUpdate: (pod, old) => this.#podChanged(pod, old),
      onDelete: (pod) => this.#podGone(pod),
    });
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      const end = () => {
        this.#end.abort();
        resolve();
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
    await Promise.race([Promise.all([this.#pods.synced(), this.#cluster.synced()]), aborted]);
    this.#ready.resolve();
    for (let next = await this.#queue.take(signal); next; next = await this.#queue.take(signal))
      this.#scheduleOne(next);
    this.#queue.close();
    await Promise.all(this.#writes);
  }

  #podChanged(pod: corev1.Pod, old: corev1.Pod | undefined): void {
    if (isPodTerminal(pod)) {
      this.#podGone(pod);
      return;
    }
    if (pod.spec.nodeName) {
      this.#assignedPodChanged(pod, old);
      return;
    }
    const nominated = pod.status?.nominatedNodeName || undefined;
    // An answer to an older state does not undo a nomination that is being written.
    if (old === undefined || nominated !== (old.status?.nominatedNodeName || undefined))
      this.#nominate(podFacts(pod), nominated);
    if (!this.#isOurs(pod)) {
      this.#queue.remove(keyOf(pod));
      return;
    }
    if (this.#inFlight.has(keyOf(pod))) return;
    // A change of its status (our own condition, say) is no reason to try again at once.
    if (old !== undefined && this.#queue.has(keyOf(pod)) && sameFacts(pod, old) && !lost(nominated, old))
      return;
    this.#queue.add(keyOf(pod), pod.spec.priority ?? 0);
  }

  #assignedPodChanged(pod: corev1.Pod, old: corev1.Pod | undefined): void {
    this.#queue.remove(keyOf(pod));
    this.#state.withdraw(pod.metadata.uid);
    const wasThere = this.#state.placementOf(pod.metadata.uid) === pod.spec.nodeName;
    if (old !== undefined && wasThere && sameFacts(pod, old)) return;
    const facts = podFacts(pod);
    if (!seesNodes(facts)) return;
    this.#state.placePod(facts, pod.spec.nodeName!);
    // Our own binding that comes back is no news to anybody.
    if (!wasThere) this.#queue.clusterChanged('pod placed');
    else if (old?.spec.nodeName) {
      // One that ends is not counted among those to spread, as if it had lost its labels.
      const isEnding = pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp;
      if (isEnding || !semanticallyEqual(pod.metadata.labels, old.metadata.labels))
        this.#queue.clusterChanged('pod labels');
      if (!semanticallyEqual(pod.spec, old.spec)) this.#queue.clusterChanged('pod shrunk');
    }
  }

  #podGone(pod: corev1.Pod): void {
    this.#queue.remove(keyOf(pod));
    const wasNominated = this.#state.withdraw(pod.metadata.uid);
    if (this.#state.removePod(pod.metadata.uid) || wasNominated) this.#queue.clusterChanged('pod removed');
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
    if (this.#preempting.has(queued.key)) {
      this.#preempting.set(queued.key, true);
      this.#queue.addUnschedulable(queued);
      return;
    }
    const facts = podFacts(pod);
    const placement = schedulePod(facts, this.#state, this.#options.random ?? Math.random);
    if (placement.kind === 'unschedulable') {
      this.#queue.addUnschedulable({ ...queued, filters: placement.filters });
      this.#refused(queued.key, facts, placement);
      return;
    }
    const { nodeName } = placement;
    const plan = volumesToBind(facts, nodeName, this.#state);
    const volumes = plan && this.#volumes.assume(plan, nodeName);
    this.#state.placePod(facts, nodeName);
    this.#inFlight.add(queued.key);
    const bound = this.#bind(queued, facts, nodeName, volumes);
    this.#track(bound.finally(() => this.#inFlight.delete(queued.key)));
    // A pod that wants to be near this one need not wait any longer.
    this.#queue.clusterChanged('pod placed');
  }

  /** No node takes it as things are: says so, and makes room where that helps. */
  #refused(
    key: string,
    facts: PodFacts,
    { message, preemption }: Extract<Placement, { kind: 'unschedulable' }>,
  ): void {
    const { pod } = facts;
    this.#recorder.event(pod, 'Warning', 'FailedScheduling', message);
    let nominated = pod.status?.nominatedNodeName || undefined;
    if (preemption?.kind === 'hopeless') nominated = undefined;
    if (preemption?.kind === 'room') nominated = preemption.nodeName;
    this.#nominate(facts, nominated);
    this.#track(this.#status.tellUnschedulable(pod, message, nominated));
    if (preemption?.kind === 'room') this.#makeRoom(key, facts, preemption.nodeName, preemption.victims);
  }

  #nominate(facts: PodFacts, nodeName: string | undefined): void {
    if (nodeName === undefined) this.#state.withdraw(facts.uid);
    else this.#state.nominate(facts, nodeName);
  }

  #makeRoom(key: string, facts: PodFacts, nodeName: string, victims: readonly PodFacts[]): void {
    this.#preempting.set(key, false);
    // Those of less priority that wait for the same room look for another.
    for (const other of this.#state.nominatedTo(nodeName)) {
      if (other.priority >= facts.priority || other.uid === facts.uid) continue;
      this.#state.withdraw(other.uid);
      this.#track(this.#status.clearNomination(other.pod));
    }
    const work = this.#preemptor.makeRoom(facts.pod, nodeName, victims).then((isDone) => {
      const wasDue = this.#preempting.get(key) === true;
      this.#preempting.delete(key);
      if (wasDue || !isDone) this.#queue.podChanged(key);
    });
    this.#track(work);
  }

  #track(work: Promise<unknown>): void {
    const done = work.finally(() => this.#writes.delete(done));
    this.#writes.add(done);
  }

  async #bind(
    queued: QueuedPod,
    facts: PodFacts,
    nodeName: string,
    volumes: AssumedVolumes | undefined,
  ): Promise<void> {
    const { pod } = facts;
    const { name, namespace, uid } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    try {
      if (volumes !== undefined) await this.#volumes.bind(facts, volumes, nodeName, this.#end.signal);
      const pods = this.#options.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
      await pods.createSubresource(name, 'binding', binding, namespace);
      const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
      this.#recorder.event(pod, 'Normal', 'Scheduled', message);
    } catch (error) {
      if (volumes !== undefined) this.#volumes.revert(volumes);
      if (!this.#end.signal.aborted) this.#bindingFailed(queued, pod, error);
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
    this.#queue.clusterChanged('pod removed');
    if (error instanceof NotFound) return;
    this.#log.warn('binding failed', { pod: queued.key, why: messageOf(error) });
    const isVolume = error instanceof OrreryError && error.code === 'VolumeBindingFailed';
    const message = isVolume
      ? `running PreBind plugin "VolumeBinding": ${messageOf(error)}`
      : `binding rejected: ${messageOf(error)}`;
    this.#recorder.event(pod, 'Warning', 'FailedScheduling', message);
    this.#queue.addBackingOff(queued);
  }
}

/** The pod had a nomination, and has none any more. */
function lost(nominated: string | undefined, old: corev1.Pod): boolean {
  return nominated === undefined && Boolean(old.status?.nominatedNodeName);
}

/** Nothing changed that placing this pod, or others beside it, looks at. */
function sameFacts(pod: corev1.Pod, old: corev1.Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === old.metadata.deletionTimestamp &&
    pod.status?.startTime === old.status?.startTime &&
    semanticallyEqual(pod.metadata.labels, old.metadata.labels) &&
    semanticallyEqual(pod.spec, old.spec)
  );
}
