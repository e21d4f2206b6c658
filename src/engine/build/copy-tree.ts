import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { isWhiteout } from '../images/layer-tar.ts';
import { libc } from '../system/libc.ts';
import { resolveInRoot } from '../system/root-path.ts';
import type { IgnoreRules } from './ignore.ts';
import { type CopySource, type TreeEntry, walkSource } from './tree-walk.ts';

const S_IFMT = 0o170000;
/** More than this is copied in the thread pool; for small files its queue costs ten times the work. */
const LARGE_BYTES = 1 << 20;

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
  const there = statOrNothing(target);
  const isFolder = copy.several || /(?:^|\/)\.?$/.test(copy.destination) || there?.isDirectory() === true;
  const links = new Map<string, string>();
  for (const source of copy.sources) {
    if (source.info.isDirectory()) await copyFolder(copy, source, { target, links });
    else {
      makeFolders(copy, isFolder ? target : dirname(target));
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
  makeFolders(copy, target);
  const folders: { path: string; entry: TreeEntry }[] = [];
  // Files come folder by folder: where the folder is, is found out once.
  let last = { inRoot: '', path: '' };
  for await (const entry of walkSource(source, copy.ignore, copy.excluded)) {
    if (entry.path === '') continue;
    const inRoot = posix.join('/', target.slice(copy.root.length), entry.path);
    if (entry.info.isDirectory()) {
      const path = await resolveInRoot(copy.root, inRoot, { followLast: true });
      if (makeFolder(copy, path, entry)) folders.push({ path, entry });
    } else {
      const around = dirname(inRoot);
      if (last.inRoot !== around) {
        last = { inRoot: around, path: await resolveInRoot(copy.root, around, { followLast: true }) };
        makeFolders(copy, last.path);
      }
      await copyEntry(copy, entry, join(last.path, basename(entry.path)), links);
    }
  }
  // Children change their folder's time, so folders get theirs last.
  for (const { path, entry } of folders.reverse()) setTime(path, entry);
}

/** @returns whether it is new: one that was there keeps what it has. */
function makeFolder(copy: Copy, path: string, entry: TreeEntry): boolean {
  const there = statOrNothing(path);
  if (there?.isDirectory()) return false;
  if (there !== undefined) rmSync(path);
  makeFolders(copy, dirname(path));
  mkdirSync(path);
  setAttributes(copy, entry, path);
  return true;
}

/** Folders on the way that nobody described. */
function makeFolders(copy: Copy, path: string): void {
  const there = statOrNothing(path);
  if (there?.isDirectory()) return;
  if (there !== undefined)
    throw new BadRequest(`mkdir ${path.slice(copy.root.length) || '/'}: not a directory`);
  makeFolders(copy, dirname(path));
  mkdirSync(path, { mode: 0o755 });
  chmodSync(path, 0o755);
  if (copy.owner !== undefined) lchownSync(path, copy.owner.uid, copy.owner.gid);
}

async function copyEntry(
  copy: Copy,
  entry: TreeEntry,
  path: string,
  links: Map<string, string>,
): Promise<void> {
  const { info, full } = entry;
  if (isWhiteout(info))
    throw new BadRequest(`${entry.path}: a device 0:0 would delete what is below, not be copied`);
  const there = statOrNothing(path);
  if (there?.isDirectory())
    throw new BadRequest(`cannot copy to a folder with a file's name: ${path.slice(copy.root.length)}`);
  if (there !== undefined) rmSync(path);
  const key = info.nlink > 1 ? `${info.dev}:${info.ino}` : undefined;
  const first = key === undefined ? undefined : links.get(key);
  if (first !== undefined) return linkSync(first, path);
  const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
  if (info.isFile() && info.size > LARGE_BYTES) await copyFile(full, path, flags);
  else if (info.isFile()) copyFileSync(full, path, flags);
  else if (info.isSymbolicLink()) symlinkSync(readlinkSync(full), path);
  else if (info.isSocket()) return;
  else
    libc().mknod(
      path,
      info.mode & S_IFMT,
      (info.rdev >>> 8) & 0xfff,
      (info.rdev & 0xff) | ((info.rdev >>> 12) & 0xfff00),
    );
  if (key !== undefined) links.set(key, path);
  setAttributes(copy, entry, path);
  setTime(path, entry);
}

function setAttributes(copy: Copy, { info, full }: TreeEntry, path: string): void {
  const owner = copy.owner ?? info;
  lchownSync(path, owner.uid, owner.gid);
  // After lchown, which clears the setuid and setgid bits.
  if (!info.isSymbolicLink()) chmodSync(path, copy.mode ?? info.mode & 0o7777);
  for (const name of libc().listXattrs(full)) {
    if (name !== 'security.capability' && !name.startsWith('user.')) continue;
    if (name.startsWith('user.overlay.')) continue;
    const value = libc().getXattr(full, name);
    if (value !== undefined) libc().setXattr(path, name, value);
  }
}

function setTime(path: string, { info }: TreeEntry): void {
  lutimesSync(path, info.mtimeMs / 1000, info.mtimeMs / 1000);
}

function statOrNothing(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
