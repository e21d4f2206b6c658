import type { OrreryError } from '../base/index.ts';

/**
 * The contract every driver keeps; one test suite (`contract.test-suite.ts`) is run against each of them.
 *
 * Revisions are global, strictly rising integers (a JS number is exact up to 2^53). The first write of an
 * empty store gets revision 2 or later, so that "1" and "0" are never an object's resourceVersion.
 */
export interface Store {
  /** The value at `key` now, or undefined. */
  get(key: string): Promise<StoredValue | undefined>;

  /**
   * Keys with `prefix` in byte order, as they were at one revision.
   *
   * @throws Gone when `revision` is below the compaction floor; BadRequest when it is above the current one.
   */
  list(options: ListOptions): Promise<ListResult>;

  /** How many keys have `prefix` now. */
  count(prefix: string): Promise<number>;

  /**
   * One write, all or nothing, acknowledged only when it is on disk (fsync). Writes of many callers share
   * one transaction and one fsync.
   *
   * @throws Conflict when `expect` does not hold (details.current is the mod revision found, 0 for none);
   *   NotFound for a delete, without `expect`, of what does not exist; BadRequest for an impossible key.
   *   Of the OrreryErrors, `StoreFull` means that the disk is full: this write is not stored, later ones may be;
   *   `StoreValueTooLarge` that this driver can never store it; `StoreWriteUnknown` that the connection was lost
   *   and nobody can tell whether it is stored.
   */
  write(write: Write): Promise<WriteResult>;

  /**
   * Every change to keys with `prefix` after revision `after`, in order of revision, without gaps or
   * repeats, in batches; first what already happened, then what happens. Ends when `signal` aborts or the
   * store closes. When `progressMs` is given, a batch with no events and the current revision is delivered
   * at least that often (for bookmarks).
   *
   * @throws Gone when `after` is below the compaction floor, at the first step of the iteration, or later
   *   when a consumer was too slow and the window passed it.
   */
  watch(options: WatchOptions): AsyncIterable<WatchBatch>;

  /** The newest revision this server knows: at least that of the last write it acknowledged. */
  revision(): number;

  /** Asks the store itself how far it is, when other servers write to it too; resolves with `revision()` then. */
  sync(): Promise<number>;

  /** Watches and lists at or above this revision succeed. */
  compactedRevision(): number;

  /**
   * Why the last transaction could not be stored (`StoreFull`, `StoreUnavailable`); undefined since one was. A
   * store that is only a view of another has none.
   */
  writeFailure?(): OrreryError | undefined;

  /** Forgets history below `revision`; live values stay. */
  compact(revision: number): Promise<void>;

  close(): Promise<void>;
}

export interface StoredValue {
  key: string;
  value: Uint8Array;
  createRevision: number;
  modRevision: number;
  /** Told by a view that keeps values in another form: a write of the same would store other bytes. */
  isOutdated?: true;
}

export interface ListOptions {
  prefix: string;
  /** Only keys strictly above this one (for `continue`). */
  startAfter?: string;
  limit?: number;
  /** Read as of this revision; now, when left out. */
  revision?: number;
  /** Leave `remaining` out, which costs a look at every key left. */
  uncounted?: boolean;
}

export interface ListResult {
  /** Their values share memory: copy one that is to be kept long. */
  items: StoredValue[];
  /** The revision the list is of. */
  revision: number;
  more: boolean;
  /** Keys left after the last item, when `more` and not `uncounted`; of a past revision an estimate, the keys there now. */
  remaining?: number;
}

/**
 * A value to store. It may carry the revision of its own write, which is known only afterwards: the store puts it,
 * in decimal digits, in front of the byte at `revisionAt`.
 */
export interface Draft {
  bytes: Uint8Array;
  revisionAt?: number;
}

export type Write =
  /** `expect`: the mod revision the key must have, 0 for "must not exist"; left out, anything goes. */
  | { type: 'put'; key: string; expect?: number; value: Draft }
  /** `tombstone` makes the last state of the deleted object for watchers, carrying the revision of the deletion. */
  | { type: 'delete'; key: string; expect?: number; tombstone?: Draft };

export interface WriteResult {
  revision: number;
  /** The bytes that were stored (or the tombstone). */
  value: Uint8Array;
}

export interface WatchOptions {
  prefix: string;
  /** Deliver changes with revision > after; it may lie ahead of the current one. */
  after: number;
  signal: AbortSignal;
  progressMs?: number;
}

export interface WatchBatch {
  events: StoreEvent[];
  /** Everything up to and including this revision has been delivered. */
  revision: number;
}

export interface StoreEvent {
  type: 'put' | 'delete';
  key: string;
  revision: number;
  /** The new value; of a delete, the tombstone or, without one, the last value. */
  value: Uint8Array;
  /** The value before this change; undefined for a create. Needed to tell that an object left a selector. */
  previous?: Uint8Array;
  /** The revision of `previous`. */
  previousRevision?: number;
}
