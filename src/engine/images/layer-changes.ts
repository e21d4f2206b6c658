import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isOpaque, isWhiteout } from './layer-tar.ts';

export interface Change {
  /** Absolute in the container. */
  path: string;
  /** Changed, added, deleted: Docker's letters. */
  kind: 'C' | 'A' | 'D';
}

/**
 * What an overlay's upper folder changes of the layers below it, sorted by path: Docker's and Podman's
 * `diff`. A folder whose content changed is itself `C`.
 *
 * @param lowers folders of the layers, top first.
 */
export async function changesOf(upper: string, lowers: readonly string[]): Promise<Change[]> {
  const changes: Change[] = [];
  await compare({ upper, lowers: [...lowers], path: '', changes });
  return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

interface Comparison {
  upper: string;
  /** Those that may show something at `path`: a whiteout or an opaque folder above ends the list. */
  lowers: string[];
  path: string;
  changes: Change[];
}

/** @returns whether anything below `path` changed. */
async function compare({ upper, lowers, path, changes }: Comparison): Promise<void> {
  const folder = join(upper, path);
  const names = (await readdir(folder)).sort();
  const opaque = path !== '' && isOpaque(folder);
  const below = await visibleNames(lowers, path);
  if (opaque)
    for (const name of below) if (!names.includes(name)) changes.push({ path: `${path}/${name}`, kind: 'D' });
  for (const name of names) {
    const full = `${path}/${name}`;
    const info = await lstat(join(upper, full));
    const wasThere = below.has(name);
    if (isWhiteout(info)) {
      if (wasThere) changes.push({ path: full, kind: 'D' });
      continue;
    }
    changes.push({ path: full, kind: wasThere ? 'C' : 'A' });
    if (info.isDirectory())
      await compare({ upper, lowers: wasThere ? await foldersAt(lowers, full) : [], path: full, changes });
  }
}

/** The layers that show their part of the folder at `path`, top first. */
async function foldersAt(lowers: readonly string[], path: string): Promise<string[]> {
  const found: string[] = [];
  for (const lower of lowers) {
    const info = await statOrNothing(join(lower, path));
    if (info === undefined) continue;
    if (!info.isDirectory()) break;
    found.push(lower);
    if (isOpaque(join(lower, path))) break;
  }
  return found;
}

async function visibleNames(lowers: readonly string[], path: string): Promise<Set<string>> {
  const seen = new Set<string>();
  const visible = new Set<string>();
  for (const lower of lowers) {
    for (const entry of await entriesOf(join(lower, path))) {
      if (seen.has(entry.name)) continue;
      seen.add(entry.name);
      const hidden = entry.isCharacterDevice() && isWhiteout(await lstat(join(lower, path, entry.name)));
      if (!hidden) visible.add(entry.name);
    }
    if (path !== '' && (await statOrNothing(join(lower, path))) && isOpaque(join(lower, path))) break;
  }
  return visible;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

async function statOrNothing(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
