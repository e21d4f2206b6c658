import {
  Controller,
  DEPLOYMENTS,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PODS,
  REPLICA_SETS,
  workspaceOf,
} from '../../client/index.ts';
import { type appsv1, type corev1, isPodTerminal, labelSelectorAsSelector } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { claimObjects } from '../ownership/claim.ts';
import { controllerOf } from '../ownership/controller-ref.ts';
import { DeploymentReconcile } from './deployment-reconcile.ts';

/** Brings each Deployment's pods to its newest template, a ReplicaSet a revision. */
export class DeploymentController implements RunnableController {
  readonly name = 'deployment-controller';
  readonly #context: ControllerContext;
  readonly #deployments: Informer<appsv1.Deployment>;
  readonly #replicaSets: Informer<appsv1.ReplicaSet>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.informers.informer<appsv1.Deployment>(DEPLOYMENTS);
    this.#replicaSets = context.informers.informer<appsv1.ReplicaSet>(REPLICA_SETS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
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
    if (await cachesSynced(signal, this.#deployments, this.#replicaSets, this.#pods))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#deployments.addHandler({
      onAdd: (deployment) => queue.add(keyOf(deployment)),
      onUpdate: (deployment) => queue.add(keyOf(deployment)),
    });
    const addManager = (replicaSet: appsv1.ReplicaSet) => {
      const controller = controllerOf(replicaSet);
      if (controller === undefined) this.#addSelectorsOf(replicaSet);
      else if (controller.kind === 'Deployment')
        queue.add(makeKey(workspaceOf(replicaSet), replicaSet.metadata.namespace ?? '', controller.name));
    };
    this.#replicaSets.addHandler({
      onAdd: addManager,
      onUpdate: (replicaSet, old) => {
        addManager(replicaSet);
        if (controllerOf(old)?.uid !== controllerOf(replicaSet)?.uid) addManager(old);
      },
      onDelete: addManager,
    });
    // The end of its last old pod is what a Recreate rollout waits for.
    this.#pods.addHandler({
      onUpdate: (pod) => isPodTerminal(pod) && this.#addRecreateOf(pod),
      onDelete: (pod) => this.#addRecreateOf(pod),
    });
  }

  #addSelectorsOf(replicaSet: appsv1.ReplicaSet): void {
    for (const deployment of this.#deployments.byIndex('namespace', namespaceKeyOf(replicaSet)))
      if (labelSelectorAsSelector(deployment.spec.selector).matches(replicaSet.metadata.labels))
        this.#controller.queue.add(keyOf(deployment));
  }

  #addRecreateOf(pod: corev1.Pod): void {
    const owner = controllerOf(pod);
    if (owner?.kind !== 'ReplicaSet') return;
    const workspace = workspaceOf(pod);
    const namespace = pod.metadata.namespace ?? '';
    const replicaSet = this.#replicaSets.get(makeKey(workspace, namespace, owner.name));
    const manager = replicaSet && controllerOf(replicaSet);
    const key = makeKey(workspace, namespace, manager?.name ?? '');
    if (this.#deployments.get(key)?.spec.strategy?.type === 'Recreate') this.#controller.queue.add(key);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined) return undefined;
    const selector = labelSelectorAsSelector(deployment.spec.selector);
    if (selector.isEmpty()) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.';
      this.#recorder.event(deployment, 'Warning', 'SelectingAll', message);
      return undefined;
    }
    const replicaSets = await claimObjects({
      client: this.#context.client,
      manager: deployment,
      managerResource: DEPLOYMENTS,
      resource: REPLICA_SETS,
      selector,
      candidates: this.#replicaSets.byIndex('namespace', namespaceKeyOf(deployment)),
    });
    return new DeploymentReconcile(this.#context, this.#recorder, {
      deployment,
      replicaSets,
      hasRunningPods: (old) => this.#hasRunningPods(deployment, old),
    }).run();
  }

  #hasRunningPods(deployment: appsv1.Deployment, replicaSets: readonly appsv1.ReplicaSet[]): boolean {
    const uids = new Set(replicaSets.map((replicaSet) => replicaSet.metadata.uid));
    return this.#pods
      .byIndex('namespace', namespaceKeyOf(deployment))
      .some((pod) => uids.has(controllerOf(pod)?.uid ?? '') && !isPodTerminal(pod));
  }
}
