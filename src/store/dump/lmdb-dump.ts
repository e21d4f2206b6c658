import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OrreryError, syncFolder } from '../../base/index.ts';
import { DirectoryLock } from '../directory-lock.ts';
import { fillDraft } from '../draft.ts';
import { LmdbTables, type TableChange } from '../lmdb-tables.ts';
import { checkPages } from '../page-check.ts';
import { storeCorrupt, storeNotEmpty } from '../store-errors.ts';
import { makeStoreDirectory, removeStoreFile, storeFileBytes, storePath } from '../store-file.ts';
import {
  type DumpItem,
  type DumpSource,
  type DumpTarget,
  draftOf,
  findRevision,
  REVISION_GAP,
} from './dump.ts';

/**
 * The store in a directory. Its items come at once, of one snapshot.
 *
 * @param use `alone`: nobody else may use it meanwhile; `shared`: a server may run on it.
 * @throws StoreMissing, StoreLocked, StoreCorrupt, StoreForeign, StoreUnavailable
 */
export async function openLmdbSource(directory: string, use: 'alone' | 'shared'): Promise<DumpSource> {
  const path = storePath(directory);
  storeFileBytes(directory);
  const lock = await takeLock(directory, use);
  try {
    // Pages of a file that is being written to cannot be checked.
    if (lock !== undefined) checkPages(path, {});
    return new LmdbSource(await LmdbTables.open(path, 'read'), path, lock);
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function takeLock(directory: string, use: 'alone' | 'shared'): Promise<DirectoryLock | undefined> {
  try {
    return await DirectoryLock.take(directory);
  } catch (error) {
    if (use === 'shared' && error instanceof OrreryError && error.code === 'StoreLocked') return undefined;
    throw error;
  }
}

class LmdbSource implements DumpSource {
  readonly #tables: LmdbTables;
  readonly #path: string;
  readonly #lock: DirectoryLock | undefined;

  constructor(tables: LmdbTables, path: string, lock: DirectoryLock | undefined) {
    this.#tables = tables;
    this.#path = path;
    this.#lock = lock;
  }

  get revision(): number {
    return this.#tables.counters().revision;
  }

  get count(): number {
    return this.#tables.countHeads({ prefix: '' });
  }

  *items(): Generator<DumpItem> {
    for (const { key, modRevision, createRevision } of this.#tables.heads({ prefix: '' })) {
      const record = this.#tables.existingRecord(modRevision);
      const sound = record.isSound();
      if (sound === false)
        throw storeCorrupt(this.#path, `the checksum of "${key}" does not hold (run "orrery store check")`);
      const value = record.copyValue();
      const revisionAt = sound === undefined ? findRevision(value, modRevision) : record.revisionAt;
      yield { key, createRevision, modRevision, value: draftOf(value, revisionAt, modRevision) };
    }
  }

  async close(): Promise<void> {
    await this.#tables.close();
    this.#lock?.release();
  }
}

const BATCH_ITEMS = 1000;
const BATCH_BYTES = 8 * 2 ** 20;

/**
 * A new store in a directory; what is added keeps its revisions.
 *
 * @throws StoreNotEmpty, StoreLocked, StoreUnavailable
 */
export async function openLmdbTarget(directory: string): Promise<DumpTarget> {
  await makeStoreDirectory(directory);
  const lock = await DirectoryLock.take(directory);
  try {
    const path = storePath(directory);
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) await assertEmpty(path, directory);
    const unfinished = `${path}.new`;
    await removeStoreFile(unfinished);
    return new LmdbTarget(await LmdbTables.open(unfinished, 'create'), path, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function assertEmpty(path: string, directory: string): Promise<void> {
  checkPages(path, {});
  const tables = await LmdbTables.open(path, 'read');
  try {
    if (tables.counters().revision > 1) throw storeNotEmpty(directory);
  } finally {
    await tables.close();
  }
}

class LmdbTarget implements DumpTarget {
  readonly #tables: LmdbTables;
  readonly #path: string;
  readonly #lock: DirectoryLock;
  readonly #taken = new Set<number>();
  /** Another key has their revision already. */
  readonly #doubles: DumpItem[] = [];
  #changes: TableChange[] = [];
  #bytes = 0;

  constructor(tables: LmdbTables, path: string, lock: DirectoryLock) {
    this.#tables = tables;
    this.#path = path;
    this.#lock = lock;
  }

  async add(item: DumpItem): Promise<void> {
    if (this.#taken.has(item.modRevision)) {
      this.#doubles.push(item);
      return;
    }
    this.#taken.add(item.modRevision);
    await this.#put(item, item);
  }

  async finish(source: number): Promise<number> {
    let revision = source + REVISION_GAP;
    for (const item of this.#doubles) {
      revision++;
      await this.#put(item, { modRevision: revision, createRevision: item.createRevision });
    }
    await this.#tables.commit(this.#changes, { revision, compacted: revision, swept: revision });
    await this.#tables.close();
    await rename(`${this.#path}.new`, this.#path);
    await removeStoreFile(`${this.#path}.new`);
    // LMDB's lock file describes the file that was there before.
    await rm(`${this.#path}-lock`, { force: true });
    await syncFolder(dirname(this.#path));
    this.#lock.release();
    return revision;
  }

  async abandon(): Promise<void> {
    await this.#tables.close();
    await removeStoreFile(`${this.#path}.new`);
    this.#lock.release();
  }

  async #put({ key, value }: DumpItem, head: { modRevision: number; createRevision: number }): Promise<void> {
    const { modRevision, createRevision } = head;
    const bytes = fillDraft(value, modRevision);
    const record = {
      type: 'put' as const,
      key,
      createRevision,
      previousRevision: 0,
      value: bytes,
      revisionAt: value.revisionAt,
    };
    this.#changes.push({ table: 'log', revision: modRevision, record });
    this.#changes.push({ table: 'index', key, head: { modRevision, createRevision } });
    this.#bytes += bytes.length;
    if (this.#changes.length < 2 * BATCH_ITEMS && this.#bytes < BATCH_BYTES) return;
    await this.#tables.commit(this.#changes, { revision: 1, compacted: 1, swept: 1 });
    this.#changes = [];
    this.#bytes = 0;
  }
}
