import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type EventRecorder,
  type Informer,
  JOBS,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PODS,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import { type batchv1, type corev1, labelSelectorAsSelector } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { claimObjects } from '../ownership/claim.ts';
import { controllerOf } from '../ownership/controller-ref.ts';
import { Expectations } from '../replicaset/expectations.ts';
import { isTracked, TRACKING_FINALIZER } from './job-pods.ts';
import { JobSync } from './job-sync.ts';

const OWN_NAME = 'kubernetes.io/job-controller';

/** Runs each Job's pods until enough of them have succeeded, or it has failed. */
export class JobController implements RunnableController {
  readonly name = 'job-controller';
  readonly #context: ControllerContext;
  readonly #jobs: Informer<batchv1.Job>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #controller: Controller;
  /** The revision of the last status written; a cache behind it must not be acted on. */
  readonly #written = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.informer<batchv1.Job>(JOBS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#recorder = context.recorder.for(this.name);
    this.#expectations = new Expectations(context.clock);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#jobs, this.#pods)) await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#jobs.addHandler({
      onAdd: (job) => queue.add(keyOf(job)),
      onUpdate: (job) => queue.add(keyOf(job)),
      onDelete: (job) => {
        this.#expectations.forget(keyOf(job));
        this.#written.delete(keyOf(job));
        queue.add(keyOf(job));
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => {
        const key = jobKeyOf(pod);
        if (key === undefined) return this.#addSelectorsOf(pod);
        this.#expectations.creationObserved(key);
        queue.add(key);
      },
      onUpdate: (pod, old) => {
        for (const key of new Set([jobKeyOf(pod), jobKeyOf(old)])) if (key !== undefined) queue.add(key);
      },
      onDelete: (pod) => {
        const key = jobKeyOf(pod);
        if (key === undefined) return;
        this.#expectations.deletionObserved(key, pod.metadata.uid);
        queue.add(key);
      },
    });
  }

  #addSelectorsOf(pod: corev1.Pod): void {
    if (controllerOf(pod) !== undefined) return;
    for (const job of this.#jobs.byIndex('namespace', namespaceKeyOf(pod)))
      if (labelSelectorAsSelector(job.spec.selector).matches(pod.metadata.labels))
        this.#controller.queue.add(keyOf(job));
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const job = this.#jobs.get(key);
    if (job === undefined) {
      await this.#releaseOrphans(key);
      return undefined;
    }
    const { managedBy } = job.spec;
    if (managedBy !== undefined && managedBy !== OWN_NAME) return undefined;
    if (Number(job.metadata.resourceVersion) < (this.#written.get(key) ?? 0)) return undefined;
    await this.#releaseOrphans(key, job);
    const pods = await claimObjects({
      client: this.#context.client,
      manager: job,
      managerResource: JOBS,
      resource: PODS,
      selector: labelSelectorAsSelector(job.spec.selector),
      candidates: this.#pods.byIndex('namespace', namespaceKeyOf(job)),
    });
    return new JobSync(this.#context, this.#recorder, {
      key,
      job,
      pods,
      expectations: this.#expectations,
      release: (pod) => this.#release(pod),
      written: (revision) => this.#written.set(key, revision),
    }).run();
  }

  /** Pods whose Job is gone, maybe for another of its name, are counted by nobody: nothing may hold them. */
  async #releaseOrphans(key: string, job?: batchv1.Job): Promise<void> {
    const { workspace, namespace } = splitKey(key);
    const orphans = this.#pods
      .byIndex('namespace', `${workspace}|${namespace}`)
      .filter((pod) => isTracked(pod) && jobKeyOf(pod) === key)
      .filter((pod) => controllerOf(pod)?.uid !== job?.metadata.uid);
    if (orphans.length === 0) return;
    const alive = job && (await this.#liveUid(job));
    for (const pod of orphans) if (controllerOf(pod)?.uid !== alive) await this.#release(pod);
  }

  /** The uid the name has now: the cache may still show the Job before. */
  async #liveUid(job: batchv1.Job): Promise<string | undefined> {
    const { name, namespace } = job.metadata;
    const jobs = this.#context.client.in(workspaceOf(job)).resource<batchv1.Job>(JOBS);
    try {
      return (await jobs.get(name, namespace)).metadata.uid;
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #release(pod: corev1.Pod): Promise<void> {
    const { name, namespace, uid, resourceVersion } = pod.metadata;
    const finalizers = (pod.metadata.finalizers ?? []).filter((one) => one !== TRACKING_FINALIZER);
    const pods = this.#context.client.in(workspaceOf(pod)).resource<corev1.Pod>(PODS);
    const body = { metadata: { uid, resourceVersion, finalizers } };
    try {
      await pods.patch(name, { type: 'merge', body }, { namespace: namespace! });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

function jobKeyOf(pod: corev1.Pod): string | undefined {
  const controller = controllerOf(pod);
  if (controller?.kind !== 'Job' || !controller.apiVersion.startsWith('batch/')) return undefined;
  return makeKey(workspaceOf(pod), pod.metadata.namespace ?? '', controller.name);
}
