import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest } from '../../base/index.ts';

const MAX_LINKS = 40;

/**
 * The path on the host that `path` names for a process whose root is `root`: symlinks are followed as
 * inside the root, `..` stops at it. The result never leaves `root`. The last component is followed only
 * when `followLast`; components that do not exist are kept as they are.
 *
 * Safe only while nobody else can change the tree (a private folder, or a container that does not run).
 */
export async function resolveInRoot(
  root: string,
  path: string,
  options: { followLast: boolean },
): Promise<string> {
  const pending = path.split('/').filter((part) => part !== '' && part !== '.');
  let resolved: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '..') {
      resolved.pop();
      continue;
    }
    const isLast = pending.length === 0;
    const target =
      isLast && !options.followLast ? undefined : await linkTarget(join(root, ...resolved, part));
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    if (++links > MAX_LINKS) throw new BadRequest(`too many levels of symbolic links in ${path}`);
    if (target.startsWith('/')) resolved = [];
    pending.unshift(...target.split('/').filter((piece) => piece !== '' && piece !== '.'));
  }
  return join(root, ...resolved);
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
