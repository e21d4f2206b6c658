import { closeSync, ftruncateSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const LIMIT_BYTES = 4 * 2 ** 20;
const MIN_BYTES = 128 * 1024;
/** Of the disk. */
const PART = 64;
const STEP = Buffer.alloc(128 * 1024, 0x5a);

/**
 * Room kept on the disk of a store, `store.reserve`: a deletion needs room too, LMDB copies the pages it changes. It
 * is given up when the disk is full, and taken again when there is twice as much.
 */
export class DiskReserve {
  readonly #path: string;
  readonly #directory: string;
  #held: boolean;

  /** Takes it if there is room. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, 'store.reserve');
    this.#held = (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) >= MIN_BYTES || this.restore();
  }

  /** Gives it up; false when there was none. */
  release(): boolean {
    if (!this.#held) return false;
    this.#held = false;
    this.#truncate();
    return true;
  }

  /** Takes it again; false when there is not room enough. */
  restore(): boolean {
    if (this.#held) return true;
    const { blocks, bavail, bsize } = statfsSync(this.#directory);
    const bytes = Math.min(LIMIT_BYTES, Math.max(MIN_BYTES, Math.floor((blocks * bsize) / PART)));
    if (bavail * bsize < 2 * bytes) return false;
    this.#held = this.#fill(bytes);
    return this.#held;
  }

  #fill(bytes: number): boolean {
    const file = openSync(this.#path, 'w', 0o600);
    try {
      for (let at = 0; at < bytes; at += STEP.length) writeSync(file, STEP);
      return true;
    } catch {
      // Somebody else was faster to take the room: then there is no reserve, which is an answer.
      ftruncateSync(file, 0);
      return false;
    } finally {
      closeSync(file);
    }
  }

  #truncate(): void {
    const file = openSync(this.#path, 'r+');
    ftruncateSync(file, 0);
    closeSync(file);
  }
}
