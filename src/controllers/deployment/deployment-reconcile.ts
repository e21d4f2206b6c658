import { AlreadyExists, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import {
  DEPLOYMENTS,
  type EventRecorder,
  hasStatusCause,
  REPLICA_SETS,
  type ResourceClient,
  workspaceOf,
} from '../../client/index.ts';
import { type appsv1, type Draft, podTemplateHash, semanticallyEqual } from '../../kube/index.ts';
import type { ControllerContext } from '../context.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import {
  countedStatus,
  deadlineCheckMs,
  findCondition,
  hasProgressDeadline,
  isComplete,
  pausedConditions,
  rolloutStatus,
  setCondition,
} from './deployment-status.ts';
import {
  fenceposts,
  isRollingUpdate,
  newestReplicas,
  oldestFirst,
  oldReplicas,
  proportionalReplicas,
  replicasOf,
} from './replica-counts.ts';
import {
  DESIRED_REPLICAS,
  newestAnnotations,
  nextRevision,
  numberAnnotation,
  REVISION,
  replicasAnnotations,
  revisionOf,
} from './revisions.ts';
import { findNewest, POD_TEMPLATE_HASH, sameTemplate } from './template.ts';

export interface Rollout {
  deployment: appsv1.Deployment;
  replicaSets: readonly appsv1.ReplicaSet[];
  /** Whether pods of these ReplicaSets still run or end; asked by the Recreate strategy only. */
  hasRunningPods(replicaSets: readonly appsv1.ReplicaSet[]): boolean;
}

type NewestDraft = Draft<appsv1.ReplicaSet> & { metadata: { name: string; namespace: string } };

/** One pass over one Deployment: the order of the steps; what each decides is in its neighbours. */
export class DeploymentReconcile {
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #rollout: Rollout;
  #deployment: appsv1.Deployment;
  #newest: appsv1.ReplicaSet | undefined;
  #old: appsv1.ReplicaSet[];

  constructor(context: ControllerContext, recorder: EventRecorder, rollout: Rollout) {
    this.#context = context;
    this.#recorder = recorder;
    this.#rollout = rollout;
    this.#deployment = rollout.deployment;
    this.#newest = findNewest(rollout.deployment, rollout.replicaSets);
    this.#old = rollout.replicaSets.filter((replicaSet) => replicaSet !== this.#newest);
  }

  /** In how many milliseconds to come back for the progress deadline, if at all. */
  async run(): Promise<number | undefined> {
    if (this.#deployment.metadata.deletionTimestamp !== undefined) return this.#syncCounts();
    await this.#tellPause();
    if (this.#deployment.spec.paused === true || this.#isScaling()) {
      if (this.#newest !== undefined) await this.#adoptRevision(this.#newest);
      await this.#scaleAll();
      if (this.#deployment.spec.paused === true) await this.#cleanUp();
      return this.#syncCounts();
    }
    if (isRollingUpdate(this.#deployment)) await this.#rollingUpdate();
    else await this.#recreate();
    return this.#syncRollout();
  }

  async #rollingUpdate(): Promise<void> {
    const newest = await this.#ensureNewest();
    const wanted = replicasOf(this.#deployment);
    const current = replicasOf(newest);
    const size =
      current > wanted ? wanted : newestReplicas(this.#deployment, [...this.#old, newest], current);
    if (size !== current) {
      await this.#resizeNewest(newest, size);
      return;
    }
    const scales = oldReplicas(this.#deployment, newest, this.#old);
    for (const scale of scales) await this.#resize(scale.replicaSet, scale.replicas);
    if (scales.length === 0) await this.#cleanUpWhenComplete();
  }

  async #recreate(): Promise<void> {
    const running = this.#old.filter((replicaSet) => replicasOf(replicaSet) > 0);
    for (const replicaSet of running) await this.#resize(replicaSet, 0);
    if (running.length > 0 || this.#rollout.hasRunningPods(this.#old)) return;
    const newest = await this.#ensureNewest();
    if (replicasOf(newest) !== replicasOf(this.#deployment))
      await this.#resizeNewest(newest, replicasOf(this.#deployment));
    else await this.#cleanUpWhenComplete();
  }

  /** The Deployment was resized since its ReplicaSets were last told its size. */
  #isScaling(): boolean {
    return this.#all().some((replicaSet) => {
      const desired = numberAnnotation(replicaSet, DESIRED_REPLICAS);
      return replicasOf(replicaSet) > 0 && desired !== undefined && desired !== replicasOf(this.#deployment);
    });
  }

  async #scaleAll(): Promise<void> {
    const active = this.#all().filter((replicaSet) => replicasOf(replicaSet) > 0);
    const wanted = replicasOf(this.#deployment);
    if (active.length <= 1) {
      const only = active[0] ?? this.#newest ?? oldestFirst(this.#old).at(-1);
      if (only !== undefined) await this.#resize(only, wanted);
      return;
    }
    if (this.#newest !== undefined && isSaturated(this.#newest, wanted)) {
      for (const replicaSet of active) if (replicaSet !== this.#newest) await this.#resize(replicaSet, 0);
      return;
    }
    if (!isRollingUpdate(this.#deployment)) return;
    for (const { replicaSet, replicas } of proportionalReplicas(this.#deployment, active))
      await this.#resize(replicaSet, replicas);
  }

  #all(): appsv1.ReplicaSet[] {
    return this.#newest === undefined ? this.#old : [...this.#old, this.#newest];
  }

  async #ensureNewest(): Promise<appsv1.ReplicaSet> {
    if (this.#newest !== undefined) return this.#adoptRevision(this.#newest);
    return this.#createNewest();
  }

  /** Gives an existing newest ReplicaSet the next revision (after a rollback) and the Deployment's annotations. */
  async #adoptRevision(newest: appsv1.ReplicaSet): Promise<appsv1.ReplicaSet> {
    const revision = nextRevision(this.#old);
    const annotations = newestAnnotations(this.#deployment, newest.metadata.annotations, revision);
    const { minReadySeconds } = this.#deployment.spec;
    const sameSeconds = (newest.spec.minReadySeconds ?? 0) === (minReadySeconds ?? 0);
    if (!semanticallyEqual(annotations, newest.metadata.annotations) || !sameSeconds) {
      const spec = { ...newest.spec, minReadySeconds: minReadySeconds ?? 0 };
      const metadata = { ...newest.metadata, annotations };
      this.#newest = await this.#replicaSets().update({ ...newest, metadata, spec });
    }
    await this.#tellRevision(annotations[REVISION]!);
    const message = `Found new replica set "${newest.metadata.name}"`;
    await this.#tellProgress('FoundNewReplicaSet', message);
    return this.#newest!;
  }

  async #createNewest(): Promise<appsv1.ReplicaSet> {
    const deployment = this.#deployment;
    const draft = this.#draftNewest();
    const replicas = replicasOf(draft);
    try {
      this.#newest = await this.#replicaSets().create(draft);
    } catch (error) {
      if (hasStatusCause(error, 'NamespaceTerminating')) throw error;
      if (!(error instanceof AlreadyExists)) {
        await this.#tellCreateFailed(draft.metadata.name, error);
        throw error;
      }
      this.#newest = await this.#resolveCollision(draft, error);
    }
    if (replicas > 0)
      this.#recorder.event(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${draft.metadata.name} from 0 to ${replicas}`,
      );
    await this.#tellRevision(this.#newest.metadata.annotations?.[REVISION] ?? '1');
    await this.#tellProgress('NewReplicaSetCreated', `Created new replica set "${draft.metadata.name}"`);
    return this.#newest;
  }

  #draftNewest(): NewestDraft {
    const { metadata, spec, status } = this.#deployment;
    const hash = podTemplateHash(spec.template, status?.collisionCount ?? 0);
    const labels = { ...spec.template.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
    const replicas = newestReplicas(this.#deployment, this.#old, 0);
    const annotations = {
      ...newestAnnotations(this.#deployment, undefined, nextRevision(this.#old)),
      ...this.#replicasAnnotations(),
    };
    return {
      metadata: {
        name: `${metadata.name}-${hash}`,
        namespace: metadata.namespace!,
        labels,
        annotations,
        ownerReferences: [controllerRefTo(this.#deployment, DEPLOYMENTS)],
      },
      spec: {
        replicas,
        minReadySeconds: spec.minReadySeconds ?? 0,
        selector: {
          ...spec.selector,
          matchLabels: { ...spec.selector.matchLabels, [POD_TEMPLATE_HASH]: hash },
        },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    };
  }

  /** A ReplicaSet of that name exists: ours that the cache does not show yet, or another template's (a hash collision). */
  async #resolveCollision(draft: NewestDraft, error: AlreadyExists): Promise<appsv1.ReplicaSet> {
    const { name, namespace } = draft.metadata;
    const found = await this.#replicaSets().get(name, namespace);
    const ours = controllerOf(found)?.uid === this.#deployment.metadata.uid;
    if (ours && sameTemplate(found.spec.template, this.#deployment.spec.template)) return found;
    const collisionCount = (this.#deployment.status?.collisionCount ?? 0) + 1;
    await this.#writeStatus({ conditions: [], ...this.#deployment.status, collisionCount });
    throw error;
  }

  async #resizeNewest(newest: appsv1.ReplicaSet, replicas: number): Promise<void> {
    this.#newest = await this.#resize(newest, replicas);
  }

  /** Sets a ReplicaSet's size and tells it the Deployment's; writes nothing when both stand already. */
  async #resize(replicaSet: appsv1.ReplicaSet, replicas: number): Promise<appsv1.ReplicaSet> {
    const before = replicasOf(replicaSet);
    const annotations = { ...replicaSet.metadata.annotations, ...this.#replicasAnnotations() };
    if (before === replicas && semanticallyEqual(annotations, replicaSet.metadata.annotations))
      return replicaSet;
    const updated = await this.#replicaSets().update({
      ...replicaSet,
      metadata: { ...replicaSet.metadata, annotations },
      spec: { ...replicaSet.spec, replicas },
    });
    if (before !== replicas) {
      const direction = replicas > before ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${before} to ${replicas}`;
      this.#recorder.event(this.#deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    if (replicaSet === this.#newest) this.#newest = updated;
    else this.#old = this.#old.map((one) => (one === replicaSet ? updated : one));
    return updated;
  }

  #replicasAnnotations(): Record<string, string> {
    const wanted = replicasOf(this.#deployment);
    return replicasAnnotations(wanted, wanted + fenceposts(this.#deployment).maxSurge);
  }

  async #cleanUpWhenComplete(): Promise<void> {
    if (this.#deployment.status !== undefined && isComplete(this.#deployment, this.#deployment.status))
      await this.#cleanUp();
  }

  /** Drops the oldest empty ReplicaSets above revisionHistoryLimit. */
  async #cleanUp(): Promise<void> {
    const limit = this.#deployment.spec.revisionHistoryLimit ?? 10;
    const alive = this.#old.filter((one) => one.metadata.deletionTimestamp === undefined);
    const surplus = alive
      .toSorted((a, b) => revisionOf(a) - revisionOf(b))
      .slice(0, Math.max(0, alive.length - limit));
    for (const replicaSet of surplus) {
      const { name, namespace, uid, generation } = replicaSet.metadata;
      const seen = (replicaSet.status?.observedGeneration ?? 0) >= (generation ?? 0);
      if ((replicaSet.status?.replicas ?? 0) !== 0 || replicasOf(replicaSet) !== 0 || !seen) continue;
      try {
        await this.#replicaSets().delete(name, { namespace: namespace!, preconditions: { uid } });
      } catch (error) {
        if (!(error instanceof NotFound)) throw error;
      }
    }
  }

  async #tellPause(): Promise<void> {
    const conditions = pausedConditions(this.#deployment, this.#context.clock.now());
    if (conditions !== undefined) await this.#writeStatus({ ...this.#deployment.status, conditions });
  }

  /** The Deployment carries its revision too: `kubectl rollout history` and clients look there. */
  async #tellRevision(revision: string): Promise<void> {
    const { metadata } = this.#deployment;
    if (metadata.annotations?.[REVISION] === revision) return;
    const annotations = { ...metadata.annotations, [REVISION]: revision };
    // Its role may update, not patch.
    this.#deployment = await this.#deployments().update({
      ...this.#deployment,
      metadata: { ...metadata, annotations },
    });
  }

  /** Starts the progress deadline of a rollout that has no Progressing condition of its own yet. */
  async #tellProgress(reason: 'FoundNewReplicaSet' | 'NewReplicaSetCreated', message: string): Promise<void> {
    if (!hasProgressDeadline(this.#deployment)) return;
    const current = findCondition(this.#deployment.status, 'Progressing');
    if (reason === 'FoundNewReplicaSet' && current !== undefined) return;
    // Written together with the counts at the end of this pass.
    this.#deployment = {
      ...this.#deployment,
      status: {
        ...this.#deployment.status,
        conditions: setCondition(
          this.#deployment.status?.conditions ?? [],
          { type: 'Progressing', status: 'True', reason, message },
          this.#context.clock.now(),
        ),
      },
    };
  }

  async #tellCreateFailed(name: string, error: unknown): Promise<void> {
    const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
    this.#recorder.event(this.#deployment, 'Warning', 'ReplicaSetCreateError', message);
    if (!hasProgressDeadline(this.#deployment)) return;
    const next = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message };
    const conditions = setCondition(
      this.#deployment.status?.conditions ?? [],
      next,
      this.#context.clock.now(),
    );
    await this.#writeStatus({ ...this.#deployment.status, conditions }).catch((cause: unknown) => {
      throw new OrreryError('Unknown', `${message}; nor could its status be written: ${messageOf(cause)}`, {
        cause,
      });
    });
  }

  async #syncCounts(): Promise<undefined> {
    await this.#writeStatus(countedStatus(this.#state()));
    return undefined;
  }

  async #syncRollout(): Promise<number | undefined> {
    const status = rolloutStatus(this.#state());
    await this.#writeStatus(status);
    return deadlineCheckMs(this.#deployment, status, this.#context.clock.now());
  }

  #state() {
    return {
      deployment: this.#deployment,
      newest: this.#newest,
      old: this.#old,
      nowMs: this.#context.clock.now(),
    };
  }

  async #writeStatus(status: appsv1.DeploymentStatus): Promise<void> {
    // Compared with what is stored: conditions noted in this pass count as changes.
    const before = this.#rollout.deployment.status;
    if (semanticallyEqual(status, before) && semanticallyEqual(this.#deployment.status, before)) return;
    try {
      this.#deployment = await this.#deployments().updateStatus({ ...this.#deployment, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  #deployments(): ResourceClient<appsv1.Deployment> {
    return this.#client().resource(DEPLOYMENTS);
  }

  #replicaSets(): ResourceClient<appsv1.ReplicaSet> {
    return this.#client().resource(REPLICA_SETS);
  }

  #client() {
    return this.#context.client.in(workspaceOf(this.#rollout.deployment));
  }
}

/** The newest ReplicaSet has all pods the Deployment wants, and they are available. */
function isSaturated(replicaSet: appsv1.ReplicaSet, wanted: number): boolean {
  return (
    replicasOf(replicaSet) === wanted &&
    numberAnnotation(replicaSet, DESIRED_REPLICAS) === wanted &&
    (replicaSet.status?.availableReplicas ?? 0) === wanted
  );
}
