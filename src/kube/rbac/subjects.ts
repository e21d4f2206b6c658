import type { rbacv1 } from '../types/index.generated.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
export const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';

/**
 * Who a binding's subject is, as a key: `u:<user>` or `g:<group>`; a service account is the user its tokens name.
 * Undefined for one that can be nobody. `bindingNamespace` stands for a service account's own, when left out.
 * Source: k8s.io/kubernetes/pkg/registry/rbac/validation.appliesToUser.
 */
export function subjectKey(
  subject: Readonly<rbacv1.Subject>,
  bindingNamespace: string | undefined,
): string | undefined {
  switch (subject.kind) {
    case 'User':
      return `u:${subject.name}`;
    case 'Group':
      return `g:${subject.name}`;
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace;
      return namespace ? `u:${SERVICE_ACCOUNT_PREFIX}${namespace}:${subject.name}` : undefined;
    }
    default:
      return undefined;
  }
}

/** The keys a user answers to. */
export function userKeys(user: { name: string; groups: readonly string[] }): string[] {
  return [`u:${user.name}`, ...user.groups.map((group) => `g:${group}`)];
}

/** `Group "devs"`, `ServiceAccount "name/namespace"`: upstream's words in the reason of a decision. */
export function describeSubject(
  subject: Readonly<rbacv1.Subject>,
  bindingNamespace: string | undefined,
): string {
  const name =
    subject.kind === 'ServiceAccount'
      ? `${subject.name}/${subject.namespace || (bindingNamespace ?? '')}`
      : subject.name;
  return `${subject.kind} ${JSON.stringify(name)}`;
}
