import { append, type FieldError } from '../../base/index.ts';
import type { metav1, policyv1 } from '../types/index.generated.ts';
import { invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { validateIntOrPercent, validateNotMoreThanAll } from './int-or-percent.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateNonNegative } from './object-meta.ts';

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

/** k8s.io/kubernetes/pkg/apis/policy/validation.ValidatePodDisruptionBudgetSpec. */
export function validateDisruptionBudget({ spec }: policyv1.PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const name of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[name];
    if (value === undefined) continue;
    append(errors, validateIntOrPercent(value, `spec.${name}`));
    append(errors, validateNotMoreThanAll(value, `spec.${name}`));
  }
  append(errors, validateLabelSelector(spec.selector, 'spec.selector'));
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !EVICTION_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, EVICTION_POLICIES));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/policy/validation.ValidatePodDisruptionBudgetStatusUpdate. */
export function validateDisruptionBudgetStatus({ status }: policyv1.PodDisruptionBudget): FieldError[] {
  const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;
  return [
    ...validateConditions(status?.conditions, 'status.conditions'),
    ...counts.flatMap((name) => validateNonNegative(status?.[name], `status.${name}`)),
  ];
}

const STATUSES = ['False', 'True', 'Unknown'];

/** k8s.io/apimachinery/pkg/apis/meta/v1/validation.ValidateConditions. */
function validateConditions(
  conditions: readonly metav1.Condition[] | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { type = '', status, reason, lastTransitionTime }] of (conditions ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (type === '') errors.push(required(`${at}.type`, 'must be set'));
    else append(errors, invalidEach(`${at}.type`, type, qualifiedName(type)));
    if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status ?? '', STATUSES));
    if (!lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`, 'must be set'));
    if (!reason) errors.push(required(`${at}.reason`, 'must be set'));
  }
  return errors;
}
