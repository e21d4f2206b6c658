import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, Conflict, NotFound, namesIn } from '../../base/index.ts';
import { type Engine, type ExecSession, isProcessAlive, processIdentity } from '../../engine/index.ts';
import type { ExecCreateOptions, ExecInspect, Execs } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerParts } from './parts.ts';
import { statusOf } from './status.ts';

interface ExecRecord {
  id: string;
  containerId: string;
  options: ExecCreateOptions;
  state: 'created' | 'running' | 'exited';
  exitCode?: number;
  /** `processIdentity` of whoever holds the session. */
  holder?: string;
}

/** Sessions of `exec` in files of their own below their container, so that any process may look at them. */
export class ExecSessions implements Execs {
  readonly #engine: Engine;
  readonly #store: ContainerStore;
  readonly #parts: ContainerParts;
  readonly #open = new Map<string, ExecSession>();

  constructor(options: { engine: Engine; store: ContainerStore; parts: ContainerParts }) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#parts = options.parts;
  }

  async create(text: string, options: ExecCreateOptions): Promise<string> {
    const { id: containerId, state } = await this.#store.find(text);
    if (options.Cmd.length === 0)
      throw new BadRequest('must provide a non-empty command to start an exec session: invalid argument');
    if (state.isPaused || state.status !== 'running')
      throw new Conflict(`can only create exec sessions on running containers: container state improper`, {
        details: { status: statusOf(state) },
      });
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
    if (how.detach && how.outlivesUs) {
      const pid = await this.#engine.execDetached(containerId, asked);
      await this.#write({ ...record, state: 'running', holder: processIdentity(pid) ?? '' });
      return undefined;
    }
    const session = await this.#engine.exec(containerId, asked);
    const running: ExecRecord = { ...record, state: 'running', holder: processIdentity(process.pid)! };
    await this.#write(running);
    this.#open.set(execId, session);
    const finished = session.exit.then(
      (exitCode) => this.#finish(running, exitCode),
      () => this.#finish(running, 126),
    );
    if (!how.detach) return { ...session, exit: finished.then(() => session.exit) };
    session.stdout.resume();
    session.stderr?.resume();
    return undefined;
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
    const record = await this.#read(execId);
    const running = record.state === 'running' && isProcessAlive(record.holder ?? '');
    return {
      ...record.options,
      ...{ id: execId, containerId: record.containerId, running },
      ...(record.exitCode !== undefined && { exitCode: record.exitCode }),
    };
  }

  async resize(execId: string, columns: number, rows: number): Promise<void> {
    const session = this.#open.get(execId);
    if (session !== undefined) return session.resize(columns, rows);
    const record = await this.#read(execId);
    throw new Conflict(
      `cannot resize exec session ${execId}: it is ${record.state}, in another process: exec session state improper`,
    );
  }

  /** Those that run or wait to. */
  async idsOf(containerId: string): Promise<string[]> {
    const ids: string[] = [];
    for (const name of await namesIn(this.#folder(containerId))) {
      if (!name.endsWith('.json')) continue;
      const record = await this.#readIn(containerId, name.slice(0, -'.json'.length));
      if (record?.state === 'created' || (record?.state === 'running' && isProcessAlive(record.holder ?? '')))
        ids.push(record.id);
    }
    return ids;
  }

  async forget(containerId: string): Promise<void> {
    await rm(this.#folder(containerId), { recursive: true, force: true });
  }

  #folder(containerId: string): string {
    return join(this.#store.userFolder(containerId), 'exec');
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
