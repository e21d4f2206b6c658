import type { Duplex } from 'node:stream';
import type { Log } from '../../../base/index.ts';
import {
  controlFrame,
  dataFrameHeader,
  type Frame,
  FrameReader,
  GOAWAY,
  RST,
  SETTINGS_INITIAL_WINDOW_SIZE,
  synReplyFrame,
  synStreamFrame,
} from './frames.ts';
import { HeaderCompressor, HeaderDecompressor, type SpdyHeaders } from './header-block.ts';
import { SpdyError } from './spdy-error.ts';
import { SpdyStream, type SpdyStreamPort } from './spdy-stream.ts';

export interface SpdyConnectionOptions {
  role: 'server' | 'client';
  /** Takes a stream the peer opens; throwing refuses it (RST_STREAM). */
  accept(stream: SpdyStream): void;
  log: Log;
}

const INITIAL_WINDOW_BYTES = 64 * 1024;
/** A window is opened again when this much of it was taken in. */
const WINDOW_UPDATE_BYTES = 32 * 1024;
const MAX_STREAMS = 2048;
/** A DATA frame of ours is no longer than this: the peer holds it whole. */
const MAX_DATA_BYTES = 64 * 1024;
/** While we do not read, only writing tells that the peer is gone. */
const PROBE_INTERVAL_MS = 10_000;

/**
 * One SPDY/3.1 connection over a byte stream.
 *
 * Guarantees: bounded memory whatever the peer sends (a control frame 64 KiB, a header block 64 KiB, a
 * stream 256 KiB and one chunk, 2,048 streams); a reader that does not keep up holds the peer back; a
 * writer is called back only when the transport took its bytes. A malformed frame ends the connection with
 * GOAWAY. Windows: ours are always opened again, so a peer that counts never stalls; the peer's are kept
 * from the moment it shows that it counts (a WINDOW_UPDATE, or SETTINGS with a window), because Kubernetes'
 * clients (moby/spdystream) never open theirs.
 */
export class SpdyConnection implements SpdyStreamPort {
  /** Resolves when the transport is gone, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #transport: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #reader = new FrameReader();
  readonly #compressor = new HeaderCompressor();
  readonly #decompressor = new HeaderDecompressor();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #replied = new WeakSet<SpdyStream>();
  /** Streams whose reader does not keep up. */
  readonly #full = new Set<SpdyStream>();
  /** Resumed when the transport drains or a window opens. */
  #waiting: (() => void)[] = [];
  #lastPeerStreamId = 0;
  #nextStreamId: number;
  #pingId: number;
  #initialSendWindow = INITIAL_WINDOW_BYTES;
  #sessionSendWindow = INITIAL_WINDOW_BYTES;
  #peerCountsStreams = false;
  #peerCountsSession = false;
  #uncreditedSession = 0;
  #goingAway = false;
  #failed = false;
  #probe: NodeJS.Timeout | undefined;

  constructor(transport: Duplex, options: SpdyConnectionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#nextStreamId = options.role === 'server' ? 2 : 1;
    this.#pingId = this.#nextStreamId;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('drain', () => this.#wake());
    transport.on('end', () => transport.end());
    // Its 'close' follows, which is what everyone waits for.
    transport.on('error', () => transport.destroy());
    transport.on('close', () => {
      this.#lose();
      resolve();
    });
    if (transport.destroyed) {
      this.#lose();
      resolve();
    }
  }

  /** The number of streams that are not closed on both sides. */
  get streamCount(): number {
    return this.#streams.size;
  }

  open(headers: SpdyHeaders): SpdyStream {
    const id = this.#nextStreamId;
    this.#nextStreamId += 2;
    const stream = new SpdyStream(this, id, headers, this.#initialSendWindow);
    this.#streams.set(id, stream);
    this.#replied.add(stream);
    this.#send(synStreamFrame(id, this.#compressor.compress(headers)));
    return stream;
  }

  ping(): void {
    this.#send(controlFrame('PING', 0, this.#pingId));
    this.#pingId = (this.#pingId + 2) >>> 0;
  }

  /** Says GOAWAY, lets what was written reach the transport, and closes it. */
  end(): void {
    if (this.#goingAway) return;
    this.#goingAway = true;
    this.#send(controlFrame('GOAWAY', 0, this.#lastPeerStreamId, GOAWAY.OK));
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  sendData(stream: SpdyStream, data: Buffer, callback: (error?: Error | null) => void): void {
    this.#reply(stream);
    let rest = data;
    const proceed = () => {
      while (rest.length > 0) {
        if (stream.reset || !this.#writable()) {
          stream.destroy();
          break;
        }
        const room = this.#sendRoom(stream);
        if (room <= 0) return void this.#waiting.push(proceed);
        const piece = rest.subarray(0, Math.min(room, MAX_DATA_BYTES));
        rest = rest.subarray(piece.length);
        stream.sendWindow -= piece.length;
        this.#sessionSendWindow -= piece.length;
        const accepted = this.#send(dataFrameHeader(stream.id, piece.length, false), piece);
        if (!accepted) return void this.#waiting.push(rest.length > 0 ? proceed : callback);
      }
      callback();
    };
    proceed();
  }

  sendFin(stream: SpdyStream, callback: (error?: Error | null) => void): void {
    this.#reply(stream);
    if (!stream.reset) this.#send(dataFrameHeader(stream.id, 0, true));
    callback();
  }

  readerHasRoom(stream: SpdyStream): void {
    this.#credit(stream);
    if (this.#full.delete(stream)) this.#resumeWhenRoom();
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id);
    if (!(stream.remoteFinished && stream.localFinished) && !stream.reset)
      this.#send(controlFrame('RST_STREAM', 0, stream.id, RST.CANCEL));
    this.#creditSession(stream.uncreditedInSession);
    if (this.#full.delete(stream)) this.#resumeWhenRoom();
    this.#wake();
  }

  #receive(chunk: Buffer): void {
    if (this.#failed) return;
    try {
      for (const frame of this.#reader.read(chunk)) this.#handle(frame);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#full.size > 0) this.#hold();
  }

  #handle(frame: Frame): void {
    switch (frame.type) {
      case 'SYN_STREAM':
        this.#synStream(frame);
        break;
      case 'DATA':
        this.#data(frame);
        break;
      case 'SYN_REPLY':
      case 'HEADERS':
        // Unpacked even when nobody asks: the context must follow.
        this.#decompressor.decompress(frame.headerBlock);
        if (frame.fin) this.#remoteFin(this.#streams.get(frame.streamId));
        break;
      case 'RST_STREAM':
        this.#peerReset(frame.streamId);
        break;
      case 'SETTINGS':
        this.#settings(frame.settings);
        break;
      case 'PING':
        this.#pong(frame.id);
        break;
      case 'GOAWAY':
        this.#goingAway = true;
        break;
      case 'WINDOW_UPDATE':
        this.#windowUpdate(frame.streamId, frame.delta);
        break;
      case 'UNKNOWN':
        break;
    }
  }

  #synStream(frame: Extract<Frame, { type: 'SYN_STREAM' }>): void {
    const headers = this.#decompressor.decompress(frame.headerBlock);
    const parity = this.#options.role === 'server' ? 1 : 0;
    if (frame.streamId <= this.#lastPeerStreamId || frame.streamId % 2 !== parity)
      throw new SpdyError('a new stream has an id that is not the next', { details: { id: frame.streamId } });
    this.#lastPeerStreamId = frame.streamId;
    if (this.#goingAway || frame.unidirectional || this.#streams.size >= MAX_STREAMS) {
      this.#send(controlFrame('RST_STREAM', 0, frame.streamId, RST.REFUSED_STREAM));
      return;
    }
    const stream = new SpdyStream(this, frame.streamId, headers, this.#initialSendWindow);
    this.#streams.set(stream.id, stream);
    try {
      this.#options.accept(stream);
    } catch (error) {
      this.#options.log.debug('a stream was refused', { error });
      this.#reset(stream, RST.REFUSED_STREAM);
      return;
    }
    this.#reply(stream);
    if (frame.fin) this.#remoteFin(stream);
  }

  /** SYN_REPLY before anything else of ours on the stream: spdystream drops data that comes earlier. */
  #reply(stream: SpdyStream): void {
    if (this.#replied.has(stream) || stream.reset) return;
    this.#replied.add(stream);
    this.#send(synReplyFrame(stream.id, this.#compressor.compress(new Map())));
  }

  #data(frame: Extract<Frame, { type: 'DATA' }>): void {
    if (frame.streamId === 0) throw new SpdyError('data for stream 0');
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined || stream.remoteFinished) {
      // A stream we have closed may still have data under way: that is dropped, and only counted.
      this.#creditSession(frame.data.length);
      if (stream !== undefined) this.#reset(stream, RST.STREAM_ALREADY_CLOSED);
      else if (!this.#everOpened(frame.streamId))
        this.#send(controlFrame('RST_STREAM', 0, frame.streamId, RST.INVALID_STREAM));
      return;
    }
    if (frame.data.length > 0 && !stream.receive(frame.data)) this.#full.add(stream);
    if (frame.fin) this.#remoteFin(stream);
  }

  #remoteFin(stream: SpdyStream | undefined): void {
    if (stream === undefined || stream.remoteFinished) return;
    stream.receiveFin();
  }

  #everOpened(streamId: number): boolean {
    const ours = streamId % 2 === this.#nextStreamId % 2;
    return ours ? streamId < this.#nextStreamId : streamId <= this.#lastPeerStreamId;
  }

  #reset(stream: SpdyStream, status: number): void {
    stream.reset = true;
    stream.destroy();
    this.#send(controlFrame('RST_STREAM', 0, stream.id, status));
  }

  #peerReset(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.reset = true;
    stream.destroy();
  }

  #settings(settings: Map<number, number>): void {
    const window = settings.get(SETTINGS_INITIAL_WINDOW_SIZE);
    if (window === undefined) return;
    if (window > 0x7fffffff) throw new SpdyError('a window is larger than 2^31 - 1');
    this.#peerCountsStreams = true;
    for (const stream of this.#streams.values()) stream.sendWindow += window - this.#initialSendWindow;
    this.#initialSendWindow = window;
    this.#wake();
  }

  #pong(id: number): void {
    const ours = id % 2 === this.#nextStreamId % 2;
    if (!ours) this.#send(controlFrame('PING', 0, id));
  }

  #windowUpdate(streamId: number, delta: number): void {
    if (streamId === 0) {
      this.#peerCountsSession = true;
      this.#sessionSendWindow += delta;
      if (this.#sessionSendWindow > 0x7fffffff) throw new SpdyError('a window is larger than 2^31 - 1');
    } else {
      this.#peerCountsStreams = true;
      const stream = this.#streams.get(streamId);
      if (stream === undefined) return;
      stream.sendWindow += delta;
      if (stream.sendWindow > 0x7fffffff) this.#reset(stream, RST.FLOW_CONTROL_ERROR);
    }
    this.#wake();
  }

  #sendRoom(stream: SpdyStream): number {
    const streamRoom = this.#peerCountsStreams ? stream.sendWindow : Number.POSITIVE_INFINITY;
    const sessionRoom = this.#peerCountsSession ? this.#sessionSendWindow : Number.POSITIVE_INFINITY;
    return Math.min(streamRoom, sessionRoom);
  }

  #credit(stream: SpdyStream): void {
    this.#creditSession(stream.uncreditedInSession);
    stream.uncreditedInSession = 0;
    if (stream.uncredited < WINDOW_UPDATE_BYTES || stream.remoteFinished) return;
    this.#send(controlFrame('WINDOW_UPDATE', 0, stream.id, stream.uncredited));
    stream.uncredited = 0;
  }

  #creditSession(bytes: number): void {
    this.#uncreditedSession += bytes;
    if (this.#uncreditedSession < WINDOW_UPDATE_BYTES) return;
    this.#send(controlFrame('WINDOW_UPDATE', 0, 0, this.#uncreditedSession));
    this.#uncreditedSession = 0;
  }

  #hold(): void {
    this.#transport.pause();
    this.#probe ??= setInterval(() => this.ping(), PROBE_INTERVAL_MS).unref();
  }

  #resumeWhenRoom(): void {
    if (this.#full.size > 0) return;
    clearInterval(this.#probe);
    this.#probe = undefined;
    this.#transport.resume();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const proceed of waiting) proceed();
  }

  #writable(): boolean {
    return !this.#transport.destroyed && this.#transport.writable;
  }

  /** @returns whether the transport has room for more. */
  #send(...parts: Buffer[]): boolean {
    if (!this.#writable()) return true;
    this.#transport.cork();
    for (const part of parts) this.#transport.write(part);
    this.#transport.uncork();
    // Not what write() said: the transport may have drained within uncork().
    return !this.#transport.writableNeedDrain;
  }

  #fail(error: unknown): void {
    this.#failed = true;
    const status = error instanceof SpdyError ? GOAWAY.PROTOCOL_ERROR : GOAWAY.INTERNAL_ERROR;
    this.#send(controlFrame('GOAWAY', 0, this.#lastPeerStreamId, status));
    this.#goingAway = true;
    this.#options.log.warn('a SPDY connection failed', { error });
    this.#transport.end(() => this.#transport.destroy());
  }

  #lose(): void {
    clearInterval(this.#probe);
    this.#failed = true;
    for (const stream of [...this.#streams.values()]) {
      stream.reset = true;
      stream.destroy();
    }
    this.#streams.clear();
    this.#wake();
  }
}
