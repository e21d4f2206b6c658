import { BadRequest, type Clock, Gone, type Log, type OrreryError, systemClock } from '../base/index.ts';
import { AutoCompaction, type CompactionOptions } from './auto-compaction.ts';
import { CommitQueue } from './commit-queue.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { DiskReserve } from './disk-reserve.ts';
import { KeyCounts } from './key-counts.ts';
import type { KeyRange } from './keys.ts';
import type { LmdbTables } from './lmdb-tables.ts';
import { readSnapshot } from './snapshot.ts';
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
} from './store.ts';
import { storeClosed } from './store-errors.ts';
import { openStoreFile } from './store-file.ts';
import { WatchHub } from './watch-hub.ts';
import type { Change } from './write-batch.ts';

export interface LmdbStoreOptions {
  /** Made when it does not exist. Only one store at a time can use it. */
  directory: string;
  log: Log;
  clock?: Clock;
  compaction?: CompactionOptions;
}

/** How many values one turn of the event loop reads for a long list. */
const LIST_STEP_ITEMS = 500;
/** And how much of the log, for a watcher that catches up. */
const SCAN_STEP_REVISIONS = 1000;
const SCAN_STEP_BYTES = 2 ** 20;

/**
 * A store in one LMDB file, `store.mdb`.
 *
 * @throws StoreLocked, StoreCorrupt, StoreForeign, StoreUnavailable; then nothing was changed.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const file = await openStoreFile(options.directory);
  return new LmdbStore(file, options);
}

class LmdbStore implements Store {
  readonly #tables: LmdbTables;
  readonly #lock: DirectoryLock;
  readonly #queue: CommitQueue;
  readonly #hub: WatchHub<Change>;
  readonly #counts = new KeyCounts();
  readonly #ending = new AbortController();
  readonly #background: Promise<void>;
  /** Revisions that lists under way still read. */
  readonly #pins = new Set<{ revision: number }>();
  #closing: Promise<void> | undefined;

  constructor(file: { tables: LmdbTables; lock: DirectoryLock }, options: LmdbStoreOptions) {
    this.#tables = file.tables;
    this.#lock = file.lock;
    const { log, clock = systemClock } = options;
    this.#queue = new CommitQueue({
      tables: this.#tables,
      reserve: new DiskReserve(options.directory),
      log,
      onCommit: (changes, { revision }) => {
        if (changes.length === 0) return;
        this.#counts.note(changes);
        this.#hub.publish(changes, revision);
        compaction.noteCommit(
          revision,
          changes.reduce((sum, { value }) => sum + value.length, 0),
        );
      },
      sweepLimit: () => Math.min(Number.POSITIVE_INFINITY, ...[...this.#pins].map((pin) => pin.revision)),
    });
    const { revision, compacted } = this.#queue.counters;
    const history = {
      compactedRevision: () => this.compactedRevision(),
      read: (after: number, prefix: string) => this.#readHistory(after, prefix),
    };
    this.#hub = new WatchHub({ revision, history, clock, eventOf: (change) => this.#eventOf(change) });
    const compaction = new AutoCompaction({
      limits: options.compaction ?? {},
      clock,
      log,
      revision,
      compactedRevision: compacted,
      compact: (floor) => this.compact(floor),
    });
    this.#background = compaction.run(this.#ending.signal);
    this.#queue.wake();
  }

  async get(key: string): Promise<StoredValue | undefined> {
    this.#assertOpen();
    const head = this.#tables.head(key);
    if (head === undefined) return undefined;
    const value = this.#tables.existingRecord(head.modRevision).copyValue();
    return { key, value, ...head };
  }

  async list(options: ListOptions): Promise<ListResult> {
    this.#assertOpen();
    // Of the same snapshot as the items, which may be a commit ahead of what was acknowledged.
    const current = this.#tables.counters().revision;
    const revision = options.revision ?? current;
    if (revision > current)
      throw new BadRequest(`revision ${revision} is in the future, the current one is ${current}`, {
        details: { revision, current },
      });
    this.#assertHistory(revision);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const items = await this.#listItems(options, revision, limit + 1);
    if (items.length <= limit) return { items, revision, more: false };
    items.length = limit;
    if (options.uncounted) return { items, revision, more: true };
    const startAfter = items.at(-1)?.key ?? options.startAfter;
    const remaining = this.#countNow({ prefix: options.prefix, startAfter });
    return { items, revision, more: true, remaining };
  }

  #countNow(range: KeyRange): number {
    const count = () => this.#tables.countHeads(range);
    // What is read may be a commit ahead of what the counts know.
    const isKnown = this.#tables.counters().revision === this.#queue.counters.revision;
    return isKnown ? this.#counts.of(range, count) : count();
  }

  async count(prefix: string): Promise<number> {
    this.#assertOpen();
    return this.#tables.countHeads({ prefix });
  }

  write(write: Write): Promise<WriteResult> {
    return this.#queue.write(write);
  }

  watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#hub.watch(options);
  }

  revision(): number {
    return this.#queue.counters.revision;
  }

  /** A list may have shown a commit that its writers have not heard of yet; its revision is asked for next. */
  async sync(): Promise<number> {
    await this.#queue.acknowledged(this.#tables.counters().revision);
    return this.revision();
  }

  compactedRevision(): number {
    return this.#queue.counters.compacted;
  }

  writeFailure(): OrreryError | undefined {
    return this.#queue.failure();
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    if (revision > this.revision())
      throw new BadRequest(`revision ${revision} is in the future, the current one is ${this.revision()}`);
    this.#tables.forgetDeadReaders();
    if (revision > this.compactedRevision()) await this.#queue.raiseFloor(revision);
    await this.#queue.sweptTo(revision);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    this.#hub.close();
    await this.#queue.close();
    await this.#background;
    await this.#tables.close();
    this.#lock.release();
  }

  /** Reads a long list in steps; the revision, not a transaction, makes it one snapshot. */
  async #listItems(options: ListOptions, revision: number, limit: number): Promise<StoredValue[]> {
    const pin = { revision };
    this.#pins.add(pin);
    try {
      const items: StoredValue[] = [];
      for (let { startAfter } = options; ; startAfter = items.at(-1)!.key) {
        const step = Math.min(LIST_STEP_ITEMS, limit - items.length);
        const range = { prefix: options.prefix, startAfter, revision, limit: step };
        const found = readSnapshot(this.#tables, range);
        for (const item of found) items.push(item);
        if (found.length < step || items.length >= limit) return items;
        await new Promise((resolve) => setImmediate(resolve));
        this.#assertOpen();
      }
    } finally {
      this.#pins.delete(pin);
      if (this.#closing === undefined) this.#queue.wake();
    }
  }

  #readHistory(after: number, prefix: string): WatchBatch {
    const end = Math.min(this.revision(), after + SCAN_STEP_REVISIONS);
    const events: StoreEvent[] = [];
    let position = after;
    for (let bytes = 0; position < end && bytes < SCAN_STEP_BYTES; ) {
      const event = this.#eventAt(++position, prefix);
      if (event === undefined) continue;
      events.push(event);
      bytes += event.value.length + (event.previous?.length ?? 0);
    }
    return { events, revision: position };
  }

  #eventAt(revision: number, prefix: string): StoreEvent | undefined {
    const record = this.#tables.record(revision);
    if (record === undefined) return undefined;
    const { key, type, previousRevision, createRevision } = record;
    if (!key.startsWith(prefix)) return undefined;
    return this.#eventOf({
      type,
      key,
      revision,
      createRevision,
      value: record.copyValue(),
      previousRevision,
    });
  }

  #eventOf(change: Change): StoreEvent {
    const { key, revision, previousRevision } = change;
    const previous = previousRevision === 0 ? undefined : this.#valueOf(previousRevision);
    const value = change.type === 'delete' ? (previous ?? change.value) : change.value;
    const type = change.type === 'put' ? 'put' : 'delete';
    return { type, key, revision, value, ...(previous !== undefined && { previous, previousRevision }) };
  }

  #valueOf(revision: number): Uint8Array | undefined {
    const record = this.#tables.record(revision);
    return record?.type === 'put' ? record.copyValue() : undefined;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw storeClosed();
  }

  #assertHistory(revision: number): void {
    const floor = this.compactedRevision();
    if (revision < floor)
      throw new Gone(`revision ${revision} is no longer in the history, which begins at ${floor}`, {
        details: { revision, compactedRevision: floor },
      });
  }
}
