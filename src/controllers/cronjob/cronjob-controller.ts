import { AlreadyExists, messageOf, NotFound } from '../../base/index.ts';
import {
  Controller,
  CRON_JOBS,
  type EventRecorder,
  hasStatusCause,
  type Informer,
  JOBS,
  keyOf,
  makeKey,
  namespaceKeyOf,
  workspaceOf,
} from '../../client/index.ts';
import { type batchv1, type corev1, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { finishedCondition, isTooManyMissed, jobNameFor, jobsToDrop, scheduledTimes } from './cron-plan.ts';

type CronJob = batchv1.CronJob;

const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** Upstream too looks a moment after the time, never before it. */
const AFTER_MS = 100;

/** Makes the Jobs of each CronJob at their times. */
export class CronJobController implements RunnableController {
  readonly name = 'cronjob-controller';
  readonly #context: ControllerContext;
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<batchv1.Job>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#cronJobs = context.informers.informer<CronJob>(CRON_JOBS);
    this.#jobs = context.informers.informer<batchv1.Job>(JOBS);
    this.#recorder = context.recorder.for(this.name);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#cronJobs.addHandler({
      onAdd: (cronJob) => queue.add(keyOf(cronJob)),
      onUpdate: (cronJob) => queue.add(keyOf(cronJob)),
    });
    const addManager = (job: batchv1.Job) => {
      const controller = controllerOf(job);
      if (controller?.kind === 'CronJob')
        queue.add(makeKey(workspaceOf(job), job.metadata.namespace ?? '', controller.name));
    };
    this.#jobs.addHandler({ onAdd: addManager, onUpdate: addManager, onDelete: addManager });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#cronJobs, this.#jobs)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const cronJob = this.#cronJobs.get(key);
    if (cronJob === undefined) return undefined;
    const jobs = this.#jobs
      .byIndex('namespace', namespaceKeyOf(cronJob))
      .filter((job) => controllerOf(job)?.uid === cronJob.metadata.uid);
    const status = this.#statusOf(cronJob, jobs);
    for (const job of jobsToDrop(cronJob, jobs)) await this.#delete(cronJob, job);
    const againInMs =
      cronJob.metadata.deletionTimestamp === undefined && cronJob.spec.suspend !== true
        ? await this.#schedule(cronJob, jobs, status)
        : undefined;
    await this.#writeStatus(cronJob, status);
    return againInMs;
  }

  /** What the jobs say; telling of those that ended since the last time. */
  #statusOf(cronJob: CronJob, jobs: readonly batchv1.Job[]): batchv1.CronJobStatus {
    const before = cronJob.status ?? {};
    const active = jobs.filter((job) => finishedCondition(job) === undefined);
    let lastSuccessfulTime = before.lastSuccessfulTime;
    for (const job of jobs) {
      const ended = finishedCondition(job);
      const { name, uid } = job.metadata;
      if (ended !== undefined && before.active?.some((one) => one.uid === uid)) {
        const message = `Saw completed job: ${name}, condition: ${ended}`;
        this.#recorder.event(cronJob, 'Normal', 'SawCompletedJob', message);
      }
      const at = ended === 'Complete' ? job.status?.completionTime : undefined;
      const isLater =
        at !== undefined &&
        (lastSuccessfulTime === undefined || Date.parse(at) > Date.parse(lastSuccessfulTime));
      if (isLater) lastSuccessfulTime = at;
    }
    return {
      ...(before.lastScheduleTime !== undefined && { lastScheduleTime: before.lastScheduleTime }),
      ...(lastSuccessfulTime !== undefined && { lastSuccessfulTime }),
      ...(active.length > 0 && { active: active.map(referenceTo) }),
    };
  }

  /** Makes the Job that is due. Changes `status`. */
  async #schedule(
    cronJob: CronJob,
    jobs: readonly batchv1.Job[],
    status: batchv1.CronJobStatus,
  ): Promise<number | undefined> {
    const { spec } = cronJob;
    const nowMs = this.#context.clock.now();
    let times: ReturnType<typeof scheduledTimes>;
    try {
      times = scheduledTimes(cronJob, nowMs);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${messageOf(error)}`;
      this.#recorder.event(cronJob, 'Warning', 'UnparseableSchedule', message);
      return undefined;
    }
    const againInMs = times.nextMs === undefined ? undefined : times.nextMs - nowMs + AFTER_MS;
    if (times.dueMs === undefined) return againInMs;
    if (isTooManyMissed(times.missed)) {
      const message =
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      this.#recorder.event(cronJob, 'Warning', 'TooManyMissedTimes', message);
    }
    const name = jobNameFor(cronJob, times.dueMs);
    if (jobs.some((job) => job.metadata.name === name)) {
      status.lastScheduleTime = kubeTime(times.dueMs);
      return againInMs;
    }
    const running = jobs.filter((job) => finishedCondition(job) === undefined);
    if (running.length > 0 && spec.concurrencyPolicy === 'Forbid') {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#recorder.event(cronJob, 'Normal', 'JobAlreadyActive', message);
      return againInMs;
    }
    if (spec.concurrencyPolicy === 'Replace') {
      for (const job of running) await this.#delete(cronJob, job);
      delete status.active;
    }
    const job = await this.#create(cronJob, name, times.dueMs);
    if (job !== undefined) status.active = [...(status.active ?? []), referenceTo(job)];
    status.lastScheduleTime = kubeTime(times.dueMs);
    return againInMs;
  }

  /** Undefined when it is there already, or its namespace is going. */
  async #create(cronJob: CronJob, name: string, atMs: number): Promise<batchv1.Job | undefined> {
    const { metadata, spec } = cronJob.spec.jobTemplate;
    try {
      const job = await this.#context.client
        .in(workspaceOf(cronJob))
        .resource<batchv1.Job>(JOBS)
        .create({
          metadata: {
            name,
            namespace: cronJob.metadata.namespace!,
            ...(metadata?.labels && { labels: metadata.labels }),
            annotations: { ...metadata?.annotations, [SCHEDULED_AT]: kubeTime(atMs) },
            ownerReferences: [controllerRefTo(cronJob, CRON_JOBS)],
          },
          spec: structuredClone(spec),
        });
      this.#recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      return job;
    } catch (error) {
      if (error instanceof AlreadyExists || hasStatusCause(error, 'NamespaceTerminating')) return undefined;
      this.#recorder.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
      throw error;
    }
  }

  async #delete(cronJob: CronJob, job: batchv1.Job): Promise<void> {
    const { name, namespace, uid } = job.metadata;
    try {
      await this.#context.client.in(workspaceOf(job)).resource<batchv1.Job>(JOBS).delete(name, {
        namespace: namespace!,
        propagationPolicy: 'Background',
        preconditions: { uid },
      });
      this.#recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  async #writeStatus(cronJob: CronJob, status: batchv1.CronJobStatus): Promise<void> {
    if (semanticallyEqual(cronJob.status, status)) return;
    try {
      await this.#context.client
        .in(workspaceOf(cronJob))
        .resource<CronJob>(CRON_JOBS)
        .updateStatus({ ...cronJob, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

function referenceTo({ metadata }: batchv1.Job): corev1.ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion: 'batch/v1', kind: 'Job', name, namespace: namespace!, uid, resourceVersion };
}
