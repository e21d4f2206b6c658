import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AlreadyExists,
  linkUnlessThere,
  NotFound,
  OrreryError,
  removeTree,
  syncFolder,
  writeFileAtomic,
} from '../../base/index.ts';
import type { ContainerResources, IdMappings } from '../engine.ts';
import { exists, ownedName, removeAbandoned } from '../images/blobs.ts';
import { isProcessAlive, processIdentity } from '../system/process-identity.ts';

/** What is fixed when a container is made, all but its limits; `record.json` in its folder. */
export interface ContainerRecord {
  id: string;
  name: string;
  image: string;
  imageId: string;
  /** DiffIDs it stands on, bottom first. */
  layers: string[];
  createdAt: string;
  labels: Record<string, string>;
  logPath: string;
  stopSignal: string;
  cgroupPath: string;
  cgroupParent: string;
  tty: boolean;
  stdin: boolean;
  stdinOnce?: boolean;
  /** Its first process does not take the others along: they share the host's or another's process namespace. */
  hostPid: boolean;
  resources?: ContainerResources;
  /** Its root and config.json are made each time it is initialised, not at creation. */
  deferred?: boolean;
  /** Written so that a power failure keeps it. */
  durable?: boolean;
  /** As ContainerSpec's. */
  isVolatile?: boolean;
  /** Names of its layers' folders, top first; those of a deferred one are needed again. */
  layerNames?: string[];
  rootfs?: string;
  /** A folder that its root is an overlay of. */
  overlaidRootfs?: string;
  idMappings?: IdMappings;
  details?: unknown;
  /** `processIdentity` of its maker, to tell a creation under way from one that was cut off. */
  creator: string;
}

/** How it ended, kept once known: the control group that knows about the memory is gone later. */
export interface ContainerExit {
  exitCode: number;
  finishedAt: string;
  oomKilled: boolean;
  error?: string;
}

/**
 * The engine's files about containers. They are replaced by rename, so a crash of a process never leaves half a
 * file. Only the records of `durable` containers are fsynced: of the others none is left after a power failure.
 */
export class Records {
  readonly containers: string;
  /** conmon writes `<id>` here when the container ends, we `<id>.started`; one folder to watch for everything. */
  readonly events: string;
  readonly runcRoot: string;
  readonly #names: string;

  constructor(directory: string) {
    this.containers = join(directory, 'containers');
    this.events = join(directory, 'events');
    this.runcRoot = join(directory, 'runc');
    this.#names = join(directory, 'names');
  }

  async open(): Promise<void> {
    for (const folder of [this.containers, this.events, this.runcRoot, this.#names])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(this.containers);
    await this.#removeOrphans();
  }

  /** The container's folder appears with its record in it, or, after a crash, not at all. */
  async add(record: ContainerRecord): Promise<void> {
    const building = join(this.containers, ownedName());
    await mkdir(building, { mode: 0o700 });
    const content = JSON.stringify(record);
    if (record.durable) await writeFileAtomic(join(building, 'record.json'), content, { mode: 0o600 });
    else await writeFile(join(building, 'record.json'), content, { mode: 0o600 });
    await rename(building, this.folderOf(record.id));
    if (record.durable) await syncFolder(this.containers);
  }

  folderOf(id: string): string {
    return join(this.containers, id);
  }

  file(id: string, name: string): string {
    return join(this.containers, id, name);
  }

  async ids(): Promise<string[]> {
    return (await readdir(this.containers)).filter(isContainerId);
  }

  /** @throws NotFound */
  async read(id: string): Promise<ContainerRecord> {
    const record = isContainerId(id)
      ? await readJson<ContainerRecord>(this.file(id, 'record.json'))
      : undefined;
    if (record === undefined) throw new NotFound(`no such container: ${id}`);
    return record;
  }

  async list(): Promise<ContainerRecord[]> {
    const records: ContainerRecord[] = [];
    for (const id of await this.ids()) {
      const record = await readJson<ContainerRecord>(this.file(id, 'record.json'));
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  async find(nameOrBeginning: string): Promise<string[]> {
    const named = (await readText(this.#nameFile(nameOrBeginning)))?.split(' ')[0];
    for (const id of [named, nameOrBeginning])
      if (id !== undefined && isContainerId(id) && (await exists(this.file(id, 'record.json')))) return [id];
    if (!/^[0-9a-f]+$/.test(nameOrBeginning)) return [];
    return (await this.ids()).filter((id) => id.startsWith(nameOrBeginning));
  }

  /** Takes the name for the id: atomic between processes. @throws AlreadyExists */
  async claimName(name: string, id: string): Promise<void> {
    const path = this.#nameFile(name);
    const claim = `${path}.${id}.tmp`;
    await writeFile(claim, `${id} ${processIdentity(process.pid)}`, { mode: 0o600 });
    try {
      for (let tries = 0; tries < 3; tries++) {
        if (await linkUnlessThere(claim, path)) return;
        const [holder, maker] = (await readText(path))?.split(' ') ?? [];
        if (holder === undefined) continue;
        const isTaken =
          (await exists(this.file(holder, 'record.json'))) || (maker !== undefined && isProcessAlive(maker));
        if (isTaken)
          throw new AlreadyExists(`the container name "${name}" is already in use by container ${holder}`);
        // Its maker died before the record was there.
        await rm(path, { force: true });
      }
      throw new AlreadyExists(`the container name "${name}" is being taken by another process`);
    } finally {
      await rm(claim, { force: true });
    }
  }

  async releaseName(name: string, id: string): Promise<void> {
    const path = this.#nameFile(name);
    if ((await readText(path))?.split(' ')[0] === id) await rm(path, { force: true });
  }

  /** Names may be longer than a file name may be. */
  #nameFile(name: string): string {
    return join(this.#names, createHash('sha256').update(name).digest('hex'));
  }

  async write(id: string, name: string, value: unknown): Promise<void> {
    await replaceFile(this.file(id, name), JSON.stringify(value));
  }

  async writeText(id: string, name: string, text: string): Promise<void> {
    await replaceFile(this.file(id, name), text);
  }

  async rewrite(record: ContainerRecord): Promise<void> {
    const path = this.file(record.id, 'record.json');
    // Not made anew for a container that another has just removed.
    if (record.durable && (await exists(path)))
      await writeFileAtomic(path, JSON.stringify(record), { mode: 0o600 });
    else await replaceFile(path, JSON.stringify(record));
  }

  /** What is known of its last run. */
  async forgetRun(id: string): Promise<void> {
    const left = ['exit.json', 'oom', 'pidfile', 'conmon.pid', 'attach', 'ctl', 'winsz', 'config.json'];
    await Promise.all([
      ...left.map((name) => rm(this.file(id, name), { force: true })),
      rm(join(this.events, id), { force: true }),
      this.forgetStarted(id),
    ]);
  }

  async markStarted(id: string, startedAt: string): Promise<void> {
    await replaceFile(join(this.events, `${id}.started`), startedAt);
  }

  async startedAt(id: string): Promise<string | undefined> {
    return await readText(join(this.events, `${id}.started`));
  }

  async forgetStarted(id: string): Promise<void> {
    await rm(join(this.events, `${id}.started`), { force: true });
  }

  /**
   * Everything but what is mounted: call after unmounting. The folder goes under another name first: from
   * then on the container is not there, and whoever still looks at it writes nothing into what is removed.
   */
  async erase(record: ContainerRecord): Promise<void> {
    const grave = join(this.containers, ownedName());
    const isMine = await renameUnlessAbsent(this.folderOf(record.id), grave);
    // At once: who waited for its removal may make another of that name.
    await this.releaseName(record.name, record.id);
    // One who had found the folder just before its new name may have made a file in it since.
    if (isMine) await removeTree(grave);
    await rm(join(this.events, record.id), { force: true });
    await this.forgetStarted(record.id);
  }

  /** What an erasure that was cut off has left outside of the container's folder. */
  async #removeOrphans(): Promise<void> {
    // In this order: what has an event by now has had its folder before.
    const events = await readdir(this.events);
    const ids = new Set(await this.ids());
    for (const name of events) {
      const id = name.split('.')[0]!;
      if (isContainerId(id) && !ids.has(id)) await rm(join(this.events, name), { force: true });
    }
    for (const name of await readdir(this.#names)) {
      const [holder, maker] = (await readText(join(this.#names, name)))?.split(' ') ?? [];
      if (holder === undefined || maker === undefined || isProcessAlive(maker)) continue;
      // A claim itself goes in any case: its maker was killed before it could take it away.
      if (name.endsWith('.tmp') || !(await exists(this.file(holder, 'record.json'))))
        await rm(join(this.#names, name), { force: true });
    }
  }
}

/** @returns false when there is nothing at `from`. */
async function renameUnlessAbsent(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export function isContainerId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Whole or not at all, as far as a process may die; a power failure may leave it empty. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}

/** undefined when the file is absent or, after a power failure, empty. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new OrreryError('EngineStateCorrupt', `${path} is not JSON`, { cause });
  }
}
