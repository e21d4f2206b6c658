import type { rbacv1 } from '../types/index.generated.ts';

const ALL = '*';

/** What is asked for, as a rule sees it. */
export type RuleRequest =
  | {
      verb: string;
      group: string;
      resource: string;
      /** '' for none. */
      subresource: string;
      /** '' for a list, a create, and what has no name. */
      name: string;
    }
  | { verb: string; path: string };

/**
 * Whether one rule allows one request.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac.RuleAllows, pkg/apis/rbac/v1/evaluation_helpers.go.
 */
export function ruleAllows(rule: Readonly<rbacv1.PolicyRule>, request: RuleRequest): boolean {
  if (!includesOrAll(rule.verbs, request.verb)) return false;
  if ('path' in request) return matchesPath(rule.nonResourceURLs, request.path);
  return (
    includesOrAll(rule.apiGroups, request.group) &&
    matchesResource(rule.resources, request.resource, request.subresource) &&
    matchesName(rule.resourceNames, request.name)
  );
}

function includesOrAll(list: readonly string[] | undefined, wanted: string): boolean {
  if (list === undefined) return false;
  for (const one of list) if (one === ALL || one === wanted) return true;
  return false;
}

/** `*`, `pods`, `pods/log`, and `*` before a subresource: every resource's. */
function matchesResource(
  list: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  if (list === undefined) return false;
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  for (const one of list) {
    if (one === ALL || one === combined) return true;
    if (subresource !== '' && one.startsWith('*/') && one.slice(2) === subresource) return true;
  }
  return false;
}

/** A rule with names says nothing of a request without one. */
function matchesName(list: readonly string[] | undefined, name: string): boolean {
  return list === undefined || list.length === 0 || list.includes(name);
}

function matchesPath(list: readonly string[] | undefined, path: string): boolean {
  if (list === undefined) return false;
  for (const one of list) if (one === path || isPrefixOf(one, path)) return true;
  return false;
}

/** A path that ends in stars stands for all that begin with what is before them. */
export function isPrefixOf(pattern: string, path: string): boolean {
  return pattern.endsWith(ALL) && path.startsWith(pattern.replace(/\*+$/, ''));
}
