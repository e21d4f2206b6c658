import { SpdyError } from './spdy-error.ts';

/**
 * SPDY/3.1 frames and their bytes. Header blocks stay packed here: they can only be unpacked in the order
 * in which they arrive.
 *
 * @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ section 2
 */
export type Frame =
  | {
      type: 'SYN_STREAM';
      streamId: number;
      priority: number;
      fin: boolean;
      unidirectional: boolean;
      headerBlock: Buffer;
    }
  | { type: 'SYN_REPLY'; streamId: number; fin: boolean; headerBlock: Buffer }
  | { type: 'HEADERS'; streamId: number; fin: boolean; headerBlock: Buffer }
  | { type: 'RST_STREAM'; streamId: number; status: number }
  | { type: 'SETTINGS'; settings: Map<number, number> }
  | { type: 'PING'; id: number }
  | { type: 'GOAWAY'; lastStreamId: number; status: number }
  | { type: 'WINDOW_UPDATE'; streamId: number; delta: number }
  /** A type this version does not know: to be ignored (section 2.2.1). */
  | { type: 'UNKNOWN'; number: number }
  /** A DATA frame comes in as many pieces as the transport delivers; `fin` stands on the last. */
  | { type: 'DATA'; streamId: number; fin: boolean; data: Buffer };

export const RST = {
  PROTOCOL_ERROR: 1,
  INVALID_STREAM: 2,
  REFUSED_STREAM: 3,
  CANCEL: 5,
  INTERNAL_ERROR: 6,
  FLOW_CONTROL_ERROR: 7,
  STREAM_ALREADY_CLOSED: 9,
} as const;

export const GOAWAY = { OK: 0, PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2 } as const;

export const SETTINGS_INITIAL_WINDOW_SIZE = 7;

const TYPES = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

const FIN = 0x01;
const UNIDIRECTIONAL = 0x02;
const HEADER_BYTES = 8;
/** A control frame is held whole before it is read. */
const MAX_CONTROL_BYTES = 64 * 1024;

export function controlFrame(type: keyof typeof TYPES, flags: number, ...parts: (number | Buffer)[]): Buffer {
  const body = parts.map((part) => (typeof part === 'number' ? uint32(part) : part));
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([uint32(0x80030000 + TYPES[type]), uint32(((flags & 0xff) << 24) | length), ...body]);
}

export function synStreamFrame(streamId: number, headerBlock: Buffer, fin = false): Buffer {
  return controlFrame('SYN_STREAM', fin ? FIN : 0, streamId, 0, Buffer.alloc(2), headerBlock);
}

export function synReplyFrame(streamId: number, headerBlock: Buffer): Buffer {
  return controlFrame('SYN_REPLY', 0, streamId, headerBlock);
}

/** Only the eight bytes before the data, so that the data itself is not copied. */
export function dataFrameHeader(streamId: number, length: number, fin: boolean): Buffer {
  return Buffer.concat([uint32(streamId), uint32(((fin ? FIN : 0) << 24) | length)]);
}

/** Cuts a byte stream into frames; holds at most one control frame. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);
  /** The DATA frame of which a part is still to come. */
  #data: { streamId: number; fin: boolean; left: number } | undefined;

  /** @throws SpdyError; nothing more can be read after that. */
  *read(chunk: Buffer): Generator<Frame> {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    for (;;) {
      if (this.#data !== undefined) {
        if (bytes.length === 0) return;
        const piece = bytes.subarray(0, this.#data.left);
        bytes = bytes.subarray(piece.length);
        yield this.#piece(piece);
        continue;
      }
      if (bytes.length < HEADER_BYTES) break;
      const length = bytes.readUInt32BE(4) & 0x00ffffff;
      if ((bytes[0]! & 0x80) === 0) {
        this.#data = { streamId: bytes.readUInt32BE(0), fin: (bytes[4]! & FIN) !== 0, left: length };
        bytes = bytes.subarray(HEADER_BYTES);
        if (length === 0) yield this.#piece(Buffer.alloc(0));
        continue;
      }
      if (length > MAX_CONTROL_BYTES) throw new SpdyError('a control frame is longer than 64 KiB');
      if (bytes.length < HEADER_BYTES + length) break;
      yield parseControl(bytes.subarray(0, HEADER_BYTES + length));
      bytes = bytes.subarray(HEADER_BYTES + length);
    }
    // A copy: the chunk it is a view of may be large.
    if (bytes.length > 0) this.#held = Buffer.from(bytes);
  }

  #piece(data: Buffer): Frame {
    const open = this.#data!;
    open.left -= data.length;
    const last = open.left === 0;
    if (last) this.#data = undefined;
    return { type: 'DATA', streamId: open.streamId, fin: last && open.fin, data };
  }
}

function parseControl(frame: Buffer): Frame {
  const version = frame.readUInt16BE(0) & 0x7fff;
  if (version !== 3) throw new SpdyError('not SPDY/3.1', { details: { version } });
  const type = frame.readUInt16BE(2);
  const flags = frame[4]!;
  const body = frame.subarray(HEADER_BYTES);
  const fin = (flags & FIN) !== 0;
  switch (type) {
    case TYPES.SYN_STREAM:
      needs(body, 10);
      return {
        type: 'SYN_STREAM',
        streamId: id(body),
        priority: body[8]! >> 5,
        fin,
        unidirectional: (flags & UNIDIRECTIONAL) !== 0,
        headerBlock: body.subarray(10),
      };
    case TYPES.SYN_REPLY:
      needs(body, 4);
      return { type: 'SYN_REPLY', streamId: id(body), fin, headerBlock: body.subarray(4) };
    case TYPES.HEADERS:
      needs(body, 4);
      return { type: 'HEADERS', streamId: id(body), fin, headerBlock: body.subarray(4) };
    case TYPES.RST_STREAM:
      needs(body, 8);
      return { type: 'RST_STREAM', streamId: id(body), status: body.readUInt32BE(4) };
    case TYPES.SETTINGS:
      return { type: 'SETTINGS', settings: parseSettings(body) };
    case TYPES.PING:
      needs(body, 4);
      return { type: 'PING', id: body.readUInt32BE(0) };
    case TYPES.GOAWAY:
      needs(body, 8);
      return { type: 'GOAWAY', lastStreamId: id(body), status: body.readUInt32BE(4) };
    case TYPES.WINDOW_UPDATE:
      needs(body, 8);
      return { type: 'WINDOW_UPDATE', streamId: id(body), delta: body.readUInt32BE(4) & 0x7fffffff };
    default:
      return { type: 'UNKNOWN', number: type };
  }
}

function parseSettings(body: Buffer): Map<number, number> {
  needs(body, 4);
  const count = body.readUInt32BE(0);
  needs(body, 4 + count * 8);
  const settings = new Map<number, number>();
  for (let entry = 0; entry < count; entry++) {
    const offset = 4 + entry * 8;
    settings.set(body.readUInt32BE(offset) & 0x00ffffff, body.readUInt32BE(offset + 4));
  }
  return settings;
}

function id(body: Buffer): number {
  return body.readUInt32BE(0) & 0x7fffffff;
}

function needs(body: Buffer, bytes: number): void {
  if (body.length < bytes) throw new SpdyError('a control frame ends too early');
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
