import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { rbacv1 } from '../types/index.generated.ts';
import { aggregatedRules } from './aggregation.ts';
import { missingRules } from './rule-cover.ts';
import { type RuleRequest, ruleAllows } from './rule-matching.ts';
import { describeRules } from './rule-text.ts';

const VERBS = ['get', 'list', 'create'];
const GROUPS = ['', 'apps'];
const RESOURCES = ['pods', 'deployments'];
const SUBRESOURCES = ['', 'scale', 'log'];
const NAMES = ['', 'a', 'b'];
const PATHS = ['/metrics', '/healthz', '/healthz/etcd', '/'];

/** Every request there can be in this small world. */
const REQUESTS: readonly RuleRequest[] = [
  ...VERBS.flatMap((verb) =>
    GROUPS.flatMap((group) =>
      RESOURCES.flatMap((resource) =>
        SUBRESOURCES.flatMap((subresource) =>
          NAMES.map((name) => ({ verb, group, resource, subresource, name })),
        ),
      ),
    ),
  ),
  ...VERBS.flatMap((verb) => PATHS.map((path) => ({ verb, path }))),
];

const some = (...values: string[]) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
const ruleArbitrary: fc.Arbitrary<rbacv1.PolicyRule> = fc.oneof(
  fc.record({
    verbs: some(...VERBS, '*'),
    apiGroups: some(...GROUPS, '*'),
    resources: some('pods', 'deployments', 'pods/log', 'deployments/scale', '*/scale', '*'),
    resourceNames: fc.oneof(fc.constant<string[]>([]), some('a', 'b')),
  }),
  fc.record({ verbs: some(...VERBS, '*'), nonResourceURLs: some(...PATHS, '/healthz/*', '/healthz*', '*') }),
);

/** The definition, word for word and without haste: the documentation of RBAC. */
function naive(rule: rbacv1.PolicyRule, request: RuleRequest): boolean {
  const hit = (list: string[] | undefined, test: (one: string) => boolean) => (list ?? []).some(test);
  if (!hit(rule.verbs, (verb) => verb === '*' || verb === request.verb)) return false;
  if ('path' in request)
    return hit(rule.nonResourceURLs, (url) =>
      new RegExp(`^${url.replaceAll(/[.\\/]/g, '\\$&').replace(/\*$/, '.*')}$`).test(request.path),
    );
  const { group, resource, subresource, name } = request;
  return (
    hit(rule.apiGroups, (one) => one === '*' || one === group) &&
    hit(rule.resources, (one) => {
      const [first, second] = one.split('/');
      if (one === '*') return true;
      if ((second ?? '') !== subresource) return false;
      return first === resource || (first === '*' && second !== undefined);
    }) &&
    ((rule.resourceNames ?? []).length === 0 || rule.resourceNames!.includes(name))
  );
}

describe('rules', () => {
  test('allow what the definition says, for every request of a small world', () => {
    fc.assert(
      fc.property(ruleArbitrary, (rule) => {
        for (const request of REQUESTS)
          expect([request, ruleAllows(rule, request)]).toEqual([request, naive(rule, request)]);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test('that are covered allow nothing beyond those that cover them', () => {
    const rules = fc.array(ruleArbitrary, { maxLength: 4 });
    fc.assert(
      fc.property(rules, rules, (held, wanted) => {
        const lacking = missingRules(held, wanted);
        const allowed = (set: rbacv1.PolicyRule[], request: RuleRequest) =>
          set.some((rule) => ruleAllows(rule, request));
        // What is held and what is reported missing together give all that is wanted.
        for (const request of REQUESTS)
          if (allowed(wanted, request)) expect(allowed([...held, ...lacking], request)).toBe(true);
        expect(missingRules([...held, ...lacking], wanted)).toEqual([]);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test('are described as kubectl users know it', () => {
    const lacking = missingRules(
      [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      [
        { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] },
        { verbs: ['get'], nonResourceURLs: ['/metrics'] },
        { verbs: ['update'], apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['a'] },
      ],
    );
    expect(describeRules(lacking)).toBe(
      [
        '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["a"], Verbs:["update"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
      ].join('\n'),
    );
  });

  test('of other roles are gathered by label, in order of name, each once', () => {
    const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
    const role = (name: string, rules: rbacv1.PolicyRule[], label = 'yes') =>
      ({ metadata: { name, labels: { gather: label } }, rules }) as unknown as rbacv1.ClusterRole;
    const gathering = {
      ...role('all', [rule('old')]),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { gather: 'yes' } }] },
    };
    const others = [role('b', [rule('b'), rule('a')]), role('a', [rule('a')]), role('c', [rule('c')], 'no')];
    expect(aggregatedRules(gathering, [gathering, ...others])).toEqual([rule('a'), rule('b')]);
  });
});
