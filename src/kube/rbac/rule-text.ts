import { append } from '../../base/index.ts';
import type { rbacv1 } from '../types/index.generated.ts';

/**
 * What a refusal of rights lists, a line a rule: rules on the same thing as one, in order of their text.
 * Source: k8s.io/kubernetes/pkg/registry/rbac/validation.CompactRules, pkg/apis/rbac/v1.CompactString.
 */
export function describeRules(rules: readonly Readonly<rbacv1.PolicyRule>[]): string {
  const lines = compacted(rules).map(describeRule);
  return [...new Set(lines)].sort().join('\n');
}

function compacted(rules: readonly Readonly<rbacv1.PolicyRule>[]): rbacv1.PolicyRule[] {
  const simple = new Map<string, rbacv1.PolicyRule>();
  const others: rbacv1.PolicyRule[] = [];
  for (const rule of rules) {
    const thing = thingOf(rule);
    const known = thing === undefined ? undefined : simple.get(thing);
    if (thing === undefined) others.push(rule);
    else if (known === undefined) simple.set(thing, { ...rule, verbs: [...rule.verbs] });
    else
      append(
        known.verbs,
        rule.verbs.filter((verb) => !known.verbs.includes(verb)),
      );
  }
  return [...others, ...simple.values()];
}

/** The one resource (and name) a rule is about; undefined when there are several or paths. */
function thingOf(rule: Readonly<rbacv1.PolicyRule>): string | undefined {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const isSimple =
    apiGroups.length === 1 &&
    resources.length === 1 &&
    resourceNames.length <= 1 &&
    nonResourceURLs.length === 0;
  return isSimple ? JSON.stringify([apiGroups, resources, resourceNames]) : undefined;
}

function describeRule(rule: Readonly<rbacv1.PolicyRule>): string {
  const parts = (
    [
      ['APIGroups', rule.apiGroups],
      ['Resources', rule.resources],
      ['NonResourceURLs', rule.nonResourceURLs],
      ['ResourceNames', rule.resourceNames],
      ['Verbs', rule.verbs],
    ] as const
  ).flatMap(([name, list]) => (list?.length ? [`${name}:${quotedList(list)}`] : []));
  return `{${parts.join(', ')}}`;
}

/** Go's `%q` of a list: `["a" "b"]`. */
export function quotedList(list: readonly string[]): string {
  return `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;
}
