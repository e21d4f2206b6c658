import { messageOf, NotFound } from '../../base/index.ts';
import {
  CONTROLLER_REVISIONS,
  Controller,
  DAEMON_SETS,
  type EventRecorder,
  hasStatusCause,
  type Informer,
  keyOf,
  makeKey,
  NODES,
  namespaceKeyOf,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { type appsv1, type corev1, labelSelectorAsSelector, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { dropOldRevisions, syncRevisions } from '../history/revisions.ts';
import { claimObjects } from '../ownership/claim.ts';
import { controllerOf } from '../ownership/controller-ref.ts';
import { podFromTemplate } from '../ownership/pods-from-template.ts';
import { Expectations } from '../replicaset/expectations.ts';
import { nextAvailabilityMs } from '../replicaset/replicaset-status.ts';
import { slowStart } from '../replicaset/slow-start.ts';
import { specForNode } from './daemon-nodes.ts';
import { type DaemonFacts, daemonSetStatus, planDaemons, REVISION_LABEL } from './daemon-plan.ts';

type DaemonSet = appsv1.DaemonSet;

/** Keeps a pod of each DaemonSet on every node that should have one. */
export class DaemonSetController implements RunnableController {
  readonly name = 'daemonset-controller';
  readonly #context: ControllerContext;
  readonly #sets: Informer<DaemonSet>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #revisions: Informer<appsv1.ControllerRevision>;
  readonly #recorder: EventRecorder;
  readonly #expectations: Expectations;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<DaemonSet>(DAEMON_SETS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
    this.#revisions = context.informers.informer<appsv1.ControllerRevision>(CONTROLLER_REVISIONS);
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
    if (await cachesSynced(signal, this.#sets, this.#pods, this.#nodes, this.#revisions))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#sets.addHandler({
      onAdd: (set) => queue.add(keyOf(set)),
      onUpdate: (set) => queue.add(keyOf(set)),
      onDelete: (set) => this.#expectations.forget(keyOf(set)),
    });
    const addAll = () => {
      for (const set of this.#sets.list()) queue.add(keyOf(set));
    };
    this.#nodes.addHandler({
      onAdd: addAll,
      onDelete: addAll,
      onUpdate: (node, old) => {
        const same =
          semanticallyEqual(node.metadata.labels, old.metadata.labels) &&
          semanticallyEqual(node.spec, old.spec);
        if (!same) addAll();
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => {
        const key = daemonSetKeyOf(pod);
        if (key === undefined) return this.#addSelectorsOf(pod);
        this.#expectations.creationObserved(key);
        queue.add(key);
      },
      onUpdate: (pod) => {
        const key = daemonSetKeyOf(pod);
        if (key !== undefined) queue.add(key);
      },
      onDelete: (pod) => {
        const key = daemonSetKeyOf(pod);
        if (key !== undefined) queue.add(key);
      },
    });
  }

  #addSelectorsOf(pod: corev1.Pod): void {
    if (controllerOf(pod) !== undefined) return;
    for (const set of this.#sets.byIndex('namespace', namespaceKeyOf(pod)))
      if (labelSelectorAsSelector(set.spec.selector).matches(pod.metadata.labels))
        this.#controller.queue.add(keyOf(set));
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const set = this.#sets.get(key);
    if (set === undefined) return undefined;
    const selector = labelSelectorAsSelector(set.spec.selector);
    if (selector.isEmpty()) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#recorder.event(set, 'Warning', 'SelectingAll', message);
      return undefined;
    }
    const mayAct = this.#expectations.satisfied(key);
    const pods = await claimObjects({
      client: this.#context.client,
      manager: set,
      managerResource: DAEMON_SETS,
      resource: PODS,
      selector,
      candidates: this.#pods.byIndex('namespace', namespaceKeyOf(set)),
    });
    const revisions = await syncRevisions({
      client: this.#context.client,
      owner: set,
      resource: DAEMON_SETS,
      template: set.spec.template,
      labels: set.spec.template.metadata?.labels ?? {},
      collisionCount: set.status?.collisionCount ?? 0,
      revisions: this.#revisions
        .byIndex('namespace', namespaceKeyOf(set))
        .filter((revision) => controllerOf(revision)?.uid === set.metadata.uid),
    });
    const nowMs = this.#context.clock.now();
    const nodes = this.#nodes.byIndex('namespace', `${workspaceOf(set)}|`);
    const revision = hashOf(revisions.update);
    const facts: DaemonFacts = { set, pods, nodes, revision, nowMs };
    const failure =
      mayAct && set.metadata.deletionTimestamp === undefined ? await this.#carryOut(key, facts) : undefined;
    await this.#writeStatus(set, daemonSetStatus(facts, revisions.collisionCount));
    const hashes = new Set(pods.map(({ metadata }) => metadata.labels?.[REVISION_LABEL]));
    const live = new Set(
      revisions.all.filter((one) => hashes.has(hashOf(one))).map(({ metadata }) => metadata.name),
    );
    await dropOldRevisions(this.#context.client, revisions, live, set.spec.revisionHistoryLimit ?? 10);
    if (failure !== undefined) throw failure;
    return nextAvailabilityMs(pods, set.spec.minReadySeconds ?? 0, nowMs);
  }

  /** The error that stopped it, if one did. */
  async #carryOut(key: string, facts: DaemonFacts): Promise<unknown> {
    const { set } = facts;
    const plan = planDaemons(facts);
    for (const pod of plan.ended) {
      const { name, namespace } = pod.metadata;
      const [type, reason, what] =
        pod.status?.phase === 'Failed'
          ? (['Warning', 'FailedDaemonPod', 'failed'] as const)
          : (['Normal', 'SucceededDaemonPod', 'succeeded'] as const);
      const tail = what === 'failed' ? 'kill' : 'delete';
      const message = `Found ${what} daemon pod ${namespace}/${name} on node ${pod.spec.nodeName}, will try to ${tail} it`;
      this.#recorder.event(set, type, reason, message);
    }
    const failed = await this.#remove(set, [...plan.ended, ...plan.remove]);
    if (plan.create.length === 0) return failed;
    this.#expectations.expectCreations(key, plan.create.length);
    let next = 0;
    const { successes, error } = await slowStart(plan.create.length, () =>
      this.#create(facts, plan.create[next++]!),
    );
    this.#expectations.creationObserved(key, plan.create.length - successes);
    return failed ?? (hasStatusCause(error, 'NamespaceTerminating') ? undefined : error);
  }

  async #create({ set, revision }: DaemonFacts, node: string): Promise<void> {
    const draft = podFromTemplate(set, DAEMON_SETS, set.spec.template, {
      generateName: `${set.metadata.name}-`,
      labels: { [REVISION_LABEL]: revision },
    });
    draft.spec = specForNode(draft.spec, node);
    try {
      const pod = await this.#context.client.in(workspaceOf(set)).resource<corev1.Pod>(PODS).create(draft);
      this.#recorder.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (!hasStatusCause(error, 'NamespaceTerminating'))
        this.#recorder.event(set, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #remove(set: DaemonSet, doomed: readonly corev1.Pod[]): Promise<unknown> {
    const pods = this.#context.client.in(workspaceOf(set)).resource<corev1.Pod>(PODS);
    const results = await Promise.allSettled(
      doomed.map(async ({ metadata: { name, namespace, uid } }) => {
        try {
          await pods.delete(name, { namespace: namespace!, preconditions: { uid } });
          this.#recorder.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
        } catch (error) {
          if (!(error instanceof NotFound)) throw error;
        }
      }),
    );
    return results.find((result) => result.status === 'rejected')?.reason;
  }

  async #writeStatus(set: DaemonSet, status: appsv1.DaemonSetStatus): Promise<void> {
    if (semanticallyEqual(set.status, status)) return;
    try {
      await this.#context.client
        .in(workspaceOf(set))
        .resource<DaemonSet>(DAEMON_SETS)
        .updateStatus({ ...set, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

function hashOf({ metadata }: appsv1.ControllerRevision): string {
  return metadata.labels?.['controller.kubernetes.io/hash'] ?? metadata.name;
}

function daemonSetKeyOf(pod: corev1.Pod): string | undefined {
  const controller = controllerOf(pod);
  if (controller?.kind !== 'DaemonSet') return undefined;
  return makeKey(workspaceOf(pod), pod.metadata.namespace ?? '', controller.name);
}
