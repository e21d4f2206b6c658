import { type ClientRequest, type IncomingMessage, validateHeaderValue } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { StoredObjects } from '../admission/admission.ts';
import { serviceUnavailable } from '../errors.ts';
import type { User } from '../http/messages.ts';
import type { KeyPair } from '../pki/certificates.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import { findServiceAddress, type ServiceAddress } from '../webhooks/service-address.ts';
import { goMessage } from '../webhooks/webhook-client.ts';
import type { Backend } from './api-services.ts';

const IDLE_MS = 60_000;

export interface BackendRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  /** For whom. */
  user: User;
  body?: Uint8Array | Readable | undefined;
  signal?: AbortSignal | undefined;
}

export interface BackendAnswer {
  response: IncomingMessage;
  /** Set when the backend switched protocols. */
  upgraded?: { socket: Duplex; head: Uint8Array };
}

/** A backend that could not be asked; the message is Go's. */
export class BackendUnreachable extends Error {
  readonly url: string;
  constructor(message: string, url: string, cause: unknown) {
    super(message, { cause });
    this.name = 'BackendUnreachable';
    this.url = url;
  }
}

/**
 * Asks extension API servers as their front proxy: over TLS, verified as `<service>.<namespace>.svc`, with our
 * certificate, and the user in X-Remote-* headers. Connections of reads are kept; a write gets one of its own, so that
 * it is never sent twice nor lost to a connection the backend had just given up.
 *
 * Source: k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go, k8s.io/client-go/transport SetAuthProxyHeaders.
 */
export class BackendClient {
  readonly #objects: StoredObjects;
  readonly #credentials: () => Promise<KeyPair>;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 25, timeout: IDLE_MS });

  constructor(objects: StoredObjects, credentials: () => Promise<KeyPair>) {
    this.#objects = objects;
    this.#credentials = credentials;
  }

  /** Undefined: nobody answers for the service. */
  resolve({ namespace, name, port }: Backend): Promise<ServiceAddress | undefined> {
    return findServiceAddress(this.#objects, { workspace: DEFAULT_WORKSPACE, namespace, name, port });
  }

  /** @throws OrreryError ServiceUnavailable without an address, BackendUnreachable when nobody answers there. */
  async send(backend: Backend, request: BackendRequest): Promise<BackendAnswer> {
    const address = await this.resolve(backend);
    if (address === undefined) throw serviceUnavailable('service unavailable');
    const isRead = request.method === 'GET' && request.headers.upgrade === undefined;
    try {
      return await this.#send(backend, address, request, isRead);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return this.#send(backend, address, request, false);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(
    backend: Backend,
    address: ServiceAddress,
    request: BackendRequest,
    isKept: boolean,
  ): Promise<BackendAnswer> {
    const url = `https://${authority(address)}${request.path}`;
    const { certificate: cert, key } = await this.#credentials();
    const options: RequestOptions = {
      ...address,
      ...tlsOptions(backend),
      cert,
      key,
      method: request.method,
      path: request.path,
      headers: { ...request.headers, ...userHeaders(request.user), host: authority(address) },
      agent: isKept ? this.#agent : false,
      ...(request.signal !== undefined && { signal: request.signal }),
    };
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(options);
      sent.on('error', (cause: NodeJS.ErrnoException) => {
        const isStale = sent.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
        const failure = new BackendUnreachable(goMessage(cause, address), url, cause);
        reject(isStale ? new StaleConnection() : failure);
      });
      sent.once('response', (response) => resolve({ response }));
      sent.once('upgrade', (response, socket, head) => resolve({ response, upgraded: { socket, head } }));
      sendBody(sent, request.body);
    });
  }
}

class StaleConnection extends Error {}

function sendBody(sent: ClientRequest, body: Uint8Array | Readable | undefined): void {
  if (body === undefined || body instanceof Uint8Array) {
    sent.end(body);
    return;
  }
  // Not stream.pipeline: when the backend fails, the client's connection is still needed for the answer.
  body.pipe(sent);
  for (const event of ['error', 'aborted']) body.once(event, () => sent.destroy());
}

function authority({ host, port }: ServiceAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function tlsOptions({ namespace, name, ca, insecureSkipTlsVerify }: Backend): RequestOptions {
  return {
    servername: `${name}.${namespace}.svc`,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: !insecureSkipTlsVerify,
    checkServerIdentity: checkNames,
    ...(ca !== undefined && { ca }),
  };
}

/** As Go: a name in the subject alone is none. */
function checkNames(host: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subjectaltname) return checkServerIdentity(host, certificate);
  return Object.assign(new Error('certificate relies on legacy Common Name field, use SANs instead'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
}

/** @throws Error for a name that no header can hold. */
function userHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'x-remote-user': headerText(name) };
  if (uid) headers['x-remote-uid'] = headerText(uid);
  if (groups.length > 0) headers['x-remote-group'] = groups.map(headerText);
  for (const [key, values] of Object.entries(extra))
    headers[`x-remote-extra-${escapedKey(key)}`] = values.map(headerText);
  return headers;
}

/** Headers are bytes: what is not Latin travels as UTF-8, as Go sends it. */
function headerText(value: string): string {
  const text = Buffer.from(value).toString('latin1');
  validateHeaderValue('x-remote-user', text);
  return text;
}

/** Percent-encodes what a header's name may not hold, and '%'. */
function escapedKey(key: string): string {
  return [...Buffer.from(key.toLowerCase())]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      const isLegal = /[!#$&'*+\-.^_`|~0-9A-Za-z]/.test(character);
      return isLegal ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
