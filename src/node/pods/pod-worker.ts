import { rm } from 'node:fs/promises';
import { Conflict, type Log, messageOf, NotFound } from '../../base/index.ts';
import { PODS, Unreachable, workspaceOf } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { PodGround } from '../containers/container-starter.ts';
import { StartFailed } from '../containers/start-failed.ts';
import { readTerminationMessage } from '../containers/termination-message.ts';
import { environmentReferences } from '../environment/container-environment.ts';
import { podVolumeReferences, VolumeSetupFailed } from '../volumes/pod-volumes.ts';
import { formatDuration } from './crash-back-off.ts';
import { incarnations, type ObservedContainer } from './engine-labels.ts';
import { type ContainerStart, computePodActions, type PodActions } from './pod-actions.ts';
import { writeCheckpoint } from './pod-checkpoint.ts';
import { formatPod } from './pod-events.ts';
import { PodFolder } from './pod-folder.ts';
import { podAddresses, prepareGround } from './pod-ground.ts';
import { knownProbeResults } from './pod-known.ts';
import { releaseGround, removePod, stopContainers } from './pod-removal.ts';
import type { Sandbox } from './pod-sandbox.ts';
import type { PodServices } from './pod-services.ts';
import { computePodStatus, type WaitingReason } from './pod-status.ts';

const resyncMs = 60_000;
const startRetryMs = 10_000;
const imageRetryMs = 3_000;
const groundRetryMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
const errorRetryMs = [200, 1_000, 5_000, 15_000];

/**
 * Keeps one pod as its spec says, one step at a time: looks at what is, computes what to do, does it, says
 * so. Woken by changes of the pod, of its containers, of probes and of objects it uses.
 */
export class PodWorker {
  readonly uid: string;
  readonly #services: PodServices;
  readonly #log: Log;
  readonly #folder: PodFolder;
  readonly #waiting = new Map<string, WaitingReason>();
  readonly #retryAtMs = new Map<string, number>();
  readonly #terminationMessages = new Map<string, string>();
  readonly #startTimeMs: number;
  #pod: corev1.Pod;
  #status: corev1.PodStatus | undefined;
  #sandbox: Sandbox | undefined;
  #failure: { reason: string; message: string } | undefined;
  #phase: 'new' | 'active' | 'ended' | 'removed' = 'new';
  #isInApi: boolean;
  #isGone = false;
  #groundIsFresh = false;
  #volumesAtMs = 0;
  #groundFailures = 0;
  #isDirty = true;
  #wake: (() => void) | undefined;
  readonly #interrupt = new AbortController();

  constructor(services: PodServices, pod: corev1.Pod, origin: { startTimeMs?: number; isInApi: boolean }) {
    this.#services = services;
    this.#pod = pod;
    this.uid = pod.metadata.uid;
    this.#log = services.log.with({ pod: `${pod.metadata.namespace}/${pod.metadata.name}`, uid: this.uid });
    this.#folder = new PodFolder(services.nodeDirectory, this.uid);
    this.#isInApi = origin.isInApi;
    const { startTime } = pod.status ?? {};
    this.#startTimeMs = origin.startTimeMs ?? (startTime ? Date.parse(startTime) : services.clock.now());
    if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') this.#phase = 'ended';
  }

  /** The pod with the status last worked out here. */
  get pod(): corev1.Pod {
    return this.#status === undefined ? this.#pod : { ...this.#pod, status: this.#status };
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  /** Uses the node's resources. */
  get isActive(): boolean {
    return (
      this.#phase === 'active' || (this.#phase === 'new' && this.#services.containers.of(this.uid).length > 0)
    );
  }

  /** Nothing of it is left on this host. */
  get isRemoved(): boolean {
    return this.#phase === 'removed';
  }

  waitingReason(containerName: string): string | undefined {
    return this.#waiting.get(containerName)?.reason;
  }

  update(pod: corev1.Pod): void {
    const old = this.#pod;
    this.#pod = pod;
    this.#isInApi = true;
    if (pod.metadata.deletionTimestamp) {
      this.#interrupt.abort();
      this.#services.stopper.shorten(this.uid, graceSecondsOf(pod));
    }
    if (this.#isTampered(pod)) this.#services.statuses.write(this.pod, this.#status!, { force: true });
    if (pod.metadata.generation !== old.metadata.generation || isWorthALook(old, pod)) this.wake();
  }

  /** The API server does not have it any more. */
  gone(last: corev1.Pod = this.#pod): void {
    this.#pod = last;
    this.#isGone = true;
    this.#isInApi = false;
    this.#interrupt.abort();
    this.#services.statuses.forget(this.uid);
    this.#services.stopper.shorten(this.uid, graceSecondsOf(last));
    this.wake();
  }

  /** Ends the pod for good: phase Failed. */
  fail(reason: string, message: string): void {
    if (this.#failure !== undefined || this.#phase === 'ended' || this.#phase === 'removed') return;
    this.#failure = { reason, message };
    this.#interrupt.abort();
    this.wake();
  }

  /** Objects its volumes or environment use have changed. */
  objectsChanged(): void {
    this.#volumesAtMs = 0;
    this.#groundFailures = 0;
    this.#retryAtMs.clear();
    this.wake();
  }

  wake(): void {
    this.#isDirty = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted && this.#phase !== 'removed') {
      this.#isDirty = false;
      let waitMs: number;
      try {
        waitMs = await this.#step(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        waitMs = errorRetryMs[Math.min(failures++, errorRetryMs.length - 1)]!;
        this.#log.warn('pod sync failed, trying again', { error, delayMs: waitMs });
        await this.#pause(waitMs, signal, { evenWhenDirty: true });
        continue;
      }
      await this.#pause(waitMs, signal);
    }
  }

  async #pause(
    waitMs: number,
    signal: AbortSignal,
    options: { evenWhenDirty?: boolean } = {},
  ): Promise<void> {
    if (this.#isDirty && !options.evenWhenDirty) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    // Rejects when woken or stopped: both end the wait.
    await this.#services.clock.sleep(waitMs, AbortSignal.any([woken.signal, signal])).catch(() => undefined);
    this.#wake = undefined;
  }

  /** @returns how long to wait for something to happen before looking again */
  async #step(signal: AbortSignal): Promise<number> {
    if (this.#isGone || this.#pod.metadata.deletionTimestamp) return await this.#remove();
    if (this.#phase === 'new') await this.#begin();
    if (this.#failure !== undefined && this.#phase === 'active') await this.#end(graceSecondsOf(this.#pod));
    if (this.#phase !== 'active') return resyncMs;
    const deadlineMs = this.#deadlineMs();
    if (deadlineMs !== undefined && this.#services.clock.now() >= deadlineMs) {
      const message = 'Pod was active on the node longer than the specified deadline';
      this.#services.events.pod(this.#pod, 'Warning', 'DeadlineExceeded', message);
      this.fail('DeadlineExceeded', message);
      return 0;
    }
    const waitMs = await this.#sync(signal);
    return deadlineMs === undefined ? waitMs : Math.min(waitMs, deadlineMs - this.#services.clock.now());
  }

  /** First sight of the pod in this process: a new one is checked, one that is here already is adopted. */
  async #begin(): Promise<void> {
    const { containers, events, objects, sandboxes } = this.#services;
    const isHere = containers.of(this.uid).length > 0 || this.#pod.status?.startTime !== undefined;
    this.#sandbox = await sandboxes.find(this.#folder, this.uid);
    const rejection = isHere ? undefined : this.#services.admit(this.#pod);
    if (rejection !== undefined) {
      events.pod(this.#pod, 'Warning', rejection.reason, rejection.message);
      this.#failure = { reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
      this.#phase = 'ended';
      await this.#publish({ finished: true });
      return;
    }
    this.#phase = 'active';
    objects.use(
      { uid: this.uid, workspace: workspaceOf(this.#pod), namespace: this.#pod.metadata.namespace ?? '' },
      referencesOf(this.#pod),
    );
    await writeCheckpoint(this.#folder, { pod: this.#pod, startTimeMs: this.#startTimeMs });
    if (!isHere) await this.#publish({ finished: false });
  }

  async #sync(signal: AbortSignal): Promise<number> {
    const { clock, containers } = this.#services;
    this.#probe();
    const actions = computePodActions({
      pod: this.#pod,
      observed: containers.of(this.uid),
      probes: this.#services.prober.results,
      sandboxSinceMs: this.#sandbox?.sinceMs ?? (containers.of(this.uid).length > 0 ? clock.now() : 0),
      nowMs: clock.now(),
    });
    await this.#stop(actions);
    if (actions.finished && actions.stop.length === 0) {
      await this.#end(0);
      return resyncMs;
    }
    this.#noteBackOffs(actions);
    const due = actions.start.filter(
      ({ container }) => clock.now() >= (this.#retryAtMs.get(container.name) ?? 0),
    );
    await this.#publish({ finished: false });
    const groundWaitMs = await this.#start(due, signal);
    await this.#dropOldIncarnations();
    this.#probe();
    await this.#publish({ finished: false });
    if (actions.stop.length > 0) this.wake();
    const times = [...actions.backOff.map(({ untilMs }) => untilMs), ...this.#retryAtMs.values()];
    const soonestMs = Math.min(...times.map((timeMs) => timeMs - clock.now()), groundWaitMs, resyncMs);
    return Math.max(10, soonestMs);
  }

  async #stop(actions: PodActions): Promise<void> {
    const { containers, stopper } = this.#services;
    const spec = this.#pod.spec;
    await Promise.all(
      actions.stop.map(async ({ id, name, message, probe }) => {
        const container = containerOf(this.#pod, name);
        const own =
          probe === 'liveness'
            ? container?.livenessProbe
            : probe === 'startup'
              ? container?.startupProbe
              : undefined;
        const graceSeconds = own?.terminationGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
        await stopper.stop({
          pod: this.#pod,
          ...(container && { container }),
          id,
          podIP: this.#podIP,
          graceSeconds,
          message,
        });
        await containers.inspect(id);
      }),
    );
  }

  /** @returns when to try again if the ground could not be made */
  async #start(due: readonly ContainerStart[], signal: AbortSignal): Promise<number> {
    const { clock } = this.#services;
    const refresh = clock.now() - this.#volumesAtMs >= resyncMs;
    if (due.length === 0 && (!refresh || this.#sandbox === undefined)) return resyncMs;
    const ground = await this.#ground(due.length > 0, AbortSignal.any([signal, this.#interrupt.signal]));
    if (ground === undefined) {
      return groundRetryMs[Math.min(this.#groundFailures++, groundRetryMs.length - 1)]!;
    }
    this.#groundFailures = 0;
    for (const start of due) {
      if (this.#interrupt.signal.aborted || signal.aborted) break;
      await this.#startOne(ground, start);
    }
    return resyncMs;
  }

  async #ground(isNeeded: boolean, signal: AbortSignal): Promise<PodGround | undefined> {
    const { clock, events, sandboxes } = this.#services;
    if (this.#sandbox === undefined) {
      try {
        this.#sandbox = await sandboxes.create(this.#pod, this.#folder);
      } catch (error) {
        this.#log.warn('cannot make the network of the pod', { error });
        const message = `Failed to create pod sandbox: ${messageOf(error)}`;
        events.pod(this.#pod, 'Warning', 'FailedCreatePodSandBox', message);
        return undefined;
      }
      await this.#publish({ finished: false });
    }
    try {
      const fresh = isNeeded && !this.#groundIsFresh;
      const ground = await prepareGround(this.#services, {
        pod: this.#pod,
        folder: this.#folder,
        sandbox: this.#sandbox,
        fresh,
        signal,
      });
      this.#groundIsFresh = true;
      this.#volumesAtMs = clock.now();
      return ground;
    } catch (error) {
      if (!(error instanceof VolumeSetupFailed)) throw error;
      this.#volumesAtMs = clock.now();
      this.#log.info('volumes not set up', { why: error.messages });
      if (isNeeded)
        for (const message of error.messages) events.pod(this.#pod, 'Warning', 'FailedMount', message);
      return undefined;
    }
  }

  async #startOne(ground: PodGround, start: ContainerStart): Promise<void> {
    const { clock, containers, engine } = this.#services;
    const { name } = start.container;
    for (const { id, status } of incarnations(containers.of(this.uid), name)) {
      if (status !== 'created') continue;
      await engine.remove(id, { force: true });
      containers.remove(this.uid, id);
    }
    try {
      await this.#services.starter.start(ground, start, async (id) => {
        await containers.inspect(id);
        this.#waiting.delete(name);
        this.#probe();
        await this.#publish({ finished: false });
      });
      this.#waiting.delete(name);
      this.#retryAtMs.delete(name);
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error;
      this.#log.info('container not started', { container: name, reason: error.reason, why: error.message });
      this.#waiting.set(name, { reason: error.reason, message: error.message });
      const isImage = error.reason === 'ErrImagePull' || error.reason === 'ImagePullBackOff';
      this.#retryAtMs.set(name, clock.now() + (isImage ? imageRetryMs : startRetryMs));
      // A container that was made and failed to start counts as a crash: its back-off decides.
      if (error.reason === 'RunContainerError' || error.reason === 'PostStartHookError') {
        this.#retryAtMs.delete(name);
        await containers.refresh(this.uid);
      }
    }
    this.wake();
  }

  #noteBackOffs(actions: PodActions): void {
    for (const { name, delayMs } of actions.backOff) {
      if (this.#waiting.get(name)?.reason === 'CrashLoopBackOff') continue;
      const pod = formatPod(this.#pod);
      const message = `back-off ${formatDuration(delayMs)} restarting failed container=${name} pod=${pod}`;
      this.#waiting.set(name, { reason: 'CrashLoopBackOff', message });
      const container = containerOf(this.#pod, name)!;
      const text = `Back-off restarting failed container ${name} in pod ${pod}`;
      this.#services.events.container(this.#pod, container, 'Warning', 'BackOff', text);
    }
    const due = new Set(actions.start.map(({ container }) => container.name));
    for (const [name, { reason }] of this.#waiting)
      if (reason === 'CrashLoopBackOff' && due.has(name)) this.#waiting.delete(name);
  }

  #probe(): void {
    if (this.#sandbox === undefined) return;
    const running = this.#services.containers
      .of(this.uid)
      .filter(({ status }) => status === 'running')
      .map((observed) => ({ observed, container: containerOf(this.#pod, observed.name) }))
      .filter(({ container }) => container !== undefined)
      .map(({ observed: { id, startedAtMs, createdAtMs }, container }) => ({
        container: container!,
        id,
        startedAtMs: startedAtMs ?? createdAtMs,
        known: knownProbeResults(this.#pod.status, id),
      }));
    this.#services.prober.sync(this.#pod, this.#podIP, running);
  }

  /** Stops what runs, says how it ended, and frees what it does not need any more. */
  async #end(graceSeconds: number): Promise<void> {
    await stopContainers(this.#services, this.#pod, this.#podIP, graceSeconds);
    this.#waiting.clear();
    await this.#publish({ finished: true });
    this.#phase = 'ended';
    await releaseGround(this.#services, this.#pod);
    await writeCheckpoint(this.#folder, { pod: this.pod, startTimeMs: this.#startTimeMs });
    this.#sandbox = undefined;
  }

  async #remove(): Promise<number> {
    const { client, containers, statuses } = this.#services;
    await containers.refresh(this.uid);
    const hadContainers = containers.of(this.uid).length > 0;
    if (hadContainers && this.#phase !== 'ended') {
      this.#sandbox ??= await this.#services.sandboxes.find(this.#folder, this.uid);
      this.#probe();
      await stopContainers(this.#services, this.#pod, this.#podIP, graceSecondsOf(this.#pod));
      this.#waiting.clear();
      await this.#publish({ finished: true });
      this.#phase = 'ended';
    }
    await removePod(this.#services, this.uid, this.#pod);
    if (this.#isInApi) {
      await statuses.settled(this.uid);
      const { name, namespace } = this.#pod.metadata;
      try {
        await client
          .in(workspaceOf(this.#pod))
          .resource(PODS)
          .delete(name, {
            ...(namespace !== undefined && { namespace }),
            gracePeriodSeconds: 0,
            preconditions: { uid: this.uid },
          });
      } catch (error) {
        if (error instanceof Unreachable) return 1_000;
        if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
      }
    }
    statuses.forget(this.uid);
    this.#phase = 'removed';
    return resyncMs;
  }

  /** One incarnation before the newest is kept, for its logs. */
  async #dropOldIncarnations(): Promise<void> {
    const { containers, engine } = this.#services;
    const observed = containers.of(this.uid);
    for (const name of new Set(observed.map((container) => container.name))) {
      for (const { id, logPath, terminationMessageFile } of incarnations(observed, name).slice(2)) {
        await engine.remove(id, { force: true });
        containers.remove(this.uid, id);
        this.#terminationMessages.delete(id);
        await rm(logPath, { force: true });
        if (terminationMessageFile) await rm(terminationMessageFile, { force: true });
      }
    }
  }

  async #readTerminationMessages(): Promise<void> {
    const unread = () =>
      this.#services.containers
        .of(this.uid)
        .find(({ id, status }) => status === 'exited' && !this.#terminationMessages.has(id));
    // Another one may end while this one is read.
    for (let ended = unread(); ended !== undefined; ended = unread())
      this.#terminationMessages.set(ended.id, await this.#lastWords(ended));
  }

  async #lastWords(observed: ObservedContainer): Promise<string> {
    try {
      return await readTerminationMessage(observed);
    } catch (error) {
      return `Error on reading termination log ${observed.terminationMessageFile}: ${messageOf(error)}`;
    }
  }

  async #publish({ finished }: { finished: boolean }): Promise<void> {
    await this.#readTerminationMessages();
    const { clock, containers, hostIPs, prober, statuses } = this.#services;
    const status = computePodStatus({
      pod: { ...this.#pod, status: this.#lastStatus() },
      observed: containers.of(this.uid),
      probes: prober.results,
      waiting: this.#waiting,
      terminationMessages: this.#terminationMessages,
      podIPs: podAddresses(this.#services, this.#sandbox),
      hostIPs,
      sandboxReady: this.#sandbox !== undefined && !finished,
      startTimeMs: this.#startTimeMs,
      finished,
      ...(this.#failure && { failure: this.#failure }),
      nowMs: clock.now(),
    });
    this.#status = status;
    statuses.write(this.#pod, status);
  }

  /** Our own conditions as last worked out, those of others as the API has them. */
  #lastStatus(): corev1.PodStatus {
    const api = this.#pod.status ?? { initContainerStatuses: [] };
    if (this.#status === undefined) return api;
    const own = (this.#status.conditions ?? []).filter(({ type }) => ownConditions.has(type));
    const others = (api.conditions ?? []).filter(({ type }) => !ownConditions.has(type));
    return { ...this.#status, conditions: [...own, ...others] };
  }

  /** Somebody else (the node lifecycle controller) has written what is ours to say. */
  #isTampered(pod: corev1.Pod): boolean {
    const own = this.#status?.conditions?.find(({ type }) => type === 'Ready');
    const shown = pod.status?.conditions?.find(({ type }) => type === 'Ready');
    if (own?.status !== 'True' || shown === undefined || shown.status === own.status) return false;
    // Not an echo of an older write of ours: those carry a transition time of ours.
    return Date.parse(shown.lastTransitionTime ?? '') > Date.parse(own.lastTransitionTime ?? '');
  }

  #deadlineMs(): number | undefined {
    const { activeDeadlineSeconds } = this.#pod.spec;
    return activeDeadlineSeconds === undefined ? undefined : this.#startTimeMs + activeDeadlineSeconds * 1000;
  }

  get #podIP(): string {
    return podAddresses(this.#services, this.#sandbox)[0] ?? '127.0.0.1';
  }
}

const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);

/** What `update` has to react to beside the spec's generation. */
function isWorthALook(old: corev1.Pod, pod: corev1.Pod): boolean {
  const { labels, annotations, deletionTimestamp } = pod.metadata;
  return (
    deletionTimestamp !== old.metadata.deletionTimestamp ||
    JSON.stringify([labels, annotations]) !==
      JSON.stringify([old.metadata.labels, old.metadata.annotations]) ||
    JSON.stringify(pod.spec) !== JSON.stringify(old.spec) ||
    (pod.spec.readinessGates ?? []).length > 0
  );
}

function graceSecondsOf({ metadata, spec }: corev1.Pod): number {
  return metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
}

function containerOf(pod: corev1.Pod, name: string): corev1.Container | undefined {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(
    (container) => container.name === name,
  );
}

function referencesOf(pod: corev1.Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const references = podVolumeReferences(pod);
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    const own = environmentReferences(container);
    for (const name of own.configMaps) references.configMaps.add(name);
    for (const name of own.secrets) references.secrets.add(name);
  }
  return references;
}
