import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { messageOf, OrreryError } from '../../base/index.ts';
import { authorizeClient } from './client-identity.ts';
import { serveContainerLogs } from './container-logs.ts';
import { HttpFailure } from './http-failure.ts';
import { processMetrics, resourceMetrics } from './metrics.ts';
import type { ServerContext } from './server-context.ts';
import { StatsSummary } from './stats-summary.ts';
import { serveAttach } from './streaming/attach.ts';
import { type CommandTarget, serveExec } from './streaming/exec.ts';
import { servePortForward } from './streaming/port-forward.ts';
import { refuseUpgrade, type UpgradeRequest } from './streaming/upgrade.ts';

export interface NodeServerOptions extends ServerContext {
  tls: { keyPem: string; certPem: string; caPem: string };
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** For /stats/summary. Default: the host's name in lower case. */
  nodeName?: string;
}

export interface NodeServer {
  /** @throws OrreryError when the address cannot be had. */
  listen(): Promise<{ port: number }>;
  /** Closes the listener and every connection. */
  close(): Promise<void>;
}

/** The kubelet's HTTPS server: mutual TLS only, the kubelet's own paths. */
export function createNodeServer(options: NodeServerOptions): NodeServer {
  const { keyPem, certPem, caPem } = options.tls;
  const server = createServer({
    key: keyPem,
    cert: certPem,
    ca: caPem,
    requestCert: true,
    // Refused by us, with an answer that says why.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
  });
  const handlers = new Handlers(options, options.nodeName ?? hostname().toLowerCase());
  const upgraded = new Set<Duplex>();
  server.on('request', (request, response) => void handlers.request(request, response));
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    void handlers.upgrade({ request, socket, head });
  });
  return {
    listen: () => listen(server, options),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

function listen(server: Server, { host, port }: NodeServerOptions): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new OrreryError('AddressUnavailable', `cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
        }),
      ),
    );
    server.listen({ host, port }, () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}

class Handlers {
  readonly #context: ServerContext;
  readonly #stats: StatsSummary;

  constructor(context: ServerContext, nodeName: string) {
    this.#context = context;
    this.#stats = new StatsSummary(context, nodeName);
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      authorizeClient(request.socket as TLSSocket);
      await this.#route(request, response);
    } catch (error) {
      const failure = this.#failure(error, request);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.writeHead(failure.status, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(failure.message);
    }
  }

  async upgrade(upgrade: UpgradeRequest): Promise<void> {
    const { request, socket } = upgrade;
    // Its 'close' follows, which every session waits for.
    socket.on('error', () => socket.destroy());
    const before = socket as Duplex & { bytesWritten?: number };
    const written = before.bytesWritten ?? 0;
    try {
      authorizeClient(request.socket as TLSSocket);
      await this.#routeUpgrade(upgrade);
    } catch (error) {
      const failure = this.#failure(error, request);
      if ((before.bytesWritten ?? 0) === written) refuseUpgrade(socket, failure);
      else socket.destroy();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { segments, query } = parseUrl(request);
    const [root, namespace = '', pod = '', container = ''] = segments;
    const path = `/${segments.join('/')}`;
    if (root === 'exec' || root === 'attach' || root === 'portForward')
      throw new HttpFailure(400, 'Upgrade request required');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new HttpFailure(405, 'Method Not Allowed');
    if (root === 'containerLogs' && segments.length === 4)
      return serveContainerLogs(this.#context, { namespace, pod, container }, query, response);
    const answer = await this.#answer(path);
    if (answer === undefined) throw new HttpFailure(404, '404 page not found');
    response.writeHead(200, { 'content-type': answer.type });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer(path: string): Promise<{ type: string; body: string } | undefined> {
    const metrics = 'text/plain; version=0.0.4; charset=utf-8';
    const json = 'application/json';
    switch (path) {
      case '/healthz':
        return { type: 'text/plain; charset=utf-8', body: 'ok' };
      case '/metrics':
        return { type: metrics, body: processMetrics(this.#context) };
      case '/metrics/resource':
        return { type: metrics, body: await resourceMetrics(this.#context) };
      case '/stats/summary':
        return { type: json, body: JSON.stringify(await this.#stats.read()) };
      case '/pods': {
        const items = this.#context.pods.list();
        return {
          type: json,
          body: JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }),
        };
      }
      default:
        return undefined;
    }
  }

  async #routeUpgrade(upgrade: UpgradeRequest): Promise<void> {
    const { segments, query } = parseUrl(upgrade.request);
    const [root, namespace = '', pod = '', ...rest] = segments;
    if (root === 'portForward' && rest.length <= 1 && pod !== '') {
      const [uid] = rest;
      return servePortForward(this.#context, { namespace, pod, ...(uid && { uid }) }, query, upgrade);
    }
    const container = rest.at(-1);
    if (container === undefined || rest.length > 2) throw new HttpFailure(404, '404 page not found');
    const uid = rest.length === 2 ? rest[0] : undefined;
    const target: CommandTarget = { namespace, pod, container, ...(uid && { uid }) };
    if (root === 'exec') return serveExec(this.#context, target, query, upgrade);
    if (root === 'attach') return serveAttach(this.#context, target, query, upgrade);
    throw new HttpFailure(404, '404 page not found');
  }

  #failure(error: unknown, request: IncomingMessage): HttpFailure {
    if (error instanceof HttpFailure) return error;
    this.#context.log.error('a request failed', { method: request.method, url: request.url, error });
    return new HttpFailure(500, messageOf(error), { cause: error });
  }
}

function parseUrl(request: IncomingMessage): { segments: string[]; query: URLSearchParams } {
  const url = new URL(request.url ?? '/', 'https://node');
  try {
    return {
      segments: url.pathname.split('/').slice(1).map(decodeURIComponent),
      query: url.searchParams,
    };
  } catch (cause) {
    throw new HttpFailure(400, 'the path is not well-formed', { cause });
  }
}
