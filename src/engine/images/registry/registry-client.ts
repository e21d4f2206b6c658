import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { BadRequest, type Clock, messageOf, OrreryError, systemClock } from '../../../base/index.ts';
import type { RegistryAccess } from '../../engine.ts';
import { exists } from '../blobs.ts';
import { parseJson } from '../media-types.ts';
import { type Credentials, findCredentials } from './auth-file.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { HttpConnections, type HttpRequest, readCertificates, readLimited } from './http.ts';

const ERROR_LIMIT_BYTES = 64 << 10;
const TOKEN_LIMIT_BYTES = 1 << 20;
const MAX_REDIRECTS = 5;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;

/** A registry's answer that says no. */
export class RegistryRefused extends OrreryError {
  readonly status: number;
  constructor(status: number, message: string) {
    super('RegistryRefused', message, { details: { status } });
    this.status = status;
  }
}

export interface RegistryClientOptions {
  /** `host[:port]`; `docker.io` is Docker Hub. */
  host: string;
  access: RegistryAccess;
  /** Of registries.conf: no certificate is verified, plain HTTP is tried too. */
  insecure?: boolean;
  /** How often a request that failed on the way, or on the registry's side, is sent again. Default 3. */
  retries?: number;
  clock?: Clock;
}

export interface RegistryRequest {
  method: string;
  /** After `/v2/`, or a whole address a registry named. */
  path: string | URL;
  headers?: Record<string, string>;
  /** A stream is asked for anew at each try. */
  body?: Buffer | (() => NonNullable<HttpRequest['body']>);
  /** `repository:library/x:pull` */
  scope?: string;
  signal?: AbortSignal;
  /** Sent once: the caller knows how to go on. */
  once?: boolean;
}

/**
 * Speaks to one registry (OCI distribution-spec v1.1): authenticates when asked to (basic, and Docker's token
 * service), follows redirects without taking secrets along, tries again when the connection breaks or the
 * registry says 429 or 5xx.
 */
export class RegistryClient {
  readonly host: string;
  readonly #options: RegistryClientOptions;
  readonly #clock: Clock;
  #connections: Promise<HttpConnections> | undefined;
  #base: Promise<URL> | undefined;
  readonly #authorizations = new Map<string, string>();

  constructor(options: RegistryClientOptions) {
    this.host = options.host;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async close(): Promise<void> {
    (await this.#connections)?.close();
  }

  /**
   * The answer to a request, once it is one of success or redirection that was followed.
   * @throws RegistryRefused @throws OrreryError RegistryUnreachable
   */
  async send(request: RegistryRequest): Promise<IncomingMessage> {
    const retries = request.once === true ? 0 : (this.#options.retries ?? 3);
    for (let failures = 0; ; failures++) {
      try {
        const answer = await this.#authorized(request);
        if (answer.statusCode! < 400) return answer;
        const refused = await refusal(answer);
        if (failures >= retries || !(refused.status === 429 || refused.status >= 500)) throw refused;
        await this.#clock.sleep(delayOf(failures, answer.headers['retry-after']), request.signal);
      } catch (error) {
        if (error instanceof OrreryError || request.signal?.aborted) throw error;
        if (failures >= retries || !isTransient(error)) throw unreachable(this.host, error);
        await this.#clock.sleep(delayOf(failures), request.signal);
      }
    }
  }

  /** A small answer whole. @throws BadRequest when it is longer than `limitBytes`. */
  async read(
    request: RegistryRequest,
    limitBytes: number,
    what: string,
  ): Promise<{ bytes: Buffer; answer: IncomingMessage }> {
    for (let failures = 0; ; failures++) {
      const answer = await this.send(request);
      try {
        const bytes = await readLimited(answer, limitBytes);
        if (bytes === undefined) throw new BadRequest(`${what} is larger than ${limitBytes} bytes`);
        return { bytes, answer };
      } catch (error) {
        if (error instanceof OrreryError || request.signal?.aborted) throw error;
        if (failures >= (this.#options.retries ?? 3)) throw unreachable(this.host, error);
        await this.#clock.sleep(delayOf(failures), request.signal);
      }
    }
  }

  async #authorized(request: RegistryRequest): Promise<IncomingMessage> {
    const scope = request.scope ?? '';
    const known = this.#authorizations.get(scope);
    const answer = await this.#exchange(request, known);
    if (answer.statusCode !== 401) return answer;
    const challenges = parseChallenges(String(answer.headers['www-authenticate'] ?? ''));
    const authorization = await this.#authorize(challenges, scope, request.signal);
    if (authorization === undefined || authorization === known) return answer;
    answer.destroy();
    this.#authorizations.set(scope, authorization);
    return await this.#exchange(request, authorization);
  }

  /** One exchange and the redirects it leads to; only the registry itself hears who we are. */
  async #exchange(request: RegistryRequest, authorization: string | undefined): Promise<IncomingMessage> {
    const base = await this.#baseUrl(request.signal);
    let url = request.path instanceof URL ? request.path : new URL(`/v2/${request.path}`, base);
    for (let hops = 0; ; hops++) {
      const isOwn = url.host === base.host && url.protocol === base.protocol;
      const answer = await (await this.#connect()).send({
        method: request.method,
        url,
        headers: {
          ...request.headers,
          ...(isOwn && authorization !== undefined && { authorization }),
        },
        ...(request.body !== undefined && {
          body: Buffer.isBuffer(request.body) ? request.body : request.body(),
        }),
        ...(request.signal && { signal: request.signal }),
      });
      const { location } = answer.headers;
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.statusCode!);
      if (!isRedirect || location === undefined) return answer;
      answer.destroy();
      if (hops >= MAX_REDIRECTS) throw new BadRequest(`${this.host} redirects without end`);
      const next = new URL(location, url);
      if (!/^https?:$/.test(next.protocol) || (url.protocol === 'https:' && next.protocol === 'http:'))
        throw new BadRequest(`${this.host} redirects to ${next.protocol}//${next.host}: refused`);
      url = next;
    }
  }

  #connect(): Promise<HttpConnections> {
    this.#connections ??= this.#openConnections();
    return this.#connections;
  }

  async #openConnections(): Promise<HttpConnections> {
    const { access } = this.#options;
    const folders = access.certDir
      ? [access.certDir]
      : (access.certificateFolders ?? []).map((folder) => join(folder, this.host));
    for (const folder of folders)
      if (await exists(folder))
        return new HttpConnections({ ...(await readCertificates(folder)), ...this.#verification() });
    return new HttpConnections(this.#verification());
  }

  #verification(): { rejectUnauthorized?: false } {
    return this.#isInsecure() ? { rejectUnauthorized: false } : {};
  }

  #isInsecure(): boolean {
    const { access, insecure } = this.#options;
    if (access.tlsVerify !== undefined) return !access.tlsVerify;
    return insecure === true || (access.insecureLoopback === true && LOOPBACK.test(this.#options.host));
  }

  /** Where the registry is: known after the first request. */
  async baseUrl(): Promise<URL> {
    return await this.#baseUrl(undefined);
  }

  /** HTTPS; where it need not be verified, plain HTTP when nobody speaks TLS there. */
  #baseUrl(signal: AbortSignal | undefined): Promise<URL> {
    this.#base ??= this.#findBase(signal);
    return this.#base;
  }

  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    const host = this.host === 'docker.io' ? 'registry-1.docker.io' : this.host;
    const secure = new URL(`https://${host}`);
    if (!this.#isInsecure()) return secure;
    try {
      const answer = await (await this.#connect()).send({
        method: 'GET',
        url: new URL('/v2/', secure),
        ...(signal && { signal }),
      });
      answer.destroy();
      return secure;
    } catch (error) {
      if (signal?.aborted) throw error;
      return new URL(`http://${host}`);
    }
  }

  /** The header that answers a challenge; undefined when we have nothing to say. */
  async #authorize(
    challenges: readonly Challenge[],
    scope: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const credentials = await this.#credentials(scope);
    const bearer = challenges.find((one) => one.scheme === 'bearer');
    if (bearer !== undefined) return `Bearer ${await this.#fetchToken(bearer, scope, credentials, signal)}`;
    if (challenges.some((one) => one.scheme === 'basic') && credentials !== undefined)
      return basic(credentials);
    return undefined;
  }

  async #credentials(scope: string): Promise<Credentials | undefined> {
    const { access } = this.#options;
    if (access.credentials !== undefined) return access.credentials;
    const repository = scope.split(':')[1];
    const files = [access.authFile, ...(access.fallbackAuthFiles ?? [])].filter((file) => file !== undefined);
    return await findCredentials(files, repository ? `${this.host}/${repository}` : this.host);
  }

  async #fetchToken(
    challenge: Challenge,
    scope: string,
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const base = await this.#baseUrl(signal);
    const realm = realmOf(challenge, base, this.host);
    const request = tokenRequest(
      realm,
      challenge.parameters.service,
      scope || challenge.parameters.scope,
      credentials,
    );
    const answer = await (await this.#connect()).send({ ...request, ...(signal && { signal }) });
    if (answer.statusCode !== 200) {
      const refused = await refusal(answer);
      throw new RegistryRefused(
        refused.status,
        refused.status === 401
          ? `unable to retrieve auth token: invalid username/password: ${refused.message}`
          : `requesting bearer token: ${refused.message}`,
      );
    }
    const bytes = await readLimited(answer, TOKEN_LIMIT_BYTES);
    const body = parseJson(bytes ?? '', `the token of ${realm.host}`) as Record<string, unknown>;
    const token = body.token ?? body.access_token;
    if (typeof token !== 'string' || token === '') throw new BadRequest(`${realm.host} gave no token`);
    return token;
  }
}

/** @throws BadRequest for a token service that would hear our password in the clear. */
function realmOf(challenge: Challenge, base: URL, host: string): URL {
  const { realm } = challenge.parameters;
  if (realm === undefined || !URL.canParse(realm)) throw new BadRequest(`${host} names no token service`);
  const url = new URL(realm);
  if (!/^https?:$/.test(url.protocol) || (base.protocol === 'https:' && url.protocol === 'http:'))
    throw new BadRequest(`${host} sends us to ${url.protocol}//${url.host} for a token: refused`);
  return url;
}

/** Docker's token authentication: GET with basic credentials, or OAuth2's POST for an identity token. */
function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string | undefined,
  credentials: Credentials | undefined,
): HttpRequest {
  const url = new URL(realm);
  const parameters = { ...(service && { service }), ...(scope && { scope }) };
  if (credentials?.identityToken !== undefined)
    return {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(
        new URLSearchParams({
          ...parameters,
          grant_type: 'refresh_token',
          client_id: 'orrery',
          refresh_token: credentials.identityToken,
        }).toString(),
      ),
    };
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  if (credentials !== undefined) url.searchParams.set('account', credentials.username);
  return { method: 'GET', url, ...(credentials && { headers: { authorization: basic(credentials) } }) };
}

function basic(credentials: Credentials): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

const STATUS_WORDS: Record<number, string> = {
  401: 'unauthorized: authentication required',
  403: 'denied: requested access to the resource is denied',
  404: 'not found',
  429: 'toomanyrequests: too many requests to registry',
};

/** The registry's own words, as its clients print them: `manifest unknown: manifest unknown`. */
async function refusal(answer: IncomingMessage): Promise<RegistryRefused> {
  const status = answer.statusCode!;
  const text = (await readLimited(answer, ERROR_LIMIT_BYTES).catch(() => undefined))?.toString() ?? '';
  let words =
    STATUS_WORDS[status] ?? `received unexpected HTTP status: ${status} ${answer.statusMessage ?? ''}`.trim();
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] };
    const first = errors?.[0];
    if (first?.code !== undefined)
      words = [first.code.toLowerCase().replaceAll('_', ' '), first.message].filter(Boolean).join(': ');
  } catch (error) {
    // Many registries answer in HTML: the status says enough.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  return new RegistryRefused(status, printable(words));
}

/** A registry's words end up on a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 500);
}

function delayOf(failures: number, retryAfter?: string): number {
  const asked = Number(retryAfter) * 1000;
  return Number.isFinite(asked) && asked > 0 ? Math.min(asked, 30_000) : Math.min(250 * 2 ** failures, 8_000);
}

const TRANSIENT =
  /^(?:ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETDOWN|ENETUNREACH|EHOSTUNREACH|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;

/** Whether the same may go well a moment later. */
export function isTransient(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return TRANSIENT.test(code ?? '') || /socket hang up|aborted/.test(message ?? '');
}

export function unreachable(host: string, cause: unknown): OrreryError {
  // OpenSSL's words for an answer in plain HTTP help nobody.
  const why = /wrong version number|packet length too long/.test(messageOf(cause))
    ? `Get "https://${host}/v2/": http: server gave HTTP response to HTTPS client`
    : messageOf(cause);
  return new OrreryError('RegistryUnreachable', `pinging container registry ${host}: ${why}`, { cause });
}
