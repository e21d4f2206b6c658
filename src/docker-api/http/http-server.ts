import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BadRequest, type Log, messageOf } from '../../base/index.ts';
import { Exchange } from './exchange.ts';
import { destroyWhenHungUp } from './hang-up.ts';
import { type Hijacked, hijackPlain, hijackUpgraded, readUpgradeBody } from './hijack.ts';
import { publicMessage, statusOf } from './refusal.ts';
import type { Router } from './router.ts';

export type Handler = (exchange: Exchange) => Promise<void>;

/** TLS with clients' certificates: the one way to serve over TCP. PEM. */
export interface MutualTls {
  certificate: string;
  key: string;
  /** Clients' certificates must be from here. */
  clientAuthority: string;
}

export interface HttpServerOptions {
  router: Router<Handler>;
  /** Sent with every answer. */
  headers: Record<string, string>;
  log: Log;
  tls?: MutualTls;
  /** For the headers of one request. Default 10 s. */
  headersTimeoutMs?: number;
  /** Requests under way have gone from none to some, or back. */
  onActivity: (active: number) => void;
}

const HEADER_LIMIT_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 300_000;
/** Of a TCP client that closed while nothing is written, only the kernel's own questions tell. */
const PROBE_AFTER_MS = 15_000;
const CONNECTION_LIMIT = 4096;

/**
 * HTTP/1.1 with hijacked connections. Every request ends in one handler of the router, or in Docker's error JSON;
 * one that fails takes nothing with it but its own connection.
 */
export class DockerHttpServer {
  readonly server: Server;
  readonly #options: HttpServerOptions;
  readonly #stopping = new AbortController();
  readonly #upgraded = new Set<Duplex>();
  #active = 0;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const headersTimeoutMs = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
    const limits = {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: headersTimeoutMs,
      // A build context or an image may take as long as it takes; bodies that are read whole have a time of their own.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: headersTimeoutMs / 5,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
    };
    this.server =
      options.tls === undefined
        ? createServer(limits)
        : createTlsServer({
            ...limits,
            cert: options.tls.certificate,
            key: options.tls.key,
            ca: options.tls.clientAuthority,
            requestCert: true,
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
          });
    this.server.maxConnections = CONNECTION_LIMIT;
    // Who has sent all of its input still waits for the output.
    (this.server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    this.server.on(options.tls === undefined ? 'connection' : 'secureConnection', destroyWhenHungUp);
    this.server.on('request', (request, response) => void this.#serve(request, response));
    this.server.on('upgrade', (request, socket, head) => void this.#serveUpgrade(request, socket, head));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseGarbage(error, socket));
  }

  get active(): number {
    return this.#active;
  }

  /** Ends follow loops and hijacked connections, waits for what is being answered, at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    this.#stopping.abort(new Error('the server ends'));
    for (const socket of this.#upgraded) socket.destroy();
    const timer = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort(new Error('the client is gone')));
    // A client that goes away while we write is told of by 'close'.
    response.on('error', () => undefined);
    await this.#counted(async () => {
      await this.#handle(request, response, {
        body: () => Promise.resolve(request),
        signal: AbortSignal.any([gone.signal, this.#stopping.signal]),
        hijack: (contentType) => hijackPlain(request, response, contentType),
        takeSocket: () => {
          throw new BadRequest('the request asks for no upgrade of its connection');
        },
      });
      await finished(response);
    });
  }

  /** `Upgrade: tcp` on an attach or an exec; on other calls clients must not send it, and get an ordinary answer. */
  async #serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#upgraded.delete(socket);
      gone.abort(new Error('the client is gone'));
    });
    this.#upgraded.add(socket);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    let isTaken = false;
    const takeSocket = (): Socket => {
      isTaken = true;
      response.detachSocket(socket as Socket);
      return socket as Socket;
    };
    await this.#counted(async () => {
      await this.#handle(request, response, {
        body: () => readUpgradeBody(request, socket, head),
        signal: AbortSignal.any([gone.signal, this.#stopping.signal]),
        hijack: (contentType) => hijackUpgraded(takeSocket(), contentType),
        takeSocket,
      });
      if (isTaken) return;
      await finished(response);
      socket.end(() => socket.destroy());
    });
  }

  async #counted(work: () => Promise<void>): Promise<void> {
    this.#options.onActivity(++this.#active);
    try {
      await work();
    } catch (error) {
      this.#options.log.error('a connection failed', { error });
    } finally {
      this.#options.onActivity(--this.#active);
    }
  }

  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
    parts: {
      body: () => Promise<Exchange['body']>;
      signal: AbortSignal;
      hijack: (contentType: string) => Hijacked;
      takeSocket: () => Socket;
    },
  ): Promise<void> {
    for (const [name, value] of Object.entries(this.#options.headers)) response.setHeader(name, value);
    let hijacked: Hijacked | undefined;
    try {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const { handler, params, version } = this.#options.router.match(request.method ?? '', url.pathname);
      const exchange = new Exchange({
        ...{ request, response, url, params, version, signal: parts.signal },
        body: await parts.body(),
        hijack: (contentType) => {
          hijacked = parts.hijack(contentType);
          return hijacked;
        },
        takeSocket: parts.takeSocket,
      });
      await handler(exchange);
      // What was not said to its end has nobody who waits for it, or no time left.
      if (parts.signal.aborted && hijacked === undefined && !response.writableEnded) response.destroy();
    } catch (error) {
      if (parts.signal.aborted) response.destroy();
      else this.#answerError(request, response, error);
      hijacked?.close();
    }
  }

  #answerError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const status = statusOf(error);
    if (status === 500) {
      const path = request.url?.split('?')[0];
      this.#options.log.error('request failed', { method: request.method, path, error });
    } else {
      this.#options.log.debug('request refused', { status, message: messageOf(error) });
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const text = `${JSON.stringify({ message: publicMessage(error) })}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      // What is left of a body that nobody reads would be taken for the next request.
      ...(!request.complete && { Connection: 'close' }),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  }
}

/** When the answer is sent, or its connection gone. */
function finished(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('finish', resolve);
    response.once('close', resolve);
  });
}

const STATUS_OF_GARBAGE: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_GARBAGE[error.code ?? ''] ?? '400 Bad Request';
  const text = '{"message":"the request cannot be understood"}\n';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
