import { constants, createReadStream } from 'node:fs';
import { lchown, lstat, mkdir, open, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { BadRequest, NotFound } from '../../base/index.ts';
import {
  decompressed,
  END_OF_TAR,
  type Engine,
  encodeTarHeader,
  type IdMappings,
  insideOwner,
  padding,
  RootFolder,
  removeHeld,
} from '../../engine/index.ts';
import type { PathStat } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerParts } from './parts.ts';
import { outsideIds } from './user-namespaces.ts';

/**
 * Files between a container and the outside, also while it runs and changes its tree: every path is resolved by
 * the kernel inside the container's root, and what was resolved is held by a descriptor.
 */
export class Copying {
  readonly #engine: Engine;
  readonly #store: ContainerStore;
  readonly #parts: ContainerParts;

  constructor(engine: Engine, store: ContainerStore, parts: ContainerParts) {
    this.#engine = engine;
    this.#store = store;
    this.#parts = parts;
  }

  async statPath(text: string, path: string): Promise<PathStat> {
    const { root, inside } = await this.#place(text, path);
    try {
      return await statIn(root, inside, path);
    } finally {
      root.close();
    }
  }

  async copyOut(text: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    const { root, inside } = await this.#place(text, path);
    try {
      const found = await statIn(root, inside, path);
      const source = root.find(inside, { followLast: true });
      const name = posix.basename(posix.resolve('/', path)) || '/';
      const { idMappings } = (await this.#store.find(text)).stored;
      const chunks = tarOf(source, name === '/' ? '.' : name, idMappings);
      return { stat: found, tar: Readable.from(closing(chunks, root), { objectMode: false }) };
    } catch (error) {
      root.close();
      throw error;
    }
  }

  async copyIn(
    text: string,
    folder: string,
    tar: Readable,
    options: { noOverwriteDirNonDir?: boolean; chown?: boolean } = {},
  ): Promise<void> {
    const { root, inside } = await this.#place(text, folder);
    try {
      root.find(inside, { followLast: true, isFolder: true });
      const { config, idMappings } = (await this.#store.find(text)).stored;
      const user = config.User ?? '';
      const [uid, gid = 0] = /^\d+(?::\d+)?$/.test(user) ? user.split(':').map(Number) : [];
      const how = {
        ...(options.noOverwriteDirNonDir && { noOverwriteDirNonDir: true }),
        ...(idMappings && { idMappings }),
        ...(options.chown && uid !== undefined && { owner: [uid, gid] as [number, number] }),
      };
      const entries = extract();
      const plain = await decompressed(tar);
      plain.on('error', (error) => entries.destroy(error));
      plain.pipe(entries);
      for await (const entry of entries) await unpackEntry(root, inside, entry as unknown as Entry, how);
    } finally {
      root.close();
    }
  }

  /** The tree in which a path is: a running container's as it sees it, else its root or the volume mounted there. */
  async #place(text: string, path: string): Promise<{ root: RootFolder; inside: string }> {
    const { id, state, stored } = await this.#store.find(text);
    const absolute = posix.resolve('/', stored.config.WorkingDir ?? '', path);
    if (state.status === 'running' && state.pid !== undefined)
      return { root: new RootFolder(`/proc/${state.pid}/root`), inside: absolute };
    const within = stored.mounts
      .filter((one) => absolute === one.destination || absolute.startsWith(`${one.destination}/`))
      .sort((a, b) => b.destination.length - a.destination.length)[0];
    if (within?.type === 'volume' || within?.type === 'bind') {
      const source =
        within.type === 'bind'
          ? within.source
          : (await this.#parts.volumes?.inspect(within.name!))?.Mountpoint;
      if (source !== undefined && (await stat(source)).isDirectory())
        return {
          root: new RootFolder(source),
          inside: absolute.slice(within.destination.length) || '/',
        };
    }
    return { root: new RootFolder(await this.#engine.mountRoot(id)), inside: absolute };
  }
}

async function statIn(root: RootFolder, inside: string, asked: string): Promise<PathStat> {
  let info: Awaited<ReturnType<typeof stat>>;
  let linkTarget = '';
  try {
    const itself = root.find(inside, { followLast: false });
    // Through /proc/self/fd: `lstat` would describe that link, `stat` what the descriptor holds.
    info = await stat(itself);
    if (info.isSymbolicLink()) {
      const parent = root.find(posix.dirname(inside), { followLast: true, isFolder: true });
      linkTarget = await readlink(`${parent}/${posix.basename(inside)}`);
    }
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new NotFound(`"${asked}" could not be found on container: no such file or directory`, {
      cause: error,
    });
  }
  return {
    name: posix.basename(posix.resolve('/', asked)) || '/',
    size: info.size,
    mode: goMode(info.mode),
    mtime: info.mtime.toISOString(),
    linkTarget,
  };
}

/** Go's os.FileMode: the permission bits, and its own ones for kinds. */
function goMode(mode: number): number {
  const { S_IFDIR, S_IFLNK, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFMT } = constants;
  const kinds = new Map([
    [S_IFDIR, 2 ** 31],
    [S_IFLNK, 2 ** 27],
    [S_IFBLK, 2 ** 26],
    [S_IFIFO, 2 ** 25],
    [S_IFSOCK, 2 ** 24],
    [S_IFCHR, 2 ** 26 + 2 ** 21],
  ]);
  const special =
    (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (mode & 0o777) + (kinds.get(mode & S_IFMT) ?? 0) + special;
}

async function* closing(chunks: AsyncGenerator<Buffer>, root: RootFolder): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
    yield END_OF_TAR;
  } finally {
    root.close();
  }
}

/** `place` is held by a descriptor; what is below it is opened step by step, and never followed. */
async function* tarOf(place: string, name: string, ids: IdMappings | undefined): AsyncGenerator<Buffer> {
  const info = await stat(place);
  const common = {
    name,
    mode: info.mode & 0o7777,
    ...insideOwner(ids, info),
    mtimeSeconds: Math.floor(info.mtimeMs / 1000),
  };
  if (info.isDirectory()) {
    yield encodeTarHeader({ ...common, type: 'directory', size: 0 });
    for (const child of (await readdir(place)).sort())
      yield* childOf(place, { child, name: `${name}/${child}` }, ids);
    return;
  }
  if (!info.isFile()) return;
  yield encodeTarHeader({ ...common, type: 'file', size: info.size });
  let sent = 0;
  for await (const chunk of createReadStream(place, { end: Math.max(0, info.size - 1) })) {
    if (info.size === 0) break;
    sent += (chunk as Buffer).byteLength;
    yield chunk as Buffer;
  }
  // A file that has become shorter meanwhile is filled up: its size is said already.
  if (sent < info.size) yield Buffer.alloc(info.size - sent);
  yield padding(info.size);
}

async function* childOf(
  place: string,
  { child, name }: { child: string; name: string },
  ids: IdMappings | undefined,
): AsyncGenerator<Buffer> {
  const path = `${place}/${child}`;
  let info: Awaited<ReturnType<typeof lstat>>;
  try {
    info = await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (info.isSymbolicLink()) {
    yield encodeTarHeader({
      ...{ name, type: 'symlink', mode: 0o777, size: 0, linkname: await readlink(path) },
      ...insideOwner(ids, info),
      mtimeSeconds: Math.floor(info.mtimeMs / 1000),
    });
    return;
  }
  if (!info.isDirectory() && !info.isFile()) return;
  const folder = new RootFolder(place);
  try {
    yield* tarOf(folder.find(child, { followLast: false }), name, ids);
  } catch (error) {
    // Swapped for a symlink, or removed, just now.
    if (!(error instanceof NotFound) && (error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
  } finally {
    folder.close();
  }
}

/** In the words of Podman's copier. */
function existsAlready(path: string, call: string): BadRequest {
  return new BadRequest(`copier: put: error creating "${path}": ${call} ${path}: file exists`);
}

interface Entry extends Readable {
  header: {
    name: string;
    type?: string | null;
    linkname?: string | null;
    mode?: number;
    uid?: number;
    gid?: number;
    mtime?: Date;
  };
}

async function unpackEntry(
  root: RootFolder,
  folder: string,
  entry: Entry,
  options: { noOverwriteDirNonDir?: boolean; owner?: [uid: number, gid: number]; idMappings?: IdMappings },
): Promise<void> {
  const { header } = entry;
  const path = posix.join(folder, posix.resolve('/', header.name));
  const parent = await root.makeFolder(posix.dirname(path));
  const name = posix.basename(path);
  const at = `${parent}/${name}`;
  const [ownerId, groupId] = options.owner ?? [header.uid ?? 0, header.gid ?? 0];
  const { uid, gid } = outsideIds(options.idMappings, { uid: ownerId, gid: groupId });
  const mode = (header.mode ?? 0o644) & 0o7777;
  const there = path === '/' ? undefined : await lstat(at).catch(() => undefined);
  if (header.type === 'directory') {
    if (path === posix.normalize(folder)) return void entry.resume();
    if (there !== undefined && !there.isDirectory() && !there.isSymbolicLink()) {
      if (options.noOverwriteDirNonDir) throw existsAlready(path, 'mkdir');
      await rm(at, { force: true });
    }
    if (there === undefined || (!there.isDirectory() && !there.isSymbolicLink())) await mkdir(at, { mode });
    const made = await open(root.find(path, { followLast: true, isFolder: true }), 'r');
    try {
      await made.chown(uid, gid);
      await made.chmod(mode);
    } finally {
      await made.close();
    }
    return void entry.resume();
  }
  if (there?.isDirectory()) {
    if (options.noOverwriteDirNonDir) throw existsAlready(path, 'open');
    await removeHeld(parent, name);
  } else if (there !== undefined) await rm(at, { force: true });
  if (header.type === 'symlink') {
    await symlink(header.linkname ?? '', at);
    await lchown(at, uid, gid);
    return void entry.resume();
  }
  if (header.type !== 'file' && header.type !== 'contiguous-file' && header.type != null)
    throw new BadRequest(`the archive's entry ${header.name} of type ${header.type} cannot be copied`);
  // Made new and never followed (O_EXCL): a symlink put there just now is refused.
  const file = await open(at, 'wx', 0o600);
  try {
    for await (const chunk of entry) await file.write(chunk as Buffer);
    await file.chown(uid, gid);
    await file.chmod(mode);
    if (header.mtime !== undefined) await file.utimes(header.mtime, header.mtime);
  } finally {
    await file.close();
  }
}
