import { messageOf, NotFound } from '../../base/index.ts';
import {
  apiVersionOf,
  Controller,
  type EventRecorder,
  hasStatusCause,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PODS,
  REPLICA_SETS,
  type ResourceRef,
  workspaceOf,
} from '../../client/index.ts';
import {
  type appsv1,
  type corev1,
  isPodActive,
  labelSelectorAsSelector,
  type Selector,
  semanticallyEqual,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { claimObjects } from '../ownership/claim.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { podsToDelete } from './deletion-ranking.ts';
import { Expectations } from './expectations.ts';
import { nextAvailabilityMs, replicaSetStatus } from './replicaset-status.ts';
import { slowStart } from './slow-start.ts';

/** No more pods than this are created or deleted in one go. */
const BURST_REPLICAS = 500;

/** What differs between the kinds that keep a number of pods. */
export interface ReplicatedKind {
  controllerName: string;
  resource: ResourceRef;
  selectorOf(object: appsv1.ReplicaSet): Selector;
}

const REPLICA_SET_KIND: ReplicatedKind = {
  controllerName: 'replicaset-controller',
  resource: REPLICA_SETS,
  selectorOf: ({ spec }) => labelSelectorAsSelector(spec.selector),
};

/** Keeps as many pods as each ReplicaSet (or other object of its shape) asks for. */
export class ReplicaSetController implements RunnableController {
  readonly name: string;
  readonly #kind: ReplicatedKind;
  readonly #context: ControllerContext;
  readonly #replicaSets: Informer<appsv1.ReplicaSet>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #controller: Controller;

  constructor(context: ControllerContext, kind: ReplicatedKind = REPLICA_SET_KIND) {
    this.name = kind.controllerName;
    this.#kind = kind;
    this.#context = context;
    this.#replicaSets = context.informers.informer<appsv1.ReplicaSet>(this.#kind.resource);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#recorder = context.recorder.for(this.name);
    this.#expectations = new Expectations(context.clock);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      workers: 8,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#replicaSets, this.#pods)) await this.#controller.run(signal);
  }

  #watch(): void {
    this.#replicaSets.addIndex('controller', controllerUids);
    this.#replicaSets.addHandler({
      onAdd: (replicaSet) => this.#controller.queue.add(keyOf(replicaSet)),
      onUpdate: (replicaSet) => this.#controller.queue.add(keyOf(replicaSet)),
      onDelete: (replicaSet) => {
        this.#expectations.forget(keyOf(replicaSet));
        this.#controller.queue.add(keyOf(replicaSet));
      },
    });
    this.#pods.addIndex('controller', controllerUids);
    this.#pods.addHandler({
      onAdd: (pod) => {
        if (pod.metadata.deletionTimestamp !== undefined) return this.#podGone(pod);
        const key = this.#managerKeyOf(pod);
        if (key === undefined) return this.#addSelectorsOf(pod);
        this.#expectations.creationObserved(key);
        this.#controller.queue.add(key);
      },
      onUpdate: (pod, old) => {
        if (pod.metadata.deletionTimestamp !== undefined) return this.#podGone(pod);
        const keys = new Set([this.#managerKeyOf(pod), this.#managerKeyOf(old)]);
        for (const key of keys) if (key !== undefined) this.#controller.queue.add(key);
        if (this.#managerKeyOf(pod) === undefined) this.#addSelectorsOf(pod);
      },
      onDelete: (pod) => this.#podGone(pod),
    });
  }

  /** A pod that is marked for deletion counts as gone: its place is filled at once. */
  #podGone(pod: corev1.Pod): void {
    const key = this.#managerKeyOf(pod);
    if (key === undefined) return;
    this.#expectations.deletionObserved(key, pod.metadata.uid);
    this.#controller.queue.add(key);
  }

  /** An orphan may be one that somebody wants to adopt. */
  #addSelectorsOf(pod: corev1.Pod): void {
    for (const replicaSet of this.#replicaSets.byIndex('namespace', namespaceKeyOf(pod)))
      if (this.#kind.selectorOf(replicaSet).matches(pod.metadata.labels))
        this.#controller.queue.add(keyOf(replicaSet));
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const replicaSet = this.#replicaSets.get(key);
    if (replicaSet === undefined) {
      this.#expectations.forget(key);
      return undefined;
    }
    const mayAct = this.#expectations.satisfied(key);
    const pods = await this.#claimPods(replicaSet, this.#kind.selectorOf(replicaSet));
    let failure: { error: unknown; difference: number } | undefined;
    if (mayAct && replicaSet.metadata.deletionTimestamp === undefined) {
      const difference = pods.length - (replicaSet.spec.replicas ?? 1);
      const error = await this.#managePods(key, replicaSet, pods, difference);
      if (error !== undefined) failure = { error, difference };
    }
    const nowMs = this.#context.clock.now();
    await this.#writeStatus(replicaSet, replicaSetStatus({ replicaSet, pods, failure, nowMs }));
    if (failure !== undefined) throw failure.error;
    return nextAvailabilityMs(pods, replicaSet.spec.minReadySeconds ?? 0, nowMs);
  }

  #claimPods(replicaSet: appsv1.ReplicaSet, selector: Selector): Promise<corev1.Pod[]> {
    return claimObjects({
      client: this.#context.client,
      manager: replicaSet,
      managerResource: this.#kind.resource,
      resource: PODS,
      selector,
      candidates: this.#pods.byIndex('namespace', namespaceKeyOf(replicaSet)).filter(isPodActive),
    });
  }

  /** Creates or deletes what is missing or too many; the error that stopped it, if one did. */
  async #managePods(
    key: string,
    replicaSet: appsv1.ReplicaSet,
    pods: readonly corev1.Pod[],
    difference: number,
  ): Promise<unknown> {
    if (difference < 0) return this.#createPods(key, replicaSet, Math.min(-difference, BURST_REPLICAS));
    if (difference === 0) return undefined;
    const doomed = podsToDelete({
      pods,
      related: this.#relatedPods(replicaSet),
      count: Math.min(difference, BURST_REPLICAS),
      nowMs: this.#context.clock.now(),
    });
    return this.#deletePods(key, replicaSet, doomed);
  }

  async #createPods(key: string, replicaSet: appsv1.ReplicaSet, count: number): Promise<unknown> {
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStart(count, () => this.#createPod(replicaSet));
    // What was never asked for, or refused, will not show up.
    this.#expectations.creationObserved(key, count - successes);
    return error !== undefined && hasStatusCause(error, 'NamespaceTerminating') ? undefined : error;
  }

  async #createPod(replicaSet: appsv1.ReplicaSet): Promise<void> {
    const template = replicaSet.spec.template!;
    const { labels, annotations, finalizers } = template.metadata ?? {};
    const pods = this.#context.client.in(workspaceOf(replicaSet)).resource<corev1.Pod>(PODS);
    try {
      const pod = await pods.create({
        metadata: {
          generateName: `${replicaSet.metadata.name}-`,
          namespace: replicaSet.metadata.namespace!,
          ...(labels && { labels }),
          ...(annotations && { annotations }),
          ...(finalizers && { finalizers }),
          ownerReferences: [controllerRefTo(replicaSet, this.#kind.resource)],
        },
        spec: template.spec,
      });
      this.#recorder.event(replicaSet, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!hasStatusCause(error, 'NamespaceTerminating'))
        this.#recorder.event(replicaSet, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #deletePods(
    key: string,
    replicaSet: appsv1.ReplicaSet,
    doomed: readonly corev1.Pod[],
  ): Promise<unknown> {
    this.#expectations.expectDeletions(
      key,
      doomed.map((pod) => pod.metadata.uid),
    );
    const pods = this.#context.client.in(workspaceOf(replicaSet)).resource<corev1.Pod>(PODS);
    const results = await Promise.allSettled(
      doomed.map(async ({ metadata: { name, namespace, uid } }) => {
        try {
          await pods.delete(name, { namespace: namespace!, preconditions: { uid } });
          this.#recorder.event(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
        } catch (error) {
          this.#expectations.deletionObserved(key, uid);
          if (error instanceof NotFound) return;
          this.#recorder.event(replicaSet, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
          throw error;
        }
      }),
    );
    return results.find((result) => result.status === 'rejected')?.reason;
  }

  /** Active pods of all ReplicaSets that have the same owner (the revisions of one Deployment). */
  #relatedPods(replicaSet: appsv1.ReplicaSet): corev1.Pod[] {
    const owner = controllerOf(replicaSet);
    const siblings = owner === undefined ? [replicaSet] : this.#replicaSets.byIndex('controller', owner.uid);
    return siblings
      .flatMap((sibling) => this.#pods.byIndex('controller', sibling.metadata.uid))
      .filter(isPodActive);
  }

  #managerKeyOf(pod: corev1.Pod): string | undefined {
    const controller = controllerOf(pod);
    const { resource } = this.#kind;
    if (controller?.kind !== resource.kind) return undefined;
    if (controller.apiVersion !== apiVersionOf(resource)) return undefined;
    return makeKey(workspaceOf(pod), pod.metadata.namespace ?? '', controller.name);
  }

  async #writeStatus(replicaSet: appsv1.ReplicaSet, status: appsv1.ReplicaSetStatus): Promise<void> {
    if (semanticallyEqual(replicaSet.status, status)) return;
    const replicaSets = this.#context.client
      .in(workspaceOf(replicaSet))
      .resource<appsv1.ReplicaSet>(this.#kind.resource);
    try {
      await replicaSets.updateStatus({ ...replicaSet, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

function controllerUids(object: corev1.Pod | appsv1.ReplicaSet): string[] {
  const controller = controllerOf(object);
  return controller === undefined ? [] : [controller.uid];
}
