/** The order of keys: that of their UTF-8 bytes, which is not that of JavaScript's `<` beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Code units in the order of the code points they begin: surrogates stand for what is above U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The first key, as bytes, after all keys with `prefix`; undefined when there is no such key. */
export function endOfPrefix(prefix: string): Uint8Array | undefined {
  const bytes = Buffer.from(prefix);
  for (let i = bytes.length - 1; i >= 0; i--) {
    if (bytes[i]! < 0xff) {
      bytes[i]!++;
      return bytes.subarray(0, i + 1);
    }
  }
  return undefined;
}

/** Keys as plain UTF-8, so that LMDB's order is that of the bytes. */
export const textKeys = {
  writeKey(key: string | Uint8Array, target: Buffer, position: number): number {
    const bytes = typeof key === 'string' ? Buffer.byteLength(key) : key.length;
    // lmdb answers a RangeError with a bigger buffer.
    if (position + bytes > target.length) throw new RangeError('key does not fit');
    if (typeof key === 'string') target.write(key, position);
    else target.set(key, position);
    return position + bytes;
  },
  readKey: (source: Buffer, start: number, end: number): string => source.toString('utf8', start, end),
};

/** Revisions as eight bytes, big-endian: in order, and exact. */
export const revisionKeys = {
  writeKey(revision: number, target: Buffer, position: number): number {
    target.writeUInt32BE(Math.floor(revision / 2 ** 32), position);
    return target.writeUInt32BE(revision >>> 0, position + 4);
  },
  readKey: (source: Buffer, start: number): number =>
    source.readUInt32BE(start) * 2 ** 32 + source.readUInt32BE(start + 4),
};

export interface KeyRange {
  prefix: string;
  /** Only keys strictly above. */
  startAfter?: string | undefined;
}

/** A range in lmdb's words. */
export function keyRange(range: KeyRange): { start: string; end?: string; exclusiveStart?: boolean } {
  const end = endOfPrefix(range.prefix) as string | undefined;
  const after = range.startAfter !== undefined && compareKeys(range.startAfter, range.prefix) >= 0;
  // An empty start would leave the choice of the first key to lmdb.
  const start = after ? range.startAfter! : range.prefix || (FIRST_KEY as unknown as string);
  return { start, ...(end !== undefined && { end }), ...(after && { exclusiveStart: true }) };
}

const FIRST_KEY = Uint8Array.of(0);
