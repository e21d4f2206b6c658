import {
  CLUSTER_ROLES,
  Controller,
  type Informer,
  keyOf,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import { aggregatedRules, hasRules, type rbacv1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

/**
 * Gives each ClusterRole with an aggregationRule the rules of the roles that its selectors match; what somebody else
 * writes there is overwritten. Source: k8s.io/kubernetes/pkg/controller/clusterroleaggregation.
 */
export class ClusterRoleAggregationController implements RunnableController {
  readonly name = 'clusterrole-aggregation-controller';
  readonly #context: ControllerContext;
  readonly #roles: Informer<rbacv1.ClusterRole>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#roles = context.informers.informer<rbacv1.ClusterRole>(CLUSTER_ROLES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const changed = (role: rbacv1.ClusterRole) => this.#addGathering(workspaceOf(role));
    this.#roles.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#roles)) await this.#controller.run(signal);
  }

  /** Whichever role changed, any that gathers may be concerned. */
  #addGathering(workspace: string): void {
    for (const role of this.#roles.byIndex('namespace', `${workspace}|`))
      if (role.aggregationRule !== undefined) this.#controller.queue.add(keyOf(role));
  }

  async #reconcile(key: string): Promise<undefined> {
    const role = this.#roles.get(key);
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined) return;
    const { workspace, name } = splitKey(key);
    const all = this.#roles.byIndex('namespace', `${workspace}|`);
    const rules = aggregatedRules(role, all);
    if (hasRules(role, rules)) return;
    await this.#context.client
      .in(workspace)
      .resource<rbacv1.ClusterRole>(CLUSTER_ROLES)
      .patch(name, { type: 'merge', body: { rules } }, { fieldManager: this.name });
  }
}
