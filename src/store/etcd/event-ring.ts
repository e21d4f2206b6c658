import type { WatchBatch } from '../store.ts';
import type { Entry } from './event-decoder.ts';

export interface RingLimits {
  entries: number;
  bytes: number;
}

const READ_LIMIT_EVENTS = 1000;
const READ_LIMIT_BYTES = 2 ** 20;
/** Slots of forgotten entries in front before the array is made anew. */
const SLACK = 1024;

/** The newest changes, without a gap: everything after `start` up to `revision`. */
export class EventRing {
  start: number;
  revision: number;
  readonly #limits: RingLimits;
  #entries: Entry[] = [];
  #first = 0;
  #bytes = 0;

  constructor(start: number, limits: RingLimits = { entries: 50_000, bytes: 64 * 2 ** 20 }) {
    this.start = start;
    this.revision = start;
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds what changed up to `revision`, in whole revisions. */
  append(entries: readonly Entry[], revision: number): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += bytesOf(entry);
    }
    this.revision = revision;
    while (this.size > this.#limits.entries || this.#bytes > this.#limits.bytes) this.#forgetOldest();
    if (this.#first > SLACK && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Forgets everything; what comes next is after `start`. */
  reset(start: number): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.start = start;
    this.revision = start;
  }

  /** A step of what changed after `after`, which is at or above `start`. */
  read(after: number, prefix: string): WatchBatch {
    const batch: WatchBatch = { events: [], revision: Math.max(after, this.revision) };
    let bytes = 0;
    for (let at = this.#indexAfter(after); at < this.#entries.length; at++) {
      const { event } = this.#entries[at]!;
      const full = batch.events.length >= READ_LIMIT_EVENTS || bytes >= READ_LIMIT_BYTES;
      if (full && event.revision !== this.#entries[at - 1]!.event.revision) {
        batch.revision = this.#entries[at - 1]!.event.revision;
        break;
      }
      if (!event.key.startsWith(prefix)) continue;
      batch.events.push(event);
      bytes += event.value.length + (event.previous?.length ?? 0);
    }
    return batch;
  }

  /** The revision of a write after `since`; undefined when there is none, 'unknown' when history is too short. */
  find(writeId: string, since: number): number | 'unknown' | undefined {
    for (let at = this.#entries.length - 1; at >= this.#first; at--) {
      const { event, writeId: id } = this.#entries[at]!;
      if (event.revision <= since) return undefined;
      if (id === writeId) return event.revision;
    }
    return this.start <= since ? undefined : 'unknown';
  }

  #indexAfter(revision: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.event.revision > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** All of the oldest revision. */
  #forgetOldest(): void {
    this.start = this.#entries[this.#first]!.event.revision;
    while (this.size > 0 && this.#entries[this.#first]!.event.revision === this.start) {
      this.#bytes -= bytesOf(this.#entries[this.#first]!);
      // Lets go of the value before the array is made anew.
      this.#entries[this.#first++] = undefined as unknown as Entry;
    }
  }
}

function bytesOf({ event }: Entry): number {
  return event.key.length + event.value.length + (event.previous?.length ?? 0) + 100;
}
