import { append, type FieldError } from '../../base/index.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { appsv1, corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, invalidEach, NIL_MAP, notSupported, required } from './field-errors.ts';
import { dns1123Label } from './formats.ts';
import { amountOf, validateIntOrPercent, validateNotMoreThanAll } from './int-or-percent.ts';
import { isEmptyLabelSelector, validateLabelSelector } from './label-selectors.ts';
import { validateNonNegative } from './object-meta.ts';
import { validateClaimSpec } from './persistent-volume-claims.ts';
import { validatePodTemplate } from './pod-spec.ts';

const RETENTION_POLICIES = ['Retain', 'Delete'];

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateStatefulSetSpec. */
export function validateStatefulSet({ spec }: appsv1.StatefulSet): FieldError[] {
  return [
    ...validatePodManagement(spec.podManagementPolicy, 'spec.podManagementPolicy'),
    ...validateStrategy(spec.updateStrategy, 'spec.updateStrategy'),
    ...validateRetention(spec.persistentVolumeClaimRetentionPolicy),
    ...validateNonNegative(spec.replicas, 'spec.replicas'),
    ...validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start'),
    ...validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateServiceName(spec.serviceName),
    ...validateSelectorAndTemplate(spec),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
      validateClaimSpec(claim.spec, `spec.volumeClaimTemplates[${index}].spec`),
    ),
  ];
}

function validateServiceName(name: string | undefined): FieldError[] {
  return name ? invalidEach('spec.serviceName', name, dns1123Label(name)) : [];
}

function validatePodManagement(policy: string | undefined, field: string): FieldError[] {
  if (!policy) return [required(field)];
  return policy === 'OrderedReady' || policy === 'Parallel'
    ? []
    : [invalid(field, policy, "must be 'OrderedReady' or 'Parallel'")];
}

function validateStrategy(
  strategy: appsv1.StatefulSetUpdateStrategy | undefined,
  field: string,
): FieldError[] {
  const rolling = strategy?.rollingUpdate;
  switch (strategy?.type ?? '') {
    case '':
      return [required(field)];
    case 'OnDelete':
      return rolling === undefined
        ? []
        : [invalid(`${field}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'")];
    case 'RollingUpdate':
      return rolling === undefined ? [] : validateRollingUpdate(rolling, `${field}.rollingUpdate`);
    default:
      return [invalid(field, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

function validateRollingUpdate(
  rolling: appsv1.RollingUpdateStatefulSetStrategy,
  field: string,
): FieldError[] {
  const errors = validateNonNegative(rolling.partition, `${field}.partition`);
  const { maxUnavailable } = rolling;
  if (maxUnavailable === undefined) return errors;
  const at = `${field}.maxUnavailable`;
  append(errors, validateIntOrPercent(maxUnavailable, at));
  if (amountOf(maxUnavailable) === 0) errors.push(invalid(at, maxUnavailable, 'cannot be 0'));
  return [...errors, ...validateNotMoreThanAll(maxUnavailable, at)];
}

function validateRetention(
  policy: appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy | undefined,
): FieldError[] {
  if (policy === undefined) return [];
  return (['whenDeleted', 'whenScaled'] as const)
    .filter((when) => !RETENTION_POLICIES.includes(policy[when] ?? ''))
    .map((when) =>
      notSupported(
        `spec.persistentVolumeClaimRetentionPolicy.${when}`,
        policy[when] ?? '',
        RETENTION_POLICIES,
      ),
    );
}

function validateSelectorAndTemplate(spec: appsv1.StatefulSetSpec): FieldError[] {
  const { selector, template } = spec;
  const field = 'spec.selector';
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required(field));
  else {
    append(errors, validateLabelSelector(selector, field));
    if (isEmptyLabelSelector(selector)) {
      errors.push(invalid(field, selector, 'empty selector is invalid for statefulset'));
    }
  }
  if (errors.some((error) => error.field.endsWith('.operator'))) {
    return [...errors, invalid(field, selector, '')];
  }
  const labels = template.metadata?.labels;
  const compiled = labelSelectorAsSelector(selector);
  if (!compiled.isEmpty() && !compiled.matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', labels ?? NIL_MAP, why));
  }
  append(errors, validatePodTemplate(withClaimVolumes(template, spec.volumeClaimTemplates), 'spec.template'));
  const policy = template.spec?.restartPolicy;
  if (policy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', policy ?? '', ['Always']));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const why = 'activeDeadlineSeconds in StatefulSet is not Supported';
    errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', why));
  }
  return errors;
}

/** The template as its pods will look to their mounts: a volume of each claim template's name is there. */
function withClaimVolumes(
  template: corev1.PodTemplateSpec,
  claims: readonly corev1.PersistentVolumeClaim[] | undefined,
): corev1.PodTemplateSpec {
  const names = (claims ?? []).map((claim) => claim.metadata?.name ?? '').filter((name) => name !== '');
  if (names.length === 0 || template.spec === undefined) return template;
  const own = (template.spec.volumes ?? []).filter((volume) => !names.includes(volume.name));
  const added = names.map((name) => ({ name, emptyDir: {} }) as unknown as corev1.Volume);
  return { ...template, spec: { ...template.spec, volumes: [...own, ...added] } };
}

const CHANGEABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const;

export function validateStatefulSetUpdate(set: appsv1.StatefulSet, old: appsv1.StatefulSet): FieldError[] {
  const comparable: Record<string, unknown> = { ...set.spec };
  for (const name of CHANGEABLE) comparable[name] = old.spec[name];
  const errors = validateStatefulSet(set);
  if (!semanticallyEqual(comparable, old.spec)) {
    const why =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    errors.push(forbidden('spec', why));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidateStatefulSetStatusUpdate. */
export function validateStatefulSetStatus(set: appsv1.StatefulSet, old: appsv1.StatefulSet): FieldError[] {
  const status: Partial<appsv1.StatefulSetStatus> = set.status ?? {};
  const counts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;
  const errors = (['replicas', ...counts, 'observedGeneration', 'collisionCount'] as const).flatMap((name) =>
    validateNonNegative(status[name], `status.${name}`),
  );
  for (const name of counts) {
    if ((status[name] ?? 0) > (status.replicas ?? 0)) {
      errors.push(invalid(`status.${name}`, status[name], 'cannot be greater than status.replicas'));
    }
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    const why = 'cannot be greater than status.readyReplicas';
    errors.push(invalid('status.availableReplicas', status.availableReplicas, why));
  }
  return [...errors, ...validateNotDecremented(status.collisionCount, old.status?.collisionCount)];
}

export function validateNotDecremented(count: number | undefined, old: number | undefined): FieldError[] {
  return (count ?? 0) < (old ?? 0)
    ? [invalid('status.collisionCount', count ?? 0, 'cannot be decremented')]
    : [];
}
