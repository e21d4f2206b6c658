import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect, type ListenOptions } from 'node:net';
import { dirname } from 'node:path';
import { BadRequest, OrreryError, systemClock } from '../base/index.ts';
import { withFileLock } from '../engine/index.ts';
import type { ApiContext } from './context.ts';
import { DockerHttpServer, type Handler, type MutualTls } from './http/http-server.ts';
import { API_VERSION, Router } from './http/router.ts';
import { dockerRoutes } from './routes.ts';

export type ListenAddress =
  /** Of the mode given: who may open it may do all that the server's user may. */
  | { kind: 'unix'; path: string; mode: number }
  /** A listening socket that was handed down (systemd's socket activation). */
  | { kind: 'fd'; fd: number }
  | { kind: 'tcp'; host: string; port: number; tls: MutualTls };

export interface DockerApiOptions extends Omit<ApiContext, 'clock'> {
  clock?: ApiContext['clock'];
  listen: ListenAddress;
  /** Ends by itself when no request has been under way for so long; 0: never. */
  idleTimeoutMs: number;
}

export interface DockerApiServer {
  /** `unix:///run/…`, `fd://3`, `tcp://127.0.0.1:2376` */
  readonly address: string;
  /** When it has ended, idle or closed. */
  readonly ended: Promise<void>;
  /** Ends streams and hijacked connections, lets answers under way finish, takes the socket away. */
  close(): Promise<void>;
}

const GRACE_MS = 10_000;

/**
 * Serves Docker's Engine API. @returns when it listens.
 * @throws OrreryError AlreadyRunning when another server answers on the socket; CannotListen
 */
export async function serveDockerApi(options: DockerApiOptions): Promise<DockerApiServer> {
  const context: ApiContext = { ...options, clock: options.clock ?? systemClock };
  const idle = new IdleTimer(options.idleTimeoutMs);
  const http = new DockerHttpServer({
    router: new Router<Handler>(dockerRoutes(context)),
    headers: {
      'Api-Version': API_VERSION,
      'Docker-Experimental': 'false',
      Ostype: 'linux',
      Server: `Orrery/${options.facts.version} (linux)`,
    },
    log: options.log,
    ...(options.listen.kind === 'tcp' && { tls: options.listen.tls }),
    onActivity: (active) => idle.set(active),
  });
  const listening = await listen(http, options.listen);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      idle.stop();
      await listening.release();
      await http.close(GRACE_MS);
    })();
    return closing;
  };
  const ended = new Promise<void>((resolve, reject) => {
    http.server.once('close', () => resolve());
    idle.onIdle = () => void close().catch(reject);
  });
  idle.set(0);
  return { address: listening.address, ended: ended.then(() => closing), close };
}

class IdleTimer {
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  onIdle: () => void = () => undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  set(active: number): void {
    clearTimeout(this.#timer);
    if (active > 0 || this.#isStopped || this.#timeoutMs === 0) return;
    this.#timer = setTimeout(() => this.onIdle(), this.#timeoutMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}

interface Listening {
  address: string;
  /** Takes away what it left in the file system. */
  release: () => Promise<void>;
}

async function listen(http: DockerHttpServer, address: ListenAddress): Promise<Listening> {
  if (address.kind === 'fd') {
    await listenOn(http, { fd: address.fd } as ListenOptions);
    return { address: `fd://${address.fd}`, release: () => Promise.resolve() };
  }
  if (address.kind === 'tcp') {
    await listenOn(http, { host: address.host, port: address.port });
    const bound = http.server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    return { address: `tcp://${address.host}:${port}`, release: () => Promise.resolve() };
  }
  return listenOnSocket(http, address.path, address.mode);
}

/** @throws OrreryError AlreadyRunning CannotListen */
async function listenOnSocket(http: DockerHttpServer, path: string, mode: number): Promise<Listening> {
  // sockaddr_un has room for 107 bytes (unix(7)).
  if (Buffer.byteLength(path) > 107) throw new BadRequest(`the socket's path is too long: ${path}`);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  // Two servers that start at once must not take each other's socket for stale.
  await withFileLock(`${path}.lock`, async () => {
    await removeStale(path);
    // Nobody may come in before the mode is set: the socket is born closed to all others.
    const before = process.umask(0o177);
    try {
      await listenOn(http, { path });
    } finally {
      process.umask(before);
    }
    await chmod(path, mode);
  });
  const { ino } = await lstat(path);
  return {
    address: `unix://${path}`,
    release: async () => {
      // Only if it is still ours: another server may have taken the name.
      const now = await lstat(path).catch(() => undefined);
      if (now?.ino === ino) await rm(path, { force: true });
    },
  };
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new OrreryError('CannotListen', `cannot use ${path}: ${error.message}`, { cause: error });
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new OrreryError('CannotListen', `${path} is there and is not a socket`);
  if (await isAnswered(path))
    throw new OrreryError('AlreadyRunning', `another server listens on ${path}`, {
      hint: 'use it, or end it first',
    });
  await rm(path, { force: true });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

function listenOn(http: DockerHttpServer, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const taken = cause.code === 'EADDRINUSE';
      const where =
        options.path ??
        (options.host === undefined ? 'the socket handed down' : `${options.host}:${options.port}`);
      reject(
        new OrreryError(
          taken ? 'AlreadyRunning' : 'CannotListen',
          `cannot listen on ${where}: ${cause.message}`,
          {
            cause,
          },
        ),
      );
    };
    http.server.once('error', fail);
    http.server.listen(options, () => {
      http.server.off('error', fail);
      resolve();
    });
  });
}
