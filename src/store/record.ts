import { crc32 } from 'node:zlib';

/**
 * One change as the log keeps it:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | type: 4 put, 5 delete with a tombstone, 6 delete without |
 * | 8 | revision of the key's creation, big-endian double |
 * | 8 | revision of the change of this key before this one, 0 for none |
 * | 2 | length of the key |
 * | 4 | where in the value its own revision stands, all ones for nowhere |
 * | 4 | CRC-32 of everything else |
 * | … | key, UTF-8; then the value to the end |
 *
 * Types 1 to 3 are the same without the two fields before the key: format version 1, which is still read.
 */
export interface LogRecord {
  type: RecordType;
  createRevision: number;
  previousRevision: number;
  key: string;
  value: Uint8Array;
  /** Where the revision stands in `value`, see `Draft`. */
  revisionAt?: number | undefined;
}

export type RecordType = 'put' | 'tombstone' | 'delete';

/** Where a key stands: the revision of its last change and of its creation. */
export interface Head {
  modRevision: number;
  createRevision: number;
}

/** Longest key, in bytes of UTF-8; LMDB with pages of 8 KiB could hold 4,026. */
export const KEY_LIMIT_BYTES = 2048;

const HEADER_BYTES = 27;
const OLD_HEADER_BYTES = 19;
const CHECKSUM_AT = 23;
const NOWHERE = 0xffff_ffff;
const TYPES: readonly RecordType[] = ['put', 'tombstone', 'delete'];

export function encodeRecord(record: LogRecord): Buffer {
  const keyBytes = Buffer.byteLength(record.key);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + keyBytes + record.value.length);
  bytes[0] = TYPES.indexOf(record.type) + 1 + TYPES.length;
  bytes.writeDoubleBE(record.createRevision, 1);
  bytes.writeDoubleBE(record.previousRevision, 9);
  bytes.writeUInt16BE(keyBytes, 17);
  bytes.writeUInt32BE(record.revisionAt ?? NOWHERE, 19);
  bytes.write(record.key, HEADER_BYTES);
  bytes.set(record.value, HEADER_BYTES + keyBytes);
  bytes.writeUInt32BE(checksum(bytes), CHECKSUM_AT);
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM_AT)));
}

/**
 * Reads a record out of a buffer that will be overwritten: what `open` and `value` return are copies.
 * Split from reading the value, because most readers first look whether the key concerns them.
 */
export class RecordView {
  readonly #bytes: Buffer;
  readonly #end: number;

  /** Returns undefined for bytes that are no record. */
  static open(bytes: Buffer, length: number): RecordView | undefined {
    if (length < OLD_HEADER_BYTES || !(bytes[0]! > 0 && bytes[0]! <= 2 * TYPES.length)) return undefined;
    const view = new RecordView(bytes, length);
    if (view.#valueStart > length) return undefined;
    return isRevision(view.createRevision) && isRevision(view.previousRevision) ? view : undefined;
  }

  private constructor(bytes: Buffer, length: number) {
    this.#bytes = bytes;
    this.#end = length;
  }

  get type(): RecordType {
    return TYPES[(this.#bytes[0]! - 1) % TYPES.length]!;
  }

  get createRevision(): number {
    return this.#bytes.readDoubleBE(1);
  }

  get previousRevision(): number {
    return this.#bytes.readDoubleBE(9);
  }

  get key(): string {
    return this.#bytes.toString('utf8', this.#headerBytes, this.#valueStart);
  }

  get revisionAt(): number | undefined {
    if (this.#headerBytes === OLD_HEADER_BYTES) return undefined;
    const at = this.#bytes.readUInt32BE(19);
    return at === NOWHERE ? undefined : at;
  }

  /** Whether the checksum holds; undefined for a record of format version 1, which has none. */
  isSound(): boolean | undefined {
    if (this.#headerBytes === OLD_HEADER_BYTES) return undefined;
    return checksum(this.#bytes.subarray(0, this.#end)) === this.#bytes.readUInt32BE(CHECKSUM_AT);
  }

  /** A copy; in memory of its own, or next to others in `slab`. */
  copyValue(slab?: ValueSlab): Uint8Array {
    const start = this.#valueStart;
    const copy = slab?.take(this.#end - start) ?? Buffer.allocUnsafe(this.#end - start);
    this.#bytes.copy(copy, 0, start, this.#end);
    return copy;
  }

  get #valueStart(): number {
    return this.#headerBytes + this.#bytes.readUInt16BE(17);
  }

  get #headerBytes(): number {
    return this.#bytes[0]! > TYPES.length ? HEADER_BYTES : OLD_HEADER_BYTES;
  }
}

const SLAB_BYTES = 128 * 1024;

const COMMA = 44;

/**
 * Memory for many values at once: an ArrayBuffer for each would cost a list more than reading it. All of a slab
 * lives as long as any value in it. Between values stands a comma, so that a JSON list can be sent as it lies.
 */
export class ValueSlab {
  #memory = new Uint8Array();
  #used = 0;

  take(bytes: number): Uint8Array {
    if (this.#used + 1 + bytes > this.#memory.length) {
      if (bytes > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(bytes);
      this.#memory = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    } else this.#memory[this.#used++] = COMMA;
    const taken = new Uint8Array(this.#memory.buffer, this.#used, bytes);
    this.#used += bytes;
    return taken;
  }
}

export function encodeHead(head: Head): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeDoubleBE(head.modRevision, 0);
  bytes.writeDoubleBE(head.createRevision, 8);
  return bytes;
}

/** Returns undefined for bytes that are no head. */
export function decodeHead(bytes: Uint8Array): Head | undefined {
  if (bytes.length !== 16) return undefined;
  const buffer = bytes as Buffer;
  const head = { modRevision: buffer.readDoubleBE(0), createRevision: buffer.readDoubleBE(8) };
  return isRevision(head.modRevision) && isRevision(head.createRevision) ? head : undefined;
}

function isRevision(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
