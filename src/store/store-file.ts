import { type Stats, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, OrreryError, syncFolder } from '../base/index.ts';
import { DirectoryLock } from './directory-lock.ts';
import { LmdbTables } from './lmdb-tables.ts';
import { checkPages } from './page-check.ts';
import { storeMissing, storeUnavailable } from './store-errors.ts';

/** Of a file up to 256 MiB every page is looked at before it is opened, a quarter of a second then. */
const CHECKED_PAGES = 32 * 1024;

/** What a store directory holds: `store.mdb`, LMDB's `store.mdb-lock` beside it, and our `store.lock`. */
export function storePath(directory: string): string {
  return join(directory, 'store.mdb');
}

/** How large the store in the directory is. @throws StoreMissing, or StoreUnavailable when it may not be looked at. */
export function storeFileBytes(directory: string): number {
  let stats: Stats | undefined;
  try {
    stats = statSync(storePath(directory), { throwIfNoEntry: false });
  } catch (cause) {
    throw storeUnavailable(directory, messageOf(cause), cause);
  }
  if (stats === undefined) throw storeMissing(directory);
  return stats.size;
}

/**
 * Takes the directory and opens its store, making both when missing.
 *
 * @throws StoreLocked, StoreCorrupt, StoreForeign, StoreUnavailable
 */
export async function openStoreFile(directory: string): Promise<{ tables: LmdbTables; lock: DirectoryLock }> {
  await makeStoreDirectory(directory);
  const lock = await DirectoryLock.take(directory);
  try {
    const path = storePath(directory);
    if (checkPages(path, { limitPages: CHECKED_PAGES }) === undefined) await createStoreFile(path);
    return { tables: await LmdbTables.open(path, 'write'), lock };
  } catch (cause) {
    lock.release();
    throw cause instanceof OrreryError ? cause : storeUnavailable(directory, messageOf(cause), cause);
  }
}

/** @throws StoreUnavailable */
export async function makeStoreDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw storeUnavailable(directory, messageOf(cause), cause);
  }
}

/** A file under the final name is complete, whenever we die. */
async function createStoreFile(path: string): Promise<void> {
  const unfinished = `${path}.new`;
  await removeStoreFile(unfinished);
  const tables = await LmdbTables.open(unfinished, 'create');
  await tables.close();
  await rename(unfinished, path);
  await removeStoreFile(unfinished);
  await syncFolder(dirname(path));
  await syncFolder(dirname(dirname(path)));
}

export async function removeStoreFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}-lock`, { force: true });
}
