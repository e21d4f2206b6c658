import { type Log, messageOf, type OrreryError } from '../base/index.ts';
import type { DiskReserve } from './disk-reserve.ts';
import type { Counters, LmdbTables, TableChange } from './lmdb-tables.ts';
import type { Write, WriteResult } from './store.ts';
import { storeClosed } from './store-errors.ts';
import { type Change, WriteBatch } from './write-batch.ts';

export interface CommitQueueOptions {
  tables: LmdbTables;
  log: Log;
  /** After a batch is on disk and before its writers hear of it. */
  onCommit: (changes: readonly Change[], counters: Counters) => void;
  /** History at and above this revision is still being read and must not be removed yet. */
  sweepLimit: () => number;
  reserve: DiskReserve;
}

interface Waiting {
  write: Write;
  resolve: (result: WriteResult) => void;
  reject: (error: unknown) => void;
}

/** Larger batches gain nothing and make everyone in them wait. */
const BATCH_LIMIT_WRITES = 1024;
const BATCH_LIMIT_BYTES = 8 * 2 ** 20;
const SWEEP_STEP_ENTRIES = 200;

/**
 * Group commit: whoever writes while a transaction is on its way to the disk shares the next one. All
 * changes of the tables go through here, one transaction at a time, so a check made while staging still
 * holds at the commit.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #counters: Counters;
  /** Never given out again, even when the batch failed: its writers have seen these numbers. */
  #lastGiven: number;
  #waiting: Waiting[] = [];
  #floors: { revision: number; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #swept: { revision: number; resolve: () => void }[] = [];
  #sweepFailed = false;
  #failure: OrreryError | undefined;
  /** The disk is full and the reserve in use: only deletions, until there is room again. */
  #full: OrreryError | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#counters = options.tables.counters();
    this.#lastGiven = this.#counters.revision;
  }

  /** As of the last commit. */
  get counters(): Counters {
    return this.#counters;
  }

  /** See `Store.writeFailure`. */
  failure(): OrreryError | undefined {
    this.#lookForRoom();
    return this.#full ?? this.#failure;
  }

  /** See `Store.write`. */
  write(write: Write): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(storeClosed());
      this.#waiting.push({ write, resolve, reject });
      this.wake();
    });
  }

  /** Resolves when a revision that the tables show already is the last commit's, or no commit is under way. */
  async acknowledged(revision: number): Promise<void> {
    while (this.#counters.revision < revision && this.#running !== undefined)
      await new Promise((resolve) => setImmediate(resolve));
  }

  /** Resolves when `revision` is the floor on disk; the history below is removed later, step by step. */
  raiseFloor(revision: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(storeClosed());
      this.#floors.push({ revision, resolve, reject });
      this.wake();
    });
  }

  /** Resolves when the history below the floor is gone from the file, or the queue closed. */
  async sweptTo(revision: number): Promise<void> {
    if (this.#closed || this.#counters.swept >= revision) return;
    await new Promise<void>((resolve) => this.#swept.push({ revision, resolve }));
  }

  /** There may be something to do. */
  wake(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#hasWork()) this.wake();
    });
  }

  /** Lets everything queued commit, then refuses. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running !== undefined) await this.#running;
    for (const { resolve } of this.#swept.splice(0)) resolve();
  }

  #lookForRoom(): void {
    if (this.#full === undefined || !this.#options.reserve.restore()) return;
    this.#full = undefined;
    this.#options.log.info('there is room on the disk again: writes are taken');
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#floors.length > 0 || this.#sweepTarget() > this.#counters.swept;
  }

  /** How far to sweep now. */
  #sweepTarget(): number {
    if (this.#closed || this.#sweepFailed) return this.#counters.swept;
    return Math.min(this.#counters.compacted, this.#options.sweepLimit());
  }

  async #run(): Promise<void> {
    // Writers of the same turn of the event loop belong into the first batch too.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#hasWork()) await this.#commitBatch();
  }

  async #commitBatch(): Promise<void> {
    this.#lookForRoom();
    const batch = new WriteBatch(this.#options.tables, this.#lastGiven);
    const taken = this.#take();
    const settle = this.#stage(batch, taken);
    this.#lastGiven = batch.revision;
    const floors = this.#floors.splice(0);
    if (batch.changes.length > 0) this.#sweepFailed = false;
    const sweep = this.#sweep(Math.max(SWEEP_STEP_ENTRIES, 2 * batch.changes.length));
    const counters: Counters = {
      revision: batch.changes.length > 0 ? batch.revision : this.#counters.revision,
      compacted: Math.max(this.#counters.compacted, ...floors.map((floor) => floor.revision)),
      swept: sweep.swept,
    };
    try {
      const changes = [...sweep.changes, ...batch.tableChanges()];
      if (changes.length > 0 || floors.length > 0 || counters.swept !== this.#counters.swept) {
        await this.#options.tables.commit(changes, counters);
        this.#failure = undefined;
      }
    } catch (error) {
      this.#failure = error as OrreryError; // commit throws nothing else
      if (this.#failure.code === 'StoreFull' && this.#options.reserve.release()) {
        this.#options.log.error('the disk is full: only deletions are taken until there is room again');
        this.#full = this.#failure;
        // Once more, the deletions alone, into the room that was kept for them.
        this.#waiting.unshift(...taken);
        this.#floors.unshift(...floors);
        return;
      }
      // Without a writer to tell, trying to sweep again at once would only turn in circles.
      this.#sweepFailed = true;
      for (const { reject } of floors) reject(error);
      for (const done of settle) done(error);
      return;
    }
    this.#counters = counters;
    this.#options.onCommit(batch.changes, counters);
    for (const { resolve } of floors) resolve();
    for (const done of settle) done(undefined);
    this.#swept = this.#swept.filter(({ revision, resolve }) => {
      if (counters.swept < revision) return true;
      resolve();
      return false;
    });
  }

  /** Those who wait, up to the limits. */
  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { write } of this.#waiting) {
      if (count >= BATCH_LIMIT_WRITES || bytes >= BATCH_LIMIT_BYTES) break;
      bytes += (write.type === 'put' ? write.value : write.tombstone)?.bytes.length ?? 0;
      count++;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    return taken;
  }

  /** Stages them; the functions returned tell each writer how the commit went. */
  #stage(batch: WriteBatch, taken: readonly Waiting[]): ((failure: unknown) => void)[] {
    const settle: ((failure: unknown) => void)[] = [];
    for (const { write, resolve, reject } of taken) {
      if (this.#full !== undefined && write.type === 'put') {
        reject(this.#full);
        continue;
      }
      try {
        const result = batch.stage(write);
        settle.push((failure) => (failure === undefined ? resolve(result) : reject(failure)));
      } catch (error) {
        // A refusal may rest on a change of this same batch, so it too waits for the commit.
        settle.push((failure) => reject(failure ?? error));
      }
    }
    return settle;
  }

  /**
   * A step of removing history: what a change at or below the floor replaced cannot be asked for any more,
   * nor can a deletion there.
   */
  #sweep(limitEntries: number): { changes: TableChange[]; swept: number } {
    try {
      return this.#sweepStep(limitEntries);
    } catch (error) {
      this.#sweepFailed = true;
      this.#options.log.error('cannot remove old history', { error: messageOf(error) });
      return { changes: [], swept: this.#counters.swept };
    }
  }

  #sweepStep(limitEntries: number): { changes: TableChange[]; swept: number } {
    const { tables } = this.#options;
    const changes: TableChange[] = [];
    const target = Math.min(this.#sweepTarget(), this.#counters.swept + limitEntries);
    let { swept } = this.#counters;
    for (; swept < target; swept++) {
      const revision = swept + 1;
      const record = tables.record(revision);
      if (record === undefined) continue;
      const { type, previousRevision, key } = record;
      if (previousRevision !== 0)
        changes.push({ table: 'log', revision: previousRevision, record: undefined });
      if (type === 'put') continue;
      changes.push({ table: 'log', revision, record: undefined });
      if (tables.grave(key) === revision) changes.push({ table: 'graves', key, revision: undefined });
    }
    return { changes, swept };
  }
}
