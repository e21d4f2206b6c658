import { append, type FieldError } from '../../base/index.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { appsv1 } from '../types/index.generated.ts';
import { forbidden, invalid, NIL_MAP, notSupported, required } from './field-errors.ts';
import { amountOf, validateIntOrPercent, validateNotMoreThanAll } from './int-or-percent.ts';
import { isEmptyLabelSelector, validateLabelSelector } from './label-selectors.ts';
import { validateImmutable, validateNonNegative } from './object-meta.ts';
import { validatePodTemplate } from './pod-spec.ts';
import { validateNotDecremented } from './stateful-sets.ts';

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateDaemonSetSpec. */
export function validateDaemonSet({ spec }: appsv1.DaemonSet): FieldError[] {
  const { selector, template } = spec;
  const errors = validateLabelSelector(selector, 'spec.selector');
  const labels = template.metadata?.labels;
  const readable = !errors.some((error) => error.field.endsWith('.operator'));
  if (readable && !labelSelectorAsSelector(selector).matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', labels ?? NIL_MAP, why));
  }
  if (selector !== undefined && isEmptyLabelSelector(selector)) {
    errors.push(invalid('spec.selector', selector, 'empty selector is invalid for daemonset'));
  }
  append(errors, validatePodTemplate(template, 'spec.template'));
  const policy = template.spec?.restartPolicy;
  if (policy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', policy ?? '', ['Always']));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in DaemonSet is not Supported';
    errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', why));
  }
  return [
    ...errors,
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateStrategy(spec.updateStrategy, 'spec.updateStrategy'),
    ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
}

function validateStrategy(strategy: appsv1.DaemonSetUpdateStrategy | undefined, field: string): FieldError[] {
  if (strategy?.type === 'OnDelete') return [];
  if (strategy?.type !== 'RollingUpdate') {
    return [notSupported(field, strategy ?? {}, ['RollingUpdate', 'OnDelete'])];
  }
  if (strategy.rollingUpdate === undefined) return [required(`${field}.rollingUpdate`)];
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate;
  const unavailableField = `${field}.rollingUpdate.maxUnavailable`;
  const surgeField = `${field}.rollingUpdate.maxSurge`;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, unavailableField),
    ...validateIntOrPercent(maxSurge, surgeField),
    ...validateNotMoreThanAll(maxUnavailable, unavailableField),
    ...validateNotMoreThanAll(maxSurge, surgeField),
  ];
  const hasUnavailable = amountOf(maxUnavailable) !== 0;
  const hasSurge = amountOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.push(invalid(surgeField, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (!hasUnavailable && !hasSurge) {
    errors.push(required(unavailableField, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}

export function validateDaemonSetUpdate(set: appsv1.DaemonSet, old: appsv1.DaemonSet): FieldError[] {
  return [
    ...validateDaemonSet(set),
    ...validateImmutable(set.spec.selector, old.spec.selector, 'spec.selector'),
  ];
}

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateDaemonSetStatusUpdate. */
export function validateDaemonSetStatus(set: appsv1.DaemonSet, old: appsv1.DaemonSet): FieldError[] {
  return [
    ...COUNTS.flatMap((name) => validateNonNegative(set.status?.[name], `status.${name}`)),
    ...validateNotDecremented(set.status?.collisionCount, old.status?.collisionCount),
  ];
}
