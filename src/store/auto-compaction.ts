import { type Clock, type Log, messageOf } from '../base/index.ts';

export interface CompactionOptions {
  /** How long history is kept, at least. Default 5 minutes. */
  windowMs?: number;
  /** But no more than this many changes. Default 100,000. */
  maxEntries?: number;
  /** And no more than about this many bytes of values. Default 256 MiB. */
  maxBytes?: number;
}

interface Mark {
  atMs: number;
  revision: number;
  /** Bytes written since the start, up to this revision. */
  bytes: number;
}

const MARKS_PER_WINDOW = 10;
/** Also a mark after this part of an entry or byte limit, so that a burst cannot outrun the clock. */
const MARKS_PER_LIMIT = 16;

/**
 * Decides how far back history reaches. It remembers when revisions were written only since the start:
 * what is older is kept for one more window.
 */
export class AutoCompaction {
  readonly #windowMs: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #compact: (revision: number) => Promise<void>;
  readonly #marks: Mark[] = [];
  /** The last commit, and the last that became a mark. */
  #last: Mark;
  #marked: Mark;
  #wanted: number;
  #compacted: number;
  #compacting = false;

  constructor(options: {
    limits: CompactionOptions;
    clock: Clock;
    log: Log;
    revision: number;
    compactedRevision: number;
    compact: (revision: number) => Promise<void>;
  }) {
    this.#windowMs = options.limits.windowMs ?? 5 * 60_000;
    this.#maxEntries = options.limits.maxEntries ?? 100_000;
    this.#maxBytes = options.limits.maxBytes ?? 256 * 2 ** 20;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#compact = options.compact;
    this.#compacted = options.compactedRevision;
    this.#wanted = this.#compacted;
    this.#last = { atMs: this.#clock.now(), revision: options.revision, bytes: 0 };
    this.#marked = this.#last;
    this.#marks.push(this.#last);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only way to fail is the end.
      await this.#clock.sleep(this.#windowMs / MARKS_PER_WINDOW, signal).catch(() => undefined);
      if (!signal.aborted) void this.#step();
    }
  }

  /** Tells of a commit. */
  noteCommit(revision: number, bytes: number): void {
    this.#last = { atMs: this.#clock.now(), revision, bytes: this.#last.bytes + bytes };
    const due =
      revision - this.#marked.revision > this.#maxEntries / MARKS_PER_LIMIT ||
      this.#last.bytes - this.#marked.bytes > this.#maxBytes / MARKS_PER_LIMIT;
    if (due) void this.#step();
  }

  async #step(): Promise<void> {
    if (this.#marked !== this.#last) this.#marks.push(this.#last);
    this.#marked = this.#last;
    this.#advance();
    if (this.#compacting) return;
    this.#compacting = true;
    try {
      while (this.#wanted > this.#compacted) {
        const floor = this.#wanted;
        await this.#compact(floor);
        this.#compacted = floor;
      }
    } catch (error) {
      this.#log.warn('cannot compact the history, will try again', { error: messageOf(error) });
    } finally {
      this.#compacting = false;
    }
  }

  /** Raises the floor wanted over every mark whose history no limit needs any more. */
  #advance(): void {
    const { revision, bytes } = this.#last;
    const oldestMs = this.#clock.now() - this.#windowMs;
    for (let mark = this.#marks[0]; mark !== undefined; mark = this.#marks[0]) {
      const many = revision - mark.revision > this.#maxEntries || bytes - mark.bytes > this.#maxBytes;
      if (mark.atMs > oldestMs && !many) break;
      this.#wanted = Math.max(this.#wanted, mark.revision);
      this.#marks.shift();
    }
  }
}
