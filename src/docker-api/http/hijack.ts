import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable, type Writable } from 'node:stream';
import { BadRequest } from '../../base/index.ts';

/** A connection that was taken out of HTTP: bytes both ways until somebody closes. */
export interface Hijacked {
  readonly input: Readable;
  readonly output: Writable;
  /** Resolves when the connection is gone, whoever closed it. */
  readonly closed: Promise<void>;
  /** Sends what is left and closes. */
  close(): void;
}

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * A client that asked for `Upgrade: tcp` has its answer 101 and then speaks raw (Engine API, ContainerAttach,
 * "Hijacking").
 */
export function hijackUpgraded(socket: Duplex, contentType: string): Hijacked {
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  return {
    input: socket,
    output: socket,
    closed: whenClosed(socket),
    close: () => closeSocket(socket),
  };
}

/** One that did not ask gets the bytes as a body without an end; what it sends as its request's body is the input. */
export function hijackPlain(
  request: IncomingMessage,
  response: ServerResponse,
  contentType: string,
): Hijacked {
  response.shouldKeepAlive = false;
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { 'Content-Type': contentType, Connection: 'close' });
  response.flushHeaders();
  return {
    input: request,
    output: response,
    closed: whenClosed(response),
    close: () => void response.end(),
  };
}

function whenClosed(stream: Writable): Promise<void> {
  // A reset is a way to leave; the stream ends either way.
  stream.on('error', () => undefined);
  return stream.destroyed ? Promise.resolve() : new Promise((resolve) => stream.once('close', resolve));
}

/** The other side may keep its half open for ever: when all is sent, nothing more is waited for. */
function closeSocket(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end(() => socket.destroy());
}

/**
 * The body that came with an upgrade request: Node leaves it, and all after it, to whoever takes the socket.
 * What follows the body stays in the socket.
 */
export async function readUpgradeBody(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<Readable> {
  if (request.headers['transfer-encoding'] !== undefined) {
    // Clients that send no body at all say so in a chunk of no bytes; one that goes on is already past HTTP.
    const rest = head.subarray(0, 5).toString('latin1') === '0\r\n\r\n' ? head.subarray(5) : head;
    if (rest.byteLength > 0) socket.unshift(rest);
    return Readable.from([]);
  }
  const length = Number(request.headers['content-length'] ?? 0);
  if (!Number.isSafeInteger(length) || length < 0 || length > BODY_LIMIT_BYTES)
    throw new BadRequest('the length of the body is wrong');
  if (head.byteLength > 0) socket.unshift(head);
  const chunks: Buffer[] = [];
  let missing = length;
  while (missing > 0) {
    const chunk = (socket.read(Math.min(missing, Math.max(socket.readableLength, 1))) ??
      null) as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new BadRequest('the body ended too early');
      await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
      continue;
    }
    const taken = chunk.subarray(0, missing);
    if (chunk.byteLength > missing) socket.unshift(chunk.subarray(missing));
    chunks.push(taken);
    missing -= taken.byteLength;
  }
  return Readable.from(length === 0 ? [] : [Buffer.concat(chunks)]);
}
