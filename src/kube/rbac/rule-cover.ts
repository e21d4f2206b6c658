import type { rbacv1 } from '../types/index.generated.ts';
import { isPrefixOf } from './rule-matching.ts';

type Rule = Readonly<rbacv1.PolicyRule>;

/**
 * The parts of `wanted` that `held` does not give, each of one verb on one thing; none when all is held.
 * Source: k8s.io/component-helpers/auth/rbac/validation.Covers.
 */
export function missingRules(held: readonly Rule[], wanted: readonly Rule[]): rbacv1.PolicyRule[] {
  return wanted.flatMap(brokenDown).filter((part) => !held.some((rule) => covers(rule, part)));
}

/** A rule as rules of one verb, one group, one resource, at most one name, or one path. */
function brokenDown(rule: Rule): rbacv1.PolicyRule[] {
  const parts: rbacv1.PolicyRule[] = [];
  for (const apiGroup of rule.apiGroups ?? [])
    for (const resource of rule.resources ?? [])
      for (const verb of rule.verbs ?? []) {
        const part = { apiGroups: [apiGroup], resources: [resource], verbs: [verb] };
        if (!rule.resourceNames?.length) parts.push(part);
        else for (const name of rule.resourceNames) parts.push({ ...part, resourceNames: [name] });
      }
  for (const path of rule.nonResourceURLs ?? [])
    for (const verb of rule.verbs ?? []) parts.push({ nonResourceURLs: [path], verbs: [verb] });
  return parts;
}

function covers(held: Rule, part: Rule): boolean {
  const names = held.resourceNames ?? [];
  const wantedNames = part.resourceNames ?? [];
  return (
    hasAll(held.verbs, part.verbs, true) &&
    hasAll(held.apiGroups, part.apiGroups, true) &&
    (part.resources ?? []).every((resource) => coversResource(held.resources ?? [], resource)) &&
    (part.nonResourceURLs ?? []).every((path) => coversPath(held.nonResourceURLs ?? [], path)) &&
    (names.length === 0 || (wantedNames.length > 0 && hasAll(names, wantedNames, false)))
  );
}

function hasAll(
  set: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
  starIsAll: boolean,
): boolean {
  const held = set ?? [];
  return (starIsAll && held.includes('*')) || (wanted ?? []).every((one) => held.includes(one));
}

function coversResource(set: readonly string[], wanted: string): boolean {
  if (set.includes('*') || set.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash > 0 && set.includes(`*${wanted.slice(slash)}`);
}

function coversPath(set: readonly string[], wanted: string): boolean {
  return set.some((held) => held === wanted || isPrefixOf(held, wanted));
}
