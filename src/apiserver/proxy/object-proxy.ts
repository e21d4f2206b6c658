import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { serviceUnavailable } from '../errors.ts';
import type { ApiRequest, ApiResponse } from '../http/messages.ts';
import type { ResourceRequest } from '../registry/registry.ts';
import { pageWithLinks } from './html-links.ts';
import { joinStreams } from './joined-streams.ts';
import type { NodeAddress } from './node-address.ts';
import { findProxyTarget, type ProxyTarget } from './proxy-target.ts';

const DIAL_TIMEOUT_MS = 30_000;
/** Hop by hop (RFC 9110 section 7.6.1), or made anew for the next hop. */
const HOP_HEADERS = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
]);
/** Who the client is to us is no business of what stands behind us. */
const SECRET_HEADERS = /^(authorization$|impersonate-|x[-_]remote[-_])/;
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/**
 * The `proxy` subresources of nodes, pods and services: the request goes to their server as it is, without what says
 * who the client is; the answer comes back a chunk at a time; an upgraded connection is piped through.
 *
 * Source: k8s.io/apimachinery/pkg/util/proxy UpgradeAwareHandler and Transport.
 */
export class ObjectProxy {
  readonly #objects: StoredObjects;
  readonly #nodeOptions: (node: NodeAddress) => Promise<RequestOptions>;

  constructor(objects: StoredObjects, nodeOptions: (node: NodeAddress) => Promise<RequestOptions>) {
    this.#objects = objects;
    this.#nodeOptions = nodeOptions;
  }

  /** @throws as findProxyTarget; OrreryError ServiceUnavailable when nobody answers there. */
  async serve(request: ResourceRequest): Promise<ApiResponse> {
    const { base, rest } = splitProxyPath(request.request.path);
    const query = request.request.query?.toString();
    const suffix = query ? `?${query}` : '';
    const target = await findProxyTarget(this.#objects, request);
    const { upgrade } = request;
    const method = request.request.sentMethod ?? request.request.method;
    if (rest === '' && upgrade === undefined && (method === 'GET' || method === 'HEAD'))
      return { status: 301, headers: { location: `${base}/${suffix}` }, body: new Uint8Array() };
    const options: RequestOptions = {
      ...(target.node !== undefined && (await this.#nodeOptions(target.node))),
      method,
      path: `${rest || '/'}${suffix}`,
      headers: forwardedHeaders(request.request, upgrade !== undefined),
    };
    const dialed = await dial(target, options, request.request);
    checkAnswer(dialed, upgrade !== undefined);
    if (dialed.socket === undefined || upgrade === undefined)
      return answerOf(dialed.response, { target, base });
    joinStreams(upgrade, dialed.socket, dialed.head, dialed.response);
    return { status: 101, headers: {}, body: new Uint8Array() };
  }
}

/** `/api/v1/nodes/x/proxy` and what stands after it, undecoded. */
export function splitProxyPath(path: string): { base: string; rest: string } {
  const found = /^((?:\/clusters\/[^/]+)?\/api\/v1\/(?:namespaces\/[^/]+\/)?[^/]+\/[^/]+\/proxy)(.*)$/.exec(
    path.replace(/^\/+/, '/'),
  );
  return found === null ? { base: path, rest: '' } : { base: found[1]!, rest: found[2]! };
}

/** The request's headers for the next hop. */
export function forwardedHeaders(request: ApiRequest, upgrading: boolean): Record<string, string> {
  const headers: Record<string, string> = {};
  const listed = new Set((request.headers?.connection ?? '').toLowerCase().split(/\s*,\s*/));
  for (const [name, value] of Object.entries(request.headers ?? {}))
    if (!HOP_HEADERS.has(name) && !listed.has(name) && !SECRET_HEADERS.test(name)) headers[name] = value;
  const protocols = headers['sec-websocket-protocol'];
  if (protocols !== undefined)
    headers['sec-websocket-protocol'] = protocols
      .split(',')
      .filter((one) => !one.trim().startsWith(TOKEN_PROTOCOL))
      .join(',');
  if (upgrading)
    Object.assign(headers, { connection: 'Upgrade', upgrade: request.headers?.upgrade ?? 'websocket' });
  const { body } = request;
  if (body !== undefined && body.length > 0) headers['content-length'] = String(body.length);
  headers['x-forwarded-uri'] = request.path;
  headers['x-forwarded-proto'] = 'https';
  const host = request.headers?.host;
  if (host !== undefined) headers['x-forwarded-host'] = host;
  return headers;
}

interface Dialed {
  response: IncomingMessage;
  socket?: Duplex;
  head: Uint8Array;
}

function dial(target: ProxyTarget, options: RequestOptions, { body, signal }: ApiRequest): Promise<Dialed> {
  const { scheme, host, port, node } = target;
  const dialed: RequestOptions = { ...options, host, port, agent: false, ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    // Pods and services have certificates of their own making, as upstream's transport to them has it.
    const request: ClientRequest =
      scheme === 'https'
        ? httpsRequest(node === undefined ? { ...dialed, rejectUnauthorized: false } : dialed)
        : httpRequest(dialed);
    const timer = setTimeout(() => request.destroy(new Error('i/o timeout')), DIAL_TIMEOUT_MS);
    request.once('socket', (socket) => socket.once('connect', () => clearTimeout(timer)));
    // Not once: one that breaks again after it was answered is nobody's exception.
    request.on('error', (cause) => {
      clearTimeout(timer);
      reject(serviceUnavailable(`error trying to reach service: ${dialError(target, cause)}`, cause));
    });
    request.once('response', (response) => resolve({ response, head: new Uint8Array() }));
    request.once('upgrade', (response, socket, head) => resolve({ response, socket, head }));
    request.end(body);
  });
}

/**
 * What stands behind us is anybody's program: an answer that HTTP has no place for must not reach our own server.
 *
 * @throws OrreryError ServiceUnavailable
 */
function checkAnswer({ response, socket }: Dialed, asked: boolean): void {
  const status = response.statusCode ?? 0;
  const isUpgrade = socket !== undefined && asked;
  if (isUpgrade || (socket === undefined && status >= 200 && status <= 599)) return;
  socket?.destroy();
  response.destroy();
  throw serviceUnavailable(`error trying to reach service: it answered with status ${status}`);
}

/** As Go words it. */
const DIAL_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

function dialError({ host, port }: ProxyTarget, cause: NodeJS.ErrnoException): string {
  const message = messageOf(cause);
  const worded = DIAL_ERRORS[cause.code ?? ''] ?? (message === 'i/o timeout' ? message : undefined);
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return worded === undefined ? message : `dial tcp ${shown}: ${worded}`;
}

function answerOf(response: IncomingMessage, from: { target: ProxyTarget; base: string }): ApiResponse {
  const headers = answerHeaders(response);
  if (headers.location !== undefined) headers.location = rewrittenLocation(headers.location, from);
  const page = pageWithLinks(response, (link) => rewrittenLocation(link, from));
  if (page === undefined) return { status: response.statusCode!, headers, body: response };
  const { 'content-length': _length, 'content-encoding': _encoding, ...rest } = headers;
  return { status: response.statusCode!, headers: rest, body: page };
}

/** The answer's headers for our client. */
export function answerHeaders(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || (HOP_HEADERS.has(name) && name !== 'content-length')) continue;
    // Rules for other pages' access to us are ours to make.
    if (name.startsWith('access-control-')) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

/** A redirection or link to the same server is one to the same proxy. */
function rewrittenLocation(
  location: string,
  { target, base }: { target: ProxyTarget; base: string },
): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  const own = `${target.scheme}://${host}:${target.port}`;
  if (!URL.canParse(location, own)) return location;
  const url = new URL(location, own);
  if (url.origin !== new URL(own).origin) return location;
  if (!/^(\/|[a-z][a-z0-9+.-]*:)/i.test(location)) return location; // relative to where the client already is
  const isProxied = url.pathname.startsWith(base);
  return `${isProxied ? '' : base}${url.pathname}${url.search}${url.hash}`;
}
