import type { TLSSocket } from 'node:tls';
import { unauthorized } from '../errors.ts';
import type { ApiRequest, User } from '../http/messages.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP } from '../http/messages.ts';
import type { ClientCertificates } from './client-certificate.ts';
import type { RequestHeaderAuthenticator } from './request-header.ts';
import type { WorkspaceTokens } from './workspace-tokens.ts';

/** Reads who a bearer token stands for; undefined for a token that is none of its own. */
export interface TokenAuthenticator {
  authenticate(token: string): Promise<User | undefined>;
}

/** Whether requests without an identity are let in, and on which paths only. */
export interface AnonymousAccess {
  enabled: boolean;
  paths: readonly string[] | undefined;
}

/** Paths that answer without an identity, unless the configuration says otherwise. */
const ANONYMOUS_PATHS = /^\/(livez|readyz|healthz)(\/[^/]*)?$|^\/version\/?$/;

export interface RequestAuthenticatorParts {
  proxies: readonly RequestHeaderAuthenticator[];
  certificates: ClientCertificates;
  tokens: readonly TokenAuthenticator[];
  /** Those that count in the workspace of the request alone. */
  workspaceTokens: WorkspaceTokens;
  anonymous: AnonymousAccess | undefined;
}

/**
 * A front proxy's word first, then client certificate, then bearer token, as upstream. Whoever shows nothing is anonymous, and
 * anonymous only where the configuration or, without one, `ANONYMOUS_PATHS` says; whoever shows something wrong is refused everywhere.
 */
export class RequestAuthenticator {
  readonly #parts: RequestAuthenticatorParts;

  constructor(parts: RequestAuthenticatorParts) {
    this.#parts = parts;
  }

  /** @throws OrreryError Unauthorized (401). */
  async authenticate(request: ApiRequest, socket: TLSSocket): Promise<User> {
    const { proxies, certificates, tokens, workspaceTokens } = this.#parts;
    for (const proxy of proxies) {
      const user = proxy.authenticate(request, socket);
      if (user !== undefined) return authenticated(user);
    }
    const token = bearerToken(request);
    const certificate = certificates.identityOf(socket);
    if (certificate.type === 'user') return authenticated(certificate.user);
    if (token !== undefined) {
      for (const authenticator of tokens) {
        const user = await authenticator.authenticate(token);
        if (user !== undefined) return authenticated(user);
      }
      const inWorkspace = await workspaceTokens.authenticate(token, request);
      if (inWorkspace !== undefined) return authenticated(inWorkspace);
      throw unauthorized();
    }
    if (certificate.type === 'untrusted' || request.headers?.authorization !== undefined)
      throw unauthorized();
    if (this.#letsIn(request.path)) return ANONYMOUS;
    throw unauthorized();
  }

  #letsIn(path: string): boolean {
    const { anonymous } = this.#parts;
    if (anonymous === undefined) return ANONYMOUS_PATHS.test(path);
    const { enabled, paths } = anonymous;
    return enabled && (paths === undefined || paths.includes(path));
  }
}

/** Whoever has shown who he is belongs to this group. */
export function authenticated(user: User): User {
  if (user.groups.includes(AUTHENTICATED_GROUP)) return user;
  let whole = known.get(user);
  if (whole === undefined) {
    whole = { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
    known.set(user, whole);
  }
  return whole;
}

/** One object a connection's user: what is found out about it is kept by it. */
const known = new WeakMap<User, User>();

const WEBSOCKET_TOKEN = 'base64url.bearer.authorization.k8s.io.';

/** From the Authorization header or, for browsers, from the WebSocket sub-protocols (as upstream). */
function bearerToken(request: ApiRequest): string | undefined {
  const header = request.headers?.authorization;
  const match = header === undefined ? null : /^Bearer +(\S+)$/i.exec(header.trim());
  if (match !== null) return match[1];
  for (const protocol of (request.headers?.['sec-websocket-protocol'] ?? '').split(',')) {
    if (protocol.trim().startsWith(WEBSOCKET_TOKEN))
      return Buffer.from(protocol.trim().slice(WEBSOCKET_TOKEN.length), 'base64url').toString();
  }
  return undefined;
}
