import { append, type FieldError } from '../../base/index.ts';
import { mandatoryFlowSchema } from '../flowcontrol/default-objects.ts';
import type { flowcontrolv1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label, dns1123Subdomain } from './formats.ts';
import { addAll, repeatedIndexes } from './item-lists.ts';

/** k8s.io/kubernetes/pkg/apis/flowcontrol/validation: FlowSchema. */

const DISTINGUISHERS = ['ByNamespace', 'ByUser'];
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const HIGHEST_PRECEDENCE = 10_000;
const NAMESPACE_RULE = "each member of this list must be '*' or a DNS-1123 label; ";

export function validateFlowSchema({ metadata, spec, status }: flowcontrolv1.FlowSchema): FieldError[] {
  const { distinguisherMethod, rules = [] } = spec ?? {};
  const level = spec?.priorityLevelConfiguration?.name ?? '';
  const levelField = 'spec.priorityLevelConfiguration.name';
  const errors = validatePrecedence(metadata.name, spec?.matchingPrecedence ?? 0);
  if (distinguisherMethod !== undefined && !DISTINGUISHERS.includes(distinguisherMethod.type)) {
    errors.push(notSupported('spec.distinguisherMethod.type', distinguisherMethod, DISTINGUISHERS));
  }
  if (level === '') errors.push(required(levelField, 'must reference a priority level'));
  else append(errors, invalidEach(levelField, level, dns1123Subdomain(level)));
  addAll(
    errors,
    rules.flatMap((rule, index) => validateRules(rule, `spec.rules[${index}]`)),
  );
  const fixed = mandatoryFlowSchema(metadata.name);
  if (fixed !== undefined && !semanticallyEqual(spec, fixed.spec)) {
    errors.push(invalid('spec', spec, `spec of '${metadata.name}' must equal the fixed value`));
  }
  return [...errors, ...validateFlowConditions(status?.conditions)];
}

/** Also of priority levels, whose conditions are alike. */
export function validateFlowConditions(
  conditions: readonly flowcontrolv1.FlowSchemaCondition[] | undefined,
): FieldError[] {
  const types = (conditions ?? []).map(({ type = '' }) => type);
  const repeated = repeatedIndexes(types);
  return types.flatMap((type, index) => {
    const at = `status.conditions[${index}].type`;
    return [
      ...(repeated.has(index) ? [duplicate(at, type)] : []),
      ...(type === '' ? [required(at, 'must not be empty')] : []),
    ];
  });
}

function validatePrecedence(name: string, precedence: number): FieldError[] {
  const at = 'spec.matchingPrecedence';
  const errors: FieldError[] = [];
  if (precedence <= 0) errors.push(invalid(at, precedence, 'must be a positive value'));
  if (precedence > HIGHEST_PRECEDENCE) {
    errors.push(invalid(at, precedence, `must not be greater than ${HIGHEST_PRECEDENCE}`));
  }
  if (precedence === 1 && name !== 'exempt') {
    const why = "only the schema named 'exempt' may have matchingPrecedence 1";
    errors.push(invalid(at, precedence, why));
  }
  return errors;
}

function validateRules(rule: flowcontrolv1.PolicyRulesWithSubjects, field: string): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  const errors = subjects.flatMap((one, index) => validateSubject(one, `${field}.subjects[${index}]`));
  if (subjects.length === 0) {
    errors.push(required(`${field}.subjects`, 'subjects must contain at least one value'));
  }
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    const why = 'at least one of resourceRules and nonResourceRules has to be non-empty';
    errors.push(required(field, why));
  }
  return [
    ...errors,
    ...resourceRules.flatMap((one, index) => validateResourceRule(one, `${field}.resourceRules[${index}]`)),
    ...nonResourceRules.flatMap((one, index) =>
      validateNonResourceRule(one, `${field}.nonResourceRules[${index}]`),
    ),
  ];
}

const SUBJECT_FIELDS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

function validateSubject(subject: flowcontrolv1.Subject, field: string): FieldError[] {
  const own = SUBJECT_FIELDS[subject.kind as keyof typeof SUBJECT_FIELDS];
  if (own === undefined) return [notSupported(`${field}.kind`, subject.kind ?? '', SUBJECT_KINDS)];
  const errors = validateSubjectName(subject, own, `${field}.${own}`);
  for (const [kind, other] of Object.entries(SUBJECT_FIELDS)) {
    if (other === own || subject[other] === undefined) continue;
    errors.push(forbidden(`${field}.${other}`, `${other} is forbidden when subject kind is not '${kind}'`));
  }
  return errors;
}

function validateSubjectName(
  subject: flowcontrolv1.Subject,
  own: 'group' | 'serviceAccount' | 'user',
  field: string,
): FieldError[] {
  const named = subject[own];
  if (named === undefined) {
    return [required(field, `${own} is required when subject kind is '${subject.kind}'`)];
  }
  const errors = named.name ? [] : [required(`${field}.name`)];
  if (own !== 'serviceAccount') return errors;
  const { name = '', namespace = '' } = named as Partial<flowcontrolv1.ServiceAccountSubject>;
  if (name !== '' && name !== '*') {
    append(errors, invalidEach(`${field}.name`, name, dns1123Subdomain(name)));
  }
  if (namespace === '') {
    errors.push(required(`${field}.namespace`, 'must specify namespace for service account'));
  }
  return namespace === ''
    ? errors
    : [...errors, ...invalidEach(`${field}.namespace`, namespace, dns1123Label(namespace))];
}

function validateVerbs(verbs: readonly string[], field: string): FieldError[] {
  if (verbs.length === 0) return [required(field, 'verbs must contain at least one value')];
  if (verbs.includes('*')) {
    const why = "if '*' is present, must not specify other verbs";
    return verbs.length > 1 ? [invalid(field, verbs, why)] : [];
  }
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(field, verbs, VERBS)];
}

/** A list that is not empty and holds `*` alone or not at all. */
function validateWildcard(
  list: readonly string[],
  field: string,
  words: { missing: string; others: string },
): FieldError[] {
  if (list.length === 0) return [required(field, words.missing)];
  if (list.length === 1 || !list.includes('*')) return [];
  return [invalid(field, list, `if '*' is present, must not specify other ${words.others}`)];
}

function validateResourceRule(rule: flowcontrolv1.ResourcePolicyRule, field: string): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  const at = `${field}.namespaces`;
  const scope =
    namespaces.length === 0 && clusterScope === true
      ? []
      : validateWildcard(namespaces, at, {
          missing: 'resource rules that are not cluster scoped must supply at least one namespace',
          others: 'namespaces',
        });
  return [
    ...validateVerbs(verbs, `${field}.verbs`),
    ...validateWildcard(apiGroups, `${field}.apiGroups`, {
      missing: 'resource rules must supply at least one api group',
      others: 'api groups',
    }),
    ...validateWildcard(resources, `${field}.resources`, {
      missing: 'resource rules must supply at least one resource',
      others: 'resources',
    }),
    ...scope,
    ...(namespaces.includes('*') ? [] : namespaces).flatMap((name, index) =>
      invalidEach(
        `${at}[${index}]`,
        name,
        dns1123Label(name).map((why) => NAMESPACE_RULE + why),
      ),
    ),
  ];
}

function validateNonResourceRule(rule: flowcontrolv1.NonResourcePolicyRule, field: string): FieldError[] {
  const { verbs = [], nonResourceURLs: urls = [] } = rule;
  const at = `${field}.nonResourceURLs`;
  return [
    ...validateVerbs(verbs, `${field}.verbs`),
    ...validateWildcard(urls, at, {
      missing: 'nonResourceURLs must contain at least one value',
      others: 'non-resource URLs',
    }),
    ...(urls.includes('*') ? [] : urls).flatMap((url, index) => {
      const why = pathError(url);
      return why === undefined ? [] : [invalid(`${at}[${index}]`, url, why)];
    }),
  ];
}

function pathError(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const wildcards = path.split('*').length - 1;
  const isSuffix = wildcards === 0 || (wildcards === 1 && path.endsWith('/*'));
  return isSuffix ? undefined : 'wildcard can only do suffix matching';
}
