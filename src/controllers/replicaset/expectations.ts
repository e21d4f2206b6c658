import type { Clock } from '../../base/index.ts';

const EXPIRY_MS = 300_000;

interface Expectation {
  creations: number;
  /** Of the objects that are to go. */
  deletions: Set<string>;
  atMs: number;
}

/**
 * What a controller has asked for and its cache has not shown yet. While expectations of a key are open its
 * controller must not create or delete more: the cache lags behind and it would do so twice.
 *
 * They expire after five minutes, so that a lost event delays but never blocks. As client-go's
 * UIDTrackingControllerExpectations.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #open = new Map<string, Expectation>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  satisfied(key: string): boolean {
    const open = this.#open.get(key);
    if (open === undefined) return true;
    if (open.creations <= 0 && open.deletions.size === 0) return true;
    return this.#clock.now() - open.atMs > EXPIRY_MS;
  }

  expectCreations(key: string, count: number): void {
    this.#open.set(key, { creations: count, deletions: new Set(), atMs: this.#clock.now() });
  }

  expectDeletions(key: string, uids: readonly string[]): void {
    this.#open.set(key, { creations: 0, deletions: new Set(uids), atMs: this.#clock.now() });
  }

  /** One creation was seen, or will never be. */
  creationObserved(key: string, count = 1): void {
    const open = this.#open.get(key);
    if (open !== undefined) open.creations -= count;
  }

  deletionObserved(key: string, uid: string): void {
    this.#open.get(key)?.deletions.delete(uid);
  }

  forget(key: string): void {
    this.#open.delete(key);
  }
}
