import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BadRequest } from '../../base/index.ts';
import { resolveInRoot } from '../system/root-path.ts';
import { globToRegExp, hasGlob } from './glob.ts';
import type { IgnoreRules } from './ignore.ts';

/** One thing that COPY or ADD takes: a file, or a folder whose content is taken. */
export interface CopySource {
  /** In its root, links resolved; never outside. */
  path: string;
  /** What it was called: the last part is the file's name at the destination. */
  name: string;
  /** Relative to the root, links resolved. */
  relative: string;
  info: Stats;
}

export interface SourceRoot {
  folder: string;
  ignore: IgnoreRules;
}

/**
 * The files and folders that a pattern of COPY or ADD means, below a root that links cannot leave.
 *
 * @throws BadRequest `copier: stat: "/x": no such file or directory`
 */
export async function findSources(root: SourceRoot, pattern: string): Promise<CopySource[]> {
  const clean = normalised(pattern);
  const paths = hasGlob(clean) ? await matches(root.folder, clean) : [clean];
  const found: CopySource[] = [];
  for (const path of paths) {
    if (path !== '' && root.ignore.ignores(path) && !root.ignore.mayBringBackBelow(path)) continue;
    const full = await resolveInRoot(root.folder, path, { followLast: true });
    const info = await statOrNothing(full);
    if (info === undefined) continue;
    found.push({ path: full, name: basename(path), relative: full.slice(root.folder.length + 1), info });
  }
  if (found.length === 0)
    throw new BadRequest(
      hasGlob(clean)
        ? `no items matching glob "${root.folder}/${clean}" copied (0 filtered out): no such file or directory`
        : `copier: stat: "/${clean}": no such file or directory`,
    );
  return found;
}

/** `..` stops at the root, as Docker has it. */
function normalised(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

async function matches(root: string, pattern: string): Promise<string[]> {
  let level = [''];
  for (const part of pattern.split('/')) {
    const next: string[] = [];
    const shape = hasGlob(part) ? new RegExp(`^${globToRegExp(part)}$`, 's') : undefined;
    for (const folder of level) {
      if (shape === undefined) {
        next.push(join(folder, part));
        continue;
      }
      const full = await resolveInRoot(root, folder, { followLast: true });
      for (const name of await namesIn(full)) if (shape.test(name)) next.push(join(folder, name));
    }
    level = next;
  }
  return level;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

export async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

export interface TreeEntry {
  /** Relative to the source; empty for the source itself. */
  path: string;
  full: string;
  info: Stats;
}

/**
 * A source and, of a folder, all below it that is not left out; parents first, names sorted. Links inside are
 * entries themselves.
 *
 * @param excluded whether a path relative to the root is left out by `--exclude`.
 */
export async function* walkSource(
  source: CopySource,
  ignore: IgnoreRules,
  excluded?: IgnoreRules,
): AsyncGenerator<TreeEntry> {
  yield { path: '', full: source.path, info: source.info };
  if (source.info.isDirectory()) yield* walkFolder({ source, ignore, excluded, path: '' });
}

async function* walkFolder(at: {
  source: CopySource;
  ignore: IgnoreRules;
  excluded: IgnoreRules | undefined;
  path: string;
}): AsyncGenerator<TreeEntry> {
  const { source, ignore, excluded } = at;
  // Metadata is read synchronously: for trees of thousands of files ten times faster than in the thread pool.
  for (const name of readdirSync(join(source.path, at.path)).sort()) {
    const path = at.path === '' ? name : `${at.path}/${name}`;
    const inRoot = source.relative === '' ? path : `${source.relative}/${path}`;
    const full = join(source.path, path);
    const info = lstatSync(full);
    const leftOut = ignore.ignores(inRoot) || excluded?.ignores(path) === true;
    if (leftOut && !(info.isDirectory() && ignore.mayBringBackBelow(inRoot))) continue;
    // An ignored folder of which a part is brought back is made when that part is.
    if (!leftOut) yield { path, full, info };
    if (info.isDirectory()) yield* walkFolder({ ...at, path });
  }
}

/** A digest of what a source holds: names, modes, contents, links; not times. */
export async function hashSource(
  source: CopySource,
  options: { ignore: IgnoreRules; excluded?: IgnoreRules | undefined; withOwners: boolean },
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(`${source.info.isDirectory() ? '/' : source.name}\0`);
  for await (const { path, full, info } of walkSource(source, options.ignore, options.excluded)) {
    hash.update(`${path}\0${info.mode}\0${options.withOwners ? `${info.uid}:${info.gid}` : ''}\0`);
    if (info.isSymbolicLink()) hash.update(readlinkSync(full));
    else if (info.isFile()) {
      hash.update(`${info.size}\0`);
      if (info.size <= 1 << 16) hash.update(readFileSync(full));
      else
        for await (const chunk of createReadStream(full, { highWaterMark: 1 << 20 }))
          hash.update(chunk as Buffer);
    } else hash.update(String(info.rdev));
    hash.update('\0');
  }
  return hash.digest('hex');
}
