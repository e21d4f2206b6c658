import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import { ROOT_WORKSPACE, SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import type { User } from '../http/messages.ts';
import { CLUSTER_NAME_EXTRA } from '../workspaces/effective-users.ts';
import type { AudienceAuthenticator, ReviewedToken } from './token-authenticators.ts';
import type { TokenKey } from './token-key.ts';
import type { SubjectKind, TokenSubjects } from './token-subjects.ts';
import type { VerifiedTokens } from './verified-tokens.ts';

export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** kcp's API servers; its controllers ask for tokens for them. */
export const KCP_AUDIENCE = 'https://kcp.default.svc';

/** What a token may be bound to; it dies with that object. */
export interface BoundObject {
  kind: Exclude<SubjectKind, 'ServiceAccount'>;
  name: string;
  uid: string;
}

export interface TokenSubject {
  workspace: string;
  namespace: string;
  name: string;
  uid: string;
  bound?: BoundObject;
  /** The node of the pod the token is bound to, for the reader's information. */
  node?: { name: string; uid?: string };
}

interface PrivateClaims {
  /** The logical cluster; kcp's claim. Without it, the first one. */
  clusterName?: string;
  namespace: string;
  serviceaccount: { name: string; uid: string };
  pod?: { name: string; uid: string };
  secret?: { name: string; uid: string };
  node?: { name: string; uid?: string };
  warnafter?: number;
}

/**
 * Signs and reads service account tokens: ES256 JWTs with Kubernetes' claims
 * (k8s.io/kubernetes/pkg/serviceaccount/claims.go).
 */
export class ServiceAccountTokens implements AudienceAuthenticator {
  readonly #key: TokenKey;
  readonly #verified: VerifiedTokens;
  readonly #subjects: TokenSubjects;
  readonly #clock: Clock;
  readonly audiences: readonly string[] = [SERVICE_ACCOUNT_ISSUER];

  constructor(options: { key: TokenKey; verified: VerifiedTokens; subjects: TokenSubjects; clock: Clock }) {
    this.#key = options.key;
    this.#verified = options.verified;
    this.#subjects = options.subjects;
    this.#clock = options.clock;
  }

  /** The token and when it ends. */
  async issue(
    subject: TokenSubject,
    options: { audiences: readonly string[]; expirationSeconds: number; warnAfterSeconds?: number },
  ): Promise<{ token: string; expiresAt: Date }> {
    const { SignJWT } = await import('jose');
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const expiresAt = nowSeconds + options.expirationSeconds;
    const claims: PrivateClaims = {
      clusterName: subject.workspace,
      namespace: subject.namespace,
      serviceaccount: { name: subject.name, uid: subject.uid },
    };
    const { bound } = subject;
    if (bound !== undefined)
      claims[bound.kind.toLowerCase() as 'pod' | 'secret' | 'node'] = { name: bound.name, uid: bound.uid };
    if (subject.node !== undefined) claims.node = subject.node;
    if (options.warnAfterSeconds !== undefined) claims.warnafter = nowSeconds + options.warnAfterSeconds;
    const token = await new SignJWT({ 'kubernetes.io': claims })
      .setProtectedHeader({ alg: 'ES256', kid: this.#key.id })
      .setIssuer(SERVICE_ACCOUNT_ISSUER)
      .setSubject(`${SERVICE_ACCOUNT_PREFIX}${subject.namespace}:${subject.name}`)
      .setAudience([...options.audiences])
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(expiresAt)
      .setJti(randomUUID())
      .sign(this.#key.privateKey);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** Undefined when the token is not ours, ended, for others, or its subject is gone. */
  async review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined> {
    const payload = await this.#verified.claimsOf(token);
    if (payload?.iss !== SERVICE_ACCOUNT_ISSUER) return undefined;
    const nowSeconds = this.#clock.now() / 1000;
    const { exp, nbf } = payload;
    if (typeof exp !== 'number' || exp <= nowSeconds || (typeof nbf === 'number' && nbf > nowSeconds))
      return undefined;
    const held = ([] as unknown[]).concat(payload.aud);
    const shared = audiences.filter((one) => held.includes(one));
    if (shared.length === 0) return undefined;
    const claims = payload['kubernetes.io'] as PrivateClaims | undefined;
    if (claims?.serviceaccount === undefined || !(await this.#alive(claims))) return undefined;
    return { user: userOf(claims, String(payload.jti)), audiences: shared };
  }

  async #alive(claims: PrivateClaims): Promise<boolean> {
    const { namespace, serviceaccount, pod, secret, node } = claims;
    const place = { workspace: claims.clusterName ?? ROOT_WORKSPACE, namespace };
    const exists = async (kind: SubjectKind, object: { name: string; uid?: string }) =>
      (await this.#subjects.find(kind, place, object)) !== undefined;
    if (!(await exists('ServiceAccount', serviceaccount))) return false;
    if (pod !== undefined && !(await exists('Pod', pod))) return false;
    if (secret !== undefined && !(await exists('Secret', secret))) return false;
    // With a pod the node is for the reader's information; alone it is what the token is bound to.
    if (pod !== undefined || secret !== undefined || node?.uid === undefined) return true;
    return exists('Node', node);
  }
}

function userOf(claims: PrivateClaims, tokenId: string): User {
  const { namespace, serviceaccount, pod, node } = claims;
  const extra: Record<string, string[]> = {
    'authentication.kubernetes.io/credential-id': [`JTI=${tokenId}`],
    [CLUSTER_NAME_EXTRA]: [claims.clusterName ?? ROOT_WORKSPACE],
  };
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    if (node.uid !== undefined) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  return {
    name: `${SERVICE_ACCOUNT_PREFIX}${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  };
}
