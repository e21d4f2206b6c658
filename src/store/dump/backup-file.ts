import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, OrreryError, syncFolder } from '../../base/index.ts';
import type { DumpItem, DumpSource } from './dump.ts';

/**
 * A backup: one file.
 *
 * | bytes | what |
 * |---|---|
 * | 8 | `ORRERYBK` |
 * | 4 | length of the header |
 * | … | header, JSON: format version, revision, keys, when |
 * | … | items: length of key (4), key, revisions of creation and of the last change (8 each, doubles), where the revision belongs in the value (4, all ones for nowhere), length of value (4), value |
 * | 4 | all ones: the end of the items |
 * | 32 | SHA-256 of everything before |
 *
 * Numbers are big-endian.
 */
export interface BackupHeader {
  version: 1;
  revision: number;
  keys: number;
  createdAt: string;
}

const MAGIC = Buffer.from('ORRERYBK');
const END = 0xffff_ffff;
const NOWHERE = 0xffff_ffff;
const CHUNK_BYTES = 2 ** 20;
const HEADER_LIMIT_BYTES = 64 * 1024;

export interface BackupResult extends BackupHeader {
  file: string;
  bytes: number;
}

/**
 * Writes a backup; under its name there is a whole one or what was there before. Items that come at once are written
 * in one turn of the event loop: they are one snapshot.
 *
 * @throws OrreryError BackupFailed when the file cannot be written; what the source throws.
 */
export async function writeBackup(
  source: DumpSource,
  options: { file: string; now: Date; onProgress: (keys: number, of: number) => void },
): Promise<BackupResult> {
  const file = resolve(options.file);
  const part = `${file}.part`;
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new OrreryError('BackupFailed', `cannot write the backup ${file}: it is a folder`, {
      hint: 'name a file in it',
    });
  const writer = new Writer(part);
  try {
    const header: BackupHeader = {
      version: 1,
      revision: source.revision,
      keys: source.count,
      createdAt: options.now.toISOString(),
    };
    const text = Buffer.from(JSON.stringify(header));
    writer.write(MAGIC, uint32(text.length), text);
    let keys = 0;
    const add = (item: DumpItem): void => {
      writer.write(...encodeItem(item));
      if (++keys % 1000 === 0) options.onProgress(keys, header.keys);
    };
    const items = source.items();
    if (Symbol.iterator in items) for (const item of items) add(item);
    else for await (const item of items) add(item);
    options.onProgress(keys, keys);
    const bytes = writer.finish();
    renameSync(part, file);
    await syncFolder(dirname(file));
    return { ...header, keys, file, bytes };
  } catch (cause) {
    writer.abandon();
    if (cause instanceof OrreryError) throw cause;
    throw new OrreryError('BackupFailed', `cannot write the backup ${file}: ${messageOf(cause)}`, { cause });
  }
}

class Writer {
  readonly #path: string;
  readonly #file: number;
  readonly #hash = createHash('sha256');
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #isOpen = true;

  constructor(path: string) {
    this.#path = path;
    try {
      // Never into what somebody has put there: a link, or a file of his own that he may read.
      rmSync(path, { force: true });
      this.#file = openSync(path, 'wx', 0o600);
    } catch (cause) {
      throw new OrreryError('BackupFailed', `cannot write the backup: ${messageOf(cause)}`, {
        hint: 'name a file in a folder that exists and may be written to',
        cause,
      });
    }
  }

  write(...parts: Uint8Array[]): void {
    for (const part of parts) {
      this.#waiting.push(part as Buffer);
      this.#waitingBytes += part.length;
    }
    if (this.#waitingBytes >= CHUNK_BYTES) this.#flush();
  }

  finish(): number {
    this.write(uint32(END));
    this.#flush();
    this.#writeAll(this.#hash.digest());
    fsyncSync(this.#file);
    this.#close();
    return this.#bytes;
  }

  abandon(): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }

  #flush(): void {
    const chunk = Buffer.concat(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#hash.update(chunk);
    this.#writeAll(chunk);
  }

  #writeAll(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) at += writeSync(this.#file, chunk, at);
    this.#bytes += chunk.length;
  }
}

function encodeItem({ key, createRevision, modRevision, value }: DumpItem): Uint8Array[] {
  const name = Buffer.from(key);
  const numbers = Buffer.allocUnsafe(24);
  numbers.writeDoubleBE(createRevision, 0);
  numbers.writeDoubleBE(modRevision, 8);
  numbers.writeUInt32BE(value.revisionAt ?? NOWHERE, 16);
  numbers.writeUInt32BE(value.bytes.length, 20);
  return [uint32(name.length), name, numbers, value.bytes];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * Reads all of a backup and compares its checksum.
 *
 * @throws OrreryError BackupDamaged, BackupMissing
 */
export async function verifyBackup(file: string): Promise<BackupHeader> {
  let header: BackupHeader | undefined;
  for await (const part of readBackup(file)) if ('version' in part) header = part;
  return header!;
}

/** The header, then the items; the checksum is compared at the end, so read it all once before you use any. */
export async function* readBackup(file: string): AsyncGenerator<BackupHeader | DumpItem> {
  const reader = new Reader(file);
  try {
    if (!(await reader.take(MAGIC.length)).equals(MAGIC))
      throw damaged(file, 'it is not a backup of this program');
    const length = (await reader.take(4)).readUInt32BE();
    if (length > HEADER_LIMIT_BYTES) throw damaged(file, 'its header is too long');
    const header = JSON.parse((await reader.take(length)).toString()) as BackupHeader;
    if (header.version !== 1) throw damaged(file, `its version is ${header.version}, this program knows 1`);
    yield header;
    let keys = 0;
    for (let next = await reader.take(4); next.readUInt32BE() !== END; next = await reader.take(4), keys++) {
      const key = (await reader.take(next.readUInt32BE())).toString();
      const numbers = await reader.take(24);
      const revisionAt = numbers.readUInt32BE(16);
      const bytes = Buffer.from(await reader.take(numbers.readUInt32BE(20)));
      yield {
        key,
        createRevision: numbers.readDoubleBE(0),
        modRevision: numbers.readDoubleBE(8),
        value: { bytes, ...(revisionAt !== NOWHERE && { revisionAt }) },
      };
    }
    const expected = reader.digest();
    if (!(await reader.take(32)).equals(expected)) throw damaged(file, 'its checksum does not hold');
    if (keys !== header.keys) throw damaged(file, `it holds ${keys} keys, its header says ${header.keys}`);
  } catch (cause) {
    if (cause instanceof OrreryError) throw cause;
    throw damaged(file, messageOf(cause), cause);
  } finally {
    reader.close();
  }
}

class Reader {
  readonly #file: string;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #stream;
  readonly #hash = createHash('sha256');
  #at: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
    this.#stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
    this.#chunks = this.#stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async take(bytes: number): Promise<Buffer> {
    while (this.#at.length < bytes) {
      const { done, value } = await this.#next();
      if (done === true) throw damaged(this.#file, 'it is cut short');
      this.#at = this.#at.length === 0 ? value : Buffer.concat([this.#at, value]);
    }
    const taken = this.#at.subarray(0, bytes);
    this.#at = this.#at.subarray(bytes);
    this.#hash.update(taken);
    return taken;
  }

  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  close(): void {
    this.#stream.destroy();
  }

  async #next(): Promise<IteratorResult<Buffer>> {
    try {
      return await this.#chunks.next();
    } catch (cause) {
      throw new OrreryError('BackupMissing', `the backup ${this.#file} cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}

function damaged(file: string, what: string, cause?: unknown): OrreryError {
  return new OrreryError('BackupDamaged', `the backup ${file} cannot be used: ${what}`, {
    hint: 'nothing was changed; use another backup',
    cause,
  });
}
