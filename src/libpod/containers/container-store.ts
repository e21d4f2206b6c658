import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Conflict, NotFound } from '../../base/index.ts';
import type { ContainerState, Engine } from '../../engine/index.ts';
import type { Container, RunRecord, StoredContainer } from './stored-container.ts';

/** Containers by name, id or the beginning of an id, with what libpod keeps of them. */
export class ContainerStore {
  readonly #engine: Engine;
  readonly #directory: string;

  constructor(engine: Engine, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
  }

  /** @throws NotFound Conflict */
  async idOf(text: string): Promise<string> {
    const ids = text === '' ? [] : await this.#engine.find(text);
    if (ids.length === 1) return ids[0]!;
    if (ids.length > 1)
      throw new Conflict(`more than one result for container ID ${text}: container already exists`);
    throw new NotFound(`no container with name or ID "${text}" found: no such container`);
  }

  async load(id: string): Promise<Container> {
    return asContainer(await this.#engine.inspect(id));
  }

  async find(text: string): Promise<Container> {
    return await this.load(await this.idOf(text));
  }

  async list(): Promise<Container[]> {
    return (await this.#engine.list()).filter((state) => state.details !== undefined).map(asContainer);
  }

  /** Of files that are libpod's own: hosts, hostname, secrets, exec sessions. Made when it is not there. */
  async folderOf(id: string): Promise<string> {
    const folder = this.userFolder(id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  userFolder(id: string): string {
    return join(this.#directory, 'containers', id, 'user');
  }

  async readRun(id: string): Promise<RunRecord> {
    try {
      return JSON.parse(await readFile(join(this.userFolder(id), 'run.json'), 'utf8')) as RunRecord;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || error instanceof SyntaxError) return {};
      throw error;
    }
  }

  async changeRun(id: string, change: Partial<RunRecord>): Promise<void> {
    const path = join(await this.folderOf(id), 'run.json');
    const next = { ...(await this.readRun(id)), ...change };
    await writeFile(`${path}.${process.pid}`, JSON.stringify(next), { mode: 0o600 });
    await rename(`${path}.${process.pid}`, path);
  }

  /** Exit codes outlive their containers for a while: who waits for one that removes itself must learn it. */
  async keepExitCode(id: string, exitCode: number): Promise<void> {
    const folder = join(this.#directory, 'exit-codes');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, id), String(exitCode), { mode: 0o600 });
    // Ids are random: now and then is often enough.
    if (id.endsWith('0')) await forgetOld(folder);
  }

  async exitCodeOf(id: string): Promise<number | undefined> {
    try {
      return Number(await readFile(join(this.#directory, 'exit-codes', id), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async forgetExitCode(id: string): Promise<void> {
    await rm(join(this.#directory, 'exit-codes', id), { force: true });
  }
}

/** As long as Podman: whoever waits learns it by then. */
const EXIT_CODES_KEPT_MS = 300_000;

async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    try {
      const path = join(folder, name);
      if (Date.now() - (await stat(path)).mtimeMs > EXIT_CODES_KEPT_MS) await rm(path, { force: true });
    } catch (error) {
      // Another process does the same.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
}

function asContainer(state: ContainerState): Container {
  return { id: state.id, name: state.name, state, stored: state.details as StoredContainer };
}
