import { AlreadyExists, NotFound } from '../../base/index.ts';
import {
  CONTROLLER_REVISIONS,
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  STATEFUL_SETS,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import { type appsv1, type corev1, labelSelectorAsSelector, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController, withoutZeros } from '../context.ts';
import { dropOldRevisions, type Revisions, syncRevisions } from '../history/revisions.ts';
import { claimObjects } from '../ownership/claim.ts';
import { controllerOf } from '../ownership/controller-ref.ts';
import { nextAvailabilityMs } from '../replicaset/replicaset-status.ts';
import { claimOwners } from './claim-retention.ts';
import { countReplicas, planSteps, type StatefulFacts, type StatefulStep } from './stateful-plan.ts';
import { draftClaims, draftPod, ordinalOf, revisionOf } from './stateful-pods.ts';

type StatefulSet = appsv1.StatefulSet;

/** Keeps the pods of each StatefulSet: one an ordinal, each with its name and its claims. */
export class StatefulSetController implements RunnableController {
  readonly name = 'statefulset-controller';
  readonly #context: ControllerContext;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #revisions: Informer<appsv1.ControllerRevision>;
  readonly #claims: Informer<corev1.PersistentVolumeClaim>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<StatefulSet>(STATEFUL_SETS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#revisions = context.informers.informer<appsv1.ControllerRevision>(CONTROLLER_REVISIONS);
    this.#claims = context.informers.informer<corev1.PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    this.#recorder = context.recorder.for(this.name);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#sets, this.#pods, this.#revisions, this.#claims))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#sets.addHandler({
      onAdd: (set) => queue.add(keyOf(set)),
      onUpdate: (set) => queue.add(keyOf(set)),
    });
    const addManager = (pod: corev1.Pod) => {
      const controller = controllerOf(pod);
      if (controller?.kind === 'StatefulSet')
        queue.add(makeKey(workspaceOf(pod), pod.metadata.namespace ?? '', controller.name));
      else if (controller === undefined) this.#addSelectorsOf(pod);
    };
    this.#pods.addHandler({ onAdd: addManager, onUpdate: addManager, onDelete: addManager });
  }

  #addSelectorsOf(pod: corev1.Pod): void {
    for (const set of this.#sets.byIndex('namespace', namespaceKeyOf(pod)))
      if (labelSelectorAsSelector(set.spec.selector).matches(pod.metadata.labels))
        this.#controller.queue.add(keyOf(set));
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const set = this.#sets.get(key);
    if (set === undefined) return undefined;
    const selector = labelSelectorAsSelector(set.spec.selector);
    const candidates = this.#pods
      .byIndex('namespace', namespaceKeyOf(set))
      // Only pods of its own naming are ever adopted.
      .filter((pod) => ordinalOf(set, pod) !== undefined);
    const pods = await claimObjects({
      client: this.#context.client,
      manager: set,
      managerResource: STATEFUL_SETS,
      resource: PODS,
      selector,
      candidates,
    });
    const revisions = await this.#syncRevisions(set);
    const { update, all } = revisions;
    const currentName = set.status?.currentRevision || update.metadata.name;
    const current = all.find(({ metadata }) => metadata.name === currentName) ?? update;
    const nowMs = this.#context.clock.now();
    const facts: StatefulFacts = { set, pods, updateRevision: update.metadata.name, nowMs };
    if (set.metadata.deletionTimestamp === undefined) {
      for (const pod of pods) await this.#giveClaims(set, pod);
      for (const step of planSteps(facts)) {
        const revision = step.type === 'create' && step.revision === 'current' ? current : update;
        await this.#take(set, step, revision);
      }
    }
    await this.#writeStatus(facts, current.metadata.name, revisions.collisionCount);
    const live = new Set([...pods.map(revisionOf), current.metadata.name]);
    await dropOldRevisions(this.#context.client, revisions, live, set.spec.revisionHistoryLimit ?? 10);
    return nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, nowMs);
  }

  #syncRevisions(set: StatefulSet): Promise<Revisions> {
    const revisions = this.#revisions
      .byIndex('namespace', namespaceKeyOf(set))
      .filter((revision) => controllerOf(revision)?.uid === set.metadata.uid);
    return syncRevisions({
      client: this.#context.client,
      owner: set,
      resource: STATEFUL_SETS,
      template: set.spec.template,
      labels: set.spec.selector.matchLabels ?? {},
      collisionCount: set.status?.collisionCount ?? 0,
      revisions,
    });
  }

  async #take(set: StatefulSet, step: StatefulStep, revision: appsv1.ControllerRevision): Promise<void> {
    if (step.type === 'create') return this.#create(set, revision, step.ordinal);
    const { name, namespace, uid } = step.pod.metadata;
    try {
      await this.#api<corev1.Pod>(set, PODS).delete(name, { namespace: namespace!, preconditions: { uid } });
      const message = `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`;
      this.#recorder.event(set, 'Normal', 'SuccessfulDelete', message);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  #api<T extends KubeObjectOf>(
    set: StatefulSet,
    resource: Parameters<ControllerContext['client']['resource']>[0],
  ) {
    return this.#context.client.in(workspaceOf(set)).resource<T>(resource);
  }

  async #create(set: StatefulSet, revision: appsv1.ControllerRevision, ordinal: number): Promise<void> {
    const draft = draftPod(set, revision, ordinal);
    const pod = draft.metadata.name!;
    for (const claim of draftClaims(set, ordinal)) {
      try {
        await this.#api<corev1.PersistentVolumeClaim>(set, PERSISTENT_VOLUME_CLAIMS).create(claim);
        const message = `create Claim ${claim.metadata.name} Pod ${pod} in StatefulSet ${set.metadata.name} success`;
        this.#recorder.event(set, 'Normal', 'SuccessfulCreate', message);
      } catch (error) {
        if (!(error instanceof AlreadyExists)) throw error;
      }
    }
    try {
      await this.#api<corev1.Pod>(set, PODS).create(draft);
      const message = `create Pod ${pod} in StatefulSet ${set.metadata.name} successful`;
      this.#recorder.event(set, 'Normal', 'SuccessfulCreate', message);
    } catch (error) {
      // The cache lags behind: the pod is there, and its event will come.
      if (error instanceof AlreadyExists) return;
      const message = `create Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${(error as Error).message}`;
      this.#recorder.event(set, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }

  /** Its claims go with the set or with a pod that is scaled away, as persistentVolumeClaimRetentionPolicy says. */
  async #giveClaims(set: StatefulSet, pod: corev1.Pod): Promise<void> {
    for (const { metadata } of draftClaims(set, ordinalOf(set, pod)!)) {
      const key = makeKey(workspaceOf(set), set.metadata.namespace ?? '', metadata.name!);
      const claim = this.#claims.get(key);
      const ownerReferences = claim && claimOwners(set, pod, claim);
      if (claim === undefined || ownerReferences === undefined) continue;
      const own = withoutClusterAnnotation(claim);
      try {
        await this.#api<corev1.PersistentVolumeClaim>(set, PERSISTENT_VOLUME_CLAIMS).update({
          ...own,
          metadata: { ...own.metadata, ownerReferences },
        });
      } catch (error) {
        if (!(error instanceof NotFound)) throw error;
      }
    }
  }

  async #writeStatus(facts: StatefulFacts, current: string, collisionCount: number): Promise<void> {
    const { set, updateRevision } = facts;
    const counts = countReplicas(facts, current);
    const wanted = set.spec.replicas ?? 1;
    const isDone =
      set.spec.updateStrategy?.type === 'RollingUpdate' &&
      counts.updatedReplicas === counts.replicas &&
      counts.readyReplicas === counts.replicas &&
      counts.replicas === wanted;
    const { replicas, availableReplicas, ...others } = isDone
      ? { ...counts, currentReplicas: counts.updatedReplicas }
      : counts;
    const status: appsv1.StatefulSetStatus = {
      replicas,
      availableReplicas,
      ...(withoutZeros(others) as Pick<
        appsv1.StatefulSetStatus,
        'readyReplicas' | 'currentReplicas' | 'updatedReplicas'
      >),
      currentRevision: isDone ? updateRevision : current,
      updateRevision,
      collisionCount,
      ...(set.metadata.generation !== undefined && { observedGeneration: set.metadata.generation }),
      ...(set.status?.conditions !== undefined && { conditions: set.status.conditions }),
    };
    if (semanticallyEqual(set.status, status)) return;
    try {
      await this.#api<StatefulSet>(set, STATEFUL_SETS).updateStatus({ ...set, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

type KubeObjectOf = corev1.Pod | corev1.PersistentVolumeClaim | StatefulSet;
