import { append, type FieldError } from '../../../base/index.ts';
import { RBAC_GROUP } from '../../rbac/subjects.ts';
import type { rbacv1 } from '../../types/index.generated.ts';
import { semanticallyEqual } from '../../validation/equality.ts';
import { invalid, invalidEach, notSupported, required } from '../../validation/field-errors.ts';
import { dns1123Subdomain } from '../../validation/formats.ts';
import { validateLabelSelector } from '../../validation/label-selectors.ts';

type Binding = rbacv1.RoleBinding | rbacv1.ClusterRoleBinding;

/** What a name in a path may not be; k8s.io/apimachinery/pkg/api/validation/path. Colons are welcome: `system:node`. */
export function pathSegmentName(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((bad) => name.includes(bad)).map((bad) => `may not contain '${bad}'`);
}

/** k8s.io/kubernetes/pkg/apis/rbac/validation.ValidateRole. */
export function validateRole({ rules }: rbacv1.Role): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, `rules[${index}]`, true));
}

/** ValidateClusterRole. */
export function validateClusterRole({ rules, aggregationRule }: rbacv1.ClusterRole): FieldError[] {
  const errors = (rules ?? []).flatMap((rule, index) => validateRule(rule, `rules[${index}]`, false));
  if (aggregationRule === undefined) return errors;
  const field = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    errors.push(required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  return [
    ...errors,
    ...selectors.flatMap((selector, index) => validateLabelSelector(selector, `${field}[${index}]`)),
  ];
}

function validateRule(rule: rbacv1.PolicyRule, field: string, isNamespaced: boolean): FieldError[] {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  const errors: FieldError[] = [];
  if (!verbs?.length) errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs?.length) {
    const paths = `${field}.nonResourceURLs`;
    if (isNamespaced)
      errors.push(invalid(paths, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups?.length || resources?.length || resourceNames?.length)
      errors.push(
        invalid(paths, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
      );
    return errors;
  }
  if (!apiGroups?.length)
    errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
  if (!resources?.length)
    errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}

/** ValidateRoleBinding, ValidateClusterRoleBinding. */
export function validateBinding(binding: Binding, isNamespaced: boolean): FieldError[] {
  const { apiGroup, kind, name } = binding.roleRef ?? {};
  const errors: FieldError[] = [];
  if (apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', apiGroup ?? '', [RBAC_GROUP]));
  const kinds = isNamespaced ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  if (!kinds.includes(kind ?? '')) errors.push(notSupported('roleRef.kind', kind ?? '', kinds));
  if (!name) errors.push(required('roleRef.name'));
  else append(errors, invalidEach('roleRef.name', name, pathSegmentName(name)));
  return [
    ...errors,
    ...(binding.subjects ?? []).flatMap((subject, index) =>
      validateSubject(subject, `subjects[${index}]`, isNamespaced),
    ),
  ];
}

/** A binding's role is what it is: to change it is to make another binding. */
export function validateBindingUpdate(binding: Binding, old: Binding, isNamespaced: boolean): FieldError[] {
  const errors = validateBinding(binding, isNamespaced);
  if (!semanticallyEqual(binding.roleRef, old.roleRef)) {
    const { apiGroup: APIGroup, kind: Kind, name: Name } = binding.roleRef ?? {};
    errors.push(invalid('roleRef', { APIGroup, Kind, Name }, 'cannot change roleRef'));
  }
  return errors;
}

function validateSubject(subject: rbacv1.Subject, field: string, isNamespaced: boolean): FieldError[] {
  const { kind, name, namespace, apiGroup } = subject;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${field}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name) append(errors, invalidEach(`${field}.name`, name, dns1123Subdomain(name)));
      if (apiGroup) errors.push(notSupported(`${field}.apiGroup`, apiGroup, ['']));
      if (!isNamespaced && !namespace) errors.push(required(`${field}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP)
        errors.push(notSupported(`${field}.apiGroup`, apiGroup ?? '', [RBAC_GROUP]));
      break;
    default:
      errors.push(notSupported(`${field}.kind`, kind ?? '', ['Group', 'ServiceAccount', 'User']));
  }
  return errors;
}
