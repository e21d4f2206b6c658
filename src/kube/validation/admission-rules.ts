import { append, type FieldError } from '../../base/index.ts';
import type { DeclType } from '../cel/index.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import { duplicate, invalid, invalidEach, notSupported, required, tooMany } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { repeatedIndexes } from './item-lists.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { pathSegmentName } from './names.ts';
import { BOOL, validateExpression } from './policy-expressions.ts';

/**
 * What webhooks and admission policies have in common.
 * Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation.
 */

export const FAILURE_POLICIES = ['Fail', 'Ignore'];
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const MATCH_POLICIES = ['Equivalent', 'Exact'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
const MOST_CONDITIONS = 64;

/** One of the known values, where there is one. */
export function validateKnown(
  value: string | undefined,
  known: readonly string[],
  field: string,
): FieldError[] {
  return value === undefined || known.includes(value) ? [] : [notSupported(field, value, known)];
}

export function validateMatchPolicy(value: string | undefined, field: string): FieldError[] {
  return validateKnown(value, MATCH_POLICIES, field);
}

export function validateRule(rule: admissionregistrationv1.RuleWithOperations, field: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  return [
    ...validateList(operations, `${field}.operations`, 'operations'),
    ...operations.flatMap((one, index) => validateKnown(one, OPERATIONS, `${field}.operations[${index}]`)),
    ...validateList(apiGroups, `${field}.apiGroups`, 'API groups'),
    ...validateList(apiVersions, `${field}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((one, index) => (one === '' ? [required(`${field}.apiVersions[${index}]`)] : [])),
    ...validateResources(resources, `${field}.resources`),
    ...validateKnown(scope, SCOPES, `${field}.scope`),
  ];
}

function validateList(list: readonly string[], field: string, what: string): FieldError[] {
  if (list.length === 0) return [required(field)];
  if (list.length === 1 || !list.includes('*')) return [];
  return [invalid(field, list, `if '*' is present, must not specify other ${what}`)];
}

function validateResources(resources: readonly string[], field: string): FieldError[] {
  const errors = resources.length === 0 ? [required(field)] : [];
  const [wholeResources, wholeSubresources] = [new Set<string>(), new Set<string>()];
  for (const [index, one] of resources.entries()) {
    const at = `${field}[${index}]`;
    if (one === '') errors.push(required(at));
    const slash = one.indexOf('/');
    if (slash === -1) continue;
    const [resource, subresource] = [one.slice(0, slash), one.slice(slash + 1)];
    if (wholeResources.has(resource)) {
      errors.push(invalid(at, one, `if '${resource}/*' is present, must not specify ${one}`));
    }
    if (wholeSubresources.has(subresource)) {
      errors.push(invalid(at, one, `if '*/${subresource}' is present, must not specify ${one}`));
    }
    if (subresource === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes('*') && resources.some((one) => one !== '*' && one !== '' && !one.includes('/'))) {
    const why = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(field, resources, why));
  }
  return errors;
}

export function validateMatchConditions(
  conditions: readonly admissionregistrationv1.MatchCondition[] | undefined,
  field: string,
  { params }: { params?: DeclType | undefined } = {},
): FieldError[] {
  const all = conditions ?? [];
  const repeated = repeatedIndexes(all.map(({ name = '' }) => name));
  const errors = all.length > MOST_CONDITIONS ? [tooMany(field, all.length, MOST_CONDITIONS)] : [];
  for (const [index, { name = '', expression }] of all.entries()) {
    const at = `${field}[${index}]`;
    if (!expression?.trim()) errors.push(required(`${at}.expression`));
    else {
      const environment = { params, authorizer: true };
      const place = { field: `${at}.expression`, environment, results: BOOL };
      append(errors, validateExpression(expression.trim(), place));
    }
    if (name === '') errors.push(required(`${at}.name`));
    else append(errors, invalidEach(`${at}.name`, name, qualifiedName(name)));
    if (name !== '' && repeated.has(index)) errors.push(duplicate(`${at}.name`, name));
  }
  return errors;
}

/** `matchConstraints` of a policy, `matchResources` of a binding. */
export function validateMatchResources(
  match: admissionregistrationv1.MatchResources,
  field: string,
): FieldError[] {
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules, excludeResourceRules } = match;
  const rules = { resourceRules, excludeResourceRules };
  return [
    ...(matchPolicy === undefined ? [required(`${field}.matchPolicy`)] : []),
    ...validateMatchPolicy(matchPolicy, `${field}.matchPolicy`),
    ...(namespaceSelector === undefined ? [required(`${field}.namespaceSelector`)] : []),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(objectSelector === undefined ? [required(`${field}.objectSelector`)] : []),
    ...validateLabelSelector(objectSelector, `${field}.objectSelector`),
    ...Object.entries(rules).flatMap(([name, list]) =>
      (list ?? []).flatMap((rule, index) => validateNamedRule(rule, `${field}.${name}[${index}]`)),
    ),
  ];
}

function validateNamedRule(
  rule: admissionregistrationv1.NamedRuleWithOperations,
  field: string,
): FieldError[] {
  const names = rule.resourceNames ?? [];
  const repeatedNames = repeatedIndexes(names);
  return [
    ...names.flatMap((name, index) => {
      const at = `${field}.resourceNames[${index}]`;
      const repeated = repeatedNames.has(index) ? [duplicate(at, name)] : [];
      return [...invalidEach(at, name, pathSegmentName(name)), ...repeated];
    }),
    ...validateRule(rule, field),
  ];
}
