import { rm } from 'node:fs/promises';
import { messageOf } from '../../base/index.ts';
import type { PodGround } from '../containers/container-starter.ts';
import { removeLogs } from '../containers/log-rotation.ts';
import { StartFailed } from '../containers/start-failed.ts';
import { VolumeSetupFailed } from '../volumes/pod-volumes.ts';
import { formatDuration } from './crash-back-off.ts';
import { incarnations } from './engine-labels.ts';
import type { ContainerStart, PodActions } from './pod-actions.ts';
import { formatPod } from './pod-events.ts';
import { prepareGround } from './pod-ground.ts';
import type { PodRecord } from './pod-record.ts';
import { reportPod } from './pod-report.ts';

const refreshMs = 60_000;
const startRetryMs = 10_000;
const imageRetryMs = 3_000;
const groundRetryMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

/** Failures that come before there is a container: nothing crashed, so it is simply tried again. */
const withoutContainer = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'CreateContainerConfigError',
  'CreateContainerError',
]);

/** The starting part of a pod's worker: ground, containers, and when to try again what failed. */
export class PodStarts {
  readonly #record: PodRecord;
  readonly #retryAtMs = new Map<string, number>();
  #hasStarted = false;
  #refreshedAtMs = 0;
  #groundRetryAtMs = 0;
  #groundFailures = 0;

  constructor(record: PodRecord) {
    this.#record = record;
  }

  /** What failed may succeed now; volumes are brought up to date at the next turn. */
  forgetFailures(): void {
    this.#refreshedAtMs = 0;
    this.#groundRetryAtMs = 0;
    this.#groundFailures = 0;
    this.#retryAtMs.clear();
  }

  /** When the next try is due, if something waits for one. */
  get nextTryMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#retryAtMs.values(), ...this.#groundRetry());
  }

  *#groundRetry(): Iterable<number> {
    if (this.#groundRetryAtMs > 0) yield this.#groundRetryAtMs;
  }

  /** Starts what is due, in order; in between refreshes volumes now and then. @returns whether anything was tried */
  async run(wanted: readonly ContainerStart[], signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#record.services;
    const nowMs = clock.now();
    const due = wanted.filter(({ container }) => nowMs >= (this.#retryAtMs.get(container.name) ?? 0));
    const isStale = this.#record.sandbox !== undefined && nowMs - this.#refreshedAtMs >= refreshMs;
    if (due.length === 0 && !isStale) {
      this.#groundRetryAtMs = 0;
      return false;
    }
    if (nowMs < this.#groundRetryAtMs) return false;
    const ground = await this.#ground(due.length > 0, signal);
    if (ground === undefined) {
      const delayMs = groundRetryMs[Math.min(this.#groundFailures++, groundRetryMs.length - 1)]!;
      this.#groundRetryAtMs = clock.now() + delayMs;
      return false;
    }
    this.#groundFailures = 0;
    this.#groundRetryAtMs = 0;
    for (const start of due) {
      if (signal.aborted) break;
      await this.#start(ground, start);
    }
    return due.length > 0;
  }

  /** Has crashed containers say that they wait, each wait once. */
  noteBackOffs(actions: PodActions): void {
    const { pod, services, waiting } = this.#record;
    const where = formatPod(pod);
    for (const { name, delayMs } of actions.backOff) {
      if (waiting.get(name)?.reason === 'CrashLoopBackOff') continue;
      const message = `back-off ${formatDuration(delayMs)} restarting failed container=${name} pod=${where}`;
      waiting.set(name, { reason: 'CrashLoopBackOff', message });
      const text = `Back-off restarting failed container ${name} in pod ${where}`;
      services.events.container(pod, this.#record.container(name)!, 'Warning', 'BackOff', text);
    }
    for (const { container } of actions.start)
      if (waiting.get(container.name)?.reason === 'CrashLoopBackOff') waiting.delete(container.name);
  }

  /** One incarnation before the newest is kept, for its logs. */
  async dropOldIncarnations(): Promise<void> {
    const { services, terminationMessages, uid } = this.#record;
    const { containers, engine } = services;
    const observed = containers.of(uid);
    for (const name of new Set(observed.map((container) => container.name))) {
      for (const { id, logPath, terminationMessageFile } of incarnations(observed, name).slice(2)) {
        await engine.remove(id, { force: true });
        containers.remove(uid, id);
        terminationMessages.delete(id);
        await removeLogs(logPath);
        if (terminationMessageFile) await rm(terminationMessageFile, { force: true });
      }
    }
  }

  async #ground(isNeeded: boolean, signal: AbortSignal): Promise<PodGround | undefined> {
    const { folder, log, pod, services } = this.#record;
    const sandbox = this.#record.sandbox ?? (await this.#makeSandbox());
    if (sandbox === undefined) return undefined;
    this.#refreshedAtMs = services.clock.now();
    try {
      const fresh = isNeeded && !this.#hasStarted;
      return await prepareGround(services, { pod, folder, sandbox, fresh, signal });
    } catch (error) {
      if (!(error instanceof VolumeSetupFailed)) throw error;
      log.info('volumes not set up', { why: error.messages });
      if (isNeeded)
        for (const message of error.messages) services.events.pod(pod, 'Warning', 'FailedMount', message);
      return undefined;
    }
  }

  async #makeSandbox(): Promise<PodRecord['sandbox']> {
    const { folder, log, pod, services } = this.#record;
    try {
      this.#record.sandbox = await services.sandboxes.create(pod, folder);
    } catch (error) {
      log.warn('cannot make the network of the pod', { error });
      const message = `Failed to create pod sandbox: ${messageOf(error)}`;
      services.events.pod(pod, 'Warning', 'FailedCreatePodSandBox', message);
      return undefined;
    }
    await reportPod(this.#record, { finished: false });
    return this.#record.sandbox;
  }

  async #start(ground: PodGround, start: ContainerStart): Promise<void> {
    const { log, services, uid, waiting } = this.#record;
    const { clock, containers } = services;
    const { name } = start.container;
    await this.#removeUnstarted(name);
    this.#retryAtMs.delete(name);
    try {
      await services.starter.start(ground, start, async (id) => {
        this.#hasStarted = true;
        await containers.inspect(id);
        waiting.delete(name);
        this.#record.syncProbes();
        await reportPod(this.#record, { finished: false });
      });
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error;
      const { reason, message } = error;
      log.info('container not started', { container: name, reason, why: message });
      waiting.set(name, { reason, message });
      if (!withoutContainer.has(reason)) return await containers.refresh(uid);
      const isPull = reason === 'ErrImagePull' || reason === 'ImagePullBackOff';
      this.#retryAtMs.set(name, clock.now() + (isPull ? imageRetryMs : startRetryMs));
    }
  }

  /** What a process that died between create and start has left. */
  async #removeUnstarted(name: string): Promise<void> {
    const { services, uid } = this.#record;
    for (const { id, status } of incarnations(services.containers.of(uid), name)) {
      if (status !== 'created') continue;
      await services.engine.remove(id, { force: true });
      services.containers.remove(uid, id);
    }
  }
}
