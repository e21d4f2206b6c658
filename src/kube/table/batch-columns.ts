import type { TableColumn } from '../resource.ts';
import { formatLabelSelector } from '../selectors/label-selector.ts';
import type { batchv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn, templateColumns } from './common-columns.ts';
import { ageOf, humanDuration } from './human-duration.ts';

type Job = batchv1.Job;

function hasCondition({ status }: Job, type: string): boolean {
  return (status?.conditions ?? []).some((one) => one.type === type && one.status === 'True');
}

function statusOf(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) {
    if (hasCondition(job, type)) return type;
  }
  return 'Running';
}

/** `1/3`; of a Job that ends with its first success, `0/1 of 5`. */
function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, now: Date): string {
  if (status?.startTime === undefined) return '';
  const endMs = status.completionTime === undefined ? now.getTime() : Date.parse(status.completionTime);
  return humanDuration(endMs - Date.parse(status.startTime));
}

export const jobColumns: readonly TableColumn[] = [
  nameColumn,
  column<Job>('Status', 'How far the job is.', statusOf),
  column<Job>('Completions', 'How many of the wanted pods have succeeded.', completionsOf),
  column<Job>('Duration', 'How long the job has taken so far, or took.', durationOf),
  ageColumn,
  ...templateColumns<Job>(({ spec }) => spec.template.spec.containers),
  column<Job>(
    'Selector',
    'Labels of the pods that belong to it.',
    ({ spec }) => formatLabelSelector(spec.selector),
    { wide: true },
  ),
];

export const cronJobColumns: readonly TableColumn[] = [
  nameColumn,
  column<batchv1.CronJob>('Schedule', 'When jobs are made.', ({ spec }) => spec.schedule ?? ''),
  column<batchv1.CronJob>(
    'Timezone',
    'The time zone of the schedule.',
    ({ spec }) => spec.timeZone ?? '<none>',
  ),
  column<batchv1.CronJob>(
    'Suspend',
    'Whether no more jobs are made.',
    ({ spec }) => (spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False'),
    { type: 'boolean' },
  ),
  column<batchv1.CronJob>('Active', 'How many jobs run.', ({ status }) => (status?.active ?? []).length, {
    type: 'integer',
  }),
  column<batchv1.CronJob>('Last Schedule', 'When the last job was made.', ({ status }, now) =>
    status?.lastScheduleTime === undefined ? '<none>' : ageOf(status.lastScheduleTime, now),
  ),
  ageColumn,
  ...templateColumns<batchv1.CronJob>(({ spec }) => spec.jobTemplate.spec.template.spec.containers),
  column<batchv1.CronJob>(
    'Selector',
    'Labels of the pods that belong to its jobs.',
    ({ spec }) => formatLabelSelector(spec.jobTemplate.spec.selector),
    { wide: true },
  ),
];
