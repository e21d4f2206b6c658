import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AlreadyExists,
  NotFound,
  namesIn,
  removeTree,
  syncFolder,
  writeFileAtomic,
} from '../../base/index.ts';
import { isProcessAlive, processIdentity, readJson, replaceFile } from '../../engine/index.ts';
import type { VolumeConfig } from '../libpod.ts';
import type { VolumeSettings } from './volume-options.ts';

/** A volume as it is kept: what `inspect` shows but for where it is and how often it is used. */
export interface VolumeRecord {
  config: Omit<VolumeConfig, 'Mountpoint' | 'MountCount' | 'Scope'>;
  settings: VolumeSettings;
  /** The driver's options as they were asked for. */
  given?: Record<string, string>;
  /** Who is filling it from an image: what a process that died has copied is not the whole. */
  filler?: string;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Volumes on disk: a folder each, as with Podman and Docker (`<name>/_data`), the record beside it. A volume
 * appears with its record in it and goes by a new name, so that there is no half of one.
 */
export class VolumeRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o711 });
  }

  dataOf(name: string): string {
    return join(this.#folder, name, '_data');
  }

  async names(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => NAME.test(name)).sort();
  }

  async list(): Promise<VolumeRecord[]> {
    const found: VolumeRecord[] = [];
    for (const name of await this.names()) {
      const record = await this.#read(name);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** @throws NotFound */
  async read(name: string): Promise<VolumeRecord> {
    const record = NAME.test(name) && name.length <= 255 ? await this.#read(name) : undefined;
    if (record === undefined)
      throw new NotFound(`no volume with name ${JSON.stringify(name)} found: no such volume`, {
        details: { exitCode: 1 },
      });
    return record;
  }

  /** @throws AlreadyExists */
  async add(record: VolumeRecord): Promise<void> {
    const { Name } = record.config;
    const building = await this.#private();
    await mkdir(join(building, '_data'), { mode: 0o755 });
    await mkdir(join(building, 'uses'), { mode: 0o700 });
    await writeFileAtomic(join(building, 'volume.json'), JSON.stringify(record), { mode: 0o600 });
    try {
      await rename(building, join(this.#folder, Name));
    } catch (error) {
      await removeTree(building);
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      throw new AlreadyExists(`volume with name ${Name} already exists: volume already exists`, {
        cause: error,
      });
    }
    await syncFolder(this.#folder);
  }

  async write(record: VolumeRecord): Promise<void> {
    const path = join(this.#folder, record.config.Name, 'volume.json');
    await writeFileAtomic(path, JSON.stringify(record), { mode: 0o600 });
  }

  /** Nothing of it is mounted any more. */
  async remove(name: string): Promise<void> {
    const grave = join(this.#folder, graveName());
    try {
      await rename(join(this.#folder, name), grave);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await removeTree(grave);
  }

  /** Who has it mounted since the host was started. */
  async uses(name: string): Promise<string[]> {
    const boot = await bootId();
    const folder = join(this.#folder, name, 'uses');
    const held: string[] = [];
    for (const user of await finishedNames(folder)) {
      const text = await readJson<{ boot: string }>(join(folder, user));
      if (text?.boot === boot) held.push(user);
    }
    return held;
  }

  async addUse(name: string, user: string): Promise<void> {
    await replaceFile(join(this.#folder, name, 'uses', user), JSON.stringify({ boot: await bootId() }));
  }

  async removeUse(name: string, user: string): Promise<void> {
    await rm(join(this.#folder, name, 'uses', user), { force: true });
  }

  /** What those who died have left of volumes that are not, or not any more. */
  async removeAbandoned(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const maker = /^\.(\d+)-(\d+)-[0-9a-f]+$/.exec(name);
      if (maker === null || isProcessAlive(`${maker[1]}:${maker[2]}`)) continue;
      await removeTree(join(this.#folder, name));
    }
  }

  async #read(name: string): Promise<VolumeRecord | undefined> {
    return await readJson<VolumeRecord>(join(this.#folder, name, 'volume.json'));
  }

  async #private(): Promise<string> {
    const path = join(this.#folder, graveName());
    await mkdir(path, { mode: 0o711 });
    return path;
  }
}

/** Never a volume's name, and it says whose it is. */
function graveName(): string {
  const identity = (processIdentity(process.pid) ?? '0:0').replace(':', '-');
  return `.${identity}-${randomBytes(6).toString('hex')}`;
}

let boot: Promise<string> | undefined;

async function bootId(): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim());
  return await boot;
}

async function finishedNames(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter((name) => !name.endsWith('.tmp'));
}
