import { type ApiResponse, jsonResponse } from '../http/messages.ts';

/** What others need to check our service account tokens; OpenID Connect Discovery 1.0, RFC 7517. */
export interface OpenIdDocuments {
  issuer: string;
  /** Where `/openid/v1/jwks` is reached. */
  serverUrl(): string;
  publicJwk(): object;
}

const CACHE = { 'cache-control': 'public, max-age=3600' };

/** GET /.well-known/openid-configuration and /openid/v1/jwks; k8s.io/kubernetes/pkg/routes/openidmetadata.go. */
export function serveOpenId(path: string, documents: OpenIdDocuments): ApiResponse | undefined {
  if (path === '/.well-known/openid-configuration')
    return jsonResponse(
      200,
      {
        issuer: documents.issuer,
        jwks_uri: `${documents.serverUrl()}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      CACHE,
    );
  if (path === '/openid/v1/jwks')
    return jsonResponse(
      200,
      { keys: [documents.publicJwk()] },
      { ...CACHE, 'content-type': 'application/jwk-set+json' },
    );
  return undefined;
}
