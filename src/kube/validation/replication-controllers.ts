import { append, type FieldError } from '../../base/index.ts';
import { selectorFromLabels } from '../selectors/label-selector.ts';
import type { corev1 } from '../types/index.generated.ts';
import { forbidden, invalid, NIL_MAP, notSupported, required } from './field-errors.ts';
import { validateNonNegative } from './object-meta.ts';
import { validatePodTemplate } from './pod-spec.ts';

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidateReplicationControllerSpec. */
export function validateReplicationController({ spec }: corev1.ReplicationController): FieldError[] {
  return [
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...(Object.keys(spec.selector ?? {}).length === 0 ? [required('spec.selector')] : []),
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateTemplate(spec, 'spec.template'),
  ];
}

function validateTemplate(
  { template, selector }: corev1.ReplicationControllerSpec,
  field: string,
): FieldError[] {
  if (template === undefined) return [required(field)];
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels;
  if (!selectorFromLabels(selector).matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid(`${field}.metadata.labels`, labels ?? NIL_MAP, why));
  }
  append(errors, validatePodTemplate(template, field));
  const policy = template.spec?.restartPolicy;
  if (policy !== 'Always') errors.push(notSupported(`${field}.spec.restartPolicy`, policy ?? '', ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in ReplicationController is not Supported';
    errors.push(forbidden(`${field}.spec.activeDeadlineSeconds`, why));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidateReplicationControllerStatus. */
export function validateReplicationControllerStatus({ status }: corev1.ReplicationController): FieldError[] {
  const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;
  const errors = (['replicas', ...parts, 'observedGeneration'] as const).flatMap((name) =>
    validateNonNegative(status?.[name], `status.${name}`),
  );
  for (const name of parts) {
    if ((status?.[name] ?? 0) > (status?.replicas ?? 0)) {
      errors.push(invalid(`status.${name}`, status?.[name], 'cannot be greater than status.replicas'));
    }
  }
  if ((status?.availableReplicas ?? 0) > (status?.readyReplicas ?? 0)) {
    const why = 'cannot be greater than readyReplicas';
    errors.push(invalid('status.availableReplicas', status?.availableReplicas, why));
  }
  return errors;
}
