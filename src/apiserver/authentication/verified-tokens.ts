import { createHash } from 'node:crypto';
import type { TokenKey } from './token-key.ts';

type Claims = Readonly<Record<string, unknown>>;

/** A signature costs a few hundred microseconds, and a client sends the same token with each request. */
const LIMIT = 1_000;

/**
 * Tokens signed by our key. That a signature is good stays true, so it is remembered (by the token's digest, least
 * recently used out first); everything that can change is the caller's to check, each time.
 */
export class VerifiedTokens {
  readonly #key: TokenKey;
  readonly #claims = new Map<string, Claims>();

  constructor(key: TokenKey) {
    this.#key = key;
  }

  /** What the token says; undefined when our key did not sign it. */
  async claimsOf(token: string): Promise<Claims | undefined> {
    if (token.split('.').length !== 3) return undefined;
    const digest = createHash('sha256').update(token).digest('base64');
    const known = this.#claims.get(digest);
    if (known !== undefined) this.#claims.delete(digest);
    const claims = known ?? (await this.#verified(token));
    if (claims === undefined) return undefined;
    this.#claims.set(digest, claims);
    if (this.#claims.size > LIMIT) this.#claims.delete(this.#claims.keys().next().value!);
    return claims;
  }

  async #verified(token: string): Promise<Claims | undefined> {
    const { compactVerify, errors } = await import('jose');
    try {
      const { payload } = await compactVerify(token, this.#key.publicKey, { algorithms: ['ES256'] });
      const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
      return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined;
    } catch (error) {
      // "Not a good token" is an ordinary answer; anything else is a fault of ours.
      if (error instanceof errors.JOSEError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}
