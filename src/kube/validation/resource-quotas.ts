import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, notSupported, required } from './field-errors.ts';
import { sortedEntries } from './object-meta.ts';
import { isHugePages, validateResourceName, validateResourceQuantity } from './resource-requirements.ts';

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
/** What pods of a scope may be limited in. */
const POD_COMPUTE = [
  'pods',
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
];
const QUOTA_RESOURCES = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
]);
const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];
const CONFLICTS: readonly (readonly [string, string])[] = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];
const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidateResourceQuota. */
export function validateResourceQuota(quota: corev1.ResourceQuota): FieldError[] {
  return [
    ...validateAmounts(quota.spec?.hard, 'spec.hard'),
    ...validateScopes(quota.spec ?? {}),
    ...validateScopeSelector(quota.spec ?? {}),
    ...validateResourceQuotaStatus(quota),
  ];
}

function validateAmounts(amounts: Record<string, string | number> | undefined, field: string): FieldError[] {
  return sortedEntries(amounts).flatMap(([name, amount]) => {
    const at = `${field}[${name}]`;
    return [...validateName(name, at), ...validateResourceQuantity(name, amount, at)];
  });
}

function validateName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field);
  if (!name.includes('/') && !QUOTA_RESOURCES.has(name) && !isHugePages(name)) {
    errors.push(invalid(field, name, 'must be a standard resource for quota'));
  }
  return errors;
}

function allows(scope: string, resource: string): boolean {
  switch (scope) {
    case 'BestEffort':
      return resource === 'pods';
    case 'VolumeAttributesClass':
      return resource === 'persistentvolumeclaims' || resource === 'requests.storage';
    case 'CrossNamespacePodAffinity':
    case 'PriorityClass':
    case 'Terminating':
    case 'NotTerminating':
    case 'NotBestEffort':
      return POD_COMPUTE.includes(resource);
    default:
      return true;
  }
}

function validateScopes(spec: corev1.ResourceQuotaSpec): FieldError[] {
  const scopes = spec.scopes ?? [];
  const field = 'spec.scopes';
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalid(field, scopes, 'unsupported scope'));
    for (const [name] of sortedEntries(spec.hard)) {
      if (QUOTA_RESOURCES.has(name) && !allows(scope, name)) {
        errors.push(invalid(field, scopes, 'unsupported scope applied to resource'));
      }
    }
  }
  if (CONFLICTS.some((pair) => pair.every((scope) => scopes.includes(scope)))) {
    errors.push(invalid(field, scopes, 'conflicting scopes'));
  }
  return errors;
}

function validateScopeSelector(spec: corev1.ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopeSelector.matchExpressions';
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const errors: FieldError[] = [];
  for (const { scopeName, operator, values = [] } of expressions) {
    if (!SCOPES.includes(scopeName)) {
      errors.push(invalid(`${field}.scopeName`, scopeName ?? '', 'unsupported scope'));
    }
    for (const [name] of sortedEntries(spec.hard)) {
      if (QUOTA_RESOURCES.has(name) && !allows(scopeName, name)) {
        errors.push(invalid(field, spec.scopeSelector, 'unsupported scope applied to resource'));
      }
    }
    if (!['PriorityClass', 'VolumeAttributesClass'].includes(scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exist' only operator when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort, ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalid(`${field}.operator`, operator ?? '', why));
    }
    append(errors, validateOperator(operator, values, field));
  }
  const names = expressions.map(({ scopeName }) => scopeName);
  if (CONFLICTS.some((pair) => pair.every((scope) => names.includes(scope)))) {
    errors.push(invalid(field, names, 'conflicting scopes'));
  }
  return errors;
}

function validateOperator(
  operator: string | undefined,
  values: readonly string[],
  field: string,
): FieldError[] {
  if (operator === 'In' || operator === 'NotIn') {
    const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    return values.length === 0 ? [required(`${field}.values`, why)] : [];
  }
  if (operator === 'Exists' || operator === 'DoesNotExist') {
    const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    return values.length > 0 ? [invalid(`${field}.values`, values, why)] : [];
  }
  return [notSupported(`${field}.operator`, operator ?? '', OPERATORS)];
}

/** core ValidateResourceQuotaUpdate. */
export function validateResourceQuotaUpdate(
  quota: corev1.ResourceQuota,
  old: corev1.ResourceQuota,
): FieldError[] {
  const errors = validateResourceQuota(quota);
  const scopes = (one: corev1.ResourceQuota) => [...(one.spec?.scopes ?? [])].sort();
  if (!semanticallyEqual(scopes(quota), scopes(old))) {
    errors.push(invalid('spec.scopes', quota.spec?.scopes ?? [], 'field is immutable'));
  }
  if (!semanticallyEqual(quota.spec?.scopeSelector, old.spec?.scopeSelector)) {
    errors.push(forbidden('spec.scopeSelector', 'field is immutable'));
  }
  return errors;
}

export function validateResourceQuotaStatus({ status }: corev1.ResourceQuota): FieldError[] {
  return [...validateAmounts(status?.hard, 'status.hard'), ...validateAmounts(status?.used, 'status.used')];
}
