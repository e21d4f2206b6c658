import { type Clock, Conflict, NotFound } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';

/** Where others reach a server. */
export interface ServerAddress {
  address: string;
  port: number;
}

/** Upstream's lease of a master in etcd. */
const LIFE_MS = 15_000;
const FORGET_MS = 60_000;
const PREFIX = '/orrery.internal/servers/-/-/';

/**
 * Which servers of this store are alive: each writes its record again and again, and counts for 15 s after its last
 * change, by the watch of whoever looks, so that clocks need not agree.
 * Source: k8s.io/kubernetes/pkg/controlplane/reconcilers/lease.go, where etcd's own leases end a record.
 */
export class ServerRecords {
  readonly #store: Store;
  readonly #own: ServerAddress;
  readonly #clock: Clock;
  /** When which revision of a record was first seen here. */
  readonly #seen = new Map<string, { revision: number; atMs: number }>();

  constructor(store: Store, own: ServerAddress, clock: Clock) {
    this.#store = store;
    this.#own = own;
    this.#clock = clock;
  }

  async renew(): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(this.#own));
    await this.#store.write({ type: 'put', key: keyOf(this.#own), value: { bytes } });
  }

  /** Sorted by address. Records of servers that are long gone are cleared away. */
  async live(): Promise<ServerAddress[]> {
    const { items } = await this.#store.list({ prefix: PREFIX });
    const now = this.#clock.now();
    const live: ServerAddress[] = [];
    for (const { key, value, modRevision } of items) {
      const seen = this.#seen.get(key);
      if (seen?.revision !== modRevision) this.#seen.set(key, { revision: modRevision, atMs: now });
      const ageMs = now - this.#seen.get(key)!.atMs;
      if (ageMs <= LIFE_MS) live.push(JSON.parse(Buffer.from(value).toString()) as ServerAddress);
      else if (ageMs > FORGET_MS) await this.#remove(key, modRevision);
    }
    return live.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  /** This server goes: it counts no more. */
  async leave(): Promise<void> {
    await this.#remove(keyOf(this.#own));
  }

  async #remove(key: string, expect?: number): Promise<void> {
    this.#seen.delete(key);
    try {
      await this.#store.write({ type: 'delete', key, ...(expect !== undefined && { expect }) });
    } catch (error) {
      // It was renewed after all, or another server was faster.
      if (!(error instanceof Conflict || error instanceof NotFound)) throw error;
    }
  }
}

function keyOf({ address, port }: ServerAddress): string {
  return `${PREFIX}${address}:${port}`;
}
