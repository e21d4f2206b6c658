import { Duplex } from 'node:stream';
import type { SpdyHeaders } from './header-block.ts';

/** What a stream needs of its connection. */
export interface SpdyStreamPort {
  /** Calls back when the transport has room for more. */
  sendData(stream: SpdyStream, data: Buffer, callback: (error?: Error | null) => void): void;
  sendFin(stream: SpdyStream, callback: (error?: Error | null) => void): void;
  readerHasRoom(stream: SpdyStream): void;
  /** The stream is gone on our side. */
  forget(stream: SpdyStream): void;
}

/** Bytes held for a reader that does not keep up, before the stream's window stays closed. */
const STREAM_BUFFER_BYTES = 256 * 1024;
/**
 * And before the whole connection is held back. A peer that keeps to our windows cannot get here, so what it
 * says on other streams, and its own window updates, always come through.
 */
const STREAM_LIMIT_BYTES = 512 * 1024;

/**
 * One stream of a connection, both halves. `end()` closes our half, `destroy()` resets the stream. The peer's
 * reset, or the loss of the connection, shows as `close` without `end`.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** Bytes the peer lets us send now; below zero for peers that do not count. */
  sendWindow: number;
  /** The peer has closed its half. */
  remoteFinished = false;
  /** We have closed our half. */
  localFinished = false;
  /** The peer has reset it: nothing may be sent any more. */
  reset = false;
  /** Bytes received for which the peer's session window was not opened again yet. */
  uncreditedInSession = 0;
  /** The same for the window of this stream. */
  uncredited = 0;
  readonly #port: SpdyStreamPort;

  constructor(port: SpdyStreamPort, id: number, headers: SpdyHeaders, sendWindow: number) {
    super({ highWaterMark: STREAM_BUFFER_BYTES, allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.sendWindow = sendWindow;
    this.#port = port;
  }

  /** The first value of a header. */
  header(name: string): string | undefined {
    return this.headers.get(name)?.[0];
  }

  /** Data from the peer. @returns false when the peer sends more than its window allows, and the reader does not keep up. */
  receive(data: Buffer): boolean {
    this.uncredited += data.length;
    this.uncreditedInSession += data.length;
    this.push(data);
    return this.readableLength < STREAM_LIMIT_BYTES;
  }

  receiveFin(): void {
    this.remoteFinished = true;
    this.push(null);
  }

  override _read(): void {
    this.#port.readerHasRoom(this);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#port.sendData(this, chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.localFinished = true;
    this.#port.sendFin(this, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#port.forget(this);
    callback(error);
  }
}
