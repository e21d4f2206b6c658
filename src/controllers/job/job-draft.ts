import { JOBS } from '../../client/index.ts';
import type { batchv1, corev1, Draft } from '../../kube/index.ts';
import { podFromTemplate } from '../ownership/pods-from-template.ts';
import { failuresNoted, INDEX, INDEX_FAILURES, lastFailureOf, TRACKING_FINALIZER } from './job-pods.ts';
import { failureVerdict } from './pod-failure-policy.ts';

const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';

/** The next pod of a Job; of an Indexed one, that of the index, which counts the failures of those before it. */
export function draftOf(
  job: batchv1.Job,
  index: number | undefined,
  pods: readonly corev1.Pod[],
): Draft<corev1.Pod> {
  const { name } = job.metadata;
  const { template } = job.spec;
  const finalizers = [TRACKING_FINALIZER];
  if (index === undefined) {
    return podFromTemplate(job, JOBS, template, { generateName: `${name}-`, finalizers });
  }
  const annotations = {
    [INDEX]: String(index),
    ...(job.spec.backoffLimitPerIndex !== undefined && {
      [INDEX_FAILURES]: String(failuresBefore(job, index, pods)),
    }),
  };
  const draft = podFromTemplate(job, JOBS, template, {
    generateName: `${name}-${index}-`,
    labels: { [INDEX]: String(index) },
    annotations,
    finalizers,
  });
  draft.spec.hostname ??= `${name}-${index}`;
  for (const container of [...draft.spec.containers, ...(draft.spec.initContainers ?? [])]) {
    if (container.env?.some((one) => one.name === INDEX_VARIABLE)) continue;
    const fieldRef = { fieldPath: `metadata.labels['${INDEX}']` };
    container.env = [...(container.env ?? []), { name: INDEX_VARIABLE, valueFrom: { fieldRef } }];
  }
  return draft;
}

function failuresBefore(job: batchv1.Job, index: number, pods: readonly corev1.Pod[]): number {
  const last = lastFailureOf(job, index, pods);
  if (last === undefined) return 0;
  const counts = failureVerdict(job.spec.podFailurePolicy, last).action !== 'Ignore';
  return failuresNoted(last) + (counts ? 1 : 0);
}
