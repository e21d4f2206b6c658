/**
 * `node:crypto` for the container tool's commands: what nearly each of them needs, ids and digests of names, without
 * OpenSSL's thirty modules, which take some 5 ms to load; those are loaded for anything else. scripts/build.ts puts
 * this in the place of Node's own module in `dist/containers.cjs`.
 */
import type * as crypto from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sha256 } from './sha256.ts';

/** What is longer is OpenSSL's. */
const SHORT_BYTES = 512;

let loaded: typeof crypto | undefined;

function whole(): typeof crypto {
  loaded ??= createRequire(import.meta.url)('node:crypto') as typeof crypto;
  return loaded;
}

/** random(4): what getrandom(2) gives, which is Node's source too. */
export const randomBytes = ((size: number) => {
  const bytes = Buffer.alloc(size);
  const file = openSync('/dev/urandom', 'r');
  try {
    for (let at = 0; at < size; ) at += readSync(file, bytes, at, size - at, null);
  } finally {
    closeSync(file);
  }
  return bytes;
}) as typeof crypto.randomBytes;

export const createHash: typeof crypto.createHash = (algorithm, options) =>
  algorithm === 'sha256' && options === undefined
    ? (new ShortHash() as unknown as crypto.Hash)
    : whole().createHash(algorithm, options);

/** Even: what would favour the first numbers is thrown away. */
export const randomInt = ((limit: number, ...more: [number]) => {
  if (more.length > 0 || !(limit > 0 && limit <= 2 ** 16)) return whole().randomInt(limit, ...more);
  for (;;) {
    const drawn = randomBytes(4).readUInt32LE();
    if (drawn < 2 ** 32 - (2 ** 32 % limit)) return drawn % limit;
  }
}) as typeof crypto.randomInt;
export const randomUUID = ((...options: []) => whole().randomUUID(...options)) as typeof crypto.randomUUID;

/** Becomes OpenSSL's with the second piece, or when the first is not short. Not a stream. */
class ShortHash {
  #only: Buffer | undefined;
  #long: crypto.Hash | undefined;

  update(content: string | Uint8Array, encoding?: BufferEncoding): this {
    const bytes = typeof content === 'string' ? Buffer.from(content, encoding) : content;
    if (this.#long === undefined && this.#only === undefined && bytes.byteLength <= SHORT_BYTES) {
      this.#only = Buffer.from(bytes);
      return this;
    }
    if (this.#long === undefined) {
      this.#long = whole().createHash('sha256');
      if (this.#only !== undefined) this.#long.update(this.#only);
    }
    this.#long.update(bytes);
    return this;
  }

  digest(encoding?: BufferEncoding): Buffer | string {
    const digest = this.#long?.digest() ?? sha256(this.#only ?? Buffer.alloc(0));
    return encoding === undefined ? digest : digest.toString(encoding);
  }
}
