import { append, type FieldError } from '../../base/index.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { batchv1, corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { invalid, invalidEach, NIL_MAP, notSupported, required, tooLong } from './field-errors.ts';
import { dns1123Label, dns1123Subdomain } from './formats.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateImmutable, validateNonNegative } from './object-meta.ts';
import { validatePodTemplate } from './pod-spec.ts';

export const JOB_LABELS = {
  controllerUid: 'batch.kubernetes.io/controller-uid',
  jobName: 'batch.kubernetes.io/job-name',
  legacyControllerUid: 'controller-uid',
  legacyJobName: 'job-name',
} as const;

const COMPLETION_MODES = ['NonIndexed', 'Indexed'];
const MOST_PARALLEL = 100_000;
const MOST_FAILED = 100_000;
const MANY_COMPLETIONS = 100_000;
const MOST_OF_MANY = 10_000;
const OF_MANY = `must be less than or equal to ${MOST_OF_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;

/** k8s.io/kubernetes/pkg/apis/batch/validation.ValidateJob. */
export function validateJob(job: batchv1.Job): FieldError[] {
  const { spec, metadata } = job;
  const errors = [
    ...validateGeneratedSelector(job),
    ...validateJobSpec(spec, 'spec'),
    ...(spec.selector === undefined
      ? [required('spec.selector')]
      : validateLabelSelector(spec.selector, 'spec.selector')),
  ];
  const labels = spec.template?.metadata?.labels;
  if (isReadable(errors) && !labelSelectorAsSelector(spec.selector).matches(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalid('spec.template.metadata.labels', labels ?? NIL_MAP, why));
  }
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const hostname = `${metadata.name}-${spec.completions! - 1}`;
    if (dns1123Label(hostname).length > 0) {
      const why = `will not able to create pod with invalid DNS label: ${hostname}`;
      errors.push(invalid('metadata.name', metadata.name, why));
    }
  }
  return errors;
}

function isReadable(errors: readonly FieldError[]): boolean {
  return !errors.some((error) => error.field.endsWith('.operator'));
}

function validateGeneratedSelector({ spec, metadata }: batchv1.Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const expected: Record<string, string> = {
    [JOB_LABELS.legacyControllerUid]: metadata.uid,
    [JOB_LABELS.legacyJobName]: metadata.name,
    [JOB_LABELS.controllerUid]: metadata.uid,
    [JOB_LABELS.jobName]: metadata.name,
  };
  const errors: FieldError[] = metadata.uid ? [] : [required('metadata.uid')];
  const labels = spec.template?.metadata?.labels ?? {};
  const field = 'spec.template.metadata.labels';
  for (const [key, value] of Object.entries(expected)) {
    if (labels[key] === undefined) errors.push(required(`${field}`, `must be '${value}'`));
    else if (labels[key] !== value)
      errors.push(invalid(`${field}[${key}]`, labels[key], `must be '${value}'`));
  }
  const selectorErrors = validateLabelSelector(spec.selector, 'spec.selector');
  if (isReadable(selectorErrors) && !labelSelectorAsSelector(spec.selector).matches(expected)) {
    errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
  return errors;
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** A Job's spec, or that of a CronJob's template: without the selector. */
export function validateJobSpec(spec: batchv1.JobSpec, field: string): FieldError[] {
  const errors = COUNTS.flatMap((name) => validateNonNegative(spec[name], `${field}.${name}`));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  append(errors, validateManagedBy(spec.managedBy, `${field}.managedBy`));
  const mode = spec.completionMode;
  if (mode !== undefined && !COMPLETION_MODES.includes(mode)) {
    errors.push(notSupported(`${field}.completionMode`, mode, COMPLETION_MODES));
  }
  if (mode === 'Indexed') append(errors, validateIndexed(spec, field));
  else if (mode === undefined || mode === 'NonIndexed') {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[name] === undefined) continue;
      errors.push(invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode'));
    }
  }
  if (spec.podFailurePolicy !== undefined) {
    append(errors, validatePodFailurePolicy(spec, `${field}.podFailurePolicy`));
  }
  if (spec.successPolicy !== undefined) {
    const at = `${field}.successPolicy`;
    if (mode === 'Indexed') append(errors, validateSuccessPolicy(spec, at));
    else errors.push(invalid(at, spec.successPolicy, 'requires indexed completion mode'));
  }
  return [
    ...errors,
    ...validateReplacementPolicy(spec, `${field}.podReplacementPolicy`),
    ...validateTemplate(spec, `${field}.template`),
  ];
}

function validateManagedBy(manager: string | undefined, field: string): FieldError[] {
  if (manager === undefined) return [];
  const errors: FieldError[] = [];
  const slash = manager.indexOf('/');
  const why = 'must be a domain-prefixed path (such as "acme.io/foo")';
  if (manager === '') errors.push(required(field));
  else if (slash <= 0 || slash === manager.length - 1) errors.push(invalid(field, manager, why));
  else {
    const host = manager.slice(0, slash);
    append(errors, invalidEach(field, host, dns1123Subdomain(host)));
    if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(manager.slice(slash + 1))) {
      errors.push(invalid(field, manager.slice(slash + 1), 'Invalid path'));
    }
  }
  if (manager.length > 63) errors.push(tooLong(field, 63));
  return errors;
}

function validateIndexed(spec: batchv1.JobSpec, field: string): FieldError[] {
  const { completions, parallelism, maxFailedIndexes: failed } = spec;
  const errors: FieldError[] = [];
  if (completions === undefined) {
    errors.push(required(`${field}.completions`, 'when completion mode is Indexed'));
  }
  if ((parallelism ?? 0) > MOST_PARALLEL) {
    const why = `must be less than or equal to ${MOST_PARALLEL} when completion mode is Indexed`;
    errors.push(invalid(`${field}.parallelism`, parallelism, why));
  }
  const failedField = `${field}.maxFailedIndexes`;
  if (completions !== undefined && (failed ?? 0) > completions) {
    errors.push(invalid(failedField, failed, 'must be less than or equal to completions'));
  }
  if ((failed ?? 0) > MOST_FAILED) {
    errors.push(invalid(failedField, failed, `must be less than or equal to ${MOST_FAILED}`));
  }
  if ((completions ?? 0) <= MANY_COMPLETIONS || spec.backoffLimitPerIndex === undefined) return errors;
  if (failed === undefined) {
    const why = `must be specified when completions is above ${MANY_COMPLETIONS}`;
    errors.push(required(failedField, why));
  }
  if ((parallelism ?? 0) > MOST_OF_MANY) errors.push(invalid(`${field}.parallelism`, parallelism, OF_MANY));
  if ((failed ?? 0) > MOST_OF_MANY) errors.push(invalid(failedField, failed, OF_MANY));
  return errors;
}

function validateReplacementPolicy(spec: batchv1.JobSpec, field: string): FieldError[] {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return [];
  const supported = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  return supported.includes(policy) ? [] : [notSupported(field, policy, supported)];
}

function validateTemplate({ template, podFailurePolicy }: batchv1.JobSpec, field: string): FieldError[] {
  if (template === undefined) return [required(field)];
  const errors = validatePodTemplate(template, field);
  const policy = template.spec?.restartPolicy ?? '';
  const at = `${field}.spec.restartPolicy`;
  if (policy === 'Always' || policy === '') {
    errors.push(required(at, 'valid values: "OnFailure", "Never"'));
  } else if (policy !== 'OnFailure' && policy !== 'Never') {
    errors.push(notSupported(at, policy, ['OnFailure', 'Never']));
  } else if (podFailurePolicy !== undefined && policy !== 'Never') {
    errors.push(invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
  return errors;
}

const IMMUTABLE = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

/** k8s.io/kubernetes/pkg/apis/batch/validation.ValidateJobUpdate. */
export function validateJobUpdate(job: batchv1.Job, old: batchv1.Job): FieldError[] {
  return [
    ...validateJob(job),
    ...validateCompletionsUpdate(job.spec, old.spec),
    ...validateImmutable(job.spec.template, templateToKeep(job, old), 'spec.template'),
    ...IMMUTABLE.flatMap((name) => validateImmutable(job.spec[name], old.spec[name], `spec.${name}`)),
  ];
}

/** An elastic Indexed Job: completions may change together with parallelism. */
function validateCompletionsUpdate(spec: batchv1.JobSpec, old: batchv1.JobSpec): FieldError[] {
  const field = 'spec.completions';
  if (spec.completions === old.completions) return [];
  if (spec.completionMode !== 'Indexed' || spec.completions === undefined) {
    return validateImmutable(spec.completions, old.completions, field);
  }
  if (spec.completions !== spec.parallelism) {
    const why =
      'can only be modified in tandem with spec.parallelism, such that spec.completions == spec.parallelism';
    return [invalid(field, spec.completions, why)];
  }
  return [];
}

/** Until it has started once, a suspended Job's pods may still be steered elsewhere, and sized anew while it is suspended. */
function templateToKeep(job: batchv1.Job, old: batchv1.Job): corev1.PodTemplateSpec {
  const before = old.spec.template;
  const suspended = old.spec.suspend === true;
  const started = old.status?.startTime !== undefined;
  if (!suspended || semanticallyEqual(job.spec.template, before)) return before;
  const now = job.spec.template;
  const kept: corev1.PodTemplateSpec = structuredClone(before);
  const resourcesOf = (list: 'containers' | 'initContainers') => {
    for (const [index, container] of (kept.spec[list] ?? []).entries()) {
      const other = now.spec[list]?.[index];
      if (other?.name !== container.name) continue;
      if (other.resources === undefined) delete container.resources;
      else container.resources = other.resources;
    }
  };
  resourcesOf('containers');
  resourcesOf('initContainers');
  if (started) return kept;
  const steering = ['nodeSelector', 'tolerations', 'schedulingGates'] as const;
  for (const name of steering) Object.assign(kept.spec, { [name]: now.spec[name] });
  const nodeAffinity = now.spec.affinity?.nodeAffinity;
  kept.spec.affinity = { ...kept.spec.affinity, nodeAffinity: nodeAffinity! };
  if (nodeAffinity === undefined) delete kept.spec.affinity.nodeAffinity;
  const { labels, annotations } = now.metadata;
  Object.assign(kept.metadata, { labels, annotations });
  return kept;
}
