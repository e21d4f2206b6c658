import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFound } from '../../base/index.ts';
import type { ContainerState } from '../engine.ts';
import { exists } from '../images/blobs.ts';
import { isProcessAlive } from '../system/process-identity.ts';
import type { Cgroups } from './cgroups.ts';
import { livingConmon } from './conmon.ts';
import type { Processes } from './processes.ts';
import { type ContainerExit, type ContainerRecord, type Records, readJson, readText } from './records.ts';

/** 128 + SIGKILL: what is said of an end nobody saw. */
const UNKNOWN_EXIT_CODE = 137;
const START_FAILED_EXIT_CODE = 128;

/**
 * What a container is now, read from what conmon, runc and the kernel say; nothing is remembered that could
 * be wrong after a crash.
 */
export class States {
  readonly #records: Records;
  readonly #cgroups: Cgroups;
  readonly #processes: Processes;

  constructor(records: Records, cgroups: Cgroups, processes: Processes) {
    this.#records = records;
    this.#cgroups = cgroups;
    this.#processes = processes;
  }

  /** @throws NotFound when the container was removed while we looked. */
  async read(record: ContainerRecord): Promise<ContainerState> {
    const state = await this.#look(record);
    if (state.status !== 'running' && !(await exists(this.#records.file(record.id, 'record.json'))))
      throw new NotFound(`no such container: ${record.id}`);
    return state;
  }

  async #look(record: ContainerRecord): Promise<ContainerState> {
    const { id, name, labels, image, imageId, createdAt, logPath, resources } = record;
    const startedAt = await this.#records.startedAt(id);
    const base = {
      ...{ id, name, labels, image, imageId, createdAt, logPath },
      ...(record.details !== undefined && { details: record.details }),
      ...(startedAt && { startedAt }),
      ...(resources !== undefined && { resources }),
    };
    const exit = await this.#exitOf(record);
    if (exit !== undefined) return { ...base, status: 'exited', ...exit };
    const conmonFile = this.#records.file(id, 'conmon.pid');
    const named = await readText(conmonFile);
    const live = await this.#liveState(record, named);
    if (live !== undefined) return { ...base, oomKilled: false, ...live };
    // What ended may have told conmon so while we looked.
    const late = await this.#exitOf(record);
    if (late !== undefined) return { ...base, status: 'exited', ...late };
    // Another may have begun its next run while we looked.
    if ((await readText(conmonFile)) !== named) return await this.#look(record);
    return { ...base, status: 'exited', ...(await this.#unseenExit(record)) };
  }

  /** The container's first process, when it is one of ours and alive. */
  async pidOf(record: ContainerRecord): Promise<number | undefined> {
    return await this.#processes.firstOf(record);
  }

  /** Its conmon, when alive. */
  async conmonOf(id: string): Promise<number | undefined> {
    return await livingConmon(this.#records.file(id, 'conmon.pid'), '--cid', id);
  }

  /** runc's container waits in `exec.fifo` between create and start. */
  async isWaitingToStart(id: string): Promise<boolean> {
    return await exists(join(this.#records.runcRoot, id, 'exec.fifo'));
  }

  /** @param named what its conmon's file said before */
  async #liveState(
    record: ContainerRecord,
    named: string | undefined,
  ): Promise<
    Pick<ContainerState, 'status' | 'pid' | 'error' | 'isInitialized' | 'isPaused' | 'conmonPid'> | undefined
  > {
    const { id } = record;
    const conmon = await this.conmonOf(id);
    const pid = await this.pidOf(record);
    if (pid !== undefined) {
      if (await this.isWaitingToStart(id))
        return conmon === undefined
          ? undefined
          : { status: 'created', pid, isInitialized: true, conmonPid: conmon };
      const isPaused = await this.#cgroups.isFrozen(record.cgroupPath);
      if (conmon !== undefined)
        return { status: 'running', pid, conmonPid: conmon, ...(isPaused && { isPaused }) };
      return {
        status: 'running',
        pid,
        ...(isPaused && { isPaused }),
        error: 'its monitor (conmon) is gone: its output and exit code are lost',
      };
    }
    // conmon is making the container, or is about to write down how it ended.
    if (conmon !== undefined) return { status: (await this.#records.startedAt(id)) ? 'running' : 'created' };
    if (named !== undefined) return undefined;
    if (record.deferred || (await exists(this.#records.file(id, 'config.json'))))
      return { status: 'created' };
    return isProcessAlive(record.creator) ? { status: 'created' } : undefined;
  }

  async #exitOf(record: ContainerRecord): Promise<ContainerExit | undefined> {
    const known = await readJson<ContainerExit>(this.#records.file(record.id, 'exit.json'));
    if (known !== undefined) return known;
    const path = join(this.#records.events, record.id);
    const text = await readText(path);
    const finishedAt = await modifiedAt(path);
    if (text === undefined || finishedAt === undefined) return undefined;
    const exitCode = Number(text);
    const oomKilled = exitCode !== 0 && (await this.#wasOutOfMemory(record));
    return await this.#keep(record, { exitCode, finishedAt, oomKilled });
  }

  async #wasOutOfMemory(record: ContainerRecord): Promise<boolean> {
    if (await exists(this.#records.file(record.id, 'oom'))) return true;
    return (await this.#cgroups.oomKills(record.cgroupPath)) > 0;
  }

  async #unseenExit(record: ContainerRecord): Promise<ContainerExit> {
    const { id } = record;
    const finishedAt = new Date().toISOString();
    if (!(await exists(this.#records.file(id, 'config.json'))))
      return {
        exitCode: START_FAILED_EXIT_CODE,
        finishedAt,
        oomKilled: false,
        error: 'its creation was cut off',
      };
    const oomKilled = await this.#wasOutOfMemory(record);
    const error = 'its monitor (conmon) ended without saying how the container did';
    return await this.#keep(record, { exitCode: UNKNOWN_EXIT_CODE, finishedAt, oomKilled, error });
  }

  async keepStartFailure(record: ContainerRecord, error: string, finishedAt: string): Promise<void> {
    await this.#keep(record, { exitCode: START_FAILED_EXIT_CODE, finishedAt, oomKilled: false, error });
  }

  async #keep(record: ContainerRecord, exit: ContainerExit): Promise<ContainerExit> {
    try {
      await this.#records.write(record.id, 'exit.json', exit);
    } catch (error) {
      // Another has removed the container meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new NotFound(`no such container: ${record.id}`, { cause: error });
    }
    return exit;
  }
}

async function modifiedAt(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).mtime.toISOString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
