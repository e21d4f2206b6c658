import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { messageOf } from '../../base/index.ts';
import type { admissionregistrationv1, corev1 } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { isTrustedByGo } from './go-trust.ts';
import { findServiceAddress, type ServiceAddress } from './service-address.ts';

const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 60_000;
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** What a webhook is called, wherever it is. */
interface Names {
  servername: string;
  port: number;
  path: string;
  /** As the answer names it when it cannot be had. */
  url: string;
}

type Target = Names & ServiceAddress;

function namesOf({ clientConfig, timeoutSeconds }: WebhookCall): Names {
  if (clientConfig.url !== undefined) {
    const url = new URL(clientConfig.url);
    url.searchParams.set('timeout', `${timeoutSeconds}s`);
    const servername = url.hostname.replace(/^\[|\]$/g, '');
    const path = url.pathname + url.search;
    return { servername, port: Number(url.port || 443), path, url: url.href };
  }
  const { namespace, name, path = '', port = 443 } = clientConfig.service!;
  const servername = `${name}.${namespace}.svc`;
  const full = `${path.startsWith('/') ? path : `/${path}`}?timeout=${timeoutSeconds}s`;
  return { servername, port, path: full, url: `https://${servername}:${port}${full}` };
}

export interface WebhookCall {
  clientConfig: admissionregistrationv1.WebhookClientConfig;
  timeoutSeconds: number;
  workspace: string;
  body: object;
}

/**
 * POSTs reviews to webhooks over TLS, verified against their `caBundle`; connections are kept and shared.
 * Failures read like those of client-go. Source: k8s.io/apiserver/pkg/util/webhook/client.go.
 */
export class WebhookClient {
  readonly #objects: StoredObjects;
  /** Pools by host, port, server name and CA, so that configurations never share a connection they may not. */
  readonly #agent = new WebhookAgent({ keepAlive: true, maxCachedSessions: 0, timeout: IDLE_MS });

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  /** The parsed JSON of the answer. @throws Error with client-go's sentence. */
  async post(call: WebhookCall): Promise<unknown> {
    const names = namesOf(call);
    let target: Target;
    try {
      target = { ...names, ...(await this.#addressOf(call, names)) };
    } catch (cause) {
      throw new Error(`Post ${JSON.stringify(names.url)}: ${messageOf(cause)}`, { cause });
    }
    try {
      return await this.#send(target, call).catch((error: unknown) => {
        // The webhook closed a kept connection as we took it: nothing was asked yet.
        if (error instanceof StaleConnection) return this.#send(target, call);
        throw error;
      });
    } catch (cause) {
      if (cause instanceof WebhookAnswerError) throw cause;
      throw new Error(`Post ${JSON.stringify(target.url)}: ${goMessage(cause, target)}`, { cause });
    }
  }

  /** @throws Error in kube-apiserver's words when there is no such service, or none of its ports is meant. */
  async #addressOf({ clientConfig, workspace }: WebhookCall, names: Names): Promise<ServiceAddress> {
    const { service } = clientConfig;
    if (service === undefined) return { host: names.servername, port: names.port };
    const { namespace, name } = service;
    const found = await findServiceAddress(this.#objects, { workspace, namespace, name, port: names.port });
    if (found !== undefined) return found;
    const there = await this.#objects.find<corev1.Service>(
      { group: '', resource: 'services' },
      { workspace, namespace, name },
    );
    if (there === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
    const hasPort = there.spec?.ports?.some(({ port }) => port === names.port) === true;
    throw new Error(
      hasPort
        ? `no endpoints available for service ${JSON.stringify(name)}`
        : `no service port ${names.port} found for service ${JSON.stringify(name)}`,
    );
  }

  #send(target: Target, call: WebhookCall): Promise<unknown> {
    const body = Buffer.from(JSON.stringify(call.body));
    const ca = call.clientConfig.caBundle;
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: target.host,
        port: target.port,
        path: target.path,
        // An address is no server name (RFC 6066 section 3).
        ...(!isAddress(target.servername) && { servername: target.servername }),
        method: 'POST',
        agent: this.#agent,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, */*',
          'content-length': body.length,
          'user-agent': 'kube-apiserver-admission',
          host: new URL(target.url).host,
        },
        signal: AbortSignal.timeout(call.timeoutSeconds * 1000),
        ...(ca && { ca: Buffer.from(ca, 'base64').toString() }),
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(isStale ? new StaleConnection(error.message) : error);
      });
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_LIMIT_BYTES) request.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          try {
            resolve(parsedAnswer(response.statusCode ?? 0, text));
          } catch (error) {
            reject(error);
          }
        });
      });
      request.end(body);
    });
  }
}

/** Gives out connections only once the server is who it should be, as Go would judge. */
class WebhookAgent extends Agent {
  override createConnection(
    options: ConnectionOptions,
    made?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const socket = connect({ ...options, rejectUnauthorized: false, allowPartialTrustChain: true });
    const refuse = (error: Error) => made!(error, socket);
    socket.once('error', refuse);
    socket.once('secureConnect', () => {
      socket.off('error', refuse);
      const why = distrust(socket, options);
      if (why === undefined) return made!(null, socket);
      socket.on('error', () => undefined); // nobody has it: what it says after this interests nobody
      socket.destroy();
      return refuse(why);
    });
    return undefined;
  }
}

/** Why a server is not who it should be. */
function distrust(socket: TLSSocket, { servername, host, ca }: ConnectionOptions): Error | undefined {
  if (socket.authorized) return undefined;
  // Its type says Error; it is the code. Node looks at the name only when the chain is good.
  const code = socket.authorizationError as unknown as string;
  const isTrusted = code === WRONG_NAME || (typeof ca === 'string' && isTrustedByGo(socket, ca, Date.now()));
  if (isTrusted) return checkServerIdentity(servername || host || 'localhost', socket.getPeerCertificate());
  return Object.assign(new Error(`the certificate is not trusted: ${code}`), { code });
}

class StaleConnection extends Error {
  readonly code = 'ECONNRESET';
}

/** The webhook was reached, but what it said is no review. */
class WebhookAnswerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WebhookAnswerError';
  }
}

/** client-go's sentences for answers that are not a success; k8s.io/apimachinery NewGenericServerResponse. */
function parsedAnswer(status: number, text: string): unknown {
  if (status === 404) throw new WebhookAnswerError('the server could not find the requested resource');
  if (status >= 500)
    throw new WebhookAnswerError(
      `an error on the server (${JSON.stringify(text.slice(0, 1024).trim() || 'unknown')}) has prevented the request from succeeding`,
    );
  if (status < 200 || status > 299)
    throw new WebhookAnswerError('the server rejected our request for an unknown reason');
  try {
    return JSON.parse(text);
  } catch {
    throw new WebhookAnswerError(
      `couldn't get version/kind; json parse error: invalid character in ${JSON.stringify(text.slice(0, 64))}`,
    );
  }
}

/** Go's words for what Node calls by a code. */
export function goMessage(cause: unknown, { host, port }: ServiceAddress): string {
  const { code, name, message } = cause as { code?: string; name?: string; message?: string };
  const dial = `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (name === 'TimeoutError' || name === 'AbortError') return 'context deadline exceeded';
  switch (code) {
    case 'ECONNREFUSED':
      return `${dial}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `${dial}: connect: no route to host`;
    case 'ENETUNREACH':
      return `${dial}: connect: network is unreachable`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${host}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: ${message}`;
    default:
      return message || String(cause);
  }
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
