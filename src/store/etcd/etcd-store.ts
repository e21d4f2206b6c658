import { BadRequest, type Clock, type OrreryError, systemClock } from '../../base/index.ts';
import { AutoCompaction, type CompactionOptions } from '../auto-compaction.ts';
import type {
  ListOptions,
  ListResult,
  Store,
  StoredValue,
  StoreEvent,
  WatchBatch,
  WatchOptions,
  Write,
  WriteResult,
} from '../store.ts';
import { storeClosed } from '../store-errors.ts';
import { WatchHub } from '../watch-hub.ts';
import { type ConnectionOptions, EtcdConnection } from './connection.ts';
import { explain, gone, isCompacted, isFuture } from './etcd-errors.ts';
import { EtcdFeed } from './feed.ts';
import { compactTo, findFloor, SharedCompaction } from './floor.ts';
import { claimPrefix } from './format.ts';
import { Layout, readValue } from './layout.ts';
import { type KeyValue, RANGE, type RangeRequest, type RangeResponse } from './messages.ts';
import { EtcdPast } from './past.ts';
import { EtcdWriter } from './writer.ts';

export interface EtcdStoreOptions extends ConnectionOptions {
  /** Of all our keys: begins with "/" and does not end with one. Several stores in one etcd differ in it. */
  prefix: string;
  clock?: Clock;
  compaction?: CompactionOptions;
}

const PAGE_ITEMS = 500;
const PAGE_BYTES = 16 * 2 ** 20;

/**
 * A store in etcd 3.4 or newer, which several servers may share.
 *
 * @throws StoreUnavailable, StoreDenied, StoreTooOld, StoreForeign
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const connection = await EtcdConnection.create(options);
  try {
    await connection.verify();
    const layout = new Layout(options.prefix);
    await claimPrefix(connection, layout, options.prefix);
    const floor = await findFloor(connection, layout);
    return new EtcdStore({ connection, layout, floor }, options);
  } catch (error) {
    connection.close();
    throw explain(error, options.endpoints.join(', '));
  }
}

class EtcdStore implements Store {
  readonly #connection: EtcdConnection;
  readonly #layout: Layout;
  readonly #feed: EtcdFeed;
  readonly #past: EtcdPast;
  readonly #writer: EtcdWriter;
  readonly #hub: WatchHub;
  readonly #ending = new AbortController();
  readonly #background: Promise<unknown>;
  readonly #writing = new Set<Promise<unknown>>();
  #floor: number;
  #closing: Promise<void> | undefined;

  constructor(
    parts: { connection: EtcdConnection; layout: Layout; floor: number },
    { log, clock = systemClock, compaction: limits = {} }: EtcdStoreOptions,
  ) {
    const { connection, layout } = parts;
    const { revision } = connection;
    this.#connection = connection;
    this.#layout = layout;
    this.#floor = parts.floor;
    this.#feed = new EtcdFeed({
      connection,
      layout,
      log,
      revision,
      onEvents: (events, at) => this.#publish(events, at, compaction),
      onFloor: (floor, gap) => this.#raiseFloor(floor, gap),
    });
    this.#past = new EtcdPast({ connection, layout, log });
    this.#writer = new EtcdWriter({ connection, layout, feed: this.#feed });
    this.#hub = new WatchHub({
      revision,
      clock,
      eventOf: (event) => event,
      history: {
        compactedRevision: () => this.#floor,
        read: (after, prefix) => this.#readHistory(after, prefix),
      },
    });
    const shared = new SharedCompaction({ connection, layout, log });
    const compaction = new AutoCompaction({
      limits,
      clock,
      log,
      revision,
      compactedRevision: parts.floor,
      compact: async (floor) => {
        if (floor > this.#floor) this.#raiseFloor(await shared.raise(floor), false);
      },
    });
    const { signal } = this.#ending;
    this.#background = Promise.all([this.#feed.run(signal), compaction.run(signal)]);
  }

  async get(key: string): Promise<StoredValue | undefined> {
    this.#assertOpen();
    const { items } = await this.#range({ key: this.#layout.keyOf(key) });
    return items[0] && this.#valueOf(items[0]);
  }

  async list(options: ListOptions): Promise<ListResult> {
    this.#assertOpen();
    if (options.revision !== undefined && options.revision < this.#floor)
      throw gone(options.revision, this.#floor);
    const range = this.#layout.rangeOf(options.prefix, options.startAfter);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const items: StoredValue[] = [];
    let { revision } = options;
    for (let size = PAGE_ITEMS; ; ) {
      const page = await this.#range({
        ...range,
        limit: Math.min(size, limit - items.length),
        ...(revision !== undefined && { revision }),
      });
      revision ??= page.header.revision;
      let bytes = 1;
      for (const item of page.items) {
        items.push(this.#valueOf(item));
        bytes += item.value.length;
      }
      if (!page.more) return { items, revision, more: false };
      if (items.length >= limit) {
        const remaining = page.count - page.items.length;
        return { items, revision, more: true, ...(!options.uncounted && { remaining }) };
      }
      range.key = Buffer.concat([page.items.at(-1)!.key, Uint8Array.of(0)]);
      size = Math.ceil(Math.min(2 * size, Math.max(1, (PAGE_BYTES / bytes) * page.items.length)));
    }
  }

  async count(prefix: string): Promise<number> {
    this.#assertOpen();
    return (await this.#range({ ...this.#layout.rangeOf(prefix), countOnly: true })).count;
  }

  write(write: Write): Promise<WriteResult> {
    if (this.#closing !== undefined) return Promise.reject(storeClosed());
    const writing = this.#writer.write(write);
    this.#writing.add(writing);
    const done = (): void => void this.#writing.delete(writing);
    writing.then(done, done);
    return writing;
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#hub.watch(options);
  }

  revision(): number {
    return this.#connection.revision;
  }

  async sync(): Promise<number> {
    this.#assertOpen();
    await this.#range({ key: this.#layout.formatKey, countOnly: true });
    return this.revision();
  }

  compactedRevision(): number {
    return this.#floor;
  }

  writeFailure(): OrreryError | undefined {
    return this.#writer.failure ?? this.#feed.failure;
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    if (revision <= this.#floor) return;
    const current = await this.sync();
    if (revision > current)
      throw new BadRequest(`revision ${revision} is in the future, the current one is ${current}`);
    await compactTo(this.#connection, revision);
    this.#raiseFloor(revision, false);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#writing);
    this.#ending.abort();
    this.#hub.close();
    this.#connection.close();
    await this.#background;
  }

  #publish(events: StoreEvent[], revision: number, compaction: AutoCompaction): void {
    this.#connection.noteRevision(revision);
    this.#hub.publish(events, revision);
    // What servers note for each other is no history to forget.
    if (events.length === 0) return;
    compaction.noteCommit(
      revision,
      events.reduce((sum, { value }) => sum + value.length, 0),
    );
  }

  #raiseFloor(floor: number, gap: boolean): void {
    this.#floor = Math.max(this.#floor, floor);
    this.#past.forget();
    if (gap) this.#hub.interrupt();
  }

  #readHistory(after: number, prefix: string): WatchBatch | Promise<WatchBatch> {
    const { ring } = this.#feed;
    const heard = ring.revision >= this.#writer.acknowledged;
    return heard && after >= ring.start ? ring.read(after, prefix) : this.#readPast(after, prefix);
  }

  async #readPast(after: number, prefix: string): Promise<WatchBatch> {
    // A server's own writes are part of what its watchers see at once, though the feed is a moment behind.
    await this.#feed.reached(this.#writer.acknowledged);
    const { ring, lastEventRevision } = this.#feed;
    if (after >= ring.start) return ring.read(after, prefix);
    // Something must come after the past, so that its end is seen.
    if (lastEventRevision <= ring.start) await this.#writer.barrier();
    try {
      return await this.#past.read(after, ring.start, prefix);
    } catch (error) {
      const { details } = error as OrreryError;
      if (typeof details?.compactedRevision === 'number') this.#raiseFloor(details.compactedRevision, false);
      throw error;
    }
  }

  /** @throws Gone, BadRequest */
  async #range(request: RangeRequest): Promise<RangeResponse> {
    try {
      return await this.#connection.call(RANGE, request);
    } catch (error) {
      const { revision = 0 } = request;
      if (isCompacted(error)) {
        this.#raiseFloor(await findFloor(this.#connection, this.#layout), false);
        throw gone(revision, this.#floor);
      }
      if (isFuture(error))
        throw new BadRequest(`revision ${revision} is in the future, the current one is ${this.revision()}`, {
          details: { revision, current: this.revision() },
        });
      throw error;
    }
  }

  #valueOf(item: KeyValue): StoredValue {
    const { createRevision, modRevision } = item;
    const key = this.#layout.nameOf(item.key)!;
    return { key, value: readValue(item, modRevision), createRevision, modRevision };
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw storeClosed();
  }
}
