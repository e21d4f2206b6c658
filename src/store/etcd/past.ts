import { Gone, type Log, OrreryError } from '../../base/index.ts';
import type { StoreEvent, WatchBatch } from '../store.ts';
import { storeUnavailable } from '../store-errors.ts';
import type { EtcdConnection } from './connection.ts';
import { decodeEvents } from './event-decoder.ts';
import type { Layout } from './layout.ts';
import { openWatch } from './watch-stream.ts';

export interface PastOptions {
  connection: EtcdConnection;
  layout: Layout;
  log: Log;
}

interface Chunk {
  after: number;
  /** Everything after `after` up to here is in it. */
  revision: number;
  events: StoreEvent[];
}

const CHUNK_EVENTS = 2000;
const CHUNK_BYTES = 4 * 2 ** 20;
const CACHED_CHUNKS = 8;

/**
 * Changes older than those a server keeps in memory, read from etcd in chunks. The last chunks are kept: after a
 * restart many clients ask for about the same.
 */
export class EtcdPast {
  readonly #options: PastOptions;
  /** Newest last. */
  #chunks: Chunk[] = [];
  readonly #reading = new Map<number, Promise<Chunk>>();

  constructor(options: PastOptions) {
    this.#options = options;
  }

  /**
   * A step of what changed after `after`; `end` is where newer changes are at hand. There must be, or soon come, a
   * change after `end`.
   *
   * @throws Gone, StoreUnavailable
   */
  async read(after: number, end: number, prefix: string): Promise<WatchBatch> {
    const chunk = this.#cached(after) ?? (await this.#readOnce(after, end));
    const events = chunk.events.filter((event) => event.revision > after && event.key.startsWith(prefix));
    return { events, revision: chunk.revision };
  }

  forget(): void {
    this.#chunks = [];
  }

  #cached(after: number): Chunk | undefined {
    return this.#chunks.find((chunk) => chunk.after <= after && after < chunk.revision);
  }

  #readOnce(after: number, end: number): Promise<Chunk> {
    let reading = this.#reading.get(after);
    if (reading === undefined) {
      reading = this.#readPatiently(after, end).finally(() => this.#reading.delete(after));
      this.#reading.set(after, reading);
    }
    return reading;
  }

  async #readPatiently(after: number, end: number): Promise<Chunk> {
    const signal = AbortSignal.timeout(this.#options.connection.patienceMs);
    for (;;) {
      try {
        const chunk = await this.#readChunk(after, end, signal);
        this.#chunks = [...this.#chunks, chunk].slice(-CACHED_CHUNKS);
        return chunk;
      } catch (error) {
        if (error instanceof Gone || !(error instanceof OrreryError) || signal.aborted) throw error;
        this.#options.log.warn('will read changes of the past again', { error: error.message });
      }
    }
  }

  async #readChunk(after: number, end: number, signal: AbortSignal): Promise<Chunk> {
    const { connection, layout, log } = this.#options;
    const chunk: Chunk = { after, revision: after, events: [] };
    let bytes = 0;
    const range = { ...layout.range, startRevision: after + 1 };
    for await (const step of openWatch(connection, range, signal)) {
      for (const { event } of decodeEvents(step.events, layout, log).entries) {
        if (event.revision > end) break;
        chunk.events.push(event);
        bytes += event.value.length + (event.previous?.length ?? 0);
      }
      chunk.revision = Math.min(step.revision, end);
      if (step.revision >= end || chunk.events.length >= CHUNK_EVENTS || bytes >= CHUNK_BYTES) return chunk;
    }
    throw storeUnavailable('etcd', 'it does not tell of the past');
  }
}
