import { closeSync, openSync, writeSync } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { BadRequest, messageOf, OrreryError } from '../../base/index.ts';
import { isMapped, rootlessFacts } from '../rootless/facts.ts';
import { libc } from '../system/libc.ts';
import { resolveInRoot } from '../system/root-path.ts';
import { UnpackingLimit } from './unpacking-limit.ts';

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** What tar-stream yields; its own type does not say that Node's streams take it. */
export type TarEntry = Readable & { header: Header };

/**
 * Unpacks one layer's tar (OCI image-spec v1.1, layer.md) into `root`, an empty private folder, as overlayfs
 * wants it: a whiteout becomes a character device 0:0, an opaque folder the attribute
 * `trusted.overlay.opaque`. Owners, modes with setuid bits, times, extended attributes, hard links and
 * devices are kept. No entry is written outside `root`, whatever symlinks the archive holds.
 *
 * In a user namespace the attribute is `user.overlay.opaque` (overlayfs' `userxattr`), and device nodes are left
 * out, as nobody there may make one.
 *
 * @param limitBytes how long the tar may be; default: as the disk has room for
 * @throws BadRequest for what is malformed or would escape, belongs to an id that is not mapped, or is too large;
 *   OrreryError DiskFull before the disk is.
 */
export async function unpackLayer(tar: Readable, root: string, limitBytes?: number): Promise<void> {
  const limit = new UnpackingLimit(root, limitBytes);
  const folders: { path: string; header: Header }[] = [];
  const extractor = extract();
  const feeding = pipeline(tar, extractor);
  // A failing `for await` below destroys the extractor; the pipeline's own end is then the same story.
  feeding.catch(() => undefined);
  try {
    for await (const entry of extractor as unknown as AsyncIterable<TarEntry>) {
      limit.take(entry.header.size ?? 0);
      await unpackEntry(entry, root, folders);
      entry.resume();
    }
    await feeding;
  } catch (error) {
    if (error instanceof OrreryError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new BadRequest(`the layer is not a valid tar archive: ${messageOf(error)}`, { cause: error });
  }
  // Children change their folder's time, so folders get theirs last, the deepest first.
  for (const { path, header } of folders.reverse()) await setTime(path, header);
}

async function unpackEntry(
  entry: TarEntry,
  root: string,
  folders: { path: string; header: Header }[],
): Promise<void> {
  const { header } = entry;
  const name = checkedName(header.name);
  if (name === '') {
    if (header.type === 'directory') await setAttributes(root, header);
    return;
  }
  const parent = await resolveInRoot(root, dirname(name), { followLast: true });
  const path = join(parent, basename(name));
  await mkdir(parent, { recursive: true, mode: 0o755 });
  if (await whiteOut(path)) return;
  if (header.type === 'directory') {
    const there = await typeAt(path);
    if (there !== 'directory') {
      if (there !== undefined) await rm(path, { force: true });
      await mkdir(path);
    }
    folders.push({ path, header });
  } else {
    if (isDevice(header) && rootlessFacts().isInUserNamespace) return;
    if ((await typeAt(path)) !== undefined) await rm(path, { recursive: true, force: true });
    await makeNode(entry, path, root);
  }
  if (header.type === 'link') return;
  await setAttributes(path, header);
}

/** Handles AUFS whiteout names. @returns whether the entry was one. */
async function whiteOut(path: string): Promise<boolean> {
  const name = basename(path);
  if (!name.startsWith(WHITEOUT)) return false;
  if (name === OPAQUE) libc().setXattr(dirname(path), `${overlayMark()}opaque`, Buffer.from('y'));
  else if (!name.startsWith('.wh..wh.')) {
    const hidden = join(dirname(path), name.slice(WHITEOUT.length));
    // `.wh.` and `.wh...` would name the folder itself or its parent.
    if (['', '.', '..'].includes(name.slice(WHITEOUT.length)))
      throw new BadRequest(`the layer has a whiteout without a name: ${name}`);
    if ((await typeAt(hidden)) === undefined) libc().mknod(hidden, S_IFCHR, 0, 0);
  }
  return true;
}

/** Where overlayfs keeps its own attributes: who is root of a user namespace only cannot write `trusted.`. */
function overlayMark(): string {
  return rootlessFacts().isInUserNamespace ? 'user.overlay.' : 'trusted.overlay.';
}

async function makeNode(entry: TarEntry, path: string, root: string): Promise<void> {
  const { header } = entry;
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return await writeFileOf(entry, path);
    case 'symlink':
      return await symlink(header.linkname ?? '', path);
    case 'link': {
      const target = checkedName(header.linkname ?? '');
      return await link(await resolveInRoot(root, target, { followLast: false }), path);
    }
    case 'character-device':
      return libc().mknod(path, S_IFCHR, header.devmajor ?? 0, header.devminor ?? 0);
    case 'block-device':
      return libc().mknod(path, S_IFBLK, header.devmajor ?? 0, header.devminor ?? 0);
    case 'fifo':
      return libc().mknod(path, S_IFIFO, 0, 0);
    default:
      throw new BadRequest(
        `the layer's entry ${header.name} has a type that is not supported: ${(header as Header).type}`,
      );
  }
}

/** Synchronously: the page cache takes a chunk sooner than a thread of the pool is told to hand it over. */
async function writeFileOf(entry: TarEntry, path: string): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  try {
    for await (const chunk of entry) writeWhole(file, chunk as Uint8Array);
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, content: Uint8Array): void {
  for (let at = 0; at < content.byteLength; ) at += writeSync(file, content, at);
}

function isDevice({ type }: Header): boolean {
  return type === 'character-device' || type === 'block-device';
}

async function setAttributes(path: string, header: Header): Promise<void> {
  const pax = (header.pax ?? {}) as Record<string, string>;
  const uid = Number(pax.uid ?? header.uid ?? 0);
  const gid = Number(pax.gid ?? header.gid ?? 0);
  await setOwner(path, header, { uid, gid });
  // After lchown, which clears the setuid and setgid bits.
  if (header.type !== 'symlink') await chmod(path, header.mode ?? 0o644);
  for (const [key, value] of Object.entries(pax)) {
    if (!key.startsWith('SCHILY.xattr.')) continue;
    const name = key.slice('SCHILY.xattr.'.length);
    // The reader gives text; what was not UTF-8 is lost by then, and half a capability is worse than none.
    if (value.includes('\uFFFD'))
      throw new BadRequest(
        `the layer's extended attribute ${name} of ${header.name} is binary: not supported`,
      );
    // Overlayfs' own marks come from whiteouts only, never from the archive.
    if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.'))
      throw new BadRequest(`the layer's entry ${header.name} sets ${name}: refused`);
    libc().setXattr(path, name, Buffer.from(value));
  }
  if (header.type !== 'directory') await setTime(path, header);
}

async function setOwner(path: string, header: Header, { uid, gid }: { uid: number; gid: number }) {
  try {
    await lchown(path, uid, gid);
  } catch (error) {
    const { uidMap, gidMap } = rootlessFacts();
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    if (isMapped(uidMap, uid) && isMapped(gidMap, gid)) throw error;
    throw new BadRequest(
      `potentially insufficient UIDs or GIDs available in user namespace (requested ${uid}:${gid} for /${checkedName(header.name)}): Check /etc/subuid and /etc/subgid`,
      { cause: error },
    );
  }
}

async function setTime(path: string, header: Header): Promise<void> {
  const seconds = Number(
    (header.pax as Record<string, string> | undefined)?.mtime ?? (header.mtime?.getTime() ?? 0) / 1000,
  );
  await lutimes(path, seconds, seconds);
}

async function typeAt(path: string): Promise<'directory' | 'other' | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The path below the root that an entry names. @throws BadRequest when it climbs out with `..`. */
export function checkedName(name: string): string {
  if (name.includes('\0'))
    throw new BadRequest(`the archive's entry ${JSON.stringify(name)} has a zero byte in its name`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new BadRequest(`the archive's entry ${JSON.stringify(name)} leaves the root`);
  return parts.join('/');
}
