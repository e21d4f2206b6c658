import { Gone } from '../base/index.ts';
import type { StoreEvent, WatchBatch, WatchOptions } from './store.ts';
import type { History } from './watch-hub.ts';

/** What may wait for a watcher whose consumer is busy; beyond, it is forgotten and read again from the log. */
const QUEUE_LIMIT_EVENTS = 4096;
const QUEUE_LIMIT_BYTES = 4 * 2 ** 20;

/** The side of a hub that its watchers see. */
interface Hub {
  readonly revision: number;
  readonly history: History;
  queuedBytes: number;
  join(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  forget(watcher: Watcher): void;
  now(): number;
}

type Result = IteratorResult<WatchBatch, undefined>;

/**
 * One watch. It is `behind`, reading the log at its consumer's pace, until it has seen everything; then
 * `live`: commits are put into its queue. A queue grown too long is dropped and the watcher is behind again.
 */
export class Watcher implements AsyncIterator<WatchBatch, undefined> {
  readonly options: WatchOptions;
  readonly #hub: Hub;
  /** Everything up to here has been delivered. */
  #delivered: number;
  #live = false;
  #queue: StoreEvent[] = [];
  #queueBytes = 0;
  #progressDue = false;
  #deliveredAtMs: number;
  #consumer: { resolve: (result: Result | PromiseLike<Result>) => void } | undefined;
  #ended = false;
  readonly #onAbort = (): void => this.end();

  constructor(options: WatchOptions, hub: Hub) {
    this.options = options;
    this.#hub = hub;
    this.#delivered = options.after;
    this.#deliveredAtMs = hub.now();
    if (options.signal.aborted) this.#ended = true;
    else options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async next(): Promise<Result> {
    for (;;) {
      if (this.#ended) return this.return();
      const batch = this.#live ? this.#take() : await this.#scan();
      if (this.#ended) continue;
      if (batch !== undefined) return { done: false, value: batch };
      if (this.#live) return new Promise((resolve) => (this.#consumer = { resolve }));
      // So that a long way to catch up stalls nobody else.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async return(): Promise<Result> {
    this.end();
    return { done: true, value: undefined };
  }

  /** The watch is over; its consumer hears so at once. */
  end(): void {
    this.#ended = true;
    this.options.signal.removeEventListener('abort', this.#onAbort);
    this.#clearQueue();
    this.#hub.forget(this);
    this.#consumer?.resolve({ done: true, value: undefined });
    this.#consumer = undefined;
  }

  /** A commit this watcher is to hear of; `crowded` when too much waits for too many already. */
  offer(event: StoreEvent, crowded: boolean): void {
    if (!this.#live || event.revision <= this.#delivered) return;
    const full = this.#queue.length >= QUEUE_LIMIT_EVENTS || this.#queueBytes >= QUEUE_LIMIT_BYTES;
    if (this.#consumer === undefined && (full || crowded)) {
      this.#fallBehind();
      return;
    }
    const bytes = event.key.length + event.value.length;
    this.#queue.push(event);
    this.#queueBytes += bytes;
    this.#hub.queuedBytes += bytes;
  }

  /** After the last offer of a commit. */
  flush(): void {
    if (this.#consumer === undefined) return;
    const batch = this.#live ? this.#take() : undefined;
    if (batch !== undefined) this.#hand(batch);
    else if (!this.#live) this.#resume();
  }

  /** See `WatchHub.interrupt`. */
  interrupt(): void {
    if (this.#live) this.#fallBehind();
    this.#resume();
  }

  /** Time has passed, and the next tick is `tickMs` away. */
  tick(tickMs: number): void {
    const { progressMs } = this.options;
    if (progressMs === undefined || this.#hub.now() + tickMs < this.#deliveredAtMs + progressMs) return;
    this.#progressDue = true;
    this.flush();
  }

  #hand(batch: WatchBatch): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.resolve({ done: false, value: batch });
  }

  /** Lets a waiting consumer go on as if it had asked just now. */
  #resume(): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.resolve(this.next());
  }

  /** What the queue holds, or the progress that is due. */
  #take(): WatchBatch | undefined {
    const events = this.#queue;
    const due = this.#progressDue && this.#hub.revision >= this.#delivered;
    if (events.length === 0 && !due) return undefined;
    this.#clearQueue();
    return this.#deliver(events, this.#hub.revision);
  }

  /**
   * A step through the history; becomes live at its end.
   *
   * @throws Gone
   */
  async #scan(): Promise<WatchBatch | undefined> {
    let step: WatchBatch;
    try {
      this.#assertHistory();
      const reading = this.#hub.history.read(this.#delivered, this.options.prefix);
      step = reading instanceof Promise ? await reading : reading;
      // While it was read, what it was read of may have been forgotten.
      if (reading instanceof Promise && step.events.length === 0) this.#assertHistory();
    } catch (error) {
      if (this.#ended) return undefined;
      this.end();
      throw error;
    }
    if (this.#ended) return undefined;
    if (step.revision >= this.#hub.revision) {
      this.#live = true;
      this.#hub.join(this);
    }
    if (step.events.length > 0) return this.#deliver(step.events, step.revision);
    this.#delivered = Math.max(this.#delivered, step.revision);
    return undefined;
  }

  #assertHistory(): void {
    const floor = this.#hub.history.compactedRevision();
    if (this.#delivered < floor)
      throw new Gone(`revision ${this.#delivered} is no longer in the history, which begins at ${floor}`, {
        details: { revision: this.#delivered, compactedRevision: floor },
      });
  }

  #deliver(events: StoreEvent[], revision: number): WatchBatch {
    this.#delivered = Math.max(this.#delivered, revision);
    this.#deliveredAtMs = this.#hub.now();
    this.#progressDue = false;
    return { events, revision: this.#delivered };
  }

  #fallBehind(): void {
    this.#live = false;
    this.#hub.leave(this);
    this.#clearQueue();
  }

  #clearQueue(): void {
    this.#hub.queuedBytes -= this.#queueBytes;
    this.#queue = [];
    this.#queueBytes = 0;
  }
}
