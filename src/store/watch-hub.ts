import type { Clock } from '../base/index.ts';
import type { StoreEvent, WatchBatch, WatchOptions } from './store.ts';
import { Watcher } from './watcher.ts';

/** Where watchers find what they have not seen. */
export interface History {
  compactedRevision(): number;
  /**
   * A step of what changed after `after` at keys with `prefix`: everything up to the `revision` of the step.
   *
   * @throws Gone
   */
  read(after: number, prefix: string): WatchBatch | Promise<WatchBatch>;
}

/** Of all events that wait for slow watchers, together; who has some must then catch up from the log. */
const QUEUED_LIMIT_BYTES = 32 * 2 ** 20;
const TICK_LIMIT_MS = 1000;
const TICKS_PER_INTERVAL = 4;

/**
 * Tells watchers of commits. A change costs one look-up for each length a watched prefix has, however many
 * watchers there are; a watcher that does not keep up costs nothing until it asks again.
 */
export class WatchHub<C extends { key: string } = StoreEvent> {
  revision: number;
  queuedBytes = 0;
  readonly history: History;
  readonly #eventOf: (change: C) => StoreEvent;
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();
  readonly #live = new Map<string, Set<Watcher>>();
  /** Length of a live prefix → how many have it. */
  readonly #lengths = new Map<number, number>();
  /** Undefined while nobody wants to hear of progress. */
  #tickMs: number | undefined;
  #nap = new AbortController();
  #closed = false;

  constructor(options: {
    revision: number;
    history: History;
    clock: Clock;
    /** Made once a change has a watcher. */
    eventOf: (change: C) => StoreEvent;
  }) {
    this.revision = options.revision;
    this.history = options.history;
    this.#eventOf = options.eventOf;
    this.#clock = options.clock;
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return {
      [Symbol.asyncIterator]: () => {
        const watcher = new Watcher(options, this);
        if (this.#closed) watcher.end();
        else this.#watchers.add(watcher);
        if (options.progressMs !== undefined) this.#tickFor(options.progressMs);
        return watcher;
      },
    };
  }

  /** Distributes committed changes, in order. */
  publish(changes: readonly C[], revision: number): void {
    this.revision = revision;
    if (this.#live.size === 0) return;
    const touched = new Set<Watcher>();
    for (const change of changes) {
      let event: StoreEvent | undefined;
      for (const length of this.#lengths.keys()) {
        if (length > change.key.length) continue;
        const watchers = this.#live.get(change.key.slice(0, length));
        if (watchers === undefined) continue;
        event ??= this.#eventOf(change);
        for (const watcher of watchers) {
          watcher.offer(event, this.queuedBytes >= QUEUED_LIMIT_BYTES);
          touched.add(watcher);
        }
      }
    }
    for (const watcher of touched) watcher.flush();
  }

  /** What was published may have a gap: whoever is live has to look into the history again. */
  interrupt(): void {
    for (const watchers of [...this.#live.values()]) for (const watcher of [...watchers]) watcher.interrupt();
  }

  /** From now on `watcher` hears of commits; it has seen everything up to `revision`. */
  join(watcher: Watcher): void {
    const { prefix } = watcher.options;
    const watchers = this.#live.get(prefix);
    if (watchers !== undefined) {
      watchers.add(watcher);
      return;
    }
    this.#live.set(prefix, new Set([watcher]));
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  leave(watcher: Watcher): void {
    const { prefix } = watcher.options;
    const watchers = this.#live.get(prefix);
    if (watchers?.delete(watcher) !== true || watchers.size > 0) return;
    this.#live.delete(prefix);
    const left = this.#lengths.get(prefix.length)! - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
  }

  forget(watcher: Watcher): void {
    this.leave(watcher);
    this.#watchers.delete(watcher);
  }

  now(): number {
    return this.#clock.now();
  }

  /** Ends every watch. */
  close(): void {
    this.#closed = true;
    for (const watcher of [...this.#watchers]) watcher.end();
    this.#nap.abort();
  }

  /** Makes sure that ticks come often enough: one timer for all watchers, none when nobody wants progress. */
  #tickFor(progressMs: number): void {
    if (this.#tickMs === undefined) void this.#tick();
    else if (progressMs / TICKS_PER_INTERVAL < this.#tickMs) this.#nap.abort();
  }

  async #tick(): Promise<void> {
    for (;;) {
      const intervals = [...this.#watchers].flatMap(({ options }) => options.progressMs ?? []);
      if (intervals.length === 0) break;
      this.#tickMs = Math.min(Math.max(1, Math.min(...intervals) / TICKS_PER_INTERVAL), TICK_LIMIT_MS);
      this.#nap = new AbortController();
      // Woken early: a watcher with a shorter interval came, or the end.
      await this.#clock.sleep(this.#tickMs, this.#nap.signal).catch(() => undefined);
      for (const watcher of this.#watchers) watcher.tick(this.#tickMs);
    }
    this.#tickMs = undefined;
  }
}
