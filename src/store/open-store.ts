import type { Clock, Log } from '../base/index.ts';
import type { CompactionOptions } from './auto-compaction.ts';
import type { Store } from './store.ts';
import type { StoreLocation } from './store-url.ts';

export interface OpenStoreOptions {
  location: StoreLocation;
  log: Log;
  clock?: Clock;
  compaction?: CompactionOptions;
  /** Nothing of it concerns LMDB. */
  etcd?: EtcdOptions;
}

export interface EtcdOptions {
  /** Of all keys of this store. Begins with "/" and does not end with one. Default `/orrery`. */
  prefix?: string;
  /** PEM: the authority that signed etcd's certificate, and our own to show it. */
  tls?: { ca?: Buffer; certificate?: Buffer; key?: Buffer };
  /** How long a request waits for an etcd that does not answer. Default 15 s. */
  patienceMs?: number;
}

/**
 * Opens the store at a location. A driver that is not used costs nothing: it is not loaded.
 *
 * @throws what the driver's opener does.
 */
export async function openStore({ location, etcd = {}, ...common }: OpenStoreOptions): Promise<Store> {
  if (location.driver === 'lmdb') {
    const { openLmdbStore } = await import('./lmdb-store.ts');
    return openLmdbStore({ directory: location.directory, ...common });
  }
  const { openEtcdStore } = await import('./etcd/etcd-store.ts');
  return openEtcdStore({
    endpoints: location.endpoints,
    prefix: etcd.prefix ?? '/orrery',
    ...(location.secure && { tls: etcd.tls ?? {} }),
    ...(etcd.patienceMs !== undefined && { patienceMs: etcd.patienceMs }),
    ...common,
  });
}
