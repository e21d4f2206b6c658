import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/**
 * The smallest clients that speak HTTP/1.1 and HTTP/2 well enough to load a server: they count an answer instead of
 * parsing it, so that a request costs them a fraction of what it costs whoever answers (node:http2's client costs
 * about as much as its server). Status lines are read, everything unexpected throws.
 */
export interface Wire {
  request(request: WireRequest): Promise<WireAnswer>;
  close(): void;
}

export interface WireRequest {
  method: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: Buffer;
  /** What comes, as it comes. */
  onData?: (chunk: Buffer) => void;
}

export interface WireAnswer {
  status: number;
  bytes: number;
}

export interface Target {
  port: number;
  ca: string;
  certificate: string;
  key: string;
}

export async function openWire(target: Target, http: 1 | 2): Promise<Wire> {
  const socket = connect({
    host: '127.0.0.1',
    port: target.port,
    ca: target.ca,
    cert: target.certificate,
    key: target.key,
    ALPNProtocols: [http === 2 ? 'h2' : 'http/1.1'],
  });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  return http === 2 ? new Http2Wire(socket) : new Http1Wire(socket);
}

interface Pending {
  request: WireRequest;
  status: number;
  bytes: number;
  resolve(answer: WireAnswer): void;
  reject(error: Error): void;
}

const EMPTY = Buffer.alloc(0);

/** One request at a time. */
class Http1Wire implements Wire {
  readonly #socket: TLSSocket;
  #pending: Pending | undefined;
  #rest: Buffer = EMPTY;
  /** Bytes of the body, or of this chunk with its line end, still to come; undefined while a head is. */
  #left: number | undefined;
  #chunked = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#read(data));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  request(request: WireRequest): Promise<WireAnswer> {
    if (this.#pending !== undefined) throw new Error('HTTP/1.1 takes one request at a time');
    const lines = [`${request.method} ${request.path} HTTP/1.1`, 'host: 127.0.0.1'];
    for (const [name, value] of Object.entries(request.headers ?? {})) lines.push(`${name}: ${value}`);
    if (request.body !== undefined) lines.push(`content-length: ${request.body.length}`);
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    this.#socket.write(request.body === undefined ? head : Buffer.concat([head, request.body]));
    return new Promise((resolve, reject) => {
      this.#pending = { request, status: 0, bytes: 0, resolve, reject };
    });
  }

  close(): void {
    this.#pending = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }

  #read(data: Buffer): void {
    let at = 0;
    const bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    this.#rest = EMPTY;
    while (at < bytes.length) {
      const next = this.#left === undefined ? this.#line(bytes, at) : this.#body(bytes, at);
      if (next === undefined) {
        this.#rest = bytes.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** A head, or the size of a chunk; undefined while it is not whole. */
  #line(bytes: Buffer, at: number): number | undefined {
    const pending = this.#pending;
    if (pending === undefined) throw new Error('an answer that nobody asked for');
    const mark = pending.status === 0 ? '\r\n\r\n' : '\r\n';
    const end = bytes.indexOf(mark, at);
    if (end === -1) return undefined;
    const text = bytes.toString('latin1', at, end);
    if (pending.status === 0) {
      pending.status = Number(text.slice(9, 12));
      this.#chunked = /\r\ntransfer-encoding: chunked/i.test(text);
      if (!this.#chunked) {
        this.#left = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
        if (this.#left === 0) this.#end();
      }
    } else {
      const size = Number.parseInt(text, 16);
      this.#left = size + 2;
      if (size === 0) {
        this.#left = undefined;
        this.#end();
        return end + 4;
      }
    }
    return end + mark.length;
  }

  #body(bytes: Buffer, at: number): number {
    const pending = this.#pending!;
    const taken = Math.min(this.#left!, bytes.length - at);
    pending.bytes += taken;
    pending.request.onData?.(bytes.subarray(at, at + taken));
    this.#left! -= taken;
    if (this.#left === 0) {
      this.#left = undefined;
      if (!this.#chunked) this.#end();
    }
    return at + taken;
  }

  #end(): void {
    const pending = this.#pending!;
    this.#pending = undefined;
    this.#left = undefined;
    pending.resolve({ status: pending.status, bytes: pending.bytes });
  }
}

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const HUGE_WINDOW = 2 ** 31 - 1;
/** RFC 7541 appendix A: the indexes of `:status`. */
const STATUS_INDEXES = [200, 204, 206, 304, 400, 404, 500];

/** As many requests at once as one likes; windows so large that nobody waits for them. */
class Http2Wire implements Wire {
  readonly #socket: TLSSocket;
  readonly #streams = new Map<number, Pending>();
  #nextId = 1;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Bytes until the frame at the front is whole. */
  #wanted = 9;
  #consumed = 0;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    const settings = Buffer.alloc(18);
    // HEADER_TABLE_SIZE 0: the server's headers then need no table to be read. No ENABLE_PUSH.
    settings.writeUInt16BE(1, 0);
    settings.writeUInt16BE(2, 6);
    settings.writeUInt16BE(4, 12);
    settings.writeUInt32BE(HUGE_WINDOW, 14);
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(FRAME.settings, 0, 0, settings),
        windowUpdate(HUGE_WINDOW - 65_535),
      ]),
    );
    socket.on('data', (data) => this.#read(data));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  request(request: WireRequest): Promise<WireAnswer> {
    const id = this.#nextId;
    this.#nextId += 2;
    const { method, path, headers = {}, body } = request;
    const fields = [
      field(':method', method),
      field(':scheme', 'https'),
      field(':authority', '127.0.0.1'),
      field(':path', path),
      ...Object.entries(headers).map(([name, value]) => field(name, value)),
    ];
    const last = body === undefined ? END_STREAM : 0;
    const parts = [frame(FRAME.headers, END_HEADERS | last, id, Buffer.concat(fields))];
    if (body !== undefined) parts.push(frame(FRAME.data, END_STREAM, id, body));
    this.#socket.write(Buffer.concat(parts));
    return new Promise((resolve, reject) => {
      this.#streams.set(id, { request, status: 0, bytes: 0, resolve, reject });
    });
  }

  close(): void {
    this.#streams.clear();
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    for (const { reject } of this.#streams.values()) reject(error);
    this.#streams.clear();
  }

  #read(data: Buffer): void {
    this.#rest.push(data);
    this.#restBytes += data.length;
    if (this.#restBytes < this.#wanted) return;
    const bytes = this.#rest.length === 1 ? data : Buffer.concat(this.#rest);
    let at = 0;
    this.#wanted = 9;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) {
        this.#wanted = end - at;
        break;
      }
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes.subarray(at + 9, end));
      at = end;
    }
    this.#rest = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#restBytes = bytes.length - at;
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === FRAME.data) this.#data(id, payload, flags);
    else if (type === FRAME.headers) this.#headers(id, payload, flags);
    else if (type === FRAME.reset) this.#reset(id, payload);
    else if (type === FRAME.settings && (flags & ACK) === 0)
      this.#socket.write(frame(FRAME.settings, ACK, 0, EMPTY));
    else if (type === FRAME.ping && (flags & ACK) === 0)
      this.#socket.write(frame(FRAME.ping, ACK, 0, payload));
  }

  #data(id: number, payload: Buffer, flags: number): void {
    this.#consumed += payload.length;
    if (this.#consumed > HUGE_WINDOW / 4) {
      this.#socket.write(windowUpdate(this.#consumed));
      this.#consumed = 0;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.bytes += payload.length;
    stream.request.onData?.(payload);
    if ((flags & END_STREAM) !== 0) this.#end(id, stream);
  }

  #headers(id: number, payload: Buffer, flags: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.status = statusOf(payload);
    if ((flags & END_STREAM) !== 0) this.#end(id, stream);
  }

  #reset(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.reject(new Error(`the server reset the stream: ${payload.readUInt32BE(0)}`));
  }

  #end(id: number, stream: Pending): void {
    this.#streams.delete(id);
    stream.resolve({ status: stream.status, bytes: stream.bytes });
  }
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.allocUnsafe(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

function windowUpdate(increment: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(increment, 0);
  return frame(FRAME.windowUpdate, 0, 0, payload);
}

/** RFC 7541 section 6.2.2: a literal header field without indexing, new name, no Huffman. */
function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const length: number[] = [];
  let left = value.length;
  if (left < 127) length.push(left);
  else {
    length.push(127);
    for (left -= 127; left >= 128; left >>>= 7) length.push((left & 127) | 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(value, 'latin1')]);
}

/** The first field of an answer's headers. */
function statusOf(block: Buffer): number {
  let at = 0;
  while ((block[at]! & 0xe0) === 0x20) at++; // a table size update, of one byte as the size is 0
  const first = block[at]!;
  if ((first & 0x80) !== 0) return STATUS_INDEXES[(first & 0x7f) - 8] ?? 0;
  const length = block[at + 1]! & 0x7f;
  const value = block.subarray(at + 2, at + 2 + length);
  return (block[at + 1]! & 0x80) === 0 ? Number(value.toString('latin1')) : digitsOf(value);
}

/** Digits in Huffman's code (appendix B): 0 to 2 are five bits, the others six. */
function digitsOf(bytes: Buffer): number {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let digits = '';
  for (let at = 0; digits.length < 3; at += 5) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2);
    digits += short <= 2 ? short : Number.parseInt(bits.slice(at, ++at + 5), 2) - 0x16;
  }
  return Number(digits);
}
