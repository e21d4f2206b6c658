import { BadRequest, Conflict, NotFound } from '../base/index.ts';
import { fillDraft } from './draft.ts';
import type { TableChange } from './lmdb-tables.ts';
import { type Head, KEY_LIMIT_BYTES, type LogRecord, type RecordType } from './record.ts';
import type { Write, WriteResult } from './store.ts';

/** One change of a batch, as watchers need it. */
export interface Change {
  type: RecordType;
  key: string;
  revision: number;
  /** That of the key; of a put that made it, its own. */
  createRevision: number;
  value: Uint8Array;
  /** Revision of the key's state before, 0 for none. */
  previousRevision: number;
}

/** How keys stood before the batch. */
export interface HeadReader {
  head(key: string): Head | undefined;
  grave(key: string): number | undefined;
}

interface KeyState {
  /** Undefined while the key does not exist. */
  head: Head | undefined;
  /** Revision of its last change, a deletion too; 0 for none. */
  lastRevision: number;
  /** Whether a grave is on disk. */
  grave: boolean;
}

const NOTHING = new Uint8Array(0);

/** Writes that share one transaction. Each sees those staged before it; pure but for reading heads. */
export class WriteBatch {
  readonly changes: Change[] = [];
  bytes = 0;
  /** The last revision given out. */
  revision: number;
  readonly #heads: HeadReader;
  readonly #states = new Map<string, KeyState>();
  readonly #records: TableChange[] = [];

  constructor(heads: HeadReader, revision: number) {
    this.#heads = heads;
    this.revision = revision;
  }

  /**
   * Gives the write its revision.
   *
   * @throws Conflict, NotFound, BadRequest; then nothing is staged and no revision is used up.
   */
  stage(write: Write): WriteResult {
    checkKey(write.key);
    const state = this.#state(write.key);
    const current = state.head?.modRevision ?? 0;
    if (write.expect !== undefined && write.expect !== current)
      throw new Conflict(`"${write.key}" is at revision ${current}, not ${write.expect}`, {
        details: { key: write.key, current, expected: write.expect },
      });
    return write.type === 'put' ? this.#put(write, state) : this.#delete(write, state);
  }

  /** What to do to the tables; of a key written several times only the last head. */
  tableChanges(): TableChange[] {
    const result = this.#records;
    for (const [key, { head, lastRevision, grave }] of this.#states) {
      if (lastRevision <= this.#firstRevision) continue;
      result.push({ table: 'index', key, head });
      if (head === undefined) result.push({ table: 'graves', key, revision: lastRevision });
      else if (grave) result.push({ table: 'graves', key, revision: undefined });
    }
    return result;
  }

  get #firstRevision(): number {
    return this.revision - this.changes.length;
  }

  #put(write: Extract<Write, { type: 'put' }>, state: KeyState): WriteResult {
    const revision = this.revision + 1;
    const value = fillDraft(write.value, revision);
    const createRevision = state.head?.createRevision ?? revision;
    this.#record(
      { type: 'put', key: write.key, revision, createRevision, value, previousRevision: state.lastRevision },
      write.value.revisionAt,
    );
    state.head = { modRevision: revision, createRevision };
    state.lastRevision = revision;
    return { revision, value };
  }

  #delete(write: Extract<Write, { type: 'delete' }>, state: KeyState): WriteResult {
    const { head } = state;
    if (head === undefined)
      throw new NotFound(`"${write.key}" does not exist`, { details: { key: write.key } });
    const revision = this.revision + 1;
    const value = write.tombstone === undefined ? NOTHING : fillDraft(write.tombstone, revision);
    const type = write.tombstone === undefined ? 'delete' : 'tombstone';
    const { createRevision } = head;
    this.#record(
      { type, key: write.key, revision, createRevision, value, previousRevision: state.lastRevision },
      write.tombstone?.revisionAt,
    );
    state.head = undefined;
    state.lastRevision = revision;
    return { revision, value };
  }

  #record(change: Change, revisionAt: LogRecord['revisionAt']): void {
    const { key, revision, type, value, previousRevision, createRevision } = change;
    this.revision = revision;
    this.bytes += key.length + value.length;
    this.changes.push(change);
    this.#records.push({
      table: 'log',
      revision,
      record: { type, key, value, previousRevision, createRevision, revisionAt },
    });
  }

  #state(key: string): KeyState {
    let state = this.#states.get(key);
    if (state === undefined) {
      const head = this.#heads.head(key);
      const grave = head === undefined ? this.#heads.grave(key) : undefined;
      state = { head, lastRevision: head?.modRevision ?? grave ?? 0, grave: grave !== undefined };
      this.#states.set(key, state);
    }
    return state;
  }
}

/** @throws BadRequest */
export function checkKey(key: string): void {
  if (key === '') throw new BadRequest('a key must not be empty');
  if (!key.isWellFormed()) throw new BadRequest('a key must be well-formed Unicode');
  const bytes = Buffer.byteLength(key);
  if (bytes > KEY_LIMIT_BYTES)
    throw new BadRequest(`a key has at most ${KEY_LIMIT_BYTES} bytes, this one has ${bytes}`);
}
