import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Log, messageOf, syncFolder } from '../base/index.ts';
import { DirectoryLock } from './directory-lock.ts';
import { type BackupResult, readBackup, verifyBackup, writeBackup } from './dump/backup-file.ts';
import type { DumpItem, DumpSource, DumpTarget } from './dump/dump.ts';
import { openLmdbSource, openLmdbTarget } from './dump/lmdb-dump.ts';
import type { EtcdPlace } from './etcd/etcd-dump.ts';
import { openLmdbStore } from './lmdb-store.ts';
import { LmdbTables } from './lmdb-tables.ts';
import type { EtcdOptions } from './open-store.ts';
import { checkPages } from './page-check.ts';
import { removeStoreFile, storeFileBytes, storePath } from './store-file.ts';
import type { StoreLocation } from './store-url.ts';

/** A store to look after: no server of ours has it open here. */
export interface StorePlace {
  location: StoreLocation;
  etcd?: EtcdOptions;
  log: Log;
}

/** `of` is 0 while it is not known. */
export type OnProgress = (keys: number, of: number) => void;

export interface CopyResult {
  keys: number;
  /** Of the store or backup that was read. */
  sourceRevision: number;
  /** What the new store begins with, far above: whoever watches from before is told 410 Gone and lists again. */
  revision: number;
}

export interface CompactionResult {
  revision: number;
  bytesBefore: number;
  bytesAfter: number;
}

/**
 * A backup of a store, also of one that a server is using: one snapshot.
 *
 * @throws BackupFailed, StoreMissing, StoreCorrupt, StoreUnavailable
 */
export async function backUpStore(
  place: StorePlace,
  options: { file: string; now: Date; onProgress: OnProgress },
): Promise<BackupResult> {
  const source = await openSource(place, 'shared');
  try {
    return await writeBackup(source, options);
  } finally {
    await source.close();
  }
}

/**
 * A store from a backup, where there is none. The backup is read twice: nothing is made of a damaged one.
 *
 * @throws BackupMissing, BackupDamaged, StoreNotEmpty, StoreLocked, StoreUnavailable
 */
export async function restoreStore(
  file: string,
  place: StorePlace,
  onProgress: OnProgress,
): Promise<CopyResult> {
  const header = await verifyBackup(file);
  const items = async function* (): AsyncGenerator<DumpItem> {
    for await (const part of readBackup(file)) if ('key' in part) yield part;
  };
  const source = { revision: header.revision, count: header.keys, items };
  return copy(source, await openTarget(place), { onProgress, log: place.log });
}

/**
 * Copies one store to where there is none. A store in files must not be in use; on an etcd no server may write.
 *
 * @throws StoreMissing, StoreNotEmpty, StoreLocked, StoreCorrupt, StoreUnavailable
 */
export async function migrateStore(
  from: StorePlace,
  to: StorePlace,
  onProgress: OnProgress,
): Promise<CopyResult> {
  const source = await openSource(from, 'alone');
  try {
    return await copy(source, await openTarget(to), { onProgress, log: to.log });
  } finally {
    await source.close();
  }
}

/**
 * Forgets all history and gives its room back. A store in files must not be in use.
 *
 * @throws StoreMissing, StoreLocked, StoreCorrupt, StoreUnavailable, StoreFull
 */
export async function compactStore(
  place: StorePlace,
  onMember: (endpoint: string) => void,
): Promise<CompactionResult> {
  if (place.location.driver === 'lmdb') return compactFile(place.location.directory, place.log);
  const { compactEtcd } = await import('./etcd/etcd-dump.ts');
  return compactEtcd(etcdPlace(place), onMember);
}

async function compactFile(directory: string, log: Log): Promise<CompactionResult> {
  const path = storePath(directory);
  const bytesBefore = storeFileBytes(directory);
  const store = await openLmdbStore({ directory, log });
  const revision = store.revision();
  try {
    await store.compact(revision);
  } finally {
    await store.close();
  }
  const lock = await DirectoryLock.take(directory);
  const copyPath = `${path}.new`;
  try {
    await removeStoreFile(copyPath);
    const tables = await LmdbTables.open(path, 'read');
    try {
      await tables.copyTo(copyPath);
    } finally {
      await tables.close();
    }
    checkPages(copyPath, { freePages: true });
    await rename(copyPath, path);
    await rm(`${path}-lock`, { force: true });
    await syncFolder(dirname(path));
  } finally {
    await removeStoreFile(copyPath);
    lock.release();
  }
  return { revision, bytesBefore, bytesAfter: statSync(path).size };
}

async function copy(
  source: Pick<DumpSource, 'revision' | 'count' | 'items'>,
  target: DumpTarget,
  { onProgress, log }: { onProgress: OnProgress; log: Log },
): Promise<CopyResult> {
  const { revision: sourceRevision, count } = source;
  let keys = 0;
  try {
    for await (const item of source.items()) {
      await target.add(item);
      if (++keys % 1000 === 0) onProgress(keys, count);
    }
    onProgress(keys, keys);
    return { keys, sourceRevision, revision: await target.finish(sourceRevision) };
  } catch (error) {
    await target.abandon().catch((cause: unknown) => {
      // The reason for the end counts; what is left cannot be opened, and the next try removes it.
      log.warn('could not remove what was copied', { error: messageOf(cause) });
    });
    throw error;
  }
}

async function openSource(place: StorePlace, use: 'alone' | 'shared'): Promise<DumpSource> {
  if (place.location.driver === 'lmdb') return openLmdbSource(place.location.directory, use);
  const { openEtcdSource } = await import('./etcd/etcd-dump.ts');
  return openEtcdSource(etcdPlace(place));
}

async function openTarget(place: StorePlace): Promise<DumpTarget> {
  if (place.location.driver === 'lmdb') return openLmdbTarget(place.location.directory);
  const { openEtcdTarget } = await import('./etcd/etcd-dump.ts');
  return openEtcdTarget(etcdPlace(place));
}

function etcdPlace({ location, etcd = {}, log }: StorePlace): EtcdPlace {
  if (location.driver !== 'etcd') throw new TypeError('not an etcd');
  return {
    endpoints: location.endpoints,
    prefix: etcd.prefix ?? '/orrery',
    ...(location.secure && { tls: etcd.tls ?? {} }),
    log,
  };
}
