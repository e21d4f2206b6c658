import type { rbacv1 } from '../../kube/index.ts';

/**
 * A rule in short: verbs, API groups (`core` for the one without a name), resources and, for some, the names of
 * objects, each separated by blanks; or verbs and paths.
 */
export type RuleRow =
  | readonly [verbs: string, groups: string, resources: string, names?: string]
  | readonly [verbs: string, paths: string];

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const EVENTS: RuleRow = ['create update patch', 'core events.k8s.io', 'events'];

/** The row as a rule, its lists sorted as upstream's are. */
export function ruleOf([verbs, second, resources, names]: RuleRow): rbacv1.PolicyRule {
  const list = (text: string) => text.split(' ').sort();
  if (resources === undefined) return { nonResourceURLs: list(second), verbs: list(verbs) };
  return {
    apiGroups: second.split(' ').map((group) => (group === 'core' ? '' : group)),
    resources: list(resources),
    ...(names !== undefined && { resourceNames: list(names) }),
    verbs: list(verbs),
  };
}
