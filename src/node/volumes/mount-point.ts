import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { removeTree, runCommand } from '../../base/index.ts';

/** Mounts a memory file system at an existing folder. @returns false when one was there already */
export async function mountTmpfs(
  path: string,
  options: { mode: string; sizeBytes?: number },
): Promise<boolean> {
  if (await isMountPoint(path)) return false;
  const words = [`mode=${options.mode}`, 'nosuid', 'nodev'];
  if (options.sizeBytes !== undefined) words.push(`size=${options.sizeBytes}`);
  await runCommand('mount', ['-t', 'tmpfs', '-o', words.join(','), 'tmpfs', path]);
  return true;
}

async function isMountPoint(path: string): Promise<boolean> {
  const [own, above] = await Promise.all([stat(path), stat(dirname(path))]);
  return own.dev !== above.dev;
}

/** Mount points at or below a folder, deepest first. */
export async function mountPointsBelow(folder: string): Promise<string[]> {
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8');
  return mountInfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .reverse();
}

/**
 * Unmounts everything below a folder and removes it. What is busy is detached and goes with its last user;
 * nothing is removed through a mount.
 */
export async function removeFolderWithMounts(folder: string): Promise<void> {
  for (const path of await mountPointsBelow(folder)) {
    await runCommand('umount', ['--lazy', '--no-canonicalize', path]);
  }
  await removeTree(folder);
}
