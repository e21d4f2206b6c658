import { append, type FieldError } from '../../base/index.ts';
import { labelSelectorAsSelector, nothingSelector, type Selector } from '../selectors/label-selector.ts';
import type { appsv1, corev1, metav1 } from '../types/index.generated.ts';
import { forbidden, invalid, NIL_MAP, notSupported, required } from './field-errors.ts';
import { amountOf, validateIntOrPercent, validateNotMoreThanAll } from './int-or-percent.ts';
import { isEmptyLabelSelector, validateLabelSelector } from './label-selectors.ts';
import { validateImmutable, validateNonNegative } from './object-meta.ts';
import { validatePodTemplate } from './pod-spec.ts';

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateDeploymentSpec. */
export function validateDeployment({ spec }: appsv1.Deployment): FieldError[] {
  const errors = [
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec.selector, spec.template),
    ...validateStrategy(spec.strategy, 'spec.strategy'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined) {
    append(errors, validateNonNegative(deadline, 'spec.progressDeadlineSeconds'));
    if (deadline <= (spec.minReadySeconds ?? 0)) {
      const why = 'must be greater than minReadySeconds';
      errors.push(invalid('spec.progressDeadlineSeconds', deadline, why));
    }
  }
  return errors;
}

export function validateDeploymentUpdate(
  deployment: appsv1.Deployment,
  old: appsv1.Deployment,
): FieldError[] {
  return [
    ...validateDeployment(deployment),
    ...validateImmutable(deployment.spec.selector, old.spec.selector, 'spec.selector'),
  ];
}

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateReplicaSetSpec. */
export function validateReplicaSet({ spec }: appsv1.ReplicaSet): FieldError[] {
  return [
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelectorAndTemplate(spec.selector, spec.template),
  ];
}

export function validateReplicaSetUpdate(set: appsv1.ReplicaSet, old: appsv1.ReplicaSet): FieldError[] {
  return [
    ...validateReplicaSet(set),
    ...validateImmutable(set.spec.selector, old.spec.selector, 'spec.selector'),
  ];
}

/** Upstream says "deployment" and "ReplicaSet" of either kind: the two share this code there too. */
function validateSelectorAndTemplate(
  selector: metav1.LabelSelector | undefined,
  template: corev1.PodTemplateSpec | undefined,
): FieldError[] {
  const field = 'spec.selector';
  if (selector === undefined) {
    return [required(field), ...validateTemplate(nothingSelector, template, 'spec.template')];
  }
  const errors = validateLabelSelector(selector, field);
  if (isEmptyLabelSelector(selector)) {
    errors.push(invalid(field, selector, 'empty selector is invalid for deployment'));
  }
  if (errors.some((error) => error.field.endsWith('.operator'))) {
    return [...errors, invalid(field, selector, 'invalid label selector')];
  }
  return [...errors, ...validateTemplate(labelSelectorAsSelector(selector), template, 'spec.template')];
}

/** The template is selected by its own workload, and its pods run for ever. */
function validateTemplate(
  selector: Selector,
  template: corev1.PodTemplateSpec | undefined,
  field: string,
): FieldError[] {
  if (template === undefined) return [required(field)];
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels;
  if (!selector.matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(`${field}.metadata.labels`, labels ?? NIL_MAP, why));
  }
  append(errors, validatePodTemplate(template, field));
  const policy = template.spec?.restartPolicy;
  if (policy !== 'Always') errors.push(notSupported(`${field}.spec.restartPolicy`, policy ?? '', ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in ReplicaSet is not Supported';
    errors.push(forbidden(`${field}.spec.activeDeadlineSeconds`, why));
  }
  return errors;
}

const STRATEGIES = ['Recreate', 'RollingUpdate'];

function validateStrategy(strategy: appsv1.DeploymentStrategy | undefined, field: string): FieldError[] {
  const type = strategy?.type;
  if (type === 'Recreate') {
    return strategy?.rollingUpdate === undefined
      ? []
      : [forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate') return [notSupported(`${field}.type`, type ?? '', STRATEGIES)];
  if (strategy?.rollingUpdate === undefined) {
    return [required(`${field}.rollingUpdate`, 'this should be defaulted and never be nil')];
  }
  return validateRollingUpdate(strategy.rollingUpdate, `${field}.rollingUpdate`);
}

function validateRollingUpdate(rolling: appsv1.RollingUpdateDeployment, field: string): FieldError[] {
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${field}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${field}.maxSurge`),
  ];
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    const why = 'may not be 0 when `maxSurge` is 0';
    errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, why));
  }
  append(errors, validateNotMoreThanAll(maxUnavailable, `${field}.maxUnavailable`));
  return errors;
}
