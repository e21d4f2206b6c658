import type { Clock, Log } from '../../base/index.ts';
import type { AdmissionPlugin, StoredObjects } from '../admission/admission.ts';
import type { User } from '../http/messages.ts';
import type { WorkspaceDirectory } from '../workspaces/workspace-directory.ts';
import { RequestAuthenticator } from './authenticator.ts';
import { BootstrapTokenAuthenticator } from './bootstrap-tokens.ts';
import { ClientCertificates } from './client-certificate.ts';
import type { AuthenticationConfiguration } from './jwt/authentication-configuration.ts';
import { JwtAuthenticator } from './jwt/jwt-authenticator.ts';
import { LegacyServiceAccountTokens, LegacyTokenSecrets } from './legacy-service-account-tokens.ts';
import type { OpenIdDocuments } from './openid-documents.ts';
import { RequestHeaderAuthenticator, type RequestHeaderConfig } from './request-header.ts';
import { KCP_AUDIENCE, SERVICE_ACCOUNT_ISSUER, ServiceAccountTokens } from './service-account-tokens.ts';
import { StaticTokenAuthenticator } from './static-tokens.ts';
import { type ReviewedToken, TokenAuthenticators } from './token-authenticators.ts';
import { TokenKey } from './token-key.ts';
import { TokenSubjects } from './token-subjects.ts';
import { TrustedAuthorities } from './trusted-authorities.ts';
import { VerifiedTokens } from './verified-tokens.ts';
import { WorkspaceTokens } from './workspace-tokens.ts';

export interface AuthenticationParts {
  objects: StoredObjects;
  directory: WorkspaceDirectory;
  clock: Clock;
  log: Log;
  serviceAccountKeyPem: string;
  caPem: string;
  /** Front proxies that may say for whom a request is. */
  requestHeaders: readonly RequestHeaderConfig[];
  staticTokens: readonly { token: string; user: User }[];
  configuration: AuthenticationConfiguration | undefined;
  /** Where others reach this server: `https://192.0.2.1:6443`. */
  serverUrl(): string;
}

/** Who asks: front proxies, client certificates, then every kind of bearer token. */
export class Authentication {
  readonly requests: RequestAuthenticator;
  readonly serviceAccounts: ServiceAccountTokens;
  readonly #tokens: TokenAuthenticators;
  readonly openId: OpenIdDocuments;
  readonly admission: AdmissionPlugin;
  readonly #workspaceTokens: WorkspaceTokens;

  constructor(parts: AuthenticationParts) {
    const { objects, clock, log, configuration } = parts;
    const key = new TokenKey(parts.serviceAccountKeyPem);
    const subjects = new TokenSubjects(objects, clock);
    const verified = new VerifiedTokens(key);
    const legacy = new LegacyServiceAccountTokens({ key, verified, subjects });
    this.serviceAccounts = new ServiceAccountTokens({ key, verified, subjects, clock });
    this.#tokens = new TokenAuthenticators({
      audiences: this.serviceAccounts.audiences,
      aliases: [KCP_AUDIENCE],
      aware: [this.serviceAccounts],
      plain: [
        new StaticTokenAuthenticator(parts.staticTokens),
        legacy,
        new BootstrapTokenAuthenticator(objects, clock),
        ...(configuration?.issuers ?? []).map((issuer) => new JwtAuthenticator(issuer, { clock, log })),
      ],
    });
    this.#workspaceTokens = new WorkspaceTokens({
      ...{ objects, clock, log, directory: parts.directory },
      audiences: [...this.serviceAccounts.audiences, KCP_AUDIENCE],
    });
    this.requests = new RequestAuthenticator({
      proxies: parts.requestHeaders.map((config) => new RequestHeaderAuthenticator(config)),
      certificates: new ClientCertificates(new TrustedAuthorities(parts.caPem)),
      tokens: [this.#tokens],
      workspaceTokens: this.#workspaceTokens,
      anonymous: configuration?.anonymous,
    });
    this.admission = new LegacyTokenSecrets({ objects, tokens: legacy, caPem: parts.caPem });
    this.openId = {
      issuer: SERVICE_ACCOUNT_ISSUER,
      serverUrl: parts.serverUrl,
      publicJwk: () => key.publicJwk(),
    };
  }

  /** Whose a token is that is shown to somebody in a workspace. */
  async review(
    workspace: string,
    token: string,
    audiences?: readonly string[],
  ): Promise<ReviewedToken | undefined> {
    const reviewed = await this.#tokens.review(token, audiences);
    return reviewed ?? this.#workspaceTokens.review(workspace, token, audiences);
  }
}
