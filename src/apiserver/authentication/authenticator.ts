import type { TLSSocket } from 'node:tls';
import { unauthorized } from '../errors.ts';
import type { ApiRequest, User } from '../http/messages.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP } from '../http/messages.ts';
import { identityOf } from './client-certificate.ts';

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

/**
 * Client certificate first, then bearer token, as upstream. Whoever shows nothing is anonymous, and
 * anonymous only where the configuration or, without one, `ANONYMOUS_PATHS` says; whoever shows something wrong is refused everywhere.
 */
export class RequestAuthenticator {
  readonly #tokens: readonly TokenAuthenticator[];
  readonly #anonymous: AnonymousAccess | undefined;

  constructor(tokens: readonly TokenAuthenticator[], anonymous?: AnonymousAccess) {
    this.#tokens = tokens;
    this.#anonymous = anonymous;
  }

  /** @throws OrreryError Unauthorized (401). */
  async authenticate(request: ApiRequest, socket: TLSSocket): Promise<User> {
    const token = bearerToken(request);
    const certificate = identityOf(socket);
    if (certificate.type === 'user') return authenticated(certificate.user);
    if (token !== undefined) {
      for (const authenticator of this.#tokens) {
        const user = await authenticator.authenticate(token);
        if (user !== undefined) return authenticated(user);
      }
      throw unauthorized();
    }
    if (certificate.type === 'untrusted' || request.headers?.authorization !== undefined)
      throw unauthorized();
    if (this.#letsIn(request.path)) return ANONYMOUS;
    throw unauthorized();
  }

  #letsIn(path: string): boolean {
    if (this.#anonymous === undefined) return ANONYMOUS_PATHS.test(path);
    const { enabled, paths } = this.#anonymous;
    return enabled && (paths === undefined || paths.includes(path));
  }
}

/** Whoever has shown who he is belongs to this group. */
export function authenticated(user: User): User {
  if (user.groups.includes(AUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

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
