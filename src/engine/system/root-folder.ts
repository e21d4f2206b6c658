import { closeSync, constants, openSync } from 'node:fs';
import { mkdir, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFound } from '../../base/index.ts';
import { libc, SystemCallFailed } from './libc.ts';

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * A tree that somebody else may change at any moment (a container's root): paths in it are resolved by the kernel,
 * symlinks and `..` within the tree. What is opened is held by a descriptor and reached through `/proc/self/fd`, so
 * a folder that is swapped for a symlink afterwards leads nowhere else.
 */
export class RootFolder {
  readonly #root: number;
  readonly #open: number[] = [];

  constructor(path: string) {
    this.#root = openSync(path, O_PATH | O_DIRECTORY);
  }

  /** A path of this process to what `path` names in the tree. @throws NotFound */
  find(path: string, how: { followLast: boolean; isFolder?: boolean }): string {
    const flags = O_PATH | O_CLOEXEC | (how.followLast ? 0 : O_NOFOLLOW) | (how.isFolder ? O_DIRECTORY : 0);
    try {
      return this.#hold(libc().openInRoot(this.#root, relative(path), flags));
    } catch (error) {
      if (error instanceof SystemCallFailed && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.errno))
        throw new NotFound(`no such file or directory: ${path}`, { cause: error });
      throw error;
    }
  }

  /** A folder and those above it, made where they are not there. */
  async makeFolder(path: string, mode = 0o755): Promise<string> {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    let at = this.find('/', { followLast: true, isFolder: true });
    for (const [i, part] of parts.entries()) {
      const so = `/${parts.slice(0, i + 1).join('/')}`;
      try {
        at = this.find(so, { followLast: true, isFolder: true });
      } catch (error) {
        if (!(error instanceof NotFound) || part === '..') throw error;
        await mkdir(join(at, part), { mode });
        at = this.find(so, { followLast: true, isFolder: true });
      }
    }
    return at;
  }

  close(): void {
    for (const fd of [...this.#open, this.#root]) closeSync(fd);
    this.#open.length = 0;
  }

  #hold(fd: number): string {
    this.#open.push(fd);
    return `/proc/self/fd/${fd}`;
  }
}

/**
 * Removes `name` from a folder that is held by a descriptor (`find` gave it), with all below it. Each folder on the
 * way is opened without following links and held while it is emptied: one that is swapped for a symlink meanwhile
 * loses the symlink, never what it leads to.
 */
export async function removeHeld(parent: string, name: string): Promise<void> {
  const path = join(parent, name);
  for (;;) {
    if (await isUnlinked(path)) return;
    let fd: number;
    try {
      fd = openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    } catch (error) {
      // Swapped, or gone, just now: looked at anew.
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
      throw error;
    }
    try {
      const held = `/proc/self/fd/${fd}`;
      for (const child of await readdir(held)) await removeHeld(held, child);
    } finally {
      closeSync(fd);
    }
    try {
      return await rmdir(path);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw error;
    }
  }
}

/** False for a folder. */
async function isUnlinked(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EISDIR') return false;
    throw error;
  }
}

function relative(path: string): string {
  return path.replace(/^\/+/, '') || '.';
}
