import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { rbacv1 } from '../types/index.generated.ts';
import { semanticallyEqual } from '../validation/equality.ts';

/**
 * The rules of an aggregated role: those of every other role its selectors match, in order of name, each once.
 * Source: k8s.io/kubernetes/pkg/controller/clusterroleaggregation.
 *
 * @throws BadRequest when a selector is wrong.
 */
export function aggregatedRules(
  role: Readonly<rbacv1.ClusterRole>,
  all: readonly Readonly<rbacv1.ClusterRole>[],
): rbacv1.PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorAsSelector);
  const rules: rbacv1.PolicyRule[] = [];
  const seen = new Set<string>();
  for (const selector of selectors) {
    const chosen = all
      .filter(({ metadata }) => metadata.name !== role.metadata.name && selector.matches(metadata.labels))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const rule of chosen.flatMap((one) => one.rules ?? [])) {
      const text = canonical(rule);
      if (!seen.has(text)) rules.push(rule);
      seen.add(text);
    }
  }
  return rules;
}

/** Whether the role already holds exactly these rules. */
export function hasRules(
  role: Readonly<rbacv1.ClusterRole>,
  rules: readonly Readonly<rbacv1.PolicyRule>[],
): boolean {
  return semanticallyEqual(role.rules ?? [], rules);
}

function canonical(rule: Readonly<rbacv1.PolicyRule>): string {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs].map((l) => l ?? []));
}
