import { statfsSync } from 'node:fs';
import { BadRequest, OrreryError } from '../../base/index.ts';

/** Left to everybody else on the disk: a twentieth, at most 1 GiB and 10,000 files. */
const RESERVED_SHARE = 0.05;
const MOST_RESERVED_BYTES = 1 << 30;
const MOST_RESERVED_FILES = 10_000;
/** How much goes by between two looks at the disk. */
const LOOK_EVERY_BYTES = 64 << 20;
const LOOK_EVERY_ENTRIES = 4096;
/** Smaller ones alone are no reason to look: a full disk says so itself. */
const LARGE_BYTES = 1 << 20;
const HEADER_BYTES = 512;

/**
 * What one layer may unpack to, however small it is compressed: at most `limitBytes` where there is a limit, and never
 * so much that the disk has nothing left for others.
 */
export class UnpackingLimit {
  readonly #folder: string;
  readonly #limitBytes: number;
  #bytes = 0;
  #unseenBytes = 0;
  #unseenEntries = 0;

  constructor(folder: string, limitBytes = Number.POSITIVE_INFINITY) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
  }

  /** Before an entry is written. @throws BadRequest beyond the limit, OrreryError DiskFull */
  take(sizeBytes: number): void {
    this.#bytes += HEADER_BYTES + sizeBytes;
    if (this.#bytes > this.#limitBytes)
      throw new BadRequest(`the layer unpacks to more than the limit of ${this.#limitBytes} bytes`);
    this.#unseenBytes += sizeBytes;
    this.#unseenEntries += 1;
    const isDue = this.#unseenBytes >= LOOK_EVERY_BYTES || this.#unseenEntries >= LOOK_EVERY_ENTRIES;
    if (!isDue && sizeBytes < LARGE_BYTES) return;
    this.#look(sizeBytes);
    this.#unseenBytes = 0;
    this.#unseenEntries = 0;
  }

  #look(sizeBytes: number): void {
    const { bavail, blocks, bsize, files, ffree } = statfsSync(this.#folder);
    const free = bavail * bsize;
    const reserved = Math.min(MOST_RESERVED_BYTES, Math.floor(blocks * bsize * RESERVED_SHARE));
    if (sizeBytes > free - reserved)
      throw full(
        `the layer goes on with ${sizeBytes} bytes, and of ${free} that are free ${reserved} stay so`,
      );
    // Some file systems have no number of inodes.
    if (files > 0 && ffree < Math.min(MOST_RESERVED_FILES, files * RESERVED_SHARE))
      throw full(`the layer goes on, and only ${ffree} inodes are free`);
  }
}

function full(why: string): OrreryError {
  return new OrreryError('DiskFull', `no space left on device: ${why}`);
}
