import { messageOf, NotFound } from '../../base/index.ts';
import {
  Controller,
  DEPLOYMENTS,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ResourceRef,
  STATEFUL_SETS,
  workspaceOf,
} from '../../client/index.ts';
import {
  type corev1,
  type KubeObject,
  labelSelectorAsSelector,
  type policyv1,
  semanticallyEqual,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { controllerOf } from '../ownership/controller-ref.ts';
import { budgetStatus, failedStatus, needsControllers } from './budget-status.ts';

type Budget = policyv1.PodDisruptionBudget;

interface Scalable extends KubeObject {
  spec: { replicas?: number };
}

const SCALABLE: readonly ResourceRef[] = [DEPLOYMENTS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS];

/** Keeps the status of PodDisruptionBudgets, of which evictions take. */
export class DisruptionController implements RunnableController {
  readonly name = 'disruption-controller';
  readonly #context: ControllerContext;
  readonly #budgets: Informer<Budget>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #scalables = new Map<string, Informer<Scalable>>();
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#budgets = context.informers.informer<Budget>(POD_DISRUPTION_BUDGETS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    for (const resource of SCALABLE)
      this.#scalables.set(resource.kind, context.informers.informer<Scalable>(resource));
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#budgets, this.#pods, ...this.#scalables.values()))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#budgets.addHandler({
      onAdd: (budget) => queue.add(keyOf(budget)),
      onUpdate: (budget) => queue.add(keyOf(budget)),
    });
    const addBudgetsOf = (pod: corev1.Pod) => {
      for (const budget of this.#budgets.byIndex('namespace', namespaceKeyOf(pod)))
        if (labelSelectorAsSelector(budget.spec.selector).matches(pod.metadata.labels))
          queue.add(keyOf(budget));
    };
    this.#pods.addHandler({
      onAdd: addBudgetsOf,
      onUpdate: (pod, old) => {
        addBudgetsOf(pod);
        if (!semanticallyEqual(pod.metadata.labels, old.metadata.labels)) addBudgetsOf(old);
      },
      onDelete: addBudgetsOf,
    });
    for (const informer of this.#scalables.values())
      informer.addHandler({
        onUpdate: (object, old) => {
          if (object.spec.replicas === old.spec.replicas) return;
          for (const budget of this.#budgets.byIndex('namespace', namespaceKeyOf(object)))
            queue.add(keyOf(budget));
        },
      });
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const budget = this.#budgets.get(key);
    if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return undefined;
    const selector = labelSelectorAsSelector(budget.spec.selector);
    const pods = this.#pods
      .byIndex('namespace', namespaceKeyOf(budget))
      .filter(({ metadata }) => selector.matches(metadata.labels));
    const nowMs = this.#context.clock.now();
    let expectedPods: number | undefined;
    try {
      if (needsControllers(budget)) expectedPods = this.#expectedPods(pods);
    } catch (error) {
      await this.#write(budget, failedStatus(budget, messageOf(error), nowMs));
      return undefined;
    }
    const { status, againInMs } = budgetStatus({ budget, pods, expectedPods, nowMs });
    await this.#write(budget, status);
    return againInMs;
  }

  /** @throws Error when a pod's controller has no scale. */
  #expectedPods(pods: readonly corev1.Pod[]): number {
    const wanted = new Map<string, number>();
    for (const pod of pods) {
      const owner = controllerOf(pod);
      // A pod that nothing would bring back counts for nothing.
      if (owner === undefined) continue;
      const found = this.#find(pod, owner.kind, owner.name);
      if (found === undefined) {
        if (this.#scalables.has(owner.kind)) continue;
        const what = `${owner.kind.toLowerCase()}s.${owner.apiVersion.split('/')[0]}`;
        throw new Error(`${what} does not implement the scale subresource`);
      }
      const above = controllerOf(found);
      const top = (above && this.#find(found, above.kind, above.name)) ?? found;
      wanted.set(top.metadata.uid, top.spec.replicas ?? 1);
    }
    return [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0);
  }

  #find(from: KubeObject, kind: string, name: string): Scalable | undefined {
    return this.#scalables.get(kind)?.get(makeKey(workspaceOf(from), from.metadata.namespace ?? '', name));
  }

  async #write(budget: Budget, status: policyv1.PodDisruptionBudgetStatus): Promise<void> {
    if (semanticallyEqual(budget.status, status)) return;
    try {
      await this.#context.client
        .in(workspaceOf(budget))
        .resource<Budget>(POD_DISRUPTION_BUDGETS)
        .updateStatus({ ...budget, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}
