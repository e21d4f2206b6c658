/**
 * store: revisioned bytes, in a file (LMDB) or in etcd. Revisions, compare-and-set, ranges, watch, compaction.
 *
 * Guarantees: an acknowledged write is on disk; revisions rise strictly; a watcher sees every change once
 * and in order, or Gone. Does not guarantee: fairness between writers, or that a revision number without a
 * change of its own exists. Knows nothing of Kubernetes. Only `apiserver` may enter, and `cli` to open and look after it.
 */

export type { CompactionOptions } from './auto-compaction.ts';
export { ForwardingStore } from './forwarding-store.ts';
export { type LmdbStoreOptions, openLmdbStore } from './lmdb-store.ts';
export {
  backUpStore,
  type CompactionResult,
  type CopyResult,
  compactStore,
  migrateStore,
  type OnProgress,
  restoreStore,
  type StorePlace,
} from './maintenance.ts';
export { type EtcdOptions, type OpenStoreOptions, openStore } from './open-store.ts';
export type * from './store.ts';
export { checkStore, type StoreCheckReport } from './store-check.ts';
export { parseStoreUrl, type StoreLocation } from './store-url.ts';
