import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, type Clock, Conflict, NotFound, namesIn, OrreryError } from '../../base/index.ts';
import {
  type Engine,
  type ExecOptions,
  type ExecSession,
  isProcessAlive,
  processIdentity,
  readDetachedExec,
  resizeDetachedExec,
  resizeTerminal,
} from '../../engine/index.ts';
import type { ExecCreateOptions, ExecInspect, Execs } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerParts } from './parts.ts';
import { runtimeError } from './runtime-errors.ts';
import { statusOf } from './status.ts';

interface ExecRecord {
  id: string;
  containerId: string;
  options: ExecCreateOptions;
  state: 'created' | 'running' | 'exited';
  exitCode?: number;
  /** `processIdentity` of whoever holds the session, or, of a detached one, has begun it. */
  holder?: string;
  /** Nobody attends it: a conmon does, whose folder tells of it. */
  isDetached?: boolean;
  /** Of the holder's terminal. */
  terminalPath?: string;
}

/** For so long one that has ended can be asked for its exit code (Podman's time); looked at when there are many. */
const KEPT_MS = 5 * 60_000;
const MANY = 64;
/** What is said of an end nobody saw: 128 + SIGKILL. */
const UNKNOWN_EXIT_CODE = 137;
const CANNOT_START = 126;
/** conmon waits for this script, and nobody shall wait for conmon. */
const EXIT_SCRIPT = '"$@" </dev/null >/dev/null 2>&1 &';

/** Sessions of `exec` in files of their own below their container, so that any process may look at them. */
export class ExecSessions implements Execs {
  readonly #engine: Engine;
  readonly #store: ContainerStore;
  readonly #parts: ContainerParts;
  readonly #self: readonly string[];
  readonly #clock: Clock;
  readonly #open = new Map<string, ExecSession>();

  constructor(options: {
    engine: Engine;
    store: ContainerStore;
    parts: ContainerParts;
    self: readonly string[];
    clock: Clock;
  }) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#parts = options.parts;
    this.#self = options.self;
    this.#clock = options.clock;
  }

  async create(text: string, options: ExecCreateOptions): Promise<string> {
    const { id: containerId, state } = await this.#store.find(text);
    if (options.Cmd.length === 0)
      throw new BadRequest('must provide a non-empty command to start an exec session: invalid argument');
    if (state.isPaused || state.status !== 'running')
      throw new Conflict(`can only create exec sessions on running containers: container state improper`, {
        details: { status: statusOf(state) },
      });
    await this.#forgetOld(containerId);
    const id = randomBytes(32).toString('hex');
    await this.#write({ id, containerId, options, state: 'created' });
    return id;
  }

  async start(execId: string, how: Parameters<Execs['start']>[1] = {}): Promise<ExecSession | undefined> {
    const record = await this.#read(execId);
    if (record.state !== 'created')
      throw new Conflict(`exec session ${execId} has already run: exec session state improper`);
    const { options, containerId } = record;
    await this.#event(record, 'exec');
    const asked = {
      command: options.Cmd,
      tty: options.Tty === true,
      stdin: options.AttachStdin === true && !how.detach,
      env: environment(options.Env ?? []),
      ...(options.User && { user: options.User }),
      ...(options.WorkingDir && { workingDir: options.WorkingDir }),
      ...(options.Privileged && { privileged: true }),
      ...(options.PreserveFds && { preserveFds: options.PreserveFds }),
      ...(how.terminalSize && { terminalSize: how.terminalSize }),
    };
    if (how.detach) return await this.#startDetached(record, asked);
    const session = await this.#engine.exec(containerId, asked);
    const { terminalPath } = session;
    const running: ExecRecord = {
      ...record,
      ...{ state: 'running', holder: processIdentity(process.pid)! },
      ...(terminalPath !== undefined && { terminalPath }),
    };
    await this.#write(running);
    this.#open.set(execId, session);
    const finished = session.exit.then(
      (exitCode) => this.#finish(running, exitCode),
      () => this.#finish(running, CANNOT_START),
    );
    return { ...session, exit: finished.then(() => session.exit) };
  }

  /** @returns when it runs; it goes on when this process ends. */
  async #startDetached(record: ExecRecord, asked: ExecOptions): Promise<undefined> {
    const { id, containerId } = record;
    // Written once: from here on the folder says more, and who settles it may come before we are back.
    const running: ExecRecord = {
      ...record,
      ...{ state: 'running', isDetached: true, holder: processIdentity(process.pid)! },
    };
    await this.#write(running);
    const cleanup = [...this.#self, 'container', 'cleanup', '--exec', id, containerId];
    try {
      await this.#engine.execDetached(containerId, asked, {
        ...{ id, folder: this.#sessionFolder(record) },
        exitCommand: ['/bin/sh', '-c', EXIT_SCRIPT, 'cleanup', ...cleanup],
      });
    } catch (error) {
      const told = runtimeError(error, 'exec');
      const exitCode =
        told instanceof OrreryError ? Number(told.details?.exitCode ?? CANNOT_START) : CANNOT_START;
      await this.#settle(running, exitCode);
      throw told;
    }
  }

  /**
   * Of a detached one that has ended: its exit code is written down, and its end told, once, by whoever comes first.
   * @param exitCode what its folder does not say @returns what it is now
   */
  async #settle(record: ExecRecord, exitCode?: number): Promise<ExecRecord> {
    if (record.state !== 'running' || !record.isDetached) return record;
    const { id, containerId } = record;
    const folder = this.#sessionFolder(record);
    const seen = await readDetachedExec({ id, folder });
    const isBeginning = seen.pid === undefined && isProcessAlive(record.holder ?? '');
    const code = exitCode ?? seen.exitCode ?? (seen.isHeld || isBeginning ? undefined : UNKNOWN_EXIT_CODE);
    if (code === undefined) return record;
    try {
      await mkdir(join(folder, 'settled'));
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code;
      // Another has just done all of it, and the record says so.
      if (reason === 'ENOENT') return (await this.#readIn(containerId, id)) ?? record;
      if (reason !== 'EEXIST') throw error;
      return { ...record, state: 'exited', exitCode: code };
    }
    await this.#finish(record, code);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    return { ...record, state: 'exited', exitCode: code };
  }

  /** What conmon has called at the end of a detached one. @throws NotFound */
  async cleanup(execId: string): Promise<void> {
    await this.#settle(await this.#read(execId));
  }

  async #finish(record: ExecRecord, exitCode: number): Promise<void> {
    this.#open.delete(record.id);
    try {
      await this.#write({ ...record, state: 'exited', exitCode });
      await this.#event(record, 'exec_died', exitCode);
    } catch (error) {
      // The container is gone with all of its sessions.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !(error instanceof NotFound)) throw error;
    }
  }

  async inspect(execId: string): Promise<ExecInspect> {
    const record = await this.#settle(await this.#read(execId));
    const { pid } = record.isDetached
      ? await readDetachedExec({ id: execId, folder: this.#sessionFolder(record) })
      : { pid: undefined };
    const running = this.#isRunning(record);
    return {
      ...record.options,
      ...{ id: execId, containerId: record.containerId, running },
      ...(record.exitCode !== undefined && { exitCode: record.exitCode }),
      ...(running && pid !== undefined && { pid }),
    };
  }

  async resize(execId: string, columns: number, rows: number): Promise<void> {
    const session = this.#open.get(execId);
    if (session !== undefined) return session.resize(columns, rows);
    const record = await this.#settle(await this.#read(execId));
    if (!this.#isRunning(record))
      throw new Conflict(`exec session ${execId} is not running: exec session state improper`);
    if (!record.options.Tty)
      throw new Conflict(`exec session ${execId} has no terminal: exec session state improper`);
    if (record.isDetached) return await resizeDetachedExec(this.#sessionFolder(record), columns, rows);
    resizeTerminal(record.terminalPath!, columns, rows);
  }

  #isRunning(record: ExecRecord): boolean {
    return record.state === 'running' && (record.isDetached === true || isProcessAlive(record.holder ?? ''));
  }

  /** Those that run or wait to. */
  async idsOf(containerId: string): Promise<string[]> {
    const ids: string[] = [];
    for (const name of await namesIn(this.#folder(containerId))) {
      if (!name.endsWith('.json')) continue;
      const found = await this.#readIn(containerId, name.slice(0, -'.json'.length));
      const record = found && (await this.#settle(found));
      if (record?.state === 'created' || (record && this.#isRunning(record))) ids.push(record.id);
    }
    return ids;
  }

  /** Those that have ended long ago, when there are many. */
  async #forgetOld(containerId: string): Promise<void> {
    const names = (await namesIn(this.#folder(containerId))).filter((name) => name.endsWith('.json'));
    if (names.length < MANY) return;
    for (const name of names) {
      const path = join(this.#folder(containerId), name);
      const changedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
      if (changedMs > this.#clock.now() - KEPT_MS) continue;
      const record = await this.#readIn(containerId, name.slice(0, -'.json'.length));
      if (record?.state === 'exited') await rm(path, { force: true });
    }
  }

  #folder(containerId: string): string {
    return join(this.#store.userFolder(containerId), 'exec');
  }

  #sessionFolder({ id, containerId }: Pick<ExecRecord, 'id' | 'containerId'>): string {
    return join(this.#folder(containerId), id);
  }

  async #read(execId: string): Promise<ExecRecord> {
    if (/^[0-9a-f]{64}$/.test(execId))
      for (const { id } of await this.#engine.list()) {
        const record = await this.#readIn(id, execId);
        if (record !== undefined) return record;
      }
    throw new NotFound(`no exec session with ID ${execId} found: no such exec session`);
  }

  async #readIn(containerId: string, execId: string): Promise<ExecRecord | undefined> {
    try {
      return JSON.parse(
        await readFile(join(this.#folder(containerId), `${execId}.json`), 'utf8'),
      ) as ExecRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(record: ExecRecord): Promise<void> {
    const folder = this.#folder(record.containerId);
    await this.#store.folderOf(record.containerId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${record.id}.json`);
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async #event({ containerId }: ExecRecord, status: string, exitCode?: number): Promise<void> {
    if (this.#parts.events === undefined) return;
    const { name, stored } = await this.#store.load(containerId);
    await this.#parts.events.append({
      ...{ Type: 'container', Status: status, ID: containerId, Name: name, Image: stored.image },
      Attributes: stored.config.Labels ?? {},
      ...(exitCode !== undefined && { ContainerExitCode: exitCode }),
    });
  }
}

function environment(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
