import { messageOf, NotFound } from '../../base/index.ts';
import { type EventRecorder, hasStatusCause, JOBS, PODS, workspaceOf } from '../../client/index.ts';
import { type batchv1, type corev1, isPodActive, isPodReady, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, kubeTime } from '../context.ts';
import type { Expectations } from '../replicaset/expectations.ts';
import { slowStart } from '../replicaset/slow-start.ts';
import { countPods, type PodCount } from './job-count.ts';
import { draftOf } from './job-draft.ts';
import {
  endedAtMs,
  failuresNoted,
  hasFailed,
  hasSucceeded,
  indexOf,
  isIndexed,
  isTerminating,
  isTracked,
  lastFailureOf,
} from './job-pods.ts';
import { conditionsWith, findCondition, interimOutcome, statusOf } from './job-status.ts';
import {
  backoffLeftMs,
  deadlineInMs,
  type JobOutcome,
  missingIndexes,
  outcomeOf,
  wantedActive,
} from './job-verdict.ts';

export interface JobWork {
  key: string;
  job: batchv1.Job;
  pods: readonly corev1.Pod[];
  expectations: Expectations;
  /** Takes the tracking finalizer off. */
  release(pod: corev1.Pod): Promise<void>;
  written(revision: number): void;
}

const BURST = 500;

/**
 * One pass over one Job. An ended pod is counted exactly once: its uid goes into uncountedTerminatedPods, then its
 * finalizer off, then it becomes a number; a crash between any two of these is made good by the next pass.
 */
export class JobSync {
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #work: JobWork;
  #failure: unknown;

  constructor(context: ControllerContext, recorder: EventRecorder, work: JobWork) {
    this.#context = context;
    this.#recorder = recorder;
    this.#work = work;
  }

  /** In how many milliseconds to come back, if at all. */
  async run(): Promise<number | undefined> {
    const { job, pods } = this.#work;
    const nowMs = this.#context.clock.now();
    const finished = findCondition(job, 'Complete') ?? findCondition(job, 'Failed');
    if (finished !== undefined || job.metadata.deletionTimestamp !== undefined) {
      for (const pod of pods) if (isTracked(pod) && !isPodActive(pod)) await this.#work.release(pod);
      return finished === undefined ? undefined : this.#expire(finished, nowMs);
    }
    const count = countPods(job, pods);
    const active = pods.filter(isPodActive);
    const started = this.#startTime(nowMs);
    const facts = { job: withStart(job, started), pods, nowMs, ...count };
    const outcome = interimOutcome(job) ?? outcomeOf(facts);
    const againInMs =
      outcome !== undefined || job.spec.suspend === true
        ? await this.#stop(active)
        : await this.#manage(active, count, nowMs);
    await this.#writeStatus(outcome, count, { started, active: this.#activeNow(active), nowMs });
    for (const pod of count.toRelease) await this.#work.release(pod);
    if (this.#failure !== undefined) throw this.#failure;
    return earliest(againInMs, deadlineInMs(facts.job, nowMs));
  }

  #startTime(nowMs: number): string | undefined {
    const { spec, status } = this.#work.job;
    return spec.suspend === true ? undefined : (status?.startTime ?? kubeTime(nowMs));
  }

  #created = 0;
  #stopped = new Set<string>();

  #activeNow(active: readonly corev1.Pod[]): number {
    return active.filter(({ metadata }) => !this.#stopped.has(metadata.uid)).length + this.#created;
  }

  /** Pods the controller takes down itself count neither way. */
  async #stop(doomed: readonly corev1.Pod[]): Promise<undefined> {
    const pods = this.#context.client.in(workspaceOf(this.#work.job)).resource<corev1.Pod>(PODS);
    const results = await Promise.allSettled(
      doomed.map(async (pod) => {
        const { name, namespace, uid } = pod.metadata;
        try {
          if (isTracked(pod)) await this.#work.release(pod);
          await pods.delete(name, { namespace: namespace!, preconditions: { uid } });
          this.#stopped.add(uid);
          this.#recorder.event(this.#work.job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
        } catch (error) {
          if (!(error instanceof NotFound)) throw error;
        }
      }),
    );
    this.#failure ??= results.find((result) => result.status === 'rejected')?.reason;
  }

  async #manage(active: readonly corev1.Pod[], count: PodCount, nowMs: number): Promise<number | undefined> {
    const { job, pods, key, expectations } = this.#work;
    if (!expectations.satisfied(key)) return undefined;
    const wanted = wantedActive({ job, ...count }, active.length);
    if (active.length > wanted) return this.#stop(surplus(active, active.length - wanted));
    const running = job.spec.podReplacementPolicy === 'Failed' ? pods.filter(isTerminating).length : 0;
    const missing = Math.min(wanted - active.length - running, BURST);
    if (missing <= 0) return undefined;
    const indexes = isIndexed(job) ? missingIndexes({ job, ...count }, active, missing) : undefined;
    if (indexes === undefined || job.spec.backoffLimitPerIndex === undefined) {
      const waitMs = backoffOf(job, pods, nowMs);
      if (waitMs > 0) return waitMs;
      await this.#create(missing, indexes);
      return undefined;
    }
    // Each index waits for itself alone.
    const waits = indexes.map((index) => indexBackoffOf(job, index, pods, nowMs));
    await this.#create(
      missing,
      indexes.filter((_, at) => waits[at] === 0),
    );
    return earliest(...waits.filter((waitMs) => waitMs > 0));
  }

  async #create(missing: number, indexes: readonly number[] | undefined): Promise<void> {
    const { job, key, expectations, pods } = this.#work;
    const number = indexes?.length ?? missing;
    if (number === 0) return;
    expectations.expectCreations(key, number);
    const client = this.#context.client.in(workspaceOf(job)).resource<corev1.Pod>(PODS);
    let next = 0;
    const { successes, error } = await slowStart(number, async () => {
      const index = indexes?.[next++];
      const pod = await client.create(draftOf(job, index, pods));
      this.#recorder.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    });
    expectations.creationObserved(key, number - successes);
    this.#created = successes;
    if (error === undefined || hasStatusCause(error, 'NamespaceTerminating')) return;
    this.#recorder.event(job, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    this.#failure ??= error;
  }

  async #writeStatus(
    outcome: JobOutcome | undefined,
    count: PodCount,
    more: { started: string | undefined; active: number; nowMs: number },
  ): Promise<void> {
    const { job, pods } = this.#work;
    const going = pods.filter(isTerminating).length + this.#stopped.size;
    const ready = pods.filter(
      (pod) => isPodActive(pod) && !this.#stopped.has(pod.metadata.uid) && isPodReady(pod),
    ).length;
    const settled = more.active === 0 && going === 0 && count.toRelease.length === 0 && count.isCounted;
    const status = statusOf(job, count, {
      active: more.active,
      ready: Math.min(ready, more.active),
      terminating: going,
      startTime: more.started,
      conditions: conditionsWith(job, outcome, { settled, nowMs: more.nowMs }),
      nowMs: more.nowMs,
    });
    if (semanticallyEqual(job.status, status)) return;
    const jobs = this.#context.client.in(workspaceOf(job)).resource<batchv1.Job>(JOBS);
    try {
      const updated = await jobs.updateStatus({ ...job, status });
      this.#work.written(Number(updated.metadata.resourceVersion));
    } catch (error) {
      if (error instanceof NotFound) return;
      throw error;
    }
    this.#tell(outcome, status);
  }

  #tell(outcome: JobOutcome | undefined, status: batchv1.JobStatus): void {
    const { job } = this.#work;
    const next = { ...job, status };
    if (findCondition(next, 'Complete')) this.#recorder.event(job, 'Normal', 'Completed', 'Job completed');
    else if (findCondition(next, 'Failed') && outcome !== undefined)
      this.#recorder.event(job, 'Warning', outcome.reason, outcome.message);
    const was = findCondition(job, 'Suspended') !== undefined;
    const is = findCondition(next, 'Suspended') !== undefined;
    if (is && !was) this.#recorder.event(job, 'Normal', 'Suspended', 'Job suspended');
    if (was && !is) this.#recorder.event(job, 'Normal', 'Resumed', 'Job resumed');
  }

  /** ttlSecondsAfterFinished: how long the Job may still stay; gone when it may not. */
  async #expire(finished: batchv1.JobCondition, nowMs: number): Promise<number | undefined> {
    const { job } = this.#work;
    const ttl = job.spec.ttlSecondsAfterFinished;
    if (ttl === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
    const leftMs = Date.parse(finished.lastTransitionTime ?? kubeTime(nowMs)) + ttl * 1000 - nowMs;
    if (leftMs > 0) return leftMs;
    const { name, namespace, uid } = job.metadata;
    try {
      const client = this.#context.clientFor('ttl-after-finished-controller').in(workspaceOf(job));
      await client.resource<batchv1.Job>(JOBS).delete(name, {
        namespace: namespace!,
        propagationPolicy: 'Foreground',
        preconditions: { uid },
      });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }
}

function withStart(job: batchv1.Job, startTime: string | undefined): batchv1.Job {
  return startTime === undefined
    ? job
    : { ...job, status: { ...job.status, startTime } as batchv1.JobStatus };
}

/** Pending ones first, then those that are not ready, then the youngest; of an Indexed Job the highest index. */
function surplus(active: readonly corev1.Pod[], count: number): corev1.Pod[] {
  const rank = (pod: corev1.Pod) => (pod.status?.phase === 'Running' ? (isPodReady(pod) ? 2 : 1) : 0);
  return active
    .toSorted(
      (a, b) =>
        (indexOf(b) ?? 0) - (indexOf(a) ?? 0) ||
        rank(a) - rank(b) ||
        Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp),
    )
    .slice(0, count);
}

function backoffOf(job: batchv1.Job, pods: readonly corev1.Pod[], nowMs: number): number {
  const ended = pods
    .filter((pod) => hasSucceeded(pod) || hasFailed(job, pod))
    .map((pod) => ({ failed: !hasSucceeded(pod), atMs: endedAtMs(pod) }))
    .sort((a, b) => b.atMs - a.atMs);
  const success = ended.findIndex(({ failed }) => !failed);
  const failures = success < 0 ? ended.length : success;
  return backoffLeftMs(failures, ended[0]?.atMs ?? 0, nowMs);
}

/** The same for one index, after its own failures. */
function indexBackoffOf(job: batchv1.Job, index: number, pods: readonly corev1.Pod[], nowMs: number): number {
  const last = lastFailureOf(job, index, pods);
  return last === undefined ? 0 : backoffLeftMs(failuresNoted(last) + 1, endedAtMs(last), nowMs);
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
