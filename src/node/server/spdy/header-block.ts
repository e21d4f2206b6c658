import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { headerDictionary } from './dictionary.ts';
import { SpdyError } from './spdy-error.ts';

/** Lower-case name → values in the order sent. */
export type SpdyHeaders = Map<string, string[]>;

/** What one block may hold when it is unpacked; Kubernetes' clients send a few hundred bytes. */
const MAX_BLOCK_BYTES = 64 * 1024;
/** deflate looks back this far at most (RFC 1951 section 2). */
const WINDOW_BYTES = 32 * 1024;
/** RFC 1950: deflate, 32 KiB window, default level, preset dictionary; then the dictionary's Adler-32. */
const ZLIB_HEADER = Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);

/**
 * All header blocks of one direction of a connection are one zlib stream, flushed (Z_SYNC_FLUSH) at the end
 * of each block. A flushed block is whole bytes, so each is packed and unpacked on its own with the last
 * 32 KiB that went before as its dictionary: the same bits as with a context that lives on, but bounded,
 * synchronous, and without a native handle to free.
 */
class Window {
  #bytes = headerDictionary();

  get bytes(): Buffer {
    return this.#bytes;
  }

  append(block: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, block]).subarray(-WINDOW_BYTES);
  }
}

export class HeaderCompressor {
  readonly #window = new Window();
  #first = true;

  compress(headers: SpdyHeaders): Buffer {
    const block = encodeHeaders(headers);
    const packed = deflateRawSync(block, {
      dictionary: this.#window.bytes,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    this.#window.append(block);
    if (!this.#first) return packed;
    this.#first = false;
    return Buffer.concat([ZLIB_HEADER, packed]);
  }
}

export class HeaderDecompressor {
  readonly #window = new Window();
  #first = true;

  /** @throws SpdyError for bytes that are not such a block, or unpack to more than 64 KiB. */
  decompress(bytes: Buffer): SpdyHeaders {
    const packed = this.#first ? withoutZlibHeader(bytes) : bytes;
    this.#first = false;
    const block = inflate(packed, this.#window.bytes);
    this.#window.append(block);
    return decodeHeaders(block);
  }
}

function inflate(packed: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(packed, {
      dictionary,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_BLOCK_BYTES,
    });
  } catch (cause) {
    throw new SpdyError('a header block cannot be unpacked', { cause });
  }
}

function withoutZlibHeader(bytes: Buffer): Buffer {
  const [method = 0, flags = 0] = bytes;
  const hasDictionary = (flags & 0x20) !== 0;
  if ((method & 0x0f) !== 8 || ((method << 8) | flags) % 31 !== 0)
    throw new SpdyError('the first header block does not begin a zlib stream');
  if (hasDictionary && !bytes.subarray(2, 6).equals(ZLIB_HEADER.subarray(2)))
    throw new SpdyError('the header blocks use another dictionary than SPDY/3');
  if (!hasDictionary) throw new SpdyError('the header blocks do not use the SPDY/3 dictionary');
  return bytes.subarray(6);
}

/** The block before compression: count, then name and value, each after its length; values of one name stand NUL-separated. */
export function encodeHeaders(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [uint32(headers.size)];
  for (const [name, values] of headers) {
    const key = Buffer.from(name.toLowerCase());
    const value = Buffer.from(values.join('\0'));
    parts.push(uint32(key.length), key, uint32(value.length), value);
  }
  return Buffer.concat(parts);
}

/** @throws SpdyError */
export function decodeHeaders(block: Buffer): SpdyHeaders {
  let offset = 0;
  const number = () => {
    if (offset + 4 > block.length) throw new SpdyError('a header block ends too early');
    offset += 4;
    return block.readUInt32BE(offset - 4);
  };
  const text = () => {
    const length = number();
    if (offset + length > block.length) throw new SpdyError('a header block ends too early');
    offset += length;
    return block.toString('utf8', offset - length, offset);
  };
  const headers: SpdyHeaders = new Map();
  for (let left = number(); left > 0; left--) {
    const name = text();
    if (name === '') throw new SpdyError('a header has no name');
    if (headers.has(name.toLowerCase())) throw new SpdyError('a header stands twice in one block');
    headers.set(name.toLowerCase(), text().split('\0'));
  }
  return headers;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
