import { Gone, type Log, messageOf, OrreryError } from '../../base/index.ts';
import type { StoreEvent } from '../store.ts';
import { storeClosed, storeUnavailable } from '../store-errors.ts';
import type { EtcdConnection } from './connection.ts';
import { decodeEvents } from './event-decoder.ts';
import { EventRing } from './event-ring.ts';
import type { Layout } from './layout.ts';
import { openWatch } from './watch-stream.ts';

export interface FeedOptions {
  connection: EtcdConnection;
  layout: Layout;
  log: Log;
  /** What is known; everything after it is to come. */
  revision: number;
  onEvents(events: StoreEvent[], revision: number): void;
  /** History begins there now; `gap` when changes below it were missed. */
  onFloor(floor: number, gap: boolean): void;
}

const RETRY_FIRST_MS = 20;
const RETRY_LIMIT_MS = 1000;

/**
 * The one watch, of everything, that all watchers of a server live on. When its connection breaks it goes on, on
 * another endpoint, after the last change it saw: none is missed, none comes twice.
 */
export class EtcdFeed {
  readonly ring: EventRing;
  /** Of the last change of any key below our prefix. */
  lastEventRevision: number;
  failure: OrreryError | undefined;
  readonly #options: FeedOptions;
  #waiting: { revision: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #closed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.ring = new EventRing(options.revision);
    this.lastEventRevision = options.revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    let delayMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      const before = this.ring.revision;
      try {
        await this.#follow(signal);
      } catch (error) {
        if (error instanceof Gone) this.#skip(Number(error.details.compactedRevision));
        else {
          this.failure =
            error instanceof OrreryError ? error : storeUnavailable('etcd', messageOf(error), error);
          this.#options.log.warn('lost the watch on etcd, will go on', { error: messageOf(error) });
        }
      }
      delayMs = this.ring.revision > before ? RETRY_FIRST_MS : Math.min(delayMs * 2, RETRY_LIMIT_MS);
      if (!signal.aborted) await pause(delayMs, signal);
    }
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(storeClosed());
  }

  /** Resolves when every change up to `revision`, which is that of a change below our prefix, has come. */
  reached(revision: number): Promise<void> {
    if (this.ring.revision >= revision) return Promise.resolve();
    if (this.#closed) return Promise.reject(storeClosed());
    return new Promise((resolve, reject) => {
      const late = () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(storeUnavailable('etcd', 'its watch is behind'));
      };
      const timer = setTimeout(late, this.#options.connection.patienceMs);
      const settle =
        <A extends unknown[]>(done: (...args: A) => void) =>
        (...args: A) => {
          clearTimeout(timer);
          done(...args);
        };
      const waiting = { revision, resolve: settle(resolve), reject: settle(reject) };
      this.#waiting.push(waiting);
    });
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { connection, layout, log } = this.#options;
    const range = { ...layout.range, startRevision: this.ring.revision + 1 };
    for await (const { events, revision } of openWatch(connection, range, signal)) {
      this.failure = undefined;
      // Of a stream opened anew nothing old can come; a progress may be older than what a write told.
      if (revision <= this.ring.revision) continue;
      const { entries, floor } = decodeEvents(events, layout, log);
      if (events.length > 0) this.lastEventRevision = revision;
      this.ring.append(entries, revision);
      if (floor !== undefined) this.#options.onFloor(floor, false);
      this.#options.onEvents(
        entries.map(({ event }) => event),
        revision,
      );
      this.#settle();
    }
  }

  /** Changes were compacted away before we saw them. */
  #skip(floor: number): void {
    this.#options.log.warn('changes in etcd were forgotten before they were seen', { floor });
    this.ring.reset(floor - 1);
    this.#options.onFloor(floor, true);
  }

  #settle(): void {
    const { revision } = this.ring;
    if (this.#waiting.length === 0) return;
    const reached = this.#waiting.filter((each) => each.revision <= revision);
    this.#waiting = this.#waiting.filter((each) => each.revision > revision);
    for (const { resolve } of reached) resolve();
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
