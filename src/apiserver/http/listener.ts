import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type Duplex, finished, Readable } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { type Log, messageOf, OrreryError } from '../../base/index.ts';
import { BODY_LIMIT_BYTES } from '../encoding/body.ts';
import { methodNotAllowed } from '../errors.ts';
import type { ServerCredentials } from '../pki/renewal.ts';
import {
  type ApiRequest,
  type ApiResponse,
  bodyLength,
  isWhole,
  type RequestBody,
  type UpgradeRequest,
  type WholeBody,
} from './messages.ts';
import { readBodyBytes, requestOf } from './read-request.ts';
import { isWebSocket, streamOverWebSocket } from './websocket-stream.ts';

/** One request on its connection. */
interface Wire {
  body: IncomingMessage | ServerHttp2Stream;
  hasBody: boolean;
  /** Somebody has begun to take the body in. */
  isRead?: boolean;
  socket: TLSSocket;
  whole: Duplex | ServerResponse;
  /** Names and values in turn. */
  headerLines: readonly string[] | undefined;
}

const MAX_HEADER_BYTES = 1024 * 1024;

/** What the listener hands a request to, with the connection it came by. Neither throws. */
export interface RequestHandler {
  /** `body` when there is one: nothing of it is taken in before it is known whose it is. */
  handle(request: ApiRequest, socket: TLSSocket, body?: RequestBody): Promise<ApiResponse>;
  /** Status 101: the connection has been taken over; anything else is written and the connection ended. */
  upgrade(request: UpgradeRequest, socket: TLSSocket): Promise<ApiResponse>;
  errorResponse(error: unknown, request: Pick<ApiRequest, 'method' | 'path'>): ApiResponse;
}

/** `clientCa` signs the clients' certificates. */
export interface ListenerOptions extends ServerCredentials {
  log: Log;
  /** The share of HTTP/2 requests after which the client is told to connect anew. Default 0. */
  goawayChance?: number;
  /** Connections of one address at a time. Default: any number. */
  maxConnectionsPerClient?: number;
}

/** One TLS port for HTTP/1.1 and HTTP/2 (ALPN), client certificates asked for but not required, TLS 1.2 and newer. */
export class TlsListener {
  readonly #server: Http2SecureServer;
  readonly #handler: RequestHandler;
  readonly #log: Log;
  readonly #sockets = new Set<TLSSocket>();
  readonly #goawayChance: number;
  readonly #maxConnectionsPerClient: number;
  readonly #connections = new Map<string, number>();
  /** With their connections; `session.socket` is another object, which throws as soon as the session has ended. */
  readonly #sessions = new Map<Http2Session, TLSSocket>();
  /** The connection whose handshake has just ended. */
  #arrived: TLSSocket | undefined;
  /** HTTP/1.1 connections in the middle of a request. */
  readonly #busy = new Set<Duplex>();

  constructor(options: ListenerOptions, handler: RequestHandler) {
    this.#handler = handler;
    this.#log = options.log;
    this.#goawayChance = options.goawayChance ?? 0;
    this.#maxConnectionsPerClient = options.maxConnectionsPerClient ?? Number.POSITIVE_INFINITY;
    this.#server = createSecureServer({
      allowHTTP1: true,
      ...secureContext(options),
      requestCert: true,
      rejectUnauthorized: false,
      maxSessionMemory: 64,
      // Go's limit of a request's head; in HTTP/2 the connection's memory bounds them together.
      ...{ maxHeaderSize: MAX_HEADER_BYTES },
      maxHeaderListPairs: 1000,
      settings: {
        maxConcurrentStreams: 1000,
        initialWindowSize: 1024 * 1024,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
    });
    this.#wire();
  }

  /** Shows another certificate to those who connect from now on. */
  use(credentials: ServerCredentials): void {
    this.#server.setSecureContext(secureContext(credentials));
  }

  /** @throws OrreryError PortInUse, CannotListen. */
  async listen(address: { host: string; port: number }): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(address, cause)));
      this.#server.listen(address.port, address.host, resolve);
    });
    this.#server.on('error', (error) => this.#log.error('listener failed', { error }));
    const bound = this.#server.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** No new connections; those there get `graceMs` to finish what they do. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    for (const session of this.#sessions.keys()) session.close();
    for (const socket of this.#sockets)
      if (socket.alpnProtocol !== 'h2' && !this.#busy.has(socket)) socket.destroy();
    await closed;
    clearTimeout(timer);
  }

  #wire(): void {
    const server = this.#server;
    // Before the handshake, which is what costs.
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.setNoDelay(true);
    });
    // Before the server itself, which makes the session in the same turn.
    server.prependListener('secureConnection', (socket: TLSSocket) => {
      this.#arrived = socket;
    });
    server.on('session', (session) => {
      this.#sessions.set(session, this.#arrived!);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', (error) => this.#log.debug('HTTP/2 session failed', { error: messageOf(error) }));
    });
    server.on('request', (message, response) => {
      if (message.httpVersionMajor === 1)
        this.#guard(
          this.#http1(message as unknown as IncomingMessage, response as unknown as ServerResponse),
          message.socket,
        );
    });
    // 'request' switched on the compatibility layer for HTTP/2; its streams are served without it.
    server.removeAllListeners('stream');
    server.on('stream', (stream, headers, flags, ...more: (readonly string[])[]) =>
      this.#guard(this.#http2(stream, headers, { flags, headerLines: more[0] }), stream),
    );
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#guard(this.#upgrade(message, socket as TLSSocket, head), socket);
    });
    for (const event of ['clientError', 'tlsClientError', 'sessionError'])
      server.on(event, (error: Error, socket?: Duplex) => {
        this.#log.debug('connection failed', { event, error: messageOf(error) });
        if (event === 'clientError' && socket?.writable)
          socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
      });
  }

  /** What goes wrong with one request ends it, not the server. */
  #guard(serving: Promise<void>, connection: Duplex): void {
    serving.catch((error: unknown) => {
      this.#log.error('a request could not be answered', { error });
      connection.destroy();
    });
  }

  #admit(socket: Socket): void {
    const client = socket.remoteAddress ?? '';
    const count = (this.#connections.get(client) ?? 0) + 1;
    if (count > this.#maxConnectionsPerClient) {
      this.#log.warn('a client has too many connections', { client, limit: this.#maxConnectionsPerClient });
      socket.destroy();
      return;
    }
    this.#connections.set(client, count);
    socket.once('close', () => {
      const left = this.#connections.get(client)! - 1;
      if (left === 0) this.#connections.delete(client);
      else this.#connections.set(client, left);
    });
  }

  async #http1(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = message.method ?? 'GET';
    const { socket } = message;
    this.#busy.add(socket);
    response.once('close', () => this.#busy.delete(socket));
    const wire: Wire = {
      body: message,
      hasBody:
        message.headers['content-length'] !== undefined || message.headers['transfer-encoding'] !== undefined,
      socket: message.socket as TLSSocket,
      whole: response,
      headerLines: message.rawHeaders,
    };
    const answer = await this.#serve(method, message.url ?? '/', message.headers, wire);
    await everyoneRead();
    const headers: Record<string, string | number> = { ...answer.headers };
    // A body that is too large is not read to its end: the connection cannot be used again.
    if (!message.complete && !(Number(message.headers['content-length']) <= BODY_LIMIT_BYTES))
      headers.connection = 'close';
    const length = bodyLength(answer.body);
    if (length !== undefined) headers['content-length'] = length;
    // Somebody waits for a body that did not come in time.
    const isAbandoned = !message.complete && wire.isRead === true;
    if (isAbandoned) headers.connection = 'close';
    response.writeHead(answer.status, headers);
    await this.#send(response, answer, method === 'HEAD');
    if (isAbandoned) finished(response, () => message.destroy());
  }

  async #http2(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { flags, headerLines }: { flags: number; headerLines: readonly string[] | undefined },
  ): Promise<void> {
    const END_STREAM = 1;
    stream.on('error', (error) => this.#log.debug('HTTP/2 stream failed', { error: messageOf(error) }));
    const method = headers[':method'] ?? 'GET';
    const socket = stream.session && this.#sessions.get(stream.session);
    if (socket === undefined) return;
    const wire: Wire = {
      body: stream,
      hasBody: (flags & END_STREAM) === 0,
      socket,
      whole: stream,
      headerLines,
    };
    await everyoneRead();
    const answer = await this.#serve(method, headers[':path'] ?? '/', headers, wire);
    if (stream.destroyed || stream.closed) return endUnused(answer);
    const isUnread = wire.hasBody && !stream.readableEnded;
    stream.respond({ ':status': answer.status, ...answer.headers });
    await this.#send(stream, answer, method === 'HEAD');
    if (isUnread) giveUp(stream, wire.isRead === true);
    // Streams that are open end in peace.
    if (this.#goawayChance > 0 && Math.random() < this.#goawayChance) stream.session?.close();
  }

  async #serve(
    method: string,
    url: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    wire: Wire,
  ): Promise<ApiResponse> {
    const request = requestOf(method, url, headers, wire.headerLines);
    if (request === undefined)
      return this.#handler.errorResponse(methodNotAllowed(), { method: 'GET', path: url });
    if (mayStream(request)) {
      const controller = new AbortController();
      finished(wire.whole as Duplex, { readable: false }, () => controller.abort(GONE));
      request.signal = controller.signal;
    }
    if (!wire.hasBody) return this.#handler.handle(request, wire.socket);
    const length = request.headers?.['content-length'];
    const read = () => {
      wire.isRead = true;
      return readBodyBytes(wire.body, length);
    };
    const body = { stream: wire.body, read };
    return this.#handler.handle(request, wire.socket, body);
  }

  async #send(to: ServerResponse | ServerHttp2Stream, answer: ApiResponse, headOnly: boolean): Promise<void> {
    if (headOnly || answer.status === 304) {
      to.end();
      return endUnused(answer);
    }
    if (isWhole(answer.body)) {
      endWith(to, answer.body);
      return;
    }
    // Headers at once: a watch may have nothing to say for long.
    if ('flushHeaders' in to) to.flushHeaders();
    try {
      for await (const chunk of answer.body) {
        if (to.destroyed) break;
        if (to.write(chunk) || (await drained(to, answer.stall?.limitMs))) continue;
        this.#log.info('a client did not read its watch', { limitMs: answer.stall?.limitMs });
        answer.stall?.ended();
        to.destroy();
        return;
      }
      to.end();
    } catch (error) {
      this.#log.debug('stream of an answer broke', { error: messageOf(error) });
      to.destroy();
    }
  }

  async #upgrade(message: IncomingMessage, socket: TLSSocket, head: Buffer): Promise<void> {
    socket.on('error', (error) => this.#log.debug('upgraded connection failed', { error: messageOf(error) }));
    const request = requestOf(
      message.method ?? 'GET',
      message.url ?? '/',
      message.headers,
      message.rawHeaders,
    );
    if (request !== undefined && mayStream(request)) {
      const gone = new AbortController();
      socket.once('close', () => gone.abort(GONE));
      request.signal = gone.signal;
    }
    let answer =
      request === undefined
        ? this.#handler.errorResponse(methodNotAllowed(), { method: 'GET', path: message.url ?? '/' })
        : await this.#handler.upgrade({ request, socket, head }, socket);
    if (answer.status === 101) return;
    if (answer.status === 200 && isWebSocket(message) && isStream(request!))
      try {
        return await streamOverWebSocket({ message, socket, head }, answer);
      } catch (error) {
        answer = this.#handler.errorResponse(error, request!);
      }
    const body = answer.body instanceof Uint8Array ? answer.body : new Uint8Array();
    const lines = [
      `HTTP/1.1 ${answer.status} Refused`,
      'connection: close',
      `content-length: ${body.length}`,
    ];
    for (const [name, value] of Object.entries(answer.headers)) lines.push(`${name}: ${value}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    socket.end(body);
  }
}

/**
 * Lets this turn of the event loop read every connection before the first is answered. An answer written while its
 * connection is being read goes out in pieces, headers before body, and one connection at a time: for requests that
 * are cheap this halves what a server can do (bench/api.ts). HTTP/1.1 wins by it before the answer, HTTP/2 before the work.
 */
function everyoneRead(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function secureContext({ certificate, key, clientCa }: ServerCredentials): SecureContextOptions {
  return { cert: certificate, key, ca: clientCa, minVersion: 'TLSv1.2' };
}

/** A constant: making a DOMException for each request's end costs more than the rest of its bookkeeping. */
const GONE = new OrreryError('ClientGone', 'the client has gone');

/** Only watches and logs need to hear that their client has gone; without a query there is no watch. */
function mayStream({ method, path, query }: ApiRequest): boolean {
  return (
    method === 'GET' &&
    (query !== undefined || path.endsWith('/log') || path.includes('/watch/') || path.includes('/proxy'))
  );
}

/** What is sent as it comes, over a WebSocket too. */
function isStream({ path, query }: ApiRequest): boolean {
  return path.endsWith('/log') || query?.get('watch') === 'true' || query?.get('watch') === '1';
}

/** How long and how much of a body that nobody wants is taken in. */
const UNWANTED_MS = 5000;

/**
 * The answer is there, the rest of the body is not wanted. What has come of it counts against the connection's memory
 * until the stream is closed, so it is read away; a client that is cut off would keep what it could not send (Node's
 * does so for good, and after ten megabytes refuses its own requests). Who sends on and on is cut off all the same
 * (RFC 9113 section 8.1).
 */
function giveUp(stream: ServerHttp2Stream, isRead: boolean): void {
  let bytes = 0;
  const cut = () => {
    stream.close(constants.NGHTTP2_NO_ERROR);
    stream.resume();
  };
  // Somebody waits for what did not come in time, or has read too much of it.
  if (isRead) {
    cut();
    return;
  }
  const timer = setTimeout(cut, UNWANTED_MS);
  stream.once('close', () => clearTimeout(timer));
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) cut();
  });
}

/** False when that took longer than it may. */
function drained(to: ServerResponse | ServerHttp2Stream, limitMs: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (inTime: boolean) => {
      to.off('drain', drain);
      to.off('close', drain);
      clearTimeout(timer);
      resolve(inTime);
    };
    const drain = () => done(true);
    const timer = limitMs === undefined ? undefined : setTimeout(done, limitMs, false);
    to.once('drain', drain);
    to.once('close', drain);
  });
}

/** Pieces go out together, as one would. */
function endWith(to: ServerResponse | ServerHttp2Stream, body: WholeBody): void {
  if (body instanceof Uint8Array) {
    to.end(body);
    return;
  }
  to.cork();
  for (const part of body) to.write(part);
  to.end();
}

/** Lets a stream nobody will read give back what it holds. */
async function endUnused(answer: ApiResponse): Promise<void> {
  if (isWhole(answer.body)) return;
  if (answer.body instanceof Readable) answer.body.destroy();
  else await answer.body[Symbol.asyncIterator]().return?.();
}

function cannotListen(address: { host: string; port: number }, cause: NodeJS.ErrnoException): OrreryError {
  if (cause.code === 'EADDRINUSE')
    return new OrreryError('PortInUse', `port ${address.port} on ${address.host} is already in use`, {
      details: address,
      cause,
      hint: 'stop the program that uses it, or choose another port (--port, --node-port)',
    });
  return new OrreryError(
    'CannotListen',
    `cannot listen on ${address.host}:${address.port}: ${cause.message}`,
    {
      details: address,
      cause,
    },
  );
}
