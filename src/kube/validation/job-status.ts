import type { FieldError } from '../../base/index.ts';
import type { batchv1 } from '../types/index.generated.ts';
import { parseIndexes } from '../workloads/completion-indexes.ts';
import { semanticallyEqual } from './equality.ts';
import { duplicate, invalid, required } from './field-errors.ts';
import { validateNonNegative } from './object-meta.ts';

type Status = Partial<batchv1.JobStatus>;

const CONDITIONS = 'status.conditions';

function has({ conditions }: Status, type: string): boolean {
  return (conditions ?? []).some((one) => one.type === type && one.status === 'True');
}

function wrong(detail: string, field = CONDITIONS): FieldError {
  return { type: 'FieldValueInvalid', field, message: `Invalid value: ${detail}` };
}

/** Pairs of conditions that no Job has at once, and what each needs. */
function validateConditions(status: Status): FieldError[] {
  const complete = has(status, 'Complete');
  const failed = has(status, 'Failed');
  const met = has(status, 'SuccessCriteriaMet');
  const target = has(status, 'FailureTarget');
  const errors: FieldError[] = [];
  if (complete && failed) errors.push(wrong('cannot set Complete=True and Failed=true conditions'));
  if (complete && target) errors.push(wrong('cannot set Complete=True and FailureTarget=true conditions'));
  if (failed && !target) {
    errors.push(wrong('cannot set Failed=True condition without the FailureTarget=true condition'));
  }
  if (complete && !met) {
    errors.push(wrong('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'));
  }
  if (met && failed) errors.push(wrong('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  if (met && target) {
    errors.push(wrong('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  }
  return errors;
}

function validateTimes(status: Status): FieldError[] {
  const { startTime, completionTime } = status;
  const complete = has(status, 'Complete');
  const errors: FieldError[] = [];
  if (completionTime !== undefined && !complete) {
    const why = 'cannot set completionTime when there is no Complete=True condition';
    errors.push(invalid('status.completionTime', completionTime, why));
  }
  if (completionTime === undefined && complete) {
    errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  }
  if (startTime !== undefined && completionTime !== undefined) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      const why = 'must be equal to or after `startTime`';
      errors.push(invalid('status.completionTime', completionTime, why));
    }
  }
  if (startTime === undefined && (complete || has(status, 'Failed'))) {
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  }
  return errors;
}

function validateCounts(status: Status): FieldError[] {
  const names = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
  const errors = names.flatMap((name) => validateNonNegative(status[name], `status.${name}`));
  const finished = has(status, 'Complete') || has(status, 'Failed');
  const { active = 0, ready = 0, terminating = 0, uncountedTerminatedPods: uncounted } = status;
  if (finished && active > 0) {
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
  }
  if (finished && (uncounted?.succeeded ?? []).length + (uncounted?.failed ?? []).length > 0) {
    errors.push(invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job'));
  }
  if (finished && terminating > 0) {
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  }
  if (ready > active) errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [index, uid] of (uncounted?.[list] ?? []).entries()) {
      const field = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') errors.push(invalid(field, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(field, uid));
      seen.add(uid);
    }
  }
  return errors;
}

function validateIndexes(spec: batchv1.JobSpec, status: Status): FieldError[] {
  const errors: FieldError[] = [];
  const { completedIndexes, failedIndexes } = status;
  const parsed: number[][] = [];
  for (const name of ['completedIndexes', 'failedIndexes'] as const) {
    const text = status[name];
    if (spec.completions === undefined || text === undefined) continue;
    try {
      parsed.push(parseIndexes(text, spec.completions));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      errors.push(invalid(`status.${name}`, text, `error parsing ${name}: ${error.message}`));
    }
  }
  if (completedIndexes && spec.completionMode !== 'Indexed') {
    const why = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalid('status.completedIndexes', completedIndexes, why));
  }
  if (failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    const why = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalid('status.failedIndexes', failedIndexes, why));
  }
  const completed = new Set(parsed[0]);
  const both = parsed.length === 2 ? parsed[1]!.find((index) => completed.has(index)) : undefined;
  if (both !== undefined) {
    const why = `failedIndexes and completedIndexes overlap at index: ${both}`;
    errors.push(invalid('status.failedIndexes', failedIndexes, why));
  }
  return errors;
}

function validateTransitions(job: batchv1.Job, old: batchv1.Job): FieldError[] {
  const status: Status = job.status ?? {};
  const before: Status = old.status ?? {};
  const errors: FieldError[] = ['Failed', 'Complete', 'FailureTarget']
    .filter((type) => has(before, type) && !has(status, type))
    .map((type) => wrong(`cannot disable the terminal ${type}=True condition`));
  for (const name of ['failed', 'succeeded'] as const) {
    if ((status[name] ?? 0) < (before[name] ?? 0)) {
      errors.push(invalid(`status.${name}`, status[name] ?? 0, `cannot decrease the ${name} counter`));
    }
  }
  if (status.completionTime !== undefined && before.completionTime !== undefined) {
    if (status.completionTime !== before.completionTime) {
      errors.push(invalid('status.completionTime', status.completionTime, 'field is immutable'));
    }
  }
  if (before.startTime !== undefined && job.spec.suspend !== true) {
    if (!semanticallyEqual(before.startTime, status.startTime)) {
      errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
    }
  }
  if (has(before, 'SuccessCriteriaMet') && !has(status, 'SuccessCriteriaMet')) {
    errors.push(wrong('cannot disable the SuccessCriteriaMet=True condition'));
  }
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/batch/validation.ValidateJobUpdateStatus. */
export function validateJobStatus(job: batchv1.Job, old: batchv1.Job): FieldError[] {
  const status: Status = job.status ?? {};
  return [
    ...validateCounts(status),
    ...validateConditions(status),
    ...validateTimes(status),
    ...validateIndexes(job.spec, status),
    ...validateTransitions(job, old),
  ];
}
