import type { JSONWebKeySet, JWTPayload } from 'jose';
import { type Clock, type Log, OrreryError } from '../../../base/index.ts';
import type { User } from '../../http/messages.ts';
import type { TokenAuthenticator } from '../authenticator.ts';
import type { JwtIssuer } from './authentication-configuration.ts';
import { IssuerKeys } from './issuer-keys.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];

/**
 * Tokens of one OpenID Connect issuer. A token of another issuer is nobody's here; when the issuer cannot be reached
 * its tokens are refused, and the log says why.
 * Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc.
 */
export class JwtAuthenticator implements TokenAuthenticator {
  readonly #issuer: JwtIssuer;
  readonly #keys: IssuerKeys;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(issuer: JwtIssuer, { clock, log }: { clock: Clock; log: Log }) {
    this.#issuer = issuer;
    this.#keys = new IssuerKeys(issuer, clock);
    this.#clock = clock;
    this.#log = log;
  }

  async authenticate(token: string): Promise<User | undefined> {
    if (token.split('.').length !== 3) return undefined;
    const { decodeJwt, errors } = await import('jose');
    try {
      if (decodeJwt(token).iss !== this.#issuer.url) return undefined;
      return userOf(await this.#verified(token), this.#issuer);
    } catch (error) {
      if (error instanceof OrreryError) this.#log.warn('a token could not be checked', { error });
      // "Not a good token" is an ordinary answer; anything else is a fault of ours.
      else if (!(error instanceof errors.JOSEError)) throw error;
      return undefined;
    }
  }

  async #verified(token: string): Promise<JWTPayload> {
    const { errors } = await import('jose');
    try {
      return await this.#verify(token, await this.#keys.get());
    } catch (error) {
      const again = error instanceof errors.JWKSNoMatchingKey ? this.#keys.refreshed() : undefined;
      if (again === undefined) throw error;
      return this.#verify(token, await again);
    }
  }

  async #verify(token: string, keys: JSONWebKeySet): Promise<JWTPayload> {
    const { createLocalJWKSet, jwtVerify } = await import('jose');
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      algorithms: ALGORITHMS,
      issuer: this.#issuer.url,
      audience: [...this.#issuer.audiences],
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ['exp'],
    });
    return payload;
  }
}

/** Undefined when a claim that must be there is not. */
function userOf(claims: JWTPayload, issuer: JwtIssuer): User | undefined {
  for (const [claim, value] of Object.entries(issuer.requiredClaims))
    if (claims[claim] !== value) return undefined;
  const name = claims[issuer.username.claim];
  if (typeof name !== 'string' || name === '') return undefined;
  // An address nobody has proved to own says nothing of who he is.
  if (issuer.username.claim === 'email' && 'email_verified' in claims && claims.email_verified !== true)
    return undefined;
  const groups = issuer.groups === undefined ? [] : listOf(claims[issuer.groups.claim]);
  if (groups === undefined) return undefined;
  const uid = issuer.uidClaim === undefined ? undefined : claims[issuer.uidClaim];
  if (uid !== undefined && typeof uid !== 'string') return undefined;
  return {
    name: issuer.username.prefix + name,
    ...(uid !== undefined && { uid }),
    groups: groups.map((group) => (issuer.groups?.prefix ?? '') + group),
    ...(typeof claims.jti === 'string' && {
      extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] },
    }),
  };
}

/** One string or a list of them; nothing is no group. */
function listOf(claim: unknown): string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (typeof claim === 'string') return [claim];
  return Array.isArray(claim) && claim.every((one) => typeof one === 'string') ? claim : undefined;
}
