import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, opendir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  AlreadyExists,
  BadRequest,
  type Clock,
  CommandFailed,
  Conflict,
  NotFound,
  OrreryError,
  removeTree,
  runCommand,
} from '../../base/index.ts';
import {
  decompressed,
  detachMount,
  isProcessAlive,
  mountsBelow,
  processIdentity,
  withFileLock,
} from '../../engine/index.ts';
import type { Events, Filters, VolumeConfig, Volumes } from '../libpod.ts';
import { volumeFilter } from './volume-filters.ts';
import { type VolumeSettings, volumeSettings } from './volume-options.ts';
import { type VolumeRecord, VolumeRecords } from './volume-records.ts';
import { packFolder, unpackConfined } from './volume-tar.ts';

/** What volumes ask of containers' records. */
export interface VolumeUsers {
  /** Of all containers, whatever their state: names of volumes in their mounts. */
  list(): Promise<{ id: string; volumes: string[] }[]>;
  /** By force. */
  remove(id: string, options: { timeoutSeconds?: number }): Promise<void>;
}

export interface LocalVolumesOptions {
  /** Of volumes alone: `D/containers/volumes`. */
  directory: string;
  /** Folder of lock files; not in `directory`, whose names are volumes'. */
  locks: string;
  clock: Clock;
  containers: () => VolumeUsers;
  events: Pick<Events, 'append'>;
}

/** Volumes of the local driver: folders, or what their options mount while somebody uses them. */
export class LocalVolumes implements Volumes {
  readonly #options: LocalVolumesOptions;
  readonly #records: VolumeRecords;

  private constructor(options: LocalVolumesOptions) {
    this.#options = options;
    this.#records = new VolumeRecords(options.directory);
  }

  static async open(options: LocalVolumesOptions): Promise<LocalVolumes> {
    const volumes = new LocalVolumes(options);
    await volumes.#records.open();
    return volumes;
  }

  async create(
    options: {
      Name?: string;
      Driver?: string;
      DriverOpts?: Record<string, string>;
      Labels?: Record<string, string>;
      Anonymous?: boolean;
      ignore?: boolean;
    } = {},
  ): Promise<VolumeConfig> {
    const Name = options.Name || randomBytes(32).toString('hex');
    const Driver = options.Driver || 'local';
    checkName(Name);
    if (Driver !== 'local')
      throw new BadRequest(
        Driver === 'image'
          ? 'the volume driver "image" is not supported'
          : `volume ${Name} uses volume plugin ${Driver} but it could not be retrieved: volume plugins are not supported`,
      );
    const Options = { ...options.DriverOpts };
    const same = await this.#existing(Name);
    if (same !== undefined) {
      const isAsked =
        options.ignore === true && (options.DriverOpts === undefined || sameOptions(same, Options));
      if (isAsked) return await this.#shown(same);
      throw new AlreadyExists(`volume with name ${Name} already exists: volume already exists`);
    }
    const settings = await volumeSettings(Options);
    const shown = {
      ...(settings.gid !== undefined && { GID: String(settings.gid) }),
      ...(settings.uid !== undefined && { UID: String(settings.uid) }),
      ...Options,
    };
    const record = this.#newRecord({ Name, Driver, Options: shown, Labels: { ...options.Labels } }, settings);
    record.given = Options;
    if (options.Anonymous === true) record.config.Anonymous = true;
    await this.#records.removeAbandoned();
    try {
      await this.#records.add(record);
    } catch (error) {
      if (!(error instanceof AlreadyExists) || options.ignore !== true) throw error;
      return await this.inspect(Name);
    }
    const { uid, gid } = settings;
    if (uid !== undefined || gid !== undefined) await chown(this.#records.dataOf(Name), uid ?? 0, gid ?? 0);
    await this.#options.events.append({ Type: 'volume', Status: 'create', ID: '', Name });
    return await this.#shown(record);
  }

  #newRecord(
    named: Pick<VolumeConfig, 'Name' | 'Driver' | 'Options' | 'Labels'>,
    settings: VolumeSettings,
  ): VolumeRecord {
    const { uid, gid } = settings;
    return {
      config: {
        ...named,
        CreatedAt: new Date(this.#options.clock.now()).toISOString(),
        Anonymous: false,
        ...(uid !== undefined && { UID: uid }),
        ...(gid !== undefined && { GID: gid }),
        NeedsCopyUp: settings.noCopy !== true,
        NeedsChown: uid === undefined && gid === undefined,
      },
      settings,
    };
  }

  async list(filters: Filters = {}): Promise<VolumeConfig[]> {
    const used = 'dangling' in filters ? await this.#usedNames() : new Set<string>();
    const fits = volumeFilter(filters, {
      nowMs: this.#options.clock.now(),
      isUsed: (volume) => used.has(volume.Name),
    });
    const found: VolumeConfig[] = [];
    for (const record of await this.#records.list()) {
      const shown = await this.#shown(record);
      if (fits(shown)) found.push(shown);
    }
    return found;
  }

  async inspect(volume: string): Promise<VolumeConfig> {
    return await this.#shown(await this.#find(volume));
  }

  async exists(volume: string): Promise<boolean> {
    return (await this.#existing(volume)) !== undefined;
  }

  async remove(volume: string, options: { force?: boolean; timeoutSeconds?: number } = {}): Promise<void> {
    const { Name } = (await this.#find(volume)).config;
    const users = await this.usersOf(Name);
    if (users.length > 0 && options.force !== true)
      throw new Conflict(
        `volume ${Name} is being used by the following container(s): ${users.join(', ')}: volume is being used`,
        { details: { exitCode: 2 } },
      );
    for (const id of users)
      try {
        await this.#options.containers().remove(id, options);
      } catch (error) {
        if (!(error instanceof NotFound)) throw error;
      }
    await this.#alone(Name, async () => {
      // Whoever has begun to use it since we looked keeps it.
      const late = await this.usersOf(Name);
      if (late.length > 0)
        throw new Conflict(
          `volume ${Name} is being used by the following container(s): ${late.join(', ')}: volume is being used`,
          { details: { exitCode: 2 } },
        );
      await this.#unmountAll(Name);
      await this.#records.remove(Name);
    });
    await this.#options.events.append({ Type: 'volume', Status: 'remove', ID: '', Name });
  }

  async prune(filters: Filters = {}): Promise<{ deleted: string[]; reclaimedBytes: number }> {
    const used = await this.#usedNames();
    const fits = volumeFilter(filters, {
      nowMs: this.#options.clock.now(),
      isUsed: (volume) => used.has(volume.Name),
      forPrune: true,
    });
    const deleted: string[] = [];
    let reclaimedBytes = 0;
    for (const volume of await this.list()) {
      if (used.has(volume.Name) || !fits(volume)) continue;
      // What it mounts stays where it is.
      const record = await this.#existing(volume.Name);
      const bytes = record === undefined || record.settings.mount ? 0 : await sizeOf(volume.Mountpoint);
      try {
        await this.remove(volume.Name);
      } catch (error) {
        // Somebody else took it away, or has begun to use it.
        if (error instanceof NotFound || error instanceof Conflict) continue;
        throw error;
      }
      deleted.push(volume.Name);
      reclaimedBytes += bytes;
    }
    return { deleted, reclaimedBytes };
  }

  /** Bytes in files of it, for `system df`. */
  async sizeOf(volume: string): Promise<number> {
    return await sizeOf((await this.inspect(volume)).Mountpoint);
  }

  async export(volume: string): Promise<Readable> {
    const { Name } = (await this.#find(volume)).config;
    const user = `export-${randomBytes(6).toString('hex')}`;
    return packFolder(await this.mount(Name, user), () => this.unmount(Name, user));
  }

  async import(volume: string, archive: Readable): Promise<void> {
    const { Name } = (await this.#find(volume)).config;
    const user = `import-${randomBytes(6).toString('hex')}`;
    const folder = await this.mount(Name, user);
    try {
      await unpackConfined(await decompressed(archive), folder);
    } finally {
      await this.unmount(Name, user);
    }
  }

  async mount(volume: string, containerId: string): Promise<string> {
    const { Name } = (await this.#find(volume)).config;
    checkUser(containerId);
    return await this.#alone(Name, async () => {
      const { settings } = await this.#records.read(Name);
      const folder = this.#records.dataOf(Name);
      // First the use: who dies in between leaves one too many, which the container's end takes back.
      await this.#records.addUse(Name, containerId);
      if (settings.mount === undefined || (await mountsBelow(folder)).includes(folder)) return folder;
      try {
        await mountOptions(settings.mount, folder);
      } catch (error) {
        await this.#records.removeUse(Name, containerId);
        throw error;
      }
      return folder;
    });
  }

  async unmount(volume: string, containerId: string): Promise<void> {
    if (!(await this.exists(volume))) return;
    checkUser(containerId);
    await this.#alone(volume, async () => {
      if (!(await this.exists(volume))) return;
      await this.#records.removeUse(volume, containerId);
      if ((await this.#records.uses(volume)).length === 0) await this.#unmountAll(volume);
    });
  }

  async prepare(
    volume: string,
    options: { imageFolder?: string; noCopy?: boolean; uid: number; gid: number },
  ): Promise<void> {
    const known = await this.#records.read(volume);
    if (!known.config.NeedsCopyUp && !known.config.NeedsChown) return;
    await this.#alone(volume, async () => {
      const record = await this.#records.read(volume);
      const folder = this.#records.dataOf(volume);
      const image = await folderAt(options.imageFolder);
      if (record.filler !== undefined && !isProcessAlive(record.filler)) await empty(folder);
      const isCopy =
        record.config.NeedsCopyUp && options.noCopy !== true && record.settings.mount?.type !== 'bind';
      if (isCopy && image !== undefined && (await readdir(image.path)).length > 0) {
        if ((await readdir(folder)).length === 0) {
          await this.#records.write({ ...record, filler: processIdentity(process.pid)! });
          await runCommand('cp', ['-a', '--', `${image.path}/.`, folder], { timeoutMs: 3_600_000 });
        }
        record.config.NeedsCopyUp = false;
      }
      if (record.config.NeedsChown && record.settings.mount === undefined) {
        await chown(folder, image?.uid ?? options.uid, image?.gid ?? options.gid);
        if (image !== undefined) await chmod(folder, image.mode & 0o7777);
      }
      delete record.filler;
      await this.#records.write({ ...record, config: { ...record.config, NeedsChown: false } });
    });
  }

  async usersOf(volume: string): Promise<string[]> {
    return (await this.#options.containers().list())
      .filter((one) => one.volumes.includes(volume))
      .map((one) => one.id);
  }

  /** All of them, and what they have mounted. */
  async reset(): Promise<void> {
    for (const name of await this.#records.names()) {
      await this.#unmountAll(name);
      await this.#records.remove(name);
    }
  }

  /** What processes that died have left; each in a line. */
  async check(): Promise<string[]> {
    await this.#records.removeAbandoned();
    const known = new Set((await this.#options.containers().list()).map((one) => one.id));
    const found: string[] = [];
    for (const name of await this.#records.names())
      for (const user of await this.#records.uses(name)) {
        if (!/^[0-9a-f]{64}$/.test(user) || known.has(user)) continue;
        await this.unmount(name, user);
        found.push(`use of volume ${name} by container ${user}, which is gone: taken back`);
      }
    return found;
  }

  /** By name, or a beginning that only one has. @throws NotFound Conflict */
  async #find(volume: string): Promise<VolumeRecord> {
    const exact = await this.#existing(volume);
    if (exact !== undefined) return exact;
    const names = (await this.#records.names()).filter((name) => volume !== '' && name.startsWith(volume));
    if (names.length > 1)
      throw new Conflict(
        `more than one result for volume name ${JSON.stringify(volume)}: volume already exists`,
      );
    return await this.#records.read(names[0] ?? volume);
  }

  async #existing(name: string): Promise<VolumeRecord | undefined> {
    try {
      return await this.#records.read(name);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #shown(record: VolumeRecord): Promise<VolumeConfig> {
    const { Name } = record.config;
    return {
      ...record.config,
      Scope: 'local',
      Mountpoint: this.#records.dataOf(Name),
      MountCount: (await this.#records.uses(Name)).length,
    };
  }

  async #usedNames(): Promise<Set<string>> {
    return new Set((await this.#options.containers().list()).flatMap((one) => one.volumes));
  }

  async #unmountAll(name: string): Promise<void> {
    const folder = this.#records.dataOf(name);
    for (const point of await mountsBelow(folder)) detachMount(point);
  }

  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#options.locks, `volume-${name}`), work);
  }
}

function checkName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 240)
    throw new BadRequest(
      `running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`,
    );
}

function checkUser(user: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(user))
    throw new BadRequest(`${JSON.stringify(user)} is not an id`);
}

function sameOptions(record: VolumeRecord, options: Record<string, string>): boolean {
  const sorted = (one: Record<string, string>) => JSON.stringify(Object.entries(one).sort());
  return sorted(record.given ?? {}) === sorted(options);
}

/** mount(8), which knows file systems that need a helper: NFS, CIFS. */
async function mountOptions(mount: NonNullable<VolumeSettings['mount']>, folder: string): Promise<void> {
  const isBind = mount.type === 'bind' || mount.type === 'none';
  const options = [
    ...mount.options,
    ...(mount.type === 'bind' && !mount.options.includes('rbind') ? ['bind'] : []),
  ];
  const args = [
    ...(mount.type !== undefined && !isBind ? ['-t', mount.type] : []),
    ...(options.length > 0 ? ['-o', [...new Set(options)].join(',')] : []),
    ...['--source', mount.device ?? mount.type ?? 'none', '--target', folder],
  ];
  try {
    await runCommand('mount', args);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new OrreryError('SystemCallFailed', `mounting volume: ${error.stderr.trim() || error.message}`, {
      cause: error,
    });
  }
}

async function folderAt(path: string | undefined) {
  if (path === undefined) return undefined;
  try {
    const facts = await stat(path);
    return facts.isDirectory() ? { path, uid: facts.uid, gid: facts.gid, mode: facts.mode } : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await removeTree(join(folder, name));
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  const seen = new Set<string>();
  for await (const entry of await opendir(folder, { recursive: true })) {
    if (!entry.isFile()) continue;
    const { size, nlink, dev, ino } = await lstat(join(entry.parentPath, entry.name));
    const id = `${dev}:${ino}`;
    if (nlink > 1 && seen.has(id)) continue;
    seen.add(id);
    bytes += size;
  }
  return bytes;
}
