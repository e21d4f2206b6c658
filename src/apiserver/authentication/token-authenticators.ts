import type { User } from '../http/messages.ts';
import type { TokenAuthenticator } from './authenticator.ts';

/** Whose token it is, and for which of the audiences asked about it is good. */
export interface ReviewedToken {
  user: User;
  audiences: readonly string[];
}

/** Tokens that name the audiences they are for. */
export interface AudienceAuthenticator {
  /** Undefined for a token that is not its own, or for none of `audiences`. */
  review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined>;
}

/**
 * Every kind of bearer token, the first that knows it decides. A kind without audiences is good for the API server's
 * own only (k8s.io/apiserver/pkg/authentication/authenticator.WrapAudienceAgnosticToken).
 */
export class TokenAuthenticators implements TokenAuthenticator, AudienceAuthenticator {
  readonly #audiences: readonly string[];
  readonly #accepted: readonly string[];
  readonly #plain: readonly TokenAuthenticator[];
  readonly #aware: readonly AudienceAuthenticator[];

  constructor(parts: {
    /** The API server's own. */
    audiences: readonly string[];
    /** Its other names, which tokens may be for too. */
    aliases: readonly string[];
    plain: readonly TokenAuthenticator[];
    aware: readonly AudienceAuthenticator[];
  }) {
    this.#audiences = parts.audiences;
    this.#accepted = [...parts.audiences, ...parts.aliases];
    this.#plain = parts.plain;
    this.#aware = parts.aware;
  }

  async authenticate(token: string): Promise<User | undefined> {
    return (await this.review(token, this.#accepted))?.user;
  }

  /** No audiences: the API server's own. */
  async review(token: string, wanted: readonly string[] = []): Promise<ReviewedToken | undefined> {
    for (const authenticator of this.#aware) {
      const reviewed = await authenticator.review(token, wanted.length > 0 ? wanted : this.#accepted);
      if (reviewed !== undefined) return reviewed;
    }
    const shared = wanted.length > 0 ? wanted.filter((one) => this.#accepted.includes(one)) : this.#audiences;
    if (shared.length === 0) return undefined;
    for (const authenticator of this.#plain) {
      const user = await authenticator.authenticate(token);
      if (user !== undefined) return { user, audiences: shared };
    }
    return undefined;
  }
}
