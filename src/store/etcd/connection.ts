import type { ChannelCredentials, Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { type Log, OrreryError } from '../../base/index.ts';
import { storeClosed } from '../store-errors.ts';
import { explain, isBusy, isLost, notEtcd, otherCluster, tooOld, wasNeverSent } from './etcd-errors.ts';
import { type Method, type ResponseHeader, STATUS } from './messages.ts';
import { WATCH, type WatchCreateRequest, type WatchResponse } from './watch-messages.ts';

export interface EtcdTls {
  /** PEM; the system's authorities when left out. */
  ca?: Buffer;
  certificate?: Buffer;
  key?: Buffer;
}

export interface ConnectionOptions {
  /** host:port */
  endpoints: readonly string[];
  /** Left out: plain text. */
  tls?: EtcdTls | undefined;
  log: Log;
  /** How long one try may take. Default 5 s. */
  attemptMs?: number;
  /** How long, with all tries together. Default 15 s. */
  patienceMs?: number;
}

/** A request whose fate nobody knows; `sent` false when it certainly did nothing. */
export class LostRequest extends Error {
  readonly sent: boolean;
  constructor(cause: ServiceError, sent: boolean) {
    super(cause.details, { cause });
    this.name = 'LostRequest';
    this.sent = sent;
  }
}

const RETRY_FIRST_MS = 20;
const RETRY_LIMIT_MS = 500;
/** etcd refuses pings more often than every 5 s (--grpc-keepalive-min-time). */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 4000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // The endpoint is the one that was named.
  'grpc.enable_http_proxy': 0,
};

type Grpc = typeof import('@grpc/grpc-js');

/**
 * Calls to one etcd cluster, over one of its endpoints at a time; when that does not answer, over the next.
 */
export class EtcdConnection {
  readonly #grpc: Grpc;
  readonly #endpoints: readonly string[];
  readonly #clients: readonly Client[];
  readonly #log: Log;
  readonly #attemptMs: number;
  readonly #patienceMs: number;
  #current = 0;
  #clusterId: bigint | undefined;
  #revision = 0;
  #offset = 0;
  #closed = false;

  /** Connects to nothing yet. */
  static async create(options: ConnectionOptions): Promise<EtcdConnection> {
    // 60 ms and 15 MB that only users of etcd should pay.
    return new EtcdConnection(await import('@grpc/grpc-js'), options);
  }

  private constructor(grpc: Grpc, options: ConnectionOptions) {
    this.#grpc = grpc;
    this.#endpoints = options.endpoints;
    this.#log = options.log;
    this.#attemptMs = options.attemptMs ?? 5000;
    this.#patienceMs = options.patienceMs ?? 15_000;
    const credentials = credentialsOf(grpc, options.tls);
    this.#clients = options.endpoints.map(
      (endpoint) => new grpc.Client(endpoint, credentials, CHANNEL_OPTIONS),
    );
  }

  /** The newest revision any answer named. */
  get revision(): number {
    return this.#revision;
  }

  get endpoint(): string {
    return this.#endpoints[this.#current]!;
  }

  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** What our revisions are above etcd's, for everything from now on. */
  get offset(): number {
    return this.#offset;
  }

  set offset(offset: number) {
    this.#revision += offset - this.#offset;
    this.#offset = offset;
  }

  noteRevision(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  /**
   * Asks every endpoint who it is. Those that do not answer are told of in the log.
   *
   * @throws StoreUnavailable when none answers; StoreTooOld, StoreDenied, StoreForeign for the first that is wrong.
   */
  async verify(): Promise<void> {
    const deadline = Date.now() + this.#patienceMs;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_LIMIT_MS)) {
      const answers = await Promise.allSettled(this.#clients.map((_, at) => this.#verifyEndpoint(at)));
      const lost = answers.flatMap((answer) =>
        answer.status === 'rejected' ? [answer.reason as unknown] : [],
      );
      const wrong = lost.find((error) => error instanceof OrreryError);
      if (wrong !== undefined) throw wrong;
      const first = answers.findIndex(({ status }) => status === 'fulfilled');
      if (first >= 0) {
        this.#current = first;
        for (const error of lost)
          this.#log.warn('an endpoint of etcd does not answer', { error: (error as Error).message });
        return;
      }
      if (Date.now() > deadline) throw explain((lost[0] as Error).cause, this.#endpoints.join(', '));
      await pause(delayMs);
    }
  }

  /** Like `attempt`, on another endpoint when one does not answer. Only for what does no harm twice. */
  async call<Request, Response extends { header: ResponseHeader }>(
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const deadline = Date.now() + this.#patienceMs;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_LIMIT_MS)) {
      try {
        return await this.attempt(method, request);
      } catch (error) {
        if (!(error instanceof LostRequest)) throw error;
        if (Date.now() + delayMs > deadline) throw explain(error.cause, this.#endpoints.join(', '));
        await pause(delayMs);
      }
    }
  }

  /**
   * One try on the current endpoint; when it is lost, the next one is the current.
   *
   * @throws LostRequest; OrreryErrors for what etcd refused; its own errors about revisions as they are.
   */
  async attempt<Request, Response extends { header: ResponseHeader }>(
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    if (this.#closed) throw storeClosed();
    const at = this.#current;
    try {
      return this.#accept(at, await this.#unary(at, method, request));
    } catch (error) {
      if (this.#closed) throw storeClosed();
      if (error instanceof OrreryError) throw error;
      const failure = error as ServiceError;
      if (failure.code === this.#grpc.status.OUT_OF_RANGE) throw failure;
      if (!isLost(failure)) throw explain(failure, this.#endpoints[at]!);
      if (!isBusy(failure)) this.#leave(at);
      throw new LostRequest(failure, !wasNeverSent(failure));
    }
  }

  /** A stream of one watch. Its errors are the caller's; `leave` is for him to call. */
  watch(request: WatchCreateRequest): {
    stream: ClientDuplexStream<WatchCreateRequest, WatchResponse>;
    leave: () => void;
  } {
    if (this.#closed) throw storeClosed();
    const at = this.#current;
    const metadata = new this.#grpc.Metadata();
    // A member cut off from the others ends the watch instead of keeping silent (clientv3.WithRequireLeader).
    metadata.set('hasleader', 'true');
    const stream = this.#clients[at]!.makeBidiStreamRequest(
      WATCH.path,
      (message: WatchCreateRequest) => bufferOf(WATCH.encode(message, this.#offset)),
      (bytes) => WATCH.decode(bytes, this.#offset),
      metadata,
    );
    stream.write(request);
    return { stream, leave: () => this.#leave(at) };
  }

  /** @throws OrreryError StoreForeign for an answer of another cluster. */
  checkCluster(header: ResponseHeader, endpoint = this.endpoint): void {
    // Alarms and defragmentation are answered without.
    if (header.clusterId === 0n) return;
    this.#clusterId ??= header.clusterId;
    if (header.clusterId !== this.#clusterId) throw otherCluster(endpoint);
    this.noteRevision(header.revision);
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.close();
  }

  async #verifyEndpoint(at: number): Promise<void> {
    const endpoint = this.#endpoints[at]!;
    try {
      const { header, version } = await this.#unary(at, STATUS, {});
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (version === '') throw notEtcd(endpoint, 'it names no version');
      if (major < 3 || (major === 3 && minor < 4)) throw tooOld(endpoint, version);
      this.checkCluster(header, endpoint);
    } catch (error) {
      if (error instanceof OrreryError) throw error;
      const failure = error as ServiceError;
      throw isLost(failure) ? new LostRequest(failure, false) : explain(failure, endpoint);
    }
  }

  #accept<Response extends { header: ResponseHeader }>(at: number, response: Response): Response {
    this.checkCluster(response.header, this.#endpoints[at]!);
    return response;
  }

  #unary<Request, Response>(
    at: number,
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#clients[at]!.makeUnaryRequest(
        method.path,
        (message) => bufferOf(method.encode(message, this.#offset)),
        (bytes) => method.decode(bytes, this.#offset),
        request,
        { deadline: Date.now() + this.#attemptMs },
        (error, response) => (error === null ? resolve(response!) : reject(error)),
      );
    });
  }

  #leave(at: number): void {
    if (this.#current !== at || this.#closed) return;
    this.#current = (at + 1) % this.#clients.length;
    if (this.#clients.length > 1)
      this.#log.warn('going on with another endpoint of etcd', {
        left: this.#endpoints[at],
        now: this.endpoint,
      });
  }
}

function credentialsOf(grpc: Grpc, tls: EtcdTls | undefined): ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
