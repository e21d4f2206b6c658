import { copyFile, readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import {
  BadRequest,
  type Clock,
  Conflict,
  type Log,
  messageOf,
  NotFound,
  OrreryError,
  runCommand,
} from '../../base/index.ts';
import type {
  AttachSession,
  ContainerLimits,
  ContainerMonitor,
  ContainerPaths,
  ContainerSpec,
  ContainerState,
  ContainerStatistics,
  ContainerUsage,
  DetachedSession,
  ExecOptions,
  ExecSession,
} from '../engine.ts';
import { exists } from '../images/blobs.ts';
import type { DiskImageStore } from '../images/image-store.ts';
import type { EnginePrograms } from '../requirements.ts';
import { withFileLock } from '../system/lock.ts';
import { mountsBelow } from '../system/mounts.ts';
import { attachToContainer } from './attach.ts';
import { type CgroupHierarchies, Cgroups, readCgroupHierarchies } from './cgroups.ts';
import { startConmon, tidy, type WaitingConmon } from './conmon.ts';
import { Creation } from './creation.ts';
import { execDetached } from './detached-exec.ts';
import { type ExecTarget, execInContainer } from './exec.ts';
import { readHostFacts } from './host-facts.ts';
import { updateArguments, updateLines } from './limits.ts';
import { reopenLogFile } from './log-reopening.ts';
import { deviceNumber } from './oci-resources.ts';
import { Processes } from './processes.ts';
import { type ContainerRecord, isContainerId, Records } from './records.ts';
import { unmountRoot } from './root-filesystem.ts';
import { sendSignal, signalNumber } from './signals.ts';
import { openStartFifo } from './start-fifo.ts';
import { States } from './states.ts';
import { readStatistics } from './statistics.ts';
import { Watcher } from './watcher.ts';

export interface ContainersOptions {
  directory: string;
  instance: string;
  images: () => DiskImageStore;
  programs: () => Promise<EnginePrograms>;
  log: Log;
  clock: Clock;
}

/** Containers on disk and in the kernel: made, started, watched, ended, removed. */
export class Containers {
  readonly records: Records;
  readonly #options: ContainersOptions;
  readonly #cgroups: Cgroups;
  readonly #processes: Processes;
  readonly #creation: Creation;
  readonly #states: States;
  readonly #watcher: Watcher;
  readonly #conmonGroup: string;
  readonly #hierarchies: CgroupHierarchies;
  /** Started ahead of `init`, by the container's id. */
  readonly #waiting = new Map<string, WaitingConmon>();
  #isConmonGroupMade = false;

  static async open(options: ContainersOptions): Promise<Containers> {
    const hierarchies = await readCgroupHierarchies();
    const containers = new Containers(options, hierarchies);
    await containers.records.open();
    return containers;
  }

  private constructor(options: ContainersOptions, hierarchies: CgroupHierarchies) {
    this.#options = options;
    this.records = new Records(options.directory);
    this.#cgroups = new Cgroups(hierarchies);
    this.#processes = new Processes(this.records, this.#cgroups);
    this.#states = new States(this.records, this.#cgroups, this.#processes);
    this.#creation = new Creation({
      records: this.records,
      images: options.images,
      clock: options.clock,
      hierarchies,
      pidOf: async (id) => await this.#states.pidOf(await this.records.read(id)),
    });
    this.#hierarchies = hierarchies;
    this.#conmonGroup = `/orrery-${options.instance}/conmon`;
    this.#watcher = new Watcher({
      folder: this.records.events,
      suspects: () => this.#withoutConmon(),
      log: options.log,
    });
  }

  async create(spec: ContainerSpec): Promise<string> {
    await this.#options.programs();
    return await this.#creation.create(spec);
  }

  async start(id: string): Promise<void> {
    const programs = await this.#options.programs();
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      const state = await this.#states.read(record);
      if (state.status !== 'created')
        throw new Conflict(`container ${id} is ${state.status}, not created: it cannot be started`);
      try {
        if (record.deferred && !state.isInitialized)
          throw new Conflict(`container ${id} is not initialised: it cannot be started`);
        if ((await this.#states.pidOf(record)) === undefined)
          await (await this.#startConmon(record, programs)).create();
        await this.records.markStarted(id, new Date(this.#options.clock.now()).toISOString());
        await openStartFifo(join(this.records.runcRoot, id, 'exec.fifo'), () => this.#states.pidOf(record));
      } catch (error) {
        throw await this.#startFailed(record, error);
      }
    });
  }

  async startMonitor(id: string, monitor: ContainerMonitor): Promise<void> {
    const programs = await this.#options.programs();
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      this.dismissMonitor(id);
      await this.#forgetLastRun(record);
      this.#waiting.set(id, await this.#startConmon(record, programs, monitor));
    });
  }

  dismissMonitor(id: string): void {
    this.#waiting.get(id)?.dismiss();
    this.#waiting.delete(id);
  }

  async init(id: string, spec: ContainerSpec): Promise<void> {
    const programs = await this.#options.programs();
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      if (!this.#waiting.has(id)) await this.#forgetLastRun(record);
      try {
        await this.#creation.prepare(record, spec);
        const conmon = this.#waiting.get(id) ?? (await this.#startConmon(record, programs, spec));
        this.#waiting.delete(id);
        await conmon.create();
        await copyPidFiles(this.records.folderOf(id), spec);
      } catch (error) {
        this.dismissMonitor(id);
        await this.#endProcesses(record);
        await this.records.forgetRun(id);
        // What the caller did wrong stays what it is.
        if (error instanceof BadRequest || error instanceof NotFound) throw error;
        throw new OrreryError('ContainerStartFailed', messageOf(error), { cause: error });
      }
    });
  }

  /** Nothing of a run before may be taken for the next one's. @throws Conflict when it goes on */
  async #forgetLastRun(record: ContainerRecord): Promise<void> {
    const { id } = record;
    const state = await this.#states.read(record);
    if (state.status === 'running' || state.isInitialized)
      throw new Conflict(`container ${id} is ${state.isInitialized ? 'initialised' : 'running'} already`);
    if (state.status === 'exited') await this.#endProcesses(record);
    await this.records.forgetRun(id);
  }

  async cleanup(id: string): Promise<void> {
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      const { status, isInitialized } = await this.#states.read(record);
      if (status === 'running' || isInitialized) return;
      await this.#endProcesses(record);
      unmountRoot(this.records.folderOf(id));
    });
  }

  async pause(id: string): Promise<void> {
    await this.#freeze(id, 'pause');
  }

  async unpause(id: string): Promise<void> {
    await this.#freeze(id, 'resume');
  }

  async #freeze(id: string, verb: 'pause' | 'resume'): Promise<void> {
    const { runc } = await this.#options.programs();
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      const { status } = await this.#states.read(record);
      if (status !== 'running') throw new Conflict(`container ${id} is not running: it is ${status}`);
      await runCommand(runc, ['--root', this.records.runcRoot, verb, id]);
    });
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#locked(id, async () => {
      const record = await this.records.read(id);
      if (record.name === name) return;
      await this.records.claimName(name, id);
      await this.records.rewrite({ ...record, name });
      await this.records.releaseName(record.name, id);
    });
  }

  async writeDetails(id: string, details: unknown): Promise<void> {
    await this.#locked(id, async () => {
      await this.records.rewrite({ ...(await this.records.read(id)), details });
    });
  }

  async mountRoot(id: string): Promise<string> {
    return await this.#locked(id, async () => this.#creation.mountRoot(await this.records.read(id)));
  }

  async unmountRoot(id: string): Promise<boolean> {
    return await this.#locked(id, async () => unmountRoot(this.records.folderOf(id)));
  }

  async pathsOf(id: string): Promise<ContainerPaths> {
    const { rootfs, layerNames = [], cgroupPath } = await this.records.read(id);
    const folder = this.records.folderOf(id);
    const layers = this.#options.images().layers.folder;
    return {
      folder,
      config: join(folder, 'config.json'),
      root: rootfs ?? join(folder, 'rootfs'),
      ...(rootfs === undefined && { upper: join(folder, 'upper'), work: join(folder, 'work') }),
      lowers: layerNames.map((name) => join(layers, name)),
      cgroup: cgroupPath,
    };
  }

  /** A second lock of the container's, around several of these steps. */
  async lockedByCaller<T>(id: string, work: () => Promise<T>): Promise<T> {
    return await withFileLock(`${this.#lockOf(id)}.caller`, work);
  }

  async #startConmon(
    record: ContainerRecord,
    programs: EnginePrograms,
    monitor: ContainerMonitor = {},
  ): Promise<WaitingConmon> {
    await this.#makeConmonGroup();
    return startConmon({
      ...programs,
      runcRoot: this.records.runcRoot,
      id: record.id,
      name: record.id.slice(0, 12),
      bundle: this.records.folderOf(record.id),
      exitDir: this.records.events,
      logPath: record.logPath,
      tty: record.tty,
      stdin: record.stdin,
      stdinOnce: record.stdinOnce === true,
      place: (pid) => this.#cgroups.enter(this.#conmonGroup, pid),
      ...(monitor.log && { log: monitor.log }),
      ...(monitor.exitCommand && { exitCommand: monitor.exitCommand }),
      ...(monitor.timeoutSeconds && { timeoutSeconds: monitor.timeoutSeconds }),
      ...(monitor.preserveFds && { preserveFds: monitor.preserveFds }),
      ...(monitor.heldDescriptors && { heldDescriptors: monitor.heldDescriptors }),
    });
  }

  async #makeConmonGroup(): Promise<void> {
    if (!this.#isConmonGroupMade) await this.#cgroups.make(this.#conmonGroup);
    this.#isConmonGroupMade = true;
  }

  async #startFailed(record: ContainerRecord, error: unknown): Promise<unknown> {
    const finishedAt = new Date(this.#options.clock.now()).toISOString();
    const message =
      error instanceof OrreryError && 'stderr' in error ? tidy(String(error.stderr)) : messageOf(error);
    await this.#states.keepStartFailure(record, message, finishedAt);
    await this.records.forgetStarted(record.id);
    await this.#endProcesses(record);
    return new OrreryError('ContainerStartFailed', message, { cause: error });
  }

  async kill(id: string, signal: string): Promise<void> {
    const record = await this.records.read(id);
    const number = signalNumber(signal);
    const pid = await this.#states.pidOf(record);
    if (pid === undefined) throw new Conflict(`container ${id} is not running`);
    // Without a process namespace of its own, its first process does not take the others along.
    if (record.hostPid && number === constants.signals.SIGKILL) await this.#killAll(record);
    else sendSignal(pid, number);
  }

  /** @returns whether it had to be killed */
  async stop(id: string, timeoutSeconds: number, signal?: string): Promise<boolean> {
    const record = await this.records.read(id);
    const { status, pid } = await this.#states.read(record);
    if (status === 'exited' || (status === 'created' && pid === undefined)) return false;
    if ((await this.#cgroups.isFrozen(record.cgroupPath)) === true) await this.unpause(id);
    const ended = this.#untilExited(record);
    try {
      await this.#signalIfRunning(record, signal ?? record.stopSignal);
      if (await ended.within(timeoutSeconds * 1000)) return false;
      await this.#signalIfRunning(record, 'SIGKILL');
      if (!(await ended.within(10_000)))
        throw new OrreryError('ContainerStopFailed', `container ${id} did not end within 10 s of SIGKILL`);
      return true;
    } finally {
      ended.forget();
    }
  }

  async #signalIfRunning(record: ContainerRecord, signal: string): Promise<void> {
    try {
      await this.kill(record.id, signal);
    } catch (error) {
      // It ended by itself in the meantime.
      if (!(error instanceof Conflict)) throw error;
    }
  }

  /** Resolves true as soon as the container has exited, whoever ended it. */
  #untilExited(record: ContainerRecord): {
    within(timeoutMs: number): Promise<boolean>;
    /** Makes `within` answer now. */
    stop(): void;
    forget(): void;
  } {
    let wake: () => void = () => undefined;
    let stopped = false;
    const forget = this.#watcher.listen((id) => {
      if (id === record.id) wake();
    });
    const within = async (timeoutMs: number) => {
      const endMs = Date.now() + timeoutMs;
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const status = (await this.#ifThere(() => this.#states.read(record)))?.status ?? 'exited';
        if (status === 'exited') return true;
        const leftMs = endMs - Date.now();
        if (leftMs <= 0 || stopped) return false;
        const timer = setTimeout(() => wake(), Math.min(leftMs, 1000));
        // Left running it would keep a command alive that has nothing left to do.
        await woken.finally(() => clearTimeout(timer));
      }
    };
    const stop = () => {
      stopped = true;
      wake();
    };
    return { within, stop, forget };
  }

  async ended(id: string, signal?: AbortSignal): Promise<ContainerState> {
    const record = await this.records.read(id);
    signal?.throwIfAborted();
    const ended = this.#untilExited(record);
    signal?.addEventListener('abort', ended.stop);
    try {
      while (!(await ended.within(60_000))) signal?.throwIfAborted();
      return await this.#states.read(record);
    } finally {
      signal?.removeEventListener('abort', ended.stop);
      ended.forget();
    }
  }

  async remove(id: string, options: { force?: boolean } = {}): Promise<void> {
    if (!isContainerId(id) || !(await exists(this.records.file(id, 'record.json')))) return;
    const record = await this.records.read(id);
    await this.#locked(id, async () => {
      const status = (await this.#ifThere(() => this.#states.read(record)))?.status;
      if (status === 'running' && !options.force)
        throw new Conflict(`container ${id} is running`, { hint: 'stop it first, or force its removal' });
      await this.#endProcesses(record);
      await this.#creation.discard(record);
      if (!record.deferred) await this.#cgroups.removeIfEmpty(record.cgroupParent);
    });
    await rm(this.#lockOf(id), { force: true });
    await rm(`${this.#lockOf(id)}.caller`, { force: true });
  }

  /** Ends whatever lives of a container: its processes, runc's state, its conmon, its control group. */
  async #endProcesses(record: ContainerRecord): Promise<void> {
    const { id } = record;
    if ((await this.#states.pidOf(record)) !== undefined) await this.#killAll(record);
    await this.#untilConmonEnds(record);
    // What `runc delete` would do: without hooks its state is a folder and the control group.
    await rm(join(this.records.runcRoot, id), { recursive: true, force: true });
    for (const pid of await this.#cgroups.processes(record.cgroupPath))
      sendSignal(pid, constants.signals.SIGKILL);
    await this.#cgroups.remove(record.cgroupPath);
  }

  async #killAll(record: ContainerRecord): Promise<void> {
    // What is frozen dies only when it thaws.
    await this.#cgroups.thaw(record.cgroupPath);
    for (const pid of await this.#processes.of(record)) sendSignal(pid, constants.signals.SIGKILL);
  }

  /** conmon ends by itself when its container has; one that does not is killed, with whom it has make the container. */
  async #untilConmonEnds(record: ContainerRecord): Promise<void> {
    const { id } = record;
    let pid = await this.#states.conmonOf(id);
    for (let tries = 0; pid !== undefined && tries < 200; tries++) {
      // Its starter was killed, and it has gone on to make the container.
      if ((await this.#states.pidOf(record)) !== undefined) await this.#killAll(record);
      // It is done when it has said how the container ended; then it may be waiting for us, its exit command.
      if (await exists(join(this.records.events, id))) return;
      await delay(tries < 20 ? 5 : 10);
      pid = await this.#states.conmonOf(id);
    }
    if (pid === undefined) return;
    // Stopped, it starts nobody any more.
    sendSignal(pid, constants.signals.SIGSTOP);
    for (const one of [...this.#processes.childrenOf(pid), pid]) sendSignal(one, constants.signals.SIGKILL);
  }

  async inspect(id: string): Promise<ContainerState> {
    return await this.#states.read(await this.records.read(id));
  }

  async list(filter: { labels?: Record<string, string> } = {}): Promise<ContainerState[]> {
    const wanted = Object.entries(filter.labels ?? {});
    const records = (await this.records.list()).filter((record) =>
      wanted.every(([name, value]) => record.labels[name] === value),
    );
    const states = await Promise.all(records.map((record) => this.#ifThere(() => this.#states.read(record))));
    return states.filter((state) => state !== undefined);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<ContainerState> {
    const told = new Map<string, string>();
    const pending = new Set<string>();
    let wake: () => void = () => undefined;
    const forget = this.#watcher.listen((id) => {
      pending.add(id);
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      for (const id of await this.records.ids()) pending.add(id);
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        for (const id of [...pending]) {
          pending.delete(id);
          const state = await this.#ifThere(() => this.inspect(id));
          const text = JSON.stringify(state);
          if (state === undefined) told.delete(id);
          else if (told.get(id) !== text) {
            told.set(id, text);
            yield state;
          }
          if (signal.aborted) return;
        }
        if (pending.size === 0 && !signal.aborted) await woken;
      }
    } finally {
      forget();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Containers that were started, have no known end, and no conmon that would report one. */
  async #withoutConmon(): Promise<string[]> {
    const ids: string[] = [];
    for (const id of await this.records.ids()) {
      if (await exists(this.records.file(id, 'exit.json'))) continue;
      const started = await exists(this.records.file(id, 'conmon.pid'));
      if (started && (await this.#states.conmonOf(id)) === undefined) ids.push(id);
    }
    return ids;
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    return await execInContainer(await this.#execTarget(id, options), options);
  }

  async execDetached(id: string, options: ExecOptions, session: DetachedSession): Promise<void> {
    const programs = await this.#options.programs();
    const { bundle, runcRoot } = await this.#execTarget(id, options);
    await this.#makeConmonGroup();
    const place = (pid: number) => this.#cgroups.enter(this.#conmonGroup, pid);
    await execDetached({ ...programs, id, bundle, runcRoot, place }, options, session);
  }

  async #execTarget(id: string, options: ExecOptions): Promise<ExecTarget> {
    const { runc } = await this.#options.programs();
    const record = await this.records.read(id);
    if (options.command.length === 0)
      throw new BadRequest('you must specify at least one command for the container');
    const { status } = await this.#states.read(record);
    if (status !== 'running') throw new Conflict(`container ${id} is not running: it is ${status}`);
    const first = await this.#states.pidOf(record);
    return {
      id,
      bundle: this.records.folderOf(id),
      runc,
      runcRoot: this.records.runcRoot,
      holds: (pid) => this.#processes.holds(record, first, pid),
    };
  }

  async attach(id: string): Promise<AttachSession> {
    const record = await this.records.read(id);
    const { status, isInitialized } = await this.#states.read(record);
    if (status !== 'running' && !isInitialized)
      throw new Conflict(`container ${id} is not running: it is ${status}`);
    return attachToContainer({ bundle: this.records.folderOf(id), tty: record.tty, stdin: record.stdin });
  }

  async reopenLog(id: string): Promise<void> {
    const { logPath } = await this.records.read(id);
    await reopenLogFile(this.records.file(id, 'ctl'), logPath);
  }

  async update(id: string, limits: ContainerLimits): Promise<void> {
    const { runc } = await this.#options.programs();
    await this.#locked(id, async () => {
      const record = await this.records.read(id);
      const { status } = await this.#states.read(record);
      if (status !== 'running') throw new Conflict(`container ${id} is not running: it is ${status}`);
      const { hasSwapAccounting } = await readHostFacts(this.#hierarchies, false);
      const flags = updateArguments(limits, hasSwapAccounting);
      if (flags.length > 0) await runCommand(runc, ['--root', this.records.runcRoot, 'update', ...flags, id]);
      for (const line of updateLines(limits, this.#cgroups.isUnified, deviceNumber))
        await this.#cgroups.write(record.cgroupPath, line);
      const resources = { ...record.resources, ...limits };
      await this.records.write(id, 'record.json', { ...record, resources });
    });
  }

  async usage(id: string): Promise<ContainerUsage | undefined> {
    const record = await this.records.read(id);
    return (await this.#states.pidOf(record)) === undefined ? undefined : await this.#processes.usage(record);
  }

  async processesOf(id: string): Promise<number[]> {
    return await this.#processes.of(await this.records.read(id));
  }

  async statistics(id: string): Promise<ContainerStatistics | undefined> {
    const record = await this.records.read(id);
    if ((await this.#states.pidOf(record)) === undefined) return undefined;
    return await readStatistics(this.#hierarchies, record.cgroupPath);
  }

  async cgroups(): Promise<string[]> {
    return await this.#cgroups.foldersBelow(this.#root());
  }

  async mounts(): Promise<string[]> {
    return await mountsBelow(this.records.containers);
  }

  /** Removes every container, then whatever a crash has left of any. */
  async reset(): Promise<void> {
    await Promise.all((await this.records.ids()).map((id) => this.remove(id, { force: true })));
    for (const pid of await this.#cgroups.processes(this.#root())) sendSignal(pid, constants.signals.SIGKILL);
    for (const mount of await this.mounts()) unmountRoot(dirname(mount));
    for (const folder of [this.records.containers, this.records.runcRoot, this.records.events])
      for (const name of await readdir(folder))
        await rm(join(folder, name), { recursive: true, force: true });
    await this.#cgroups.remove(this.#root());
    this.#isConmonGroupMade = false;
  }

  #root(): string {
    return `/orrery-${this.#options.instance}`;
  }

  #lockOf(id: string): string {
    return join(this.#options.directory, 'locks', id);
  }

  async #locked<T>(id: string, work: () => Promise<T>): Promise<T> {
    return await withFileLock(this.#lockOf(id), work);
  }
}

/** To where people asked for them. */
async function copyPidFiles(folder: string, spec: ContainerSpec): Promise<void> {
  if (spec.pidFile !== undefined) await copyFile(join(folder, 'pidfile'), spec.pidFile);
  if (spec.conmonPidFile !== undefined) await copyFile(join(folder, 'conmon.pid'), spec.conmonPidFile);
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
