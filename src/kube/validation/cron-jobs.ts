import { append, type FieldError } from '../../base/index.ts';
import type { batchv1 } from '../types/index.generated.ts';
import { isTimeZone, parseCronSchedule } from '../workloads/cron-schedule.ts';
import { invalid, notSupported, required } from './field-errors.ts';
import { validateJobSpec } from './jobs.ts';
import { validateAnnotations, validateLabels, validateNonNegative } from './object-meta.ts';

const CONCURRENCY_POLICIES = ['Allow', 'Forbid', 'Replace'];
/** A Job of it is called `<name>-<eight digits and more>` and may have 63 characters. */
const NAME_LIMIT = 52;

export function validateCronJob(cronJob: batchv1.CronJob): FieldError[] {
  const errors = validateSpec(cronJob.spec, undefined);
  const { name } = cronJob.metadata;
  if (name && name.length > NAME_LIMIT) {
    errors.push(invalid('metadata.name', name, `must be no more than ${NAME_LIMIT} bytes`));
  }
  return errors;
}

export function validateCronJobUpdate(cronJob: batchv1.CronJob, old: batchv1.CronJob): FieldError[] {
  return validateSpec(cronJob.spec, old.spec);
}

/** k8s.io/kubernetes/pkg/apis/batch/validation.validateCronJobSpec. */
function validateSpec(spec: batchv1.CronJobSpec, old: batchv1.CronJobSpec | undefined): FieldError[] {
  const errors = spec.schedule
    ? validateSchedule(spec, old?.schedule.includes('TZ') === true)
    : [required('spec.schedule')];
  append(errors, validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  if (old === undefined || old.timeZone !== spec.timeZone) append(errors, validateTimeZone(spec.timeZone));
  const policy = spec.concurrencyPolicy;
  if (!policy) errors.push(required('spec.concurrencyPolicy'));
  else if (!CONCURRENCY_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.concurrencyPolicy', policy, CONCURRENCY_POLICIES));
  }
  return [
    ...errors,
    ...validateJobTemplate(spec.jobTemplate),
    ...validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
  ];
}

function validateSchedule({ schedule, timeZone }: batchv1.CronJobSpec, zoneAllowed: boolean): FieldError[] {
  const field = 'spec.schedule';
  const errors: FieldError[] = [];
  try {
    parseCronSchedule(schedule);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    errors.push(invalid(field, schedule, error.message));
  }
  if (!schedule.includes('TZ')) return errors;
  if (!zoneAllowed) {
    const why = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    errors.push(invalid(field, schedule, why));
  } else if (timeZone !== undefined) {
    const why = 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    errors.push(invalid(field, schedule, why));
  }
  return errors;
}

function validateTimeZone(zone: string | undefined): FieldError[] {
  const field = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(field, zone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid(field, zone, `unknown time zone ${zone}`);
  const wellFormed = zone
    .split('/')
    .every(
      (part) =>
        part !== '.' && part !== '..' && !part.startsWith('-') && /^[A-Za-z.\-_0-9+]{1,14}$/.test(part),
    );
  if (!wellFormed) return [unknown];
  if (zone.toLowerCase() === 'local') {
    const why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalid(field, zone, why)];
  }
  return isTimeZone(zone) ? [] : [unknown];
}

function validateJobTemplate(template: batchv1.JobTemplateSpec | undefined): FieldError[] {
  const field = 'spec.jobTemplate';
  const spec = template?.spec ?? ({} as batchv1.JobSpec);
  const errors = [
    ...validateLabels(template?.metadata?.labels, `${field}.metadata.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${field}.metadata.annotations`),
    ...validateJobSpec(spec, `${field}.spec`),
  ];
  if (spec.selector !== undefined) {
    errors.push(invalid(`${field}.spec.selector`, spec.selector, '`selector` will be auto-generated'));
  }
  if (spec.manualSelector === true) {
    errors.push(notSupported(`${field}.spec.manualSelector`, true, ['nil', 'false']));
  }
  return errors;
}
