import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { cronJobColumns, jobColumns } from '../table/batch-columns.ts';
import type { batchv1 } from '../types/index.generated.ts';
import { validateCronJob, validateCronJobUpdate } from '../validation/cron-jobs.ts';
import { validateJobStatus } from '../validation/job-status.ts';
import { JOB_LABELS, validateJob, validateJobUpdate } from '../validation/jobs.ts';
import { builtin, dropStatus, keepStatus, selectable, statusSubresource } from './builtin.ts';
import { defaultPodTemplate } from './pod-spec-defaults.ts';

const UNLIMITED = 2147483647;

/** batch/v1 SetDefaults_Job. */
function defaultJob(object: KubeObject): void {
  const job = object as Partial<batchv1.Job> & Pick<KubeObject, 'metadata'>;
  job.spec ??= {} as batchv1.JobSpec;
  const { spec } = job;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : UNLIMITED;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
  defaultJobTemplate(spec);
  labelLikeTemplate(job as batchv1.Job);
}

function defaultJobTemplate(spec: batchv1.JobSpec): void {
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of onPodConditions ?? []) pattern.status ||= 'True';
  defaultPodTemplate(spec);
}

/** A Job without labels of its own has those of its template. */
function labelLikeTemplate({ metadata, spec }: batchv1.Job): void {
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
    metadata.labels = { ...labels };
}

/** Labels and selector that no other Job's pods have (registry/batch/job/strategy.go generateSelector). */
function prepareJobForCreate(object: KubeObject): void {
  const job = object as batchv1.Job;
  dropStatus(() => ({}))(job);
  const { spec } = job;
  if (spec.manualSelector === true) return;
  const { name = '', uid = '' }: Partial<batchv1.Job['metadata']> = job.metadata;
  spec.template.metadata.labels = {
    [JOB_LABELS.jobName]: name,
    [JOB_LABELS.legacyJobName]: name,
    [JOB_LABELS.controllerUid]: uid,
    [JOB_LABELS.legacyControllerUid]: uid,
    ...spec.template.metadata.labels,
  };
  spec.selector = {
    ...spec.selector,
    matchLabels: { [JOB_LABELS.controllerUid]: uid, ...spec.selector?.matchLabels },
  };
  labelLikeTemplate(job);
}

export const jobsResource: Resource = {
  ...builtin({
    group: 'batch',
    kind: 'Job',
    name: 'jobs',
    categories: ['all'],
    schema: { ref: 'batch/v1.Job' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: jobColumns,
  }),
  defaults: defaultJob,
  prepareForCreate: prepareJobForCreate,
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateJob(object as batchv1.Job),
  validateUpdate: (object, old) => validateJobUpdate(object as batchv1.Job, old as batchv1.Job),
  validateStatusUpdate: (object, old) => validateJobStatus(object as batchv1.Job, old as batchv1.Job),
  selectableFields: selectable<batchv1.Job>({
    'status.successful': ({ status }) => String(status?.succeeded ?? 0),
  }),
};

/** batch/v1 SetDefaults_CronJob. */
function defaultCronJob(object: KubeObject): void {
  const cronJob = object as Partial<batchv1.CronJob>;
  cronJob.spec ??= {} as batchv1.CronJobSpec;
  const { spec } = cronJob;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  spec.jobTemplate ??= {} as batchv1.JobTemplateSpec;
  spec.jobTemplate.metadata ??= {} as batchv1.JobTemplateSpec['metadata'];
  spec.jobTemplate.spec ??= {} as batchv1.JobSpec;
  defaultJobTemplate(spec.jobTemplate.spec);
}

export const cronJobsResource: Resource = {
  ...builtin({
    group: 'batch',
    kind: 'CronJob',
    name: 'cronjobs',
    shortNames: ['cj'],
    categories: ['all'],
    schema: { ref: 'batch/v1.CronJob' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: cronJobColumns,
  }),
  defaults: defaultCronJob,
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateCronJob(object as batchv1.CronJob),
  validateUpdate: (object, old) => validateCronJobUpdate(object as batchv1.CronJob, old as batchv1.CronJob),
};
