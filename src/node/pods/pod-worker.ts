import { Conflict, messageOf, NotFound } from '../../base/index.ts';
import { PODS, Unreachable, workspaceOf } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type ContainerStop, type ContainerUpdate, computePodActions } from './pod-actions.ts';
import { writeCheckpoint } from './pod-checkpoint.ts';
import { PodRecord } from './pod-record.ts';
import { releaseGround, removePod, stopContainers } from './pod-removal.ts';
import { isContradicted, reportPod } from './pod-report.ts';
import type { Sandbox } from './pod-sandbox.ts';
import type { PodServices } from './pod-services.ts';
import { PodStarts } from './pod-starts.ts';

const resyncMs = 60_000;
/** Whatever the sums say, a worker does not spin. */
const shortestWaitMs = 20;
const unreachableRetryMs = 1_000;
const errorRetryMs = [200, 1_000, 5_000, 15_000];

/** Where a pod comes from: the API, or what an earlier process of this node left. */
export interface PodOrigin {
  startTimeMs?: number;
  /** As the node ran it. */
  granted?: corev1.Pod;
  isInApi: boolean;
}

/** How far a pod has come on this node. */
type Stage =
  /** Not looked at yet by this process. */
  | 'new'
  | 'active'
  /** Nothing of it runs or will; its logs are kept. */
  | 'ended'
  /** Nothing of it is left. */
  | 'removed';

/**
 * Keeps one pod as its spec says, one step at a time: looks at what is, computes what to do, does it, says
 * so. Woken by changes of the pod, of its containers, of probes and of objects it uses.
 */
export class PodWorker {
  readonly uid: string;
  readonly #record: PodRecord;
  readonly #starts: PodStarts;
  readonly #services: PodServices;
  #stage: Stage = 'new';
  #isInApi: boolean;
  #isGone = false;
  #isDirty = true;
  /** Other resources were granted and are not on disk yet. */
  #isGranted = false;
  #wake: (() => void) | undefined;
  /** Ends what takes its time (a postStart hook) when the pod has to go. */
  readonly #interrupt = new AbortController();

  constructor(services: PodServices, pod: corev1.Pod, origin: PodOrigin) {
    this.#services = services;
    this.#record = new PodRecord(services, pod, origin);
    this.#starts = new PodStarts(this.#record);
    this.uid = this.#record.uid;
    this.#isInApi = origin.isInApi;
  }

  /** The pod with the status last worked out here. */
  get pod(): corev1.Pod {
    const { pod, status } = this.#record;
    return status === undefined ? pod : { ...pod, status };
  }

  get sandbox(): Sandbox | undefined {
    return this.#record.sandbox;
  }

  /** Takes room on the node. */
  get isActive(): boolean {
    return this.#stage === 'active' || (this.#stage === 'new' && this.#hasContainers);
  }

  get isRemoved(): boolean {
    return this.#stage === 'removed';
  }

  waitingReason(containerName: string): string | undefined {
    return this.#record.waiting.get(containerName)?.reason;
  }

  update(pod: corev1.Pod): void {
    const old = this.#record.asked;
    if (this.#record.accept(pod)) this.#isGranted = true;
    this.#isInApi = true;
    if (pod.metadata.deletionTimestamp) this.#hurry();
    if (isContradicted(this.#record, pod))
      this.#services.statuses.write(pod, this.#record.status!, { force: true });
    if (!isSame(old, pod)) {
      // Labels and annotations may stand in volumes.
      this.#starts.forgetFailures();
      this.wake();
    }
  }

  /** The API server does not have it any more. */
  gone(last: corev1.Pod = this.#record.asked): void {
    this.#record.accept(last);
    this.#isGone = true;
    this.#isInApi = false;
    this.#services.statuses.forget(this.uid);
    this.#hurry();
    this.wake();
  }

  /** Ends the pod for good: phase Failed. */
  fail(reason: string, message: string): void {
    if (this.#record.failure !== undefined || this.#stage === 'ended' || this.#stage === 'removed') return;
    this.#record.failure = { reason, message };
    this.#interrupt.abort();
    this.wake();
  }

  /** Objects its volumes or environment use have changed. */
  objectsChanged(): void {
    this.#starts.forgetFailures();
    this.wake();
  }

  wake(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  /** Works until `signal` aborts or nothing of the pod is left. Never rejects: what fails is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, this.#interrupt.signal]);
    for (let failures = 0; !signal.aborted && this.#stage !== 'removed'; ) {
      this.#isDirty = false;
      try {
        const waitMs = await this.#step(stop);
        failures = 0;
        if (!this.#isDirty) await this.#pause(waitMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        const delayMs = errorRetryMs[Math.min(failures++, errorRetryMs.length - 1)]!;
        this.#record.log.warn('pod sync failed, trying again', { error, delayMs });
        await this.#pause(delayMs, signal);
      }
    }
  }

  async #pause(waitMs: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    // Rejects when woken or stopped: both end the wait.
    await this.#services.clock.sleep(waitMs, AbortSignal.any([woken.signal, signal])).catch(() => undefined);
    this.#wake = undefined;
  }

  #hurry(): void {
    this.#interrupt.abort();
    this.#services.stopper.shorten(this.uid, this.#record.graceSeconds);
  }

  get #hasContainers(): boolean {
    return this.#services.containers.of(this.uid).length > 0;
  }

  /** @returns how long to wait for something to happen before looking again */
  async #step(stop: AbortSignal): Promise<number> {
    const record = this.#record;
    if (this.#isGone || record.pod.metadata.deletionTimestamp) return await this.#remove();
    if (this.#stage === 'new') await this.#begin();
    if (record.failure !== undefined && this.#stage === 'active') await this.#end(record.graceSeconds);
    if (this.#stage !== 'active') return resyncMs;
    const { deadlineMs } = record;
    const nowMs = this.#services.clock.now();
    if (deadlineMs === undefined || nowMs < deadlineMs) {
      const waitMs = await this.#sync(stop);
      return deadlineMs === undefined ? waitMs : Math.min(waitMs, Math.max(0, deadlineMs - nowMs));
    }
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#services.events.pod(record.pod, 'Warning', 'DeadlineExceeded', message);
    this.fail('DeadlineExceeded', message);
    return 0;
  }

  /** First sight of the pod in this process: a new one is checked, one that is here already is adopted. */
  async #begin(): Promise<void> {
    const record = this.#record;
    const { folder, pod, startTimeMs } = record;
    const { events, sandboxes } = this.#services;
    record.sandbox = await sandboxes.find(folder, this.uid);
    if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') {
      // Its end is told; only what a dying process of ours left is still to be cleaned.
      await stopContainers(this.#services, pod, record.podIP, record.graceSeconds);
      await releaseGround(this.#services, pod);
      record.sandbox = undefined;
      this.#stage = 'ended';
      return;
    }
    const isHere = this.#hasContainers || pod.status?.startTime !== undefined;
    const rejection = isHere ? undefined : this.#services.admit(pod);
    if (rejection !== undefined) {
      events.pod(pod, 'Warning', rejection.reason, rejection.message);
      record.failure = { reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
      this.#stage = 'ended';
      await reportPod(record, { finished: true });
      return;
    }
    this.#stage = 'active';
    record.useObjects();
    await writeCheckpoint(folder, { pod, startTimeMs });
    if (!isHere) await reportPod(record, { finished: false });
  }

  async #sync(stop: AbortSignal): Promise<number> {
    const record = this.#record;
    const { clock, containers, prober } = this.#services;
    await this.#resize();
    record.syncProbes();
    const nowMs = clock.now();
    const actions = computePodActions({
      pod: record.pod,
      observed: containers.of(this.uid),
      probes: prober.results,
      // Containers without a network are of the time before a reboot.
      resourcesOf: (container) => this.#services.resourcesOf(record.pod, container),
      sandboxSinceMs: record.sandbox?.sinceMs ?? (this.#hasContainers ? nowMs : 0),
      nowMs,
    });
    record.resizeError = undefined;
    for (const one of actions.resize) await this.#update(one);
    await Promise.all(actions.stop.map((one) => this.#stop(one)));
    if (actions.stop.length > 0) this.wake();
    else if (actions.finished) {
      await this.#end(0);
      return resyncMs;
    }
    this.#starts.noteBackOffs(actions);
    await reportPod(record, { finished: false });
    if (await this.#starts.run(actions.start, stop)) this.wake();
    await this.#starts.dropOldIncarnations();
    await reportPod(record, { finished: false });
    const soonestMs = Math.min(this.#starts.nextTryMs, ...actions.backOff.map(({ untilMs }) => untilMs));
    return Math.min(resyncMs, Math.max(shortestWaitMs, soonestMs - clock.now()));
  }

  /** Tries again what had no room; what is granted is on disk before it is done. */
  async #resize(): Promise<void> {
    const record = this.#record;
    if (record.resizePending !== undefined && record.accept()) this.#isGranted = true;
    if (!this.#isGranted) return;
    await writeCheckpoint(record.folder, { pod: record.pod, startTimeMs: record.startTimeMs });
    this.#isGranted = false;
  }

  async #update({ id, name, limits }: ContainerUpdate): Promise<void> {
    const { containers, engine } = this.#services;
    try {
      await engine.update(id, limits);
    } catch (error) {
      // It ended meanwhile: its next start has them.
      if (!(error instanceof Conflict || error instanceof NotFound)) {
        this.#record.resizeError = messageOf(error);
        this.#record.log.warn('cannot resize a container', { container: name, error });
      }
      return;
    }
    await containers.inspect(id);
  }

  async #stop({ id, name, message, probe }: ContainerStop): Promise<void> {
    const { pod, podIP } = this.#record;
    const container = this.#record.container(name);
    const failed = probe === 'liveness' ? container?.livenessProbe : probe && container?.startupProbe;
    const graceSeconds =
      failed?.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    await this.#services.stopper.stop({
      pod,
      ...(container && { container }),
      id,
      podIP,
      graceSeconds,
      message,
    });
    await this.#services.containers.inspect(id);
  }

  /** Stops what runs, says how it ended, and frees what it does not need any more. */
  async #end(graceSeconds: number): Promise<void> {
    const record = this.#record;
    await this.#stopAndTell(graceSeconds);
    await releaseGround(this.#services, record.pod);
    record.sandbox = undefined;
    await writeCheckpoint(record.folder, { pod: this.pod, startTimeMs: record.startTimeMs });
    this.#stage = 'ended';
  }

  async #stopAndTell(graceSeconds: number): Promise<void> {
    const record = this.#record;
    await stopContainers(this.#services, record.pod, record.podIP, graceSeconds);
    record.waiting.clear();
    await reportPod(record, { finished: true });
  }

  async #remove(): Promise<number> {
    const record = this.#record;
    const { containers, sandboxes, statuses } = this.#services;
    await containers.refresh(this.uid);
    if (this.#hasContainers && this.#stage !== 'ended') {
      record.sandbox ??= await sandboxes.find(record.folder, this.uid);
      record.syncProbes();
      await this.#stopAndTell(record.graceSeconds);
      this.#stage = 'ended';
    }
    await removePod(this.#services, this.uid, record.pod);
    record.sandbox = undefined;
    if (this.#isInApi && !(await this.#removeFromApi())) return unreachableRetryMs;
    statuses.forget(this.uid);
    this.#stage = 'removed';
    return 0;
  }

  /** The last word: without it the API keeps showing the pod as terminating. @returns false to try again */
  async #removeFromApi(): Promise<boolean> {
    const { pod } = this.#record;
    const { name, namespace } = pod.metadata;
    await this.#services.statuses.settled(this.uid);
    try {
      await this.#services.client
        .in(workspaceOf(pod))
        .resource(PODS)
        .delete(name, {
          ...(namespace !== undefined && { namespace }),
          gracePeriodSeconds: 0,
          preconditions: { uid: this.uid },
        });
    } catch (error) {
      if (error instanceof Unreachable) return false;
      if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
    }
    return true;
  }
}

/** Nothing that a node acts on has changed. */
function isSame(old: corev1.Pod, pod: corev1.Pod): boolean {
  const facts = ({ metadata, spec, status }: corev1.Pod) => [
    metadata.labels,
    metadata.annotations,
    metadata.deletionTimestamp,
    spec,
    // Conditions of others decide with them whether the pod is ready.
    spec.readinessGates?.map(
      ({ conditionType }) => status?.conditions?.find((c) => c.type === conditionType)?.status,
    ),
  ];
  return JSON.stringify(facts(old)) === JSON.stringify(facts(pod));
}
