import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../base/index.ts';
import { storeLocked, storeUnavailable } from './store-errors.ts';

const SQLITE_BUSY = 5;

/**
 * The right to use a store directory, held by one process at a time.
 *
 * It is a lock of the kernel on `store.lock`, so it ends with its owner, however that dies; nothing is
 * ever to be cleaned up. Node offers no lock call of its own; its SQLite takes one (an exclusive
 * transaction on an empty file, which stays empty) for 2 ms and 2 MB, a foreign-function library costs
 * 15 ms and 8 MB.
 */
export class DirectoryLock {
  readonly #database: DatabaseSync;

  /** @throws StoreLocked when another process, or another store of this one, holds it. */
  static async take(directory: string): Promise<DirectoryLock> {
    const { DatabaseSync } = await import('node:sqlite');
    const path = join(directory, 'store.lock');
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path);
      database.exec('BEGIN EXCLUSIVE');
    } catch (cause) {
      database?.close();
      if ((cause as { errcode?: number }).errcode === SQLITE_BUSY)
        throw storeLocked(directory, ownerOf(path));
      throw storeUnavailable(directory, `cannot lock ${path}: ${messageOf(cause)}`, cause);
    }
    return new DirectoryLock(database);
  }

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  release(): void {
    this.#database.close();
  }
}

/** The process that holds a lock on a file, from proc_locks(5): `1: POSIX ADVISORY WRITE 123 fe:00:4711 …`. */
function ownerOf(path: string): number | undefined {
  try {
    const inode = statSync(path).ino;
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === 'WRITE' && Number(fields[5]?.split(':').at(-1)) === inode) {
        const pid = Number(fields[4]);
        return pid > 0 ? pid : undefined;
      }
    }
  } catch {
    // Only the name of the owner in a message hangs on this; not every host shows its locks.
    return undefined;
  }
  return undefined;
}
