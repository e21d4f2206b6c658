import { Backoff, type Clock, systemClock } from '../base/index.ts';

/** The back-off of a key that keeps failing: 5 ms, 10 ms, … 1,000 s, as client-go's item limiter. */
const BACKOFF = { baseMs: 5, maxMs: 1_000_000 };

/**
 * Keys to work on, as client-go's rate-limiting work queue.
 *
 * Guarantees: a key added many times before it is taken is worked on once; a key added while it is worked
 * on is worked on again afterwards, never at the same time; keys come in the order they were added.
 * Does not guarantee: that anything survives the process. Reconcilers start from a list anyway.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #ready = new Set<string>();
  readonly #dirtyWhileProcessing = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #delayed = new Map<string, { atMs: number; cancel: AbortController }>();
  #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: { clock?: Clock; backoff?: { baseMs: number; maxMs: number } } = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new Backoff(options.backoff ?? BACKOFF);
  }

  /** How many keys wait to be taken now. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#processing.has(key)) {
      this.#dirtyWhileProcessing.add(key);
      return;
    }
    const taker = this.#ready.has(key) ? undefined : this.#takers.shift();
    if (taker === undefined) {
      this.#ready.add(key);
      return;
    }
    this.#processing.add(key);
    taker(key);
  }

  /** Adds the key when `delayMs` have passed; of several delays the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.now() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined) {
      if (waiting.atMs <= atMs) return;
      waiting.cancel.abort();
    }
    const entry = { atMs, cancel: new AbortController() };
    this.#delayed.set(key, entry);
    const { signal } = entry.cancel;
    this.#clock.sleep(delayMs, signal).then(
      () => {
        if (this.#delayed.get(key) === entry) this.#delayed.delete(key);
        this.add(key);
      },
      () => undefined, // Only its own abort ends the sleep early: an earlier time was set, or the queue closed.
    );
  }

  /** Adds the key after its back-off. */
  addRateLimited(key: string): void {
    this.addAfter(key, this.#backoff.next(key));
  }

  /** The key worked: its next failure starts the back-off anew. */
  forget(key: string): void {
    this.#backoff.forget(key);
  }

  failures(key: string): number {
    return this.#backoff.failures(key);
  }

  /** The next key, which nobody else gets until `done(key)`; undefined when the queue was closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    for (const key of this.#ready) {
      this.#ready.delete(key);
      this.#processing.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirtyWhileProcessing.delete(key)) this.add(key);
  }

  /** Wakes everyone who waits; nothing is added or taken any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#delayed.values()) entry.cancel.abort();
    this.#delayed.clear();
    this.#ready.clear();
    for (const taker of this.#takers) taker(undefined);
    this.#takers = [];
  }
}
