import type { TLSSocket } from 'node:tls';
import { linesOf } from '../http/header-lines.ts';
import type { ApiRequest, User } from '../http/messages.ts';
import { FRONT_PROXY_CLIENT } from '../pki/pki.ts';
import { ClientCertificates } from './client-certificate.ts';
import { TrustedAuthorities } from './trusted-authorities.ts';

/** Whom to believe when it says for whom a request is, and where it says so; kube-apiserver's --requestheader-* flags. */
export interface RequestHeaderConfig {
  /** PEM of those who sign proxies' certificates. */
  clientCaPem: string;
  /** Common names of proxies; none: whomever the authorities signed. */
  allowedNames: readonly string[];
  usernameHeaders: readonly string[];
  uidHeaders: readonly string[];
  groupHeaders: readonly string[];
  extraHeaderPrefixes: readonly string[];
}

/** What our own front proxy, the one before extension API servers, uses. */
export function ownRequestHeaders(clientCaPem: string): RequestHeaderConfig {
  return {
    clientCaPem,
    allowedNames: [FRONT_PROXY_CLIENT],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  };
}

/**
 * The user a front proxy names in headers. Only a proxy that shows a certificate of the right authority and name is
 * heard; what others put there means nothing.
 *
 * Source: k8s.io/apiserver/pkg/authentication/request/headerrequest.
 */
export class RequestHeaderAuthenticator {
  readonly #config: RequestHeaderConfig;
  readonly #certificates: ClientCertificates;

  constructor(config: RequestHeaderConfig) {
    const lower = (names: readonly string[]) => names.map((name) => name.trim().toLowerCase());
    this.#config = {
      ...config,
      usernameHeaders: lower(config.usernameHeaders),
      uidHeaders: lower(config.uidHeaders),
      groupHeaders: lower(config.groupHeaders),
      extraHeaderPrefixes: lower(config.extraHeaderPrefixes),
    };
    this.#certificates = new ClientCertificates(new TrustedAuthorities(config.clientCaPem));
  }

  /** Undefined when no proxy asks, or it names nobody. The headers that were believed are taken off the request. */
  authenticate(request: ApiRequest, socket: TLSSocket): User | undefined {
    const proxy = this.#certificates.identityOf(socket);
    if (proxy.type !== 'user') return undefined;
    const { allowedNames, usernameHeaders, uidHeaders, groupHeaders } = this.#config;
    if (allowedNames.length > 0 && !allowedNames.includes(proxy.user.name)) return undefined;
    const headers = request.headers ?? {};
    const name = usernameHeaders.map((header) => headers[header]).find(Boolean);
    if (name === undefined) return undefined;
    const uid = uidHeaders.map((header) => headers[header]).find(Boolean);
    const groups = groupHeaders.flatMap((header) => linesOf(request, header));
    const extra = this.#extraOf(request);
    this.#clear(headers);
    return {
      name,
      groups,
      ...(uid !== undefined && { uid }),
      ...(Object.keys(extra).length > 0 && { extra }),
    };
  }

  #extraOf(request: ApiRequest): Record<string, string[]> {
    const extra: Record<string, string[]> = Object.create(null);
    for (const prefix of this.#config.extraHeaderPrefixes)
      for (const header of Object.keys(request.headers ?? {})) {
        if (!header.startsWith(prefix)) continue;
        const key = decodedKey(header.slice(prefix.length));
        extra[key] = [...(extra[key] ?? []), ...linesOf(request, header)];
      }
    return extra;
  }

  #clear(headers: Record<string, string>): void {
    const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#config;
    const exact = new Set([...usernameHeaders, ...uidHeaders, ...groupHeaders]);
    for (const header of Object.keys(headers))
      if (exact.has(header) || extraHeaderPrefixes.some((prefix) => header.startsWith(prefix)))
        delete headers[header];
  }
}

function decodedKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // recorded as it came, as upstream
  }
}
