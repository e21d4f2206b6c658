import { statSync } from 'node:fs';
import { messageOf, OrreryError } from '../base/index.ts';
import { DirectoryLock } from './directory-lock.ts';
import { type Counters, LmdbTables } from './lmdb-tables.ts';
import { checkPages } from './page-check.ts';
import type { RecordType } from './record.ts';
import { storeFileBytes, storePath } from './store-file.ts';

export interface StoreCheckReport {
  ok: boolean;
  revision: number;
  compactedRevision: number;
  /** Live keys. */
  keys: number;
  /** Changes in the log: the last of every live key, and the history. */
  logEntries: number;
  /** Of them, written by a version that made no checksums. */
  unverifiedEntries: number;
  /** Size of the file. */
  bytes: number;
  /** What is wrong, one sentence each; at most 100. */
  problems: string[];
}

const PROBLEMS_LIMIT = 100;

/**
 * Looks at everything in the store of a directory: each page of the file, each entry of each table, and
 * whether they agree. Changes nothing. The store must not be in use.
 *
 * @param readValue is given every value; what it throws is reported.
 * @throws StoreMissing, StoreLocked, StoreForeign, StoreUnavailable; damage is reported, not thrown.
 */
export async function checkStore(
  directory: string,
  readValue: (key: string, value: Uint8Array) => void = () => undefined,
): Promise<StoreCheckReport> {
  const path = storePath(directory);
  storeFileBytes(directory);
  const lock = await DirectoryLock.take(directory);
  try {
    checkPages(path, { freePages: true });
    const tables = await LmdbTables.open(path, 'read');
    try {
      return new TableCheck(tables, { bytes: statSync(path).size, readValue }).run();
    } finally {
      await tables.close();
    }
  } catch (error) {
    if (!(error instanceof OrreryError) || error.code !== 'StoreCorrupt') throw error;
    const bytes = statSync(path).size;
    return {
      ok: false,
      revision: 0,
      compactedRevision: 0,
      keys: 0,
      logEntries: 0,
      unverifiedEntries: 0,
      bytes,
      problems: [error.message],
    };
  } finally {
    lock.release();
  }
}

/** What the check keeps in mind of a log entry. */
interface Entry {
  type: RecordType;
  createRevision: number;
  previousRevision: number;
  key: string;
}

class TableCheck {
  readonly #tables: LmdbTables;
  readonly #bytes: number;
  readonly #counters: Counters;
  readonly #log = new Map<number, Entry>();
  /** Revisions something leads to: an index entry, a grave, or a later change of the same key. */
  readonly #reached = new Set<number>();
  readonly #problems: string[] = [];
  readonly #readValue: (key: string, value: Uint8Array) => void;
  #unverified = 0;

  constructor(
    tables: LmdbTables,
    { bytes, readValue }: { bytes: number; readValue: (key: string, value: Uint8Array) => void },
  ) {
    this.#tables = tables;
    this.#bytes = bytes;
    this.#readValue = readValue;
    this.#counters = tables.counters();
  }

  run(): StoreCheckReport {
    const { revision, compacted, swept } = this.#counters;
    if (!(swept <= compacted && compacted <= revision))
      this.#report(`the counters contradict each other: ${revision}, ${compacted}, ${swept}`);
    this.#readLog();
    const keys = this.#checkIndex();
    this.#checkGraves();
    this.#checkChains();
    for (const at of this.#log.keys())
      if (!this.#reached.has(at)) this.#report(`nothing leads to log entry ${at}`);
    return {
      ok: this.#problems.length === 0,
      revision,
      compactedRevision: compacted,
      keys,
      logEntries: this.#log.size,
      unverifiedEntries: this.#unverified,
      bytes: this.#bytes,
      problems: this.#problems,
    };
  }

  #readLog(): void {
    for (const revision of this.#tables.logRevisions()) {
      const record = this.#tables.record(revision);
      if (record === undefined) continue;
      const { type, createRevision, previousRevision, key } = record;
      const sound = record.isSound();
      if (sound === false)
        this.#report(`log entry ${revision} of "${key}" is damaged: its checksum does not hold`);
      if (sound === undefined) this.#unverified++;
      this.#log.set(revision, { type, createRevision, previousRevision, key });
      if (revision > this.#counters.revision)
        this.#report(`log entry ${revision} is above the counter, ${this.#counters.revision}`);
      if (type !== 'put' && revision <= this.#counters.swept)
        this.#report(`the deletion of "${key}" at ${revision} should have been removed`);
    }
  }

  #checkIndex(): number {
    let keys = 0;
    for (const { key, modRevision, createRevision } of this.#tables.heads({ prefix: '' })) {
      keys++;
      const entry = this.#log.get(modRevision);
      this.#reached.add(modRevision);
      if (entry === undefined) this.#report(`"${key}" points to log entry ${modRevision}, which is missing`);
      else if (entry.key !== key || entry.type !== 'put')
        this.#report(`"${key}" points to log entry ${modRevision}, a ${entry.type} of "${entry.key}"`);
      else if (entry.createRevision !== createRevision)
        this.#report(
          `"${key}" was created at ${createRevision} by the index, ${entry.createRevision} by the log`,
        );
      else this.#checkValue(key, modRevision);
    }
    return keys;
  }

  #checkValue(key: string, modRevision: number): void {
    try {
      this.#readValue(key, this.#tables.existingRecord(modRevision).copyValue());
    } catch (error) {
      this.#report(`"${key}" cannot be read: ${messageOf(error)}`);
    }
  }

  #checkGraves(): void {
    for (const { key, revision } of this.#tables.graves({ prefix: '' })) {
      const entry = this.#log.get(revision);
      this.#reached.add(revision);
      if (this.#tables.head(key) !== undefined) this.#report(`"${key}" is both alive and deleted`);
      if (entry === undefined || entry.key !== key || entry.type === 'put')
        this.#report(`"${key}" was deleted at ${revision}, but the log does not say so`);
    }
  }

  /** From each change to the one before it, as far as history reaches. */
  #checkChains(): void {
    for (const [revision, entry] of this.#log) {
      const { previousRevision, key } = entry;
      const previous = this.#log.get(previousRevision);
      const created = entry.type === 'put' && entry.createRevision === revision;
      // Up to here, what a change replaced has been removed.
      if (revision <= this.#counters.swept) {
        if (previous !== undefined) this.#report(`log entry ${previousRevision} should have been removed`);
        continue;
      }
      if (previousRevision === 0 && created) continue;
      this.#reached.add(previousRevision);
      if (previous === undefined) {
        const forgotten = created && previousRevision <= this.#counters.swept;
        if (!forgotten) this.#report(`log entry ${revision} follows ${previousRevision}, which is missing`);
      } else if (
        previous.key !== key ||
        previousRevision >= revision ||
        (previous.type === 'put') === created
      )
        this.#report(`log entry ${revision} of "${key}" cannot follow ${previousRevision}`);
    }
  }

  #report(problem: string): void {
    if (this.#problems.length < PROBLEMS_LIMIT) this.#problems.push(problem);
  }
}
