import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { messageOf } from '../base/index.ts';
import { bodyOf } from './http2-body.ts';
import { Unreachable } from './status-error.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

export interface HttpTransportOptions {
  /** `https://127.0.0.1:6443`; a path in it goes before every request's. */
  server: string;
  /** The authority that signed the server's certificate; left out: the system's. */
  caPem?: string;
  certPem?: string;
  keyPem?: string;
  /** Sent as `authorization: Bearer …`. */
  token?: string;
  /** The name to check the server's certificate for, instead of the host of `server`. */
  serverName?: string;
  insecureSkipTlsVerify?: boolean;
  /** Until the headers of an answer arrive; a watch lives as long as it likes after that. Default 30,000. */
  timeoutMs?: number;
  /** A connection without a sign of life for this long is asked for one. Default 15,000. */
  pingIntervalMs?: number;
}

export interface HttpTransport extends Transport {
  /** Ends the connection; a later request makes a new one. */
  close(): void;
}

/** Codes after which the request has surely not been executed, so that sending it again is safe. */
const NEVER_SENT = new Set([
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_OUT_OF_STREAMS',
]);
const WINDOW_BYTES = 8 * 1024 * 1024;

/**
 * HTTPS to an API server over one multiplexed HTTP/2 connection, made at the first request and again after
 * it broke. Watches notice a server that vanished without a word by HTTP/2 pings.
 *
 * Its requests fail with Unreachable when there is no answer; the transport never repeats a request that
 * may have been executed.
 */
export function httpTransport(options: HttpTransportOptions): HttpTransport {
  return new Http2Transport(options);
}

class Http2Transport implements HttpTransport {
  readonly #options: HttpTransportOptions;
  readonly #basePath: string;
  #session: ClientHttp2Session | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#basePath = new URL(options.server).pathname.replace(/\/+$/, '');
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    try {
      return await this.#attempt(request);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!neverSent(error)) throw error;
      return await this.#attempt(request);
    }
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  #attempt(request: ApiRequest): Promise<ApiResponse> {
    request.signal?.throwIfAborted();
    const query = request.query?.toString();
    const path = `${this.#basePath}${request.path}${query ? `?${query}` : ''}`;
    const stream = this.#connection().request(
      {
        ...request.headers,
        ...(this.#options.token !== undefined && { authorization: `Bearer ${this.#options.token}` }),
        ':method': request.method,
        ':path': path,
      },
      { endStream: request.body === undefined },
    );
    if (request.body !== undefined) stream.end(request.body);
    return this.#answer(request, stream);
  }

  #answer(request: ApiRequest, stream: ClientHttp2Stream): Promise<ApiResponse> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#options.timeoutMs ?? 30_000;
      let answered = false;
      const abort = () => {
        stream.close(constants.NGHTTP2_CANCEL);
        if (!answered) reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        stream.close(constants.NGHTTP2_CANCEL);
        reject(new Unreachable(`no answer from ${this.#options.server} after ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      stream.on('response', (headers) => {
        answered = true;
        clearTimeout(timer);
        resolve({
          status: Number(headers[':status']),
          headers: plainHeaders(headers),
          body: bodyOf(stream),
        });
      });
      // After the answer began, the body's reader gets this error from the stream itself.
      stream.on('error', (cause) => reject(this.#unreachable(cause)));
      stream.on('close', () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if (!answered) reject(this.#unreachable(new Error('the connection was closed')));
      });
    });
  }

  #unreachable(cause: unknown): Unreachable {
    return new Unreachable(`${this.#options.server}: ${messageOf(cause)}`, cause);
  }

  #connection(): ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed)
      return this.#session;
    const { caPem, certPem, keyPem, serverName, insecureSkipTlsVerify } = this.#options;
    const session = connect(new URL(this.#options.server).origin, {
      // Many large bodies at once: Node's 10 MB would refuse them.
      maxSessionMemory: 64,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      ...(caPem !== undefined && { ca: caPem }),
      ...(certPem !== undefined && { cert: certPem }),
      ...(keyPem !== undefined && { key: keyPem }),
      ...(serverName !== undefined && { servername: serverName }),
      ...(insecureSkipTlsVerify && { rejectUnauthorized: false }),
    });
    this.#session = session;
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('goaway', forget);
    // Every stream of the session gets the error too, and tells its caller.
    session.on('error', forget);
    this.#watchLiveness(session);
    session.on('close', forget);
    return session;
  }

  #watchLiveness(session: ClientHttp2Session): void {
    const intervalMs = this.#options.pingIntervalMs ?? 15_000;
    let unanswered = false;
    const timer = setInterval(() => {
      if (session.destroyed || session.connecting) return;
      if (unanswered) return session.destroy(new Error(`no answer to a ping for ${intervalMs} ms`));
      unanswered = true;
      session.ping((error) => {
        unanswered = error !== null;
      });
    }, intervalMs);
    timer.unref();
    session.on('close', () => clearInterval(timer));
  }
}

function neverSent(error: unknown): boolean {
  const cause = error instanceof Unreachable ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return (
    (code !== undefined && NEVER_SENT.has(code)) ||
    (code === 'ERR_HTTP2_STREAM_ERROR' && messageOf(cause).includes('NGHTTP2_REFUSED_STREAM'))
  );
}

function plainHeaders(
  headers: Record<string, string | string[] | number | undefined>,
): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !name.startsWith(':')) plain[name] = String(value);
  return plain;
}
