import { type Clock, Conflict, type Log, messageOf, Terminal } from '../base/index.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllerOptions {
  name: string;
  /**
   * Brings one key's world closer to what is wanted. An error means "again, after a back-off"; a Terminal
   * one means "never again until something changes". A number means "again after so many milliseconds".
   */
  reconcile(key: string, signal: AbortSignal): Promise<number | undefined>;
  /** How many keys are worked on at once. Default 5. */
  workers?: number;
  log: Log;
  clock?: Clock;
  backoff?: { baseMs: number; maxMs: number };
}

/** A queue and the workers that empty it. Whatever `reconcile` throws, it goes on with the next key. */
export class Controller {
  readonly queue: WorkQueue;
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #log: Log;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.name = options.name;
    this.#log = options.log.with({ controller: options.name });
    this.queue = new WorkQueue({
      ...(options.clock && { clock: options.clock }),
      ...(options.backoff && { backoff: options.backoff }),
    });
  }

  /** Works until `signal` aborts; keys in work are finished (their reconcile sees the signal too). */
  async run(signal: AbortSignal): Promise<void> {
    const close = () => this.queue.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    await Promise.all(Array.from({ length: this.#options.workers ?? 5 }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      try {
        const againInMs = await this.#options.reconcile(key, signal);
        this.queue.forget(key);
        if (againInMs !== undefined) this.queue.addAfter(key, againInMs);
      } catch (error) {
        this.#failed(key, error, signal);
      } finally {
        this.queue.done(key);
      }
    }
  }

  #failed(key: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (error instanceof Terminal) {
      this.queue.forget(key);
      this.#log.error('dropped: trying again cannot help', { key, error });
      return;
    }
    // A conflict is the ordinary sign of a cache that lags behind; the next try sees the newer object.
    if (error instanceof Conflict) this.#log.debug('conflict, trying again', { key, why: messageOf(error) });
    else this.#log.warn('failed, trying again', { key, error, failures: this.queue.failures(key) + 1 });
    this.queue.addRateLimited(key);
  }
}
