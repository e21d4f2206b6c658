import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, NotFound } from '../../base/index.ts';
import type { AttachSession, Engine } from '../../engine/index.ts';
import type {
  ContainerResourceLimits,
  CreateOptions,
  EndpointSettings,
  HostConfig,
} from '../create-options.ts';
import type {
  CommitOptions,
  ContainerInspect,
  ContainerListEntry,
  ContainerStats,
  Containers,
  Filters,
  ListOptions,
  LogLine,
  LogsOptions,
  PathStat,
  RemoveOptions,
  WaitCondition,
} from '../libpod.ts';
import { ContainerStore } from './container-store.ts';
import { Creation } from './creation.ts';
import { ExecSessions } from './execs.ts';
import { Inspection } from './inspection.ts';
import { Lifecycle } from './lifecycle.ts';
import { Listing } from './listing.ts';
import { Logs } from './logs.ts';
import type { ContainerParts } from './parts.ts';
import { PendingStarts } from './pending-starts.ts';
import { Starting } from './starting.ts';

export interface LibpodContainersOptions {
  engine: Engine;
  /** The engine's directory. */
  directory: string;
  instance: string;
  /** Filled in by the caller before the first call: some of them stand on us. */
  parts: ContainerParts;
  self: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
  isRootless: boolean;
  clock: Clock;
}

/** Containers by name with all of their settings; each verb's work is in a file of its own. */
export class LibpodContainers implements Containers {
  readonly exec: ExecSessions;
  readonly store: ContainerStore;
  readonly #options: LibpodContainersOptions;
  readonly #creation: Creation;
  readonly #lifecycle: Lifecycle;
  readonly #listing: Listing;
  readonly #inspection: Inspection;
  readonly #logs: Logs;

  constructor(options: LibpodContainersOptions) {
    const { engine, parts, clock, isRootless } = options;
    const store = new ContainerStore(engine, options.directory);
    const cgroupRoot = `/orrery-${options.instance}/containers`;
    this.#options = options;
    this.store = store;
    this.#creation = new Creation({
      ...{ engine, store, parts, cgroupRoot, isRootless },
      locks: join(options.directory, 'locks'),
    });
    const starting = new Starting({
      ...{ engine, store, parts, cgroupRoot, isRootless },
      self: options.self,
      environment: options.environment,
    });
    const pending = new PendingStarts(join(options.directory, 'starting'));
    this.#lifecycle = new Lifecycle({ engine, store, parts, starting, clock, pending });
    this.#listing = new Listing({ engine, store, parts, now: () => clock.now() });
    this.exec = new ExecSessions({ engine, store, parts, self: options.self, clock: options.clock });
    this.#inspection = new Inspection({ engine, store, parts, listing: this.#listing, execs: this.exec });
    this.#logs = new Logs(engine, store);
  }

  create(options: CreateOptions): Promise<{ id: string; warnings: string[] }> {
    return this.#creation.create(options);
  }

  start(container: string): Promise<void> {
    return this.#lifecycle.start(container);
  }

  undoCutOffStarts(): Promise<string[]> {
    return this.#lifecycle.undoCutOffStarts();
  }

  init(container: string): Promise<void> {
    return this.#lifecycle.init(container);
  }

  stop(
    container: string,
    options?: { timeoutSeconds?: number; signal?: string },
  ): Promise<{ warnings: string[] }> {
    return this.#lifecycle.stop(container, options);
  }

  restart(container: string, options?: { timeoutSeconds?: number; signal?: string }): Promise<void> {
    return this.#lifecycle.restart(container, options);
  }

  kill(container: string, signal?: string): Promise<void> {
    return this.#lifecycle.kill(container, signal);
  }

  pause(container: string): Promise<void> {
    return this.#lifecycle.pause(container);
  }

  unpause(container: string): Promise<void> {
    return this.#lifecycle.unpause(container);
  }

  wait(container: string, condition?: WaitCondition, signal?: AbortSignal): Promise<number> {
    return this.#lifecycle.wait(container, condition, signal);
  }

  remove(container: string, options?: RemoveOptions): Promise<void> {
    return this.#lifecycle.remove(container, options);
  }

  rename(container: string, name: string): Promise<void> {
    return this.#lifecycle.rename(container, name);
  }

  async update(
    container: string,
    limits: ContainerResourceLimits & Pick<HostConfig, 'RestartPolicy'>,
  ): Promise<void> {
    const { updateContainer } = await import('./updating.ts');
    await updateContainer(this.#options.engine, await this.store.find(container), limits);
  }

  /** The networks it is joined to from its next start on. */
  async setNetworks(id: string, networks: Record<string, EndpointSettings>): Promise<void> {
    const { stored } = await this.store.load(id);
    await this.#options.engine.writeDetails(id, { ...stored, networks });
  }

  idOf(container: string): Promise<string> {
    return this.store.idOf(container);
  }

  async exists(container: string): Promise<boolean> {
    try {
      await this.store.idOf(container);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  list(options?: ListOptions): Promise<ContainerListEntry[]> {
    return this.#listing.list(options);
  }

  inspect(container: string, options?: { size?: boolean }): Promise<ContainerInspect> {
    return this.#inspection.inspect(container, options);
  }

  attach(container: string): Promise<AttachSession> {
    return this.#lifecycle.attach(container);
  }

  logs(container: string, options: LogsOptions): AsyncIterable<LogLine> {
    return this.#logs.read(container, options);
  }

  async top(container: string, psOptions?: string[]): Promise<{ titles: string[]; processes: string[][] }> {
    const { topOf } = await import('./top.ts');
    return await topOf(this.#options.engine, await this.store.find(container), psOptions ?? []);
  }

  async stats(container: string): Promise<ContainerStats> {
    const { statsOf } = await import('./stats.ts');
    return await statsOf(this.#options.engine, await this.store.find(container), this.#options.clock);
  }

  async copyOut(container: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    return await (await this.#copying()).copyOut(container, path);
  }

  async copyIn(
    container: string,
    folder: string,
    tar: Readable,
    options?: { noOverwriteDirNonDir?: boolean; chown?: boolean },
  ): Promise<void> {
    await (await this.#copying()).copyIn(container, folder, tar, options);
  }

  async statPath(container: string, path: string): Promise<PathStat> {
    return await (await this.#copying()).statPath(container, path);
  }

  async #copying() {
    const { Copying } = await import('./copying.ts');
    return new Copying(this.#options.engine, this.store, this.#options.parts);
  }

  async diff(container: string): Promise<{ path: string; kind: 'C' | 'A' | 'D' }[]> {
    return await (await this.#images()).diff(container);
  }

  async commit(container: string, options: CommitOptions): Promise<string> {
    return await (await this.#images()).commit(container, options);
  }

  async export(container: string): Promise<Readable> {
    return await (await this.#images()).export(container);
  }

  async #images() {
    const { ContainerImages } = await import('./container-images.ts');
    return new ContainerImages(this.#options.engine, this.store, this.#options.parts);
  }

  async prune(filters: Filters = {}): Promise<{ deleted: string[]; reclaimedBytes: number }> {
    const { pruneContainers } = await import('./pruning.ts');
    return await pruneContainers(this, filters);
  }

  mount(container: string): Promise<string> {
    return this.#lifecycle.mount(container);
  }

  unmount(container: string, options?: { force?: boolean }): Promise<boolean> {
    return this.#lifecycle.unmount(container, options);
  }

  async checkHealth(container: string): Promise<{ status: string; exitCode: number }> {
    const found = await this.store.find(container);
    const check = this.#options.parts.lifecycle?.checkHealth;
    if (check === undefined) throw new NotFound(`container ${found.id} has no defined healthcheck`);
    return await check(found);
  }

  cleanup(container: string, options?: { remove?: boolean }): Promise<void> {
    return this.#lifecycle.cleanup(container, options);
  }
}
