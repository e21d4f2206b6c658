import { rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { BadRequest, type Clock, Conflict, messageOf, NotFound } from '../../base/index.ts';
import type { AttachSession, Engine } from '../../engine/index.ts';
import type { RemoveOptions, WaitCondition } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import { orDiskFull } from './disk-full.ts';
import { Foreground } from './foreground.ts';
import type { ContainerParts } from './parts.ts';
import type { PendingStarts } from './pending-starts.ts';
import { runtimeError } from './runtime-errors.ts';
import { releaseSharedMemory } from './shared-memory.ts';
import type { Starting } from './starting.ts';
import { statusOf } from './status.ts';
import type { Container } from './stored-container.ts';

export interface LifecycleOptions {
  engine: Engine;
  store: ContainerStore;
  parts: ContainerParts;
  starting: Starting;
  clock: Clock;
  pending: PendingStarts;
}

const POLL_MS = 100;
/** How long is waited for the end of what was killed: dockerd's time. */
const KILL_MS = 10_000;

/** Starts, stops, waits for and removes containers; each step under the container's lock, each safe to repeat. */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #foreground: Foreground;

  constructor(options: LifecycleOptions) {
    this.#options = options;
    this.#foreground = new Foreground((id) => options.starting.markOf(id));
  }

  async start(text: string): Promise<void> {
    await this.#start(await this.#options.store.idOf(text), new Set());
  }

  async init(text: string): Promise<void> {
    const { engine, store } = this.#options;
    const id = await store.idOf(text);
    await engine.locked(id, async () => {
      const container = await store.load(id);
      if (container.state.status === 'running' || container.state.isInitialized)
        throw new Conflict(`container ${id} has already been created in runtime: container state improper`);
      await this.#init(container, new Set());
      // Nobody is about to start it.
      await this.#options.pending.end(id);
    });
  }

  async #start(id: string, visited: Set<string>, isByPolicy = false): Promise<void> {
    const { engine, store, parts } = this.#options;
    await engine.locked(id, async () => {
      const container = await store.load(id);
      if (container.state.isPaused)
        throw new Conflict(`cannot start paused container ${id}: container state improper`);
      if (container.state.status === 'running') return;
      if (!isByPolicy) await parts.lifecycle?.startedByUser(id);
      if (!container.state.isInitialized) await this.#init(container, visited);
      await this.#begin(container);
    });
  }

  async #begin(container: Container): Promise<void> {
    const { engine, store, parts } = this.#options;
    const { id } = container;
    try {
      await engine.start(id);
    } catch (error) {
      throw await this.#startFailed(container, error);
    }
    await this.#options.pending.end(id);
    await this.#event(container, 'start');
    if (parts.lifecycle !== undefined) await parts.lifecycle.started(await store.load(id));
  }

  /** Also of what it depends on. */
  async #init(container: Container, visited: Set<string>): Promise<void> {
    const { store, starting, parts } = this.#options;
    const { id, stored, state } = container;
    visited.add(id);
    if (state.status === 'exited') await this.#giveBack(container);
    for (const dependency of stored.dependencies)
      if (!visited.has(dependency)) await this.#start(dependency, visited);
    await store.forgetExitCode(id);
    const run = await store.readRun(id);
    if (run.stoppedByUser || run.error) await store.changeRun(id, { stoppedByUser: false, error: '' });
    await this.#options.pending.begin(id);
    try {
      await starting.init(container);
    } catch (error) {
      throw await this.#startFailed(container, error);
    }
    if (parts.events !== undefined) await this.#event(container, 'init');
  }

  async #startFailed(container: Container, error: unknown): Promise<unknown> {
    const told = await orDiskFull(runtimeError(error), this.#options.store.userFolder(container.id));
    await this.#giveBack(container);
    await this.#options.pending.end(container.id);
    await this.#options.store.changeRun(container.id, { error: messageOf(told) });
    return told;
  }

  /** Undoes starts whose process was killed before the container ran. @returns the ids */
  async undoCutOffStarts(): Promise<string[]> {
    const ids = await this.#options.pending.cutOff();
    const undone: string[] = [];
    for (const id of ids) if (await this.#undoStart(id)) undone.push(id);
    return undone;
  }

  async #undoStart(id: string): Promise<boolean> {
    const { engine, pending } = this.#options;
    const container = await engine.locked(id, async () => {
      if (!(await pending.isCutOff(id))) return undefined;
      const found = await this.#ifThere(id);
      if (found !== undefined && found.state.status !== 'running') {
        if (found.state.isInitialized) {
          await engine.kill(id, 'KILL');
          await engine.ended(id);
        }
        await this.#giveBack(found);
      }
      await pending.end(id);
      return found?.state.status === 'running' ? undefined : found;
    });
    if (container?.stored.hostConfig.AutoRemove) await this.#removeQuietly(id);
    return container !== undefined;
  }

  /** Networks, mounts, control group: whatever a run holds of the host. Idempotent. */
  async #giveBack(container: Container): Promise<void> {
    const { engine, parts, starting } = this.#options;
    const { id, stored } = container;
    await starting.shareNames(container, false);
    const network = async () => {
      await parts.networks?.tearDown(id);
      await parts.outside?.disconnect(id);
      await engine.networks.removeNamespace(id.slice(0, 24));
    };
    // ip(8) and nft(8) take their time, in processes of their own.
    for (const done of await Promise.allSettled([network(), engine.cleanup(id)]))
      if (done.status === 'rejected') throw done.reason;
    releaseSharedMemory(this.#options.store.userFolder(id));
    await starting.releaseMounts(container);
    for (const mount of stored.mounts)
      if (mount.type === 'volume') await parts.volumes?.unmount(mount.name!, id);
    await rm(starting.markOf(id), { force: true });
  }

  /** Before its removal: what its end has given back already, or no run has taken, is not asked for again. */
  async #giveBackOnce(container: Container): Promise<void> {
    if (!(await this.#foreground.isMarked(container.id)))
      return await this.#options.starting.releaseMounts(container);
    // Nobody else has told of it yet, and nobody can afterwards.
    if (container.state.status === 'exited')
      await this.#event(container, 'died', {}, container.state.exitCode ?? 0);
    await this.#giveBack(container);
  }

  async attach(text: string): Promise<AttachSession> {
    const { engine, store } = this.#options;
    const id = await store.idOf(text);
    await engine.locked(id, async () => {
      const container = await store.load(id);
      if (container.state.status === 'running' || container.state.isInitialized) return;
      await this.#init(container, new Set());
      await this.#foreground.take(id);
    });
    const session = await engine.attach(id);
    if (this.#options.parts.events !== undefined) await this.#event(await store.load(id), 'attach');
    return session;
  }

  async stop(
    text: string,
    options: { timeoutSeconds?: number; signal?: string } = {},
  ): Promise<{ warnings: string[] }> {
    const { engine, store, parts } = this.#options;
    const id = await store.idOf(text);
    const container = await store.load(id);
    await parts.lifecycle?.stoppedByUser(id);
    if (container.state.status !== 'running' && !container.state.isInitialized) return { warnings: [] };
    await store.changeRun(id, { stoppedByUser: true });
    const timeoutSeconds = options.timeoutSeconds ?? container.stored.stopTimeoutSeconds;
    let wasKilled = false;
    if (container.state.isInitialized) await engine.kill(id, 'KILL');
    else wasKilled = await engine.stop(id, timeoutSeconds, options.signal);
    await this.#event(container, 'stop');
    await this.cleanup(id);
    if (!wasKilled || timeoutSeconds === 0) return { warnings: [] };
    const signal = options.signal ?? signalName(container.stored.config.StopSignal ?? 'SIGTERM');
    return {
      warnings: [
        `StopSignal ${signal} failed to stop container ${container.name} in ${timeoutSeconds} seconds, resorting to SIGKILL`,
      ],
    };
  }

  async restart(text: string, options: { timeoutSeconds?: number; signal?: string } = {}): Promise<void> {
    const id = await this.#options.store.idOf(text);
    const { state } = await this.#options.store.load(id);
    if (state.isPaused)
      throw new Conflict(
        'unable to restart a container in a paused or unknown state: container state improper',
      );
    await this.stop(id, options);
    await this.#start(id, new Set());
    await this.#event(await this.#options.store.load(id), 'restart');
  }

  async kill(text: string, signal = 'KILL'): Promise<void> {
    const { engine, store } = this.#options;
    const id = await store.idOf(text);
    const container = await store.load(id);
    if (container.state.status !== 'running')
      throw new Conflict(
        `can only kill running containers. ${id} is in state ${statusOf(container.state)}: container state improper`,
      );
    const isEnd = /^(?:SIG)?KILL$|^9$/i.test(signal);
    if (isEnd) {
      // As stop: its restart policy does not bring back what people ended.
      await this.#options.parts.lifecycle?.stoppedByUser(id);
      await store.changeRun(id, { stoppedByUser: true });
    }
    await engine.kill(id, signal);
    await this.#event(container, 'kill', { signal });
    // Nothing outlives this one: who removes it next is not to find it running still.
    if (isEnd) await this.#endsSoon(id);
  }

  async #endsSoon(id: string): Promise<void> {
    const { engine, clock } = this.#options;
    const enough = new AbortController();
    const late = clock.sleep(KILL_MS, enough.signal).catch((reason: unknown) => {
      if (!enough.signal.aborted) throw reason;
    });
    // One that removes itself may be gone by then.
    const ended = engine.ended(id).catch((error: unknown) => {
      if (!(error instanceof NotFound)) throw error;
    });
    await Promise.race([ended, late]);
    enough.abort();
  }

  async pause(text: string): Promise<void> {
    const { engine, store } = this.#options;
    const container = await store.find(text);
    if (container.state.isPaused)
      throw new Conflict(`"${container.id}" is already paused: container state improper`);
    if (container.state.status !== 'running')
      throw new Conflict(
        `"${statusOf(container.state)}" is not running, can't pause: container state improper`,
      );
    await engine.pause(container.id);
    await this.#event(container, 'pause');
  }

  async unpause(text: string): Promise<void> {
    const { engine, store } = this.#options;
    const container = await store.find(text);
    if (!container.state.isPaused)
      throw new Conflict(`"${container.id}" is not paused, can't unpause: container state improper`);
    await engine.unpause(container.id);
    await this.#event(container, 'unpause');
  }

  async wait(text: string, condition: WaitCondition = 'exited', signal?: AbortSignal): Promise<number> {
    const { engine, store } = this.#options;
    let id: string;
    try {
      id = await store.idOf(text);
    } catch (error) {
      // Others have removed it between its start and now.
      const known = /^[0-9a-f]{64}$/.test(text) ? await store.exitCodeOf(text) : undefined;
      if (known === undefined || !(error instanceof NotFound)) throw error;
      return known;
    }
    if (['exited', 'stopped', 'not-running', 'next-exit'].includes(condition)) {
      if (condition === 'next-exit') await this.#nextRun(id, signal);
      // Docker and Podman differ: what was made and never started is not running, but has not exited either.
      if (condition === 'not-running') {
        const { state } = await store.load(id);
        if (state.status === 'created' && !state.isInitialized) return 0;
      }
      const exitCode = await this.#ended(id, () => engine.ended(id, signal));
      if (this.#foreground.holds(id)) await this.#cleanupIfThere(id);
      return exitCode;
    }
    if (condition === 'removed') {
      let exitCode = 0;
      while (await this.#isThere(id, (code) => (exitCode = code)))
        await this.#options.clock.sleep(POLL_MS, signal);
      return (await store.exitCodeOf(id)) ?? exitCode;
    }
    const wanted =
      condition === 'configured' ? 'created' : condition === 'created' ? 'initialized' : condition;
    await this.#until(
      id,
      (status) => status === wanted || (condition === 'created' && status === 'created'),
      signal,
    );
    return -1;
  }

  async #cleanupIfThere(id: string): Promise<void> {
    try {
      await this.cleanup(id);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      this.#foreground.release(id);
    }
  }

  /** The exit code, also of one that removes itself at its end. */
  async #ended(id: string, ended: () => Promise<{ exitCode?: number }>): Promise<number> {
    try {
      return (await ended()).exitCode ?? 0;
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      const known = await this.#options.store.exitCodeOf(id);
      if (known === undefined) throw error;
      return known;
    }
  }

  async #isThere(id: string, seen: (exitCode: number) => void): Promise<boolean> {
    try {
      const { state } = await this.#options.store.load(id);
      if (state.exitCode !== undefined) seen(state.exitCode);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  /** Until it runs, or has ended once more: it may have come and gone between two looks. */
  async #nextRun(id: string, signal?: AbortSignal): Promise<void> {
    const { state } = await this.#options.store.load(id);
    const { finishedAt } = state;
    for (let now = state; statusOf(now) !== 'running' && now.finishedAt === finishedAt; ) {
      await this.#options.clock.sleep(POLL_MS, signal);
      const next = await this.#ifThere(id);
      // One that removes itself has kept its exit code.
      if (next === undefined) return;
      now = next.state;
    }
  }

  async #until(id: string, holds: (status: string) => boolean, signal?: AbortSignal): Promise<void> {
    while (!holds(statusOf((await this.#options.store.load(id)).state)))
      await this.#options.clock.sleep(POLL_MS, signal);
  }

  /** What conmon has called, or the process in the foreground does: once for each end. */
  async cleanup(text: string, options: { remove?: boolean } = {}): Promise<void> {
    const { engine, store, parts } = this.#options;
    const id = await store.idOf(text);
    let ended: Container | undefined;
    await engine.locked(id, async () => {
      const container = await store.load(id);
      if (container.state.status !== 'exited') return;
      if (await this.#foreground.isMarked(id)) {
        await store.keepExitCode(id, container.state.exitCode ?? 0);
        await this.#event(container, 'died', {}, container.state.exitCode ?? 0);
        await this.#giveBack(container);
        await parts.lifecycle?.ended(container);
        await this.#event(container, 'cleanup');
        ended = container;
      }
    });
    this.#foreground.release(id);
    if (options.remove) return await this.#removeQuietly(id);
    if (ended === undefined) return;
    if (ended.stored.hostConfig.AutoRemove) return await this.#removeQuietly(id);
    if ((await store.readRun(id)).stoppedByUser) return;
    if (await parts.lifecycle?.shallRestart(ended)) await this.#start(id, new Set(), true);
  }

  async #removeQuietly(id: string): Promise<void> {
    try {
      await this.remove(id, { volumes: true, force: true });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  async remove(text: string, options: RemoveOptions = {}): Promise<void> {
    const { engine, store, parts } = this.#options;
    const id = await store.idOf(text);
    const container = await store.load(id);
    await this.#checkRemoval(container, options);
    if (container.state.status === 'running') await this.#stopToRemove(container, options);
    await engine.locked(id, async () => {
      let now = await this.#ifThere(id);
      // Who was about to start it has done so since.
      if (now?.state.status === 'running' && container.state.status !== 'running') {
        await this.#stopToRemove(now, options);
        now = await this.#ifThere(id);
      }
      if (now === undefined) return;
      await parts.lifecycle?.removed(id);
      if (now.state.status !== 'running') await this.#giveBackOnce(now);
      if (now.state.exitCode !== undefined) await store.keepExitCode(id, now.state.exitCode);
      if (now.state.status === 'running') releaseSharedMemory(store.userFolder(id));
      await engine.remove(id, { force: true });
      await parts.networks?.tearDown(id);
      await parts.outside?.disconnect(id);
      await engine.networks.removeNamespace(id.slice(0, 24));
      await this.#removeVolumes(now, options.volumes === true);
      await this.#options.pending.end(id);
      await this.#event(now, 'remove');
    });
  }

  /** Also when nobody waits for it: who runs it in the foreground is to learn its exit code. */
  async #stopToRemove({ id, stored }: Container, { timeoutSeconds }: RemoveOptions): Promise<void> {
    const { engine, store, parts } = this.#options;
    await parts.lifecycle?.stoppedByUser(id);
    await store.changeRun(id, { stoppedByUser: true });
    if (timeoutSeconds === 0) await engine.stop(id, 0, 'SIGKILL');
    else await engine.stop(id, timeoutSeconds ?? stored.stopTimeoutSeconds);
  }

  async #checkService({ id, stored }: Container, { ofPod }: RemoveOptions): Promise<void> {
    if (ofPod || !stored.options.Podman?.IsService) return;
    const pods = ((await this.#options.parts.pods?.list()) ?? []).filter((pod) => pod.serviceId === id);
    if (pods.length > 0)
      throw new Conflict(
        `container ${id} is the service container of pod(s) ${pods.map((pod) => pod.id).join(',')} and cannot be removed without removing the pod(s)`,
      );
  }

  async #checkRemoval(container: Container, options: RemoveOptions): Promise<void> {
    const { id, state, stored } = container;
    const { store } = this.#options;
    if (stored.isInfra && stored.podId !== undefined && !options.depend)
      throw new Conflict(
        `container ${id} is the infra container of pod ${stored.podId} and cannot be removed without removing the pod`,
      );
    await this.#checkService(container, options);
    const dependents = (await store.list()).filter((one) => one.stored.dependencies.includes(id));
    if (dependents.length > 0 && !options.depend)
      throw new Conflict(
        `container ${id} has dependent containers which must be removed before it: ${dependents.map((one) => one.id).join(', ')}: container already exists`,
      );
    if ((state.status === 'running' || state.isPaused) && !options.force)
      throw new Conflict(
        `cannot remove container ${id} as it is ${statusOf(state)} - running or paused containers cannot be removed without force: container state improper`,
      );
    for (const dependent of dependents) await this.remove(dependent.id, { ...options, force: true });
  }

  async #removeVolumes({ id, stored }: Container, anonymous: boolean): Promise<void> {
    const { volumes } = this.#options.parts;
    if (volumes === undefined) return;
    for (const mount of stored.mounts) {
      if (mount.type !== 'volume') continue;
      await volumes.unmount(mount.name!, id);
      if (!anonymous || !mount.isAnonymous) continue;
      try {
        await volumes.remove(mount.name!);
      } catch (error) {
        // Another uses it by its name, or has removed it.
        if (!(error instanceof Conflict) && !(error instanceof NotFound)) throw error;
      }
    }
  }

  async #ifThere(id: string): Promise<Container | undefined> {
    try {
      return await this.#options.store.load(id);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Mounts its root on the host, also of one that does not run; counted. */
  async mount(text: string): Promise<string> {
    const { engine, store } = this.#options;
    const container = await store.find(text);
    const { id } = container;
    const root = await engine.mountRoot(id);
    await engine.locked(id, async () =>
      store.changeRun(id, { mounts: ((await store.readRun(id)).mounts ?? 0) + 1 }),
    );
    await this.#event(container, 'mount');
    return root;
  }

  async unmount(text: string, options: { force?: boolean } = {}): Promise<boolean> {
    const { engine, store } = this.#options;
    const container = await store.find(text);
    const { id, state } = container;
    return await engine.locked(id, async () => {
      const mounts = (await store.readRun(id)).mounts ?? 0;
      if (mounts === 0 && !options.force) return false;
      const left = options.force ? 0 : mounts - 1;
      await store.changeRun(id, { mounts: left });
      const isUsed = state.status === 'running' || state.isInitialized === true;
      if (left === 0 && !isUsed) await engine.unmountRoot(id);
      await this.#event(container, 'unmount');
      return true;
    });
  }

  async rename(text: string, name: string): Promise<void> {
    const { engine, store } = this.#options;
    const container = await store.find(text);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
      throw new BadRequest('names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument');
    await engine.rename(container.id, name);
    await this.#event({ ...container, name }, 'rename');
  }

  async #event(
    { id, name, stored }: Container,
    status: string,
    attributes: Record<string, string> = {},
    exitCode?: number,
  ): Promise<void> {
    await this.#options.parts.events?.append({
      ...{ Type: 'container', Status: status, ID: id, Name: name, Image: stored.image },
      Attributes: { ...stored.config.Labels, ...attributes },
      ...(stored.podId !== undefined && { PodID: stored.podId }),
      ...(exitCode !== undefined && { ContainerExitCode: exitCode }),
    });
  }
}

/** A stop signal as people know it, also when it was given as a number. */
function signalName(signal: string): string {
  const entry = Object.entries(constants.signals).find(([, number]) => String(number) === signal);
  return entry?.[0] ?? signal;
}
