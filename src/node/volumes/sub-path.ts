import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { BadRequest, makeFolder, runCommand } from '../../base/index.ts';
import { absent } from './atomic-writer.ts';
import { mountPointsBelow } from './mount-point.ts';

/** open(2): a handle on a place, not on its content. Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * A handle on what lies at a subPath of a volume. A container that shares the volume may swap folders for links at
 * any moment (CVE-2017-1002101, CVE-2021-25741): so links are resolved once, and the result is walked from folder to
 * folder by handles that follow none.
 *
 * @returns undefined when there is nothing and nothing may be made. @throws BadRequest when it leads out of the volume.
 */
export async function openSubPath(
  volume: string,
  path: string,
  options: { create: boolean },
): Promise<FileHandle | undefined> {
  const base = await realpath(volume);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const missing: string[] = [];
  let found = await realpath(join(base, ...parts)).catch(absent);
  while (found === undefined && options.create && parts.length > 0) {
    missing.unshift(parts.pop()!);
    found = await realpath(join(base, ...parts)).catch(absent);
  }
  if (found === undefined) return undefined;
  if (found !== base && !found.startsWith(`${base}/`))
    throw new BadRequest(`subpath "${found}" not within volume path "${base}"`);
  return walk(base, relative(base, found).split('/').filter(Boolean), missing);
}

async function walk(base: string, parts: readonly string[], missing: readonly string[]): Promise<FileHandle> {
  let at = await open(base, O_PATH | constants.O_NOFOLLOW);
  try {
    for (const [index, part] of [...parts, ...missing].entries()) {
      const below = `/proc/self/fd/${at.fd}/${part}`;
      if (index >= parts.length) await mkdir(below, { mode: 0o755 });
      const next = await open(below, O_PATH | constants.O_NOFOLLOW);
      await at.close();
      at = next;
      if ((await at.stat()).isSymbolicLink())
        throw new BadRequest(`subpath "${[...parts, ...missing].join('/')}" has become a symbolic link`);
    }
    return at;
  } catch (error) {
    await at.close();
    throw error;
  }
}

/** Lets the place appear at `target`, a path nobody in a container can change. */
export async function bindHandle(place: FileHandle, target: string): Promise<void> {
  // The container before has ended, and its mount was private to it.
  for (const point of await mountPointsBelow(target))
    await runCommand('umount', ['--lazy', '--no-canonicalize', point]);
  await rm(target, { recursive: true, force: true });
  await makeFolder(dirname(target), 0o755);
  if ((await place.stat()).isDirectory()) await mkdir(target);
  else await writeFile(target, '');
  const source = `/proc/${process.pid}/fd/${place.fd}`;
  await runCommand('mount', ['--no-canonicalize', '--bind', source, target]);
}
