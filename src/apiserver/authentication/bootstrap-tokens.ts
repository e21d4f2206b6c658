import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import type { User } from '../http/messages.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import type { TokenAuthenticator } from './authenticator.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const SECRET_TYPE = 'bootstrap.kubernetes.io/token';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens for machines that join: `<id>.<secret>` of a Secret `bootstrap-token-<id>` in kube-system.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authenticator/token/bootstrap.
 */
export class BootstrapTokenAuthenticator implements TokenAuthenticator {
  readonly #objects: StoredObjects;
  readonly #clock: Clock;

  constructor(objects: StoredObjects, clock: Clock) {
    this.#objects = objects;
    this.#clock = clock;
  }

  async authenticate(token: string): Promise<User | undefined> {
    const [, id, given] = TOKEN.exec(token) ?? [];
    if (id === undefined || given === undefined) return undefined;
    const secret = await this.#objects.find<corev1.Secret>(
      { group: '', resource: 'secrets' },
      { workspace: DEFAULT_WORKSPACE, namespace: 'kube-system', name: `bootstrap-token-${id}` },
    );
    if (secret?.type !== SECRET_TYPE || secret.metadata.deletionTimestamp !== undefined) return undefined;
    const read = (key: string) => Buffer.from(String(secret.data?.[key] ?? ''), 'base64').toString();
    if (!equalSecrets(read('token-secret'), given) || read('token-id') !== id) return undefined;
    const expiration = read('expiration');
    if (expiration !== '' && !(this.#clock.now() < Date.parse(expiration))) return undefined;
    if (read('usage-bootstrap-authentication') !== 'true') return undefined;
    const extra = read('auth-extra-groups')
      .split(',')
      .filter((group) => group !== '');
    if (!extra.every((group) => EXTRA_GROUP.test(group))) return undefined;
    return {
      name: `system:bootstrap:${id}`,
      groups: [...new Set(['system:bootstrappers', ...extra])].sort(),
    };
  }
}

function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return a !== '' && timingSafeEqual(digest(a), digest(b));
}
