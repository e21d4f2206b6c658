import { constants } from 'node:fs';
import { chmod, copyFile, lchown, link, lutimes, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { libc } from '../system/libc.ts';
import { resolveInRoot } from '../system/root-path.ts';
import type { IgnoreRules } from './ignore.ts';
import { type CopySource, statOrNothing, type TreeEntry, walkSource } from './tree-walk.ts';

const S_IFMT = 0o170000;

export interface Copy {
  /** The mounted root that is written into; nobody else changes it meanwhile. */
  root: string;
  /** Absolute in the image; a slash at the end makes it a folder. */
  destination: string;
  sources: readonly CopySource[];
  ignore: IgnoreRules;
  excluded?: IgnoreRules | undefined;
  /** Absent: owners stay as they are. */
  owner?: { uid: number; gid: number } | undefined;
  mode?: number | undefined;
  /** A file goes into the destination by its name even when it is alone: an ADD of several words. */
  several: boolean;
}

/**
 * Copies as COPY does: a folder's content goes into the destination, a file to it or into it. Destinations are
 * followed inside the root only, whatever links it holds. Modes, times, hard links and extended attributes are
 * kept.
 *
 * @throws BadRequest
 */
export async function copyIntoRoot(copy: Copy): Promise<void> {
  const target = await resolveInRoot(copy.root, copy.destination, { followLast: true });
  const there = await statOrNothing(target);
  const isFolder = copy.several || /(?:^|\/)\.?$/.test(copy.destination) || there?.isDirectory() === true;
  const links = new Map<string, string>();
  for (const source of copy.sources) {
    if (source.info.isDirectory()) await copyFolder(copy, source, { target, links });
    else {
      await makeFolders(copy, isFolder ? target : dirname(target));
      const entry: TreeEntry = { path: '', full: source.path, info: source.info };
      await copyEntry(copy, entry, isFolder ? join(target, source.name) : target, links);
    }
  }
}

async function copyFolder(
  copy: Copy,
  source: CopySource,
  { target, links }: { target: string; links: Map<string, string> },
): Promise<void> {
  await makeFolders(copy, target);
  const folders: { path: string; entry: TreeEntry }[] = [];
  for await (const entry of walkSource(source, copy.ignore, copy.excluded)) {
    if (entry.path === '') continue;
    const inRoot = posix.join('/', target.slice(copy.root.length), entry.path);
    if (entry.info.isDirectory()) {
      const path = await resolveInRoot(copy.root, inRoot, { followLast: true });
      if (await makeFolder(copy, path, entry)) folders.push({ path, entry });
    } else {
      const parent = await resolveInRoot(copy.root, dirname(inRoot), { followLast: true });
      await makeFolders(copy, parent);
      await copyEntry(copy, entry, join(parent, basename(entry.path)), links);
    }
  }
  // Children change their folder's time, so folders get theirs last.
  for (const { path, entry } of folders.reverse()) await setTime(path, entry);
}

/** @returns whether it is new: one that was there keeps what it has. */
async function makeFolder(copy: Copy, path: string, entry: TreeEntry): Promise<boolean> {
  const there = await statOrNothing(path);
  if (there?.isDirectory()) return false;
  if (there !== undefined) await rm(path);
  await makeFolders(copy, dirname(path));
  await mkdir(path);
  await setAttributes(copy, entry, path);
  return true;
}

/** Folders on the way that nobody described. */
async function makeFolders(copy: Copy, path: string): Promise<void> {
  const there = await statOrNothing(path);
  if (there?.isDirectory()) return;
  if (there !== undefined)
    throw new BadRequest(`mkdir ${path.slice(copy.root.length) || '/'}: not a directory`);
  await makeFolders(copy, dirname(path));
  await mkdir(path, { mode: 0o755 });
  await chmod(path, 0o755);
  if (copy.owner !== undefined) await lchown(path, copy.owner.uid, copy.owner.gid);
}

async function copyEntry(
  copy: Copy,
  entry: TreeEntry,
  path: string,
  links: Map<string, string>,
): Promise<void> {
  const { info, full } = entry;
  const there = await statOrNothing(path);
  if (there?.isDirectory())
    throw new BadRequest(`cannot copy to a folder with a file's name: ${path.slice(copy.root.length)}`);
  if (there !== undefined) await rm(path);
  const key = info.nlink > 1 ? `${info.dev}:${info.ino}` : undefined;
  const first = key === undefined ? undefined : links.get(key);
  if (first !== undefined) return await link(first, path);
  if (info.isFile()) await copyFile(full, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  else if (info.isSymbolicLink()) await symlink(await readlink(full), path);
  else if (info.isSocket()) return;
  else
    libc().mknod(
      path,
      info.mode & S_IFMT,
      (info.rdev >>> 8) & 0xfff,
      (info.rdev & 0xff) | ((info.rdev >>> 12) & 0xfff00),
    );
  if (key !== undefined) links.set(key, path);
  await setAttributes(copy, entry, path);
  await setTime(path, entry);
}

async function setAttributes(copy: Copy, { info, full }: TreeEntry, path: string): Promise<void> {
  const owner = copy.owner ?? info;
  await lchown(path, owner.uid, owner.gid);
  // After lchown, which clears the setuid and setgid bits.
  if (!info.isSymbolicLink()) await chmod(path, copy.mode ?? info.mode & 0o7777);
  for (const name of libc().listXattrs(full)) {
    if (name !== 'security.capability' && !name.startsWith('user.')) continue;
    if (name.startsWith('user.overlay.')) continue;
    const value = libc().getXattr(full, name);
    if (value !== undefined) libc().setXattr(path, name, value);
  }
}

async function setTime(path: string, { info }: TreeEntry): Promise<void> {
  await lutimes(path, info.mtimeMs / 1000, info.mtimeMs / 1000);
}
