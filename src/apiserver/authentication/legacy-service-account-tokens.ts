import { type corev1, ROOT_WORKSPACE, SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../admission/admission.ts';
import type { User } from '../http/messages.ts';
import { CLUSTER_NAME_EXTRA } from '../workspaces/effective-users.ts';
import type { TokenAuthenticator } from './authenticator.ts';
import type { TokenKey } from './token-key.ts';
import type { TokenSubjects } from './token-subjects.ts';
import type { VerifiedTokens } from './verified-tokens.ts';

const ISSUER = 'kubernetes/serviceaccount';
const CLAIM = 'kubernetes.io/serviceaccount/';
const SECRET_TYPE = 'kubernetes.io/service-account-token';
const NAME_ANNOTATION = 'kubernetes.io/service-account.name';
const UID_ANNOTATION = 'kubernetes.io/service-account.uid';

interface LegacySubject {
  workspace: string;
  namespace: string;
  account: string;
  uid: string;
  secret: string;
}

/**
 * Tokens that lie in Secrets: without an end, good as long as account and Secret are there and the Secret holds that
 * very token. Source: k8s.io/kubernetes/pkg/serviceaccount/legacy.go.
 */
export class LegacyServiceAccountTokens implements TokenAuthenticator {
  readonly #key: TokenKey;
  readonly #verified: VerifiedTokens;
  readonly #subjects: TokenSubjects;

  constructor(parts: { key: TokenKey; verified: VerifiedTokens; subjects: TokenSubjects }) {
    this.#key = parts.key;
    this.#verified = parts.verified;
    this.#subjects = parts.subjects;
  }

  async issue({ workspace, namespace, account, uid, secret }: LegacySubject): Promise<string> {
    const { SignJWT } = await import('jose');
    return new SignJWT({
      [`${CLAIM}clusterName`]: workspace,
      [`${CLAIM}namespace`]: namespace,
      [`${CLAIM}secret.name`]: secret,
      [`${CLAIM}service-account.name`]: account,
      [`${CLAIM}service-account.uid`]: uid,
    })
      .setProtectedHeader({ alg: 'ES256', kid: this.#key.id })
      .setIssuer(ISSUER)
      .setSubject(`${SERVICE_ACCOUNT_PREFIX}${namespace}:${account}`)
      .sign(this.#key.privateKey);
  }

  async authenticate(token: string): Promise<User | undefined> {
    const claims = await this.#verified.claimsOf(token);
    if (claims?.iss !== ISSUER) return undefined;
    const read = (name: string) => String(claims[CLAIM + name] ?? '');
    const namespace = read('namespace');
    const workspace = read('clusterName') || ROOT_WORKSPACE;
    const name = read('service-account.name');
    const uid = read('service-account.uid');
    if (claims.sub !== `${SERVICE_ACCOUNT_PREFIX}${namespace}:${name}` || uid === '') return undefined;
    if ((await this.#subjects.find('ServiceAccount', { workspace, namespace }, { name, uid })) === undefined)
      return undefined;
    const secret = await this.#subjects.find<corev1.Secret>(
      'Secret',
      { workspace, namespace },
      { name: read('secret.name') },
    );
    const held = Buffer.from(String(secret?.data?.token ?? ''), 'base64').toString();
    if (held !== token) return undefined;
    return {
      name: String(claims.sub),
      uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      extra: { [CLUSTER_NAME_EXTRA]: [workspace] },
    };
  }
}

/**
 * Fills a Secret of the type service-account-token with its account's token, the CA and the namespace, as it is
 * written. (Upstream's controller does so a moment later; ours only clears away those whose account is gone.)
 */
export class LegacyTokenSecrets implements AdmissionPlugin {
  readonly name = 'ServiceAccountTokenSecrets';
  readonly #objects: StoredObjects;
  readonly #tokens: LegacyServiceAccountTokens;
  readonly #caPem: string;

  constructor(parts: { objects: StoredObjects; tokens: LegacyServiceAccountTokens; caPem: string }) {
    this.#objects = parts.objects;
    this.#tokens = parts.tokens;
    this.#caPem = parts.caPem;
  }

  /** Last of all: only now is a generated name known. */
  async reserve(request: AdmissionRequest): Promise<undefined> {
    const { resource, workspace, namespace, object } = request;
    if (resource.group !== '' || resource.name !== 'secrets' || namespace === undefined) return;
    const secret = object as corev1.Secret | undefined;
    if (secret?.type !== SECRET_TYPE) return;
    const { annotations = {}, name } = secret.metadata;
    const account = annotations[NAME_ANNOTATION] ?? '';
    if (account === '') return;
    const found = await this.#objects.find(
      { group: '', resource: 'serviceaccounts' },
      { workspace, namespace, name: account },
    );
    if (found === undefined) return;
    const { uid } = found.metadata;
    if (annotations[UID_ANNOTATION] !== undefined && annotations[UID_ANNOTATION] !== uid) return;
    secret.metadata.annotations = { ...annotations, [UID_ANNOTATION]: uid };
    const encode = (text: string) => Buffer.from(text).toString('base64');
    const data: Record<string, string> = { ...(secret.data as Record<string, string> | undefined) };
    data['ca.crt'] ??= encode(this.#caPem);
    data.namespace ??= encode(namespace);
    data.token ??= encode(await this.#tokens.issue({ workspace, namespace, account, uid, secret: name }));
    secret.data = data;
  }
}
