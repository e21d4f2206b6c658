import { statfs } from 'node:fs/promises';
import type { Database, DatabaseOptions, RootDatabase } from 'lmdb';
import { messageOf, type OrreryError } from '../base/index.ts';
import { type KeyRange, keyRange, revisionKeys, textKeys } from './keys.ts';
import { decodeHead, encodeHead, encodeRecord, type Head, type LogRecord, RecordView } from './record.ts';
import { storeCorrupt, storeForeign, storeFull, storeUnavailable } from './store-errors.ts';

/** The numbers that outlive everything else, even a store compacted to nothing. */
export interface Counters {
  /** The last revision given to a committed change. */
  revision: number;
  /** History below is forgotten. */
  compacted: number;
  /** How far forgotten history has been removed; never above `compacted`. */
  swept: number;
}

/** Changes of the tables that belong into one transaction, in this order. */
export type TableChange =
  | { table: 'log'; revision: number; record: LogRecord | undefined }
  | { table: 'index'; key: string; head: Head | undefined }
  | { table: 'graves'; key: string; revision: number | undefined };

const FORMAT = 'orrery-store';
/** Version 1 had log entries without checksums; they stay as they are, new ones have one. */
const FORMAT_VERSION = 2;
/** Address space, not memory and not disk: with room enough LMDB never has to map its file anew. */
const MAP_SIZE_BYTES = 64 * 2 ** 30;
const MDB_MAP_FULL = -30792;
const EIO = 5;
const ENOSPC = 28;
const EDQUOT = 122;
const FULL_DISK_BYTES = 2 ** 20;
/** Options that lmdb has and its types lack. */
const PRIVATE_FILE = { permissionsMode: 0o600 } as object;
const EXISTING = { create: false };
/** Decodes in place: as plain bytes, every entry of a range would be copied into memory of its own. */
const heads = { encode: encodeHead, decode: decodeHead };

type Root = RootDatabase<Uint8Array, string>;

/**
 * The tables of a store in an LMDB file:
 *
 * - `log`: revision → what changed (record.ts), every value once;
 * - `index`: live key → revisions of its last change and its creation;
 * - `graves`: deleted key → revision of the deletion, for as long as history reaches back to it;
 * - `meta`: the header and the counters.
 *
 * Reads are synchronous, out of the page cache, and see one snapshot within one turn of the event loop.
 */
export class LmdbTables {
  readonly #root: Root;
  readonly #log: Database<Uint8Array, number>;
  readonly #index: Database<Head | undefined, string>;
  readonly #graves: Database<Uint8Array, string>;
  readonly #meta: Database<Uint8Array, string>;
  readonly #path: string;

  /**
   * Opens a file whose pages `checkPages` found sound, or makes a new one.
   *
   * @throws StoreForeign when the file has no header of ours; StoreUnavailable when it cannot be opened.
   */
  static async open(path: string, mode: 'create' | 'write' | 'read'): Promise<LmdbTables> {
    // 50 ms and 12 MB that only an opener should pay.
    const { open } = await import('lmdb');
    let root: Root;
    try {
      root = open<Uint8Array, string>({
        path,
        noSubdir: true,
        pageSize: 8192,
        overlappingSync: false,
        // A transaction is a batch of ours; lmdb's own batches leave a rejection nobody handles.
        eventTurnBatching: false,
        mapSize: MAP_SIZE_BYTES,
        readOnly: mode === 'read',
        encoding: 'binary',
        ...PRIVATE_FILE,
      });
    } catch (cause) {
      throw storeUnavailable(path, messageOf(cause), cause);
    }
    try {
      return new LmdbTables(root, path, mode);
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  private constructor(root: Root, path: string, mode: 'create' | 'write' | 'read') {
    const create = mode === 'create';
    this.#root = root;
    this.#path = path;
    const openTable = <K extends string | number, V = Uint8Array>(
      name: string,
      keyEncoder?: object,
      encoder?: object,
    ): Database<V, K> => {
      const options = {
        encoding: 'binary',
        ...(keyEncoder && { keyEncoder }),
        ...(encoder && { encoder }),
        ...(!create && EXISTING),
      } as const;
      const table = root.openDB<V, K>(name, options as object as DatabaseOptions);
      if (table === undefined) throw storeForeign(path, `it has no table "${name}"`);
      return table;
    };
    this.#meta = openTable('meta');
    const version = create ? 0 : checkHeader(this.#meta.getBinary('header'), path);
    this.#log = openTable('log', revisionKeys);
    this.#index = openTable<string, Head | undefined>('index', textKeys, heads);
    this.#graves = openTable('graves', textKeys);
    if (mode === 'create')
      this.#meta.putSync('counters', encodeCounters({ revision: 1, compacted: 1, swept: 1 }));
    // So that a program that knows only older versions says so, instead of finding damage.
    if (mode !== 'read' && version < FORMAT_VERSION)
      this.#meta.putSync('header', Buffer.from(JSON.stringify({ format: FORMAT, version: FORMAT_VERSION })));
  }

  counters(): Counters {
    const bytes = this.#meta.getBinary('counters');
    if (bytes === undefined || bytes.length !== 24)
      throw storeCorrupt(this.#path, 'it has no revision counter');
    return {
      revision: bytes.readDoubleBE(0),
      compacted: bytes.readDoubleBE(8),
      swept: bytes.readDoubleBE(16),
    };
  }

  head(key: string): Head | undefined {
    const bytes = this.#index.getBinaryFast(key);
    return bytes && this.#checked(key, decodeHead(bytes));
  }

  /** The revision of the deletion of a key that is gone. */
  grave(key: string): number | undefined {
    return this.#graves.getBinaryFast(key)?.readDoubleBE(0);
  }

  /** What changed at a revision; valid until the next read. */
  record(revision: number): RecordView | undefined {
    const bytes = this.#log.getBinaryFast(revision);
    if (bytes === undefined) return undefined;
    const view = RecordView.open(bytes, bytes.length);
    if (view === undefined) throw storeCorrupt(this.#path, `log entry ${revision} is no record`);
    return view;
  }

  /** The same, of a revision that another table names. */
  existingRecord(revision: number): RecordView {
    const record = this.record(revision);
    if (record === undefined) throw storeCorrupt(this.#path, `log entry ${revision} is missing`);
    return record;
  }

  /** Live keys in order. */
  *heads(range: KeyRange): Generator<{ key: string } & Head> {
    for (const { key, value } of this.#index.getRange(keyRange(range)))
      yield { key, ...this.#checked(key, value) };
  }

  *graves(range: KeyRange): Generator<{ key: string; revision: number }> {
    for (const { key, value } of this.#graves.getRange(keyRange(range)))
      yield { key, revision: (value as Buffer).readDoubleBE(0) };
  }

  *logRevisions(): Generator<number> {
    yield* this.#log.getKeys({ start: 0 });
  }

  countHeads(range: KeyRange): number {
    return this.#index.getCount(keyRange(range));
  }

  /**
   * All of it or nothing, in one transaction, durable when the promise resolves.
   *
   * @throws StoreFull, StoreUnavailable
   */
  async commit(changes: readonly TableChange[], counters: Counters): Promise<void> {
    try {
      await this.#root.batch(() => {
        for (const change of changes) this.#apply(change);
        void this.#meta.put('counters', encodeCounters(counters));
      });
    } catch (error) {
      throw await this.#explain(error);
    } finally {
      this.#root.resetReadTxn();
    }
  }

  /** A backup that was killed keeps its snapshot, and the pages of it, until somebody looks whether it lives. */
  forgetDeadReaders(): void {
    this.#root.readerCheck();
  }

  /**
   * A copy of what is in use, without the free pages.
   *
   * @throws StoreFull, StoreUnavailable
   */
  async copyTo(path: string): Promise<void> {
    try {
      await this.#root.backup(path, true);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  /** Within a batch: its promise tells how all of it went, those of the single operations tell nothing. */
  #apply(change: TableChange): void {
    if (change.table === 'index') {
      if (change.head === undefined) void this.#index.remove(change.key);
      else void this.#index.put(change.key, change.head);
    } else if (change.table === 'graves') {
      if (change.revision === undefined) void this.#graves.remove(change.key);
      else void this.#graves.put(change.key, encodeRevision(change.revision));
    } else if (change.record === undefined) void this.#log.remove(change.revision);
    else void this.#log.put(change.revision, encodeRecord(change.record));
  }

  #checked(key: string, head: Head | undefined): Head {
    if (head === undefined) throw storeCorrupt(this.#path, `the index entry of "${key}" cannot be read`);
    return head;
  }

  /** lmdb rejects with a general error that carries the promise of the real one. */
  async #explain(error: unknown): Promise<OrreryError> {
    let cause = error;
    try {
      await (error as { commitError?: Promise<never> }).commitError;
    } catch (commitError) {
      cause = commitError;
    }
    const { code } = cause as { code?: number };
    const full = code === ENOSPC || code === EDQUOT || code === MDB_MAP_FULL;
    // LMDB calls a write that only half fitted an input/output error.
    if (full || (code === EIO && (await freeBytes(this.#path)) < FULL_DISK_BYTES))
      return storeFull(this.#path, cause);
    return storeUnavailable(this.#path, messageOf(cause), cause);
  }
}

/** Returns the version. */
function checkHeader(bytes: Uint8Array | undefined, path: string): number {
  if (bytes === undefined) throw storeForeign(path, 'it has no header');
  let header: { format?: unknown; version?: unknown };
  try {
    header = JSON.parse(Buffer.from(bytes).toString()) ?? {};
  } catch (cause) {
    throw storeCorrupt(path, 'its header cannot be read', cause);
  }
  if (header.format !== FORMAT) throw storeForeign(path, `its format is ${JSON.stringify(header.format)}`);
  const { version } = header;
  if (typeof version !== 'number' || version < 1 || version > FORMAT_VERSION)
    throw storeForeign(path, `its format version is ${version}, this program knows ${FORMAT_VERSION}`);
  return version;
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

function encodeRevision(revision: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(revision, 0);
  return bytes;
}

function encodeCounters(counters: Counters): Buffer {
  const bytes = Buffer.allocUnsafe(24);
  bytes.writeDoubleBE(counters.revision, 0);
  bytes.writeDoubleBE(counters.compacted, 8);
  bytes.writeDoubleBE(counters.swept, 16);
  return bytes;
}
