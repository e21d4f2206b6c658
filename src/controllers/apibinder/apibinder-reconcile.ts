import { AlreadyExists, messageOf, NotFound } from '../../base/index.ts';
import { API_BINDINGS, type Client, type Informer, LOGICAL_CLUSTERS, makeKey } from '../../client/index.ts';
import {
  API_BINDINGS_INITIALIZER,
  type apisv1alpha2,
  type ConditionState,
  type corev1alpha1,
  type Draft,
  equalJson,
  falseCondition,
  semanticallyEqual,
  type tenancyv1alpha1,
  trueCondition,
  withCondition,
} from '../../kube/index.ts';
import { kubeTime } from '../context.ts';
import type { WorkspaceTree } from '../workspace/workspace-tree.ts';
import { defaultBindings, MISSING_EXPORT, waitingCondition } from './default-bindings.ts';

type LogicalCluster = corev1alpha1.LogicalCluster;
type Binding = apisv1alpha2.APIBinding;

const INITIALIZED = 'APIBindingsInitialized';
const RECONCILED = 'APIBindingsReconciled';

export interface BinderParts {
  client: Client;
  tree: WorkspaceTree;
  bindings: Informer<Binding>;
  exports: Informer<apisv1alpha2.APIExport>;
  now(): number;
}

/**
 * Binds what the types of a workspace say: once, as its initializer, and where a type says so ever after.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/{initialization,defaultapibindinglifecycle}.
 */
export class DefaultBinder {
  readonly #parts: BinderParts;

  constructor(parts: BinderParts) {
    this.#parts = parts;
  }

  async reconcile(clusterName: string): Promise<undefined> {
    const cluster = this.#parts.tree.cluster(clusterName);
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) return;
    const types = this.#typesOf(cluster);
    if (isInitializing(cluster)) await this.#initialize(cluster, clusterName, types);
    else if (!('condition' in types)) await this.#maintain(cluster, clusterName, types);
  }

  async #initialize(
    cluster: LogicalCluster,
    clusterName: string,
    types: tenancyv1alpha1.WorkspaceType[] | { condition: ConditionState },
  ): Promise<void> {
    if ('condition' in types) return this.#say(cluster, clusterName, types.condition);
    const { wanted, isExportMissing } = this.#wantedBy(clusterName, types);
    const failures = isExportMissing ? [MISSING_EXPORT] : [];
    for (const draft of wanted) {
      const why = await this.#ensure(clusterName, draft);
      if (why !== undefined) failures.push(why);
    }
    if (failures.length > 0) {
      const errors = failures.length === 1 ? failures[0]! : `[${failures.join(', ')}]`;
      const message = `encountered errors: ${errors}`;
      await this.#say(
        cluster,
        clusterName,
        falseCondition(INITIALIZED, 'Error', 'APIBindingErrors', message),
      );
      // A missing export brings its workspaces back when it is there; anything else is tried again.
      if (failures.length > (isExportMissing ? 1 : 0)) throw new Error(errors);
      return;
    }
    const waiting = waitingCondition(INITIALIZED, wanted, this.#bindingsOf(clusterName), 'bound');
    if (waiting !== undefined) return this.#say(cluster, clusterName, waiting);
    const initializers = cluster.status!.initializers!.filter((one) => one !== API_BINDINGS_INITIALIZER);
    await this.#write(cluster, clusterName, trueCondition(INITIALIZED), { initializers });
  }

  async #maintain(
    cluster: LogicalCluster,
    clusterName: string,
    types: tenancyv1alpha1.WorkspaceType[],
  ): Promise<void> {
    const maintained = types.filter(({ spec }) => spec?.defaultAPIBindingLifecycle === 'Maintain');
    if (maintained.length === 0) return;
    const { wanted, isExportMissing } = this.#wantedBy(clusterName, maintained);
    const present = new Map(this.#bindingsOf(clusterName).map((one) => [one.metadata.name, one]));
    for (const draft of wanted) {
      const binding = present.get(draft.metadata.name!);
      if (binding === undefined) {
        const why = await this.#ensure(clusterName, draft);
        if (why !== undefined) throw new Error(why);
      } else if (!isAsWanted(binding, draft))
        await this.#bindingsIn(clusterName).update({ ...binding, spec: { ...binding.spec, ...draft.spec } });
    }
    if (isExportMissing) return;
    const waiting = waitingCondition(RECONCILED, wanted, this.#bindingsOf(clusterName), 'reconciled');
    await this.#say(cluster, clusterName, waiting ?? trueCondition(RECONCILED));
  }

  #typesOf(cluster: LogicalCluster): tenancyv1alpha1.WorkspaceType[] | { condition: ConditionState } {
    const { tree } = this.#parts;
    const place = tree.typePlaceOf(cluster);
    if (place === undefined) return [];
    const invalid = (message: string) => ({
      condition: falseCondition(INITIALIZED, 'Error', 'WorkspaceTypesInvalid', message),
    });
    if (tree.type(place.path, place.name) === undefined)
      return invalid(
        `error getting WorkspaceType ${place.path}|${place.name}: workspacetypes.tenancy.kcp.io "${place.name}" not found`,
      );
    try {
      return tree.typesOf(place.path, place.name);
    } catch (error) {
      return invalid(`error resolving transitive set of workspace types: ${messageOf(error)}`);
    }
  }

  #wantedBy(clusterName: string, types: readonly tenancyv1alpha1.WorkspaceType[]) {
    const { tree, exports } = this.#parts;
    return defaultBindings(clusterName, types, (path, name) => {
      const at = tree.clusterNameAt(path);
      return at === undefined ? undefined : exports.get(makeKey(at, '', name));
    });
  }

  /** Why it could not be made, when it could not. */
  async #ensure(clusterName: string, draft: Draft<Binding>): Promise<string | undefined> {
    if (this.#parts.bindings.get(makeKey(clusterName, '', draft.metadata.name!)) !== undefined)
      return undefined;
    try {
      await this.#bindingsIn(clusterName).create(draft);
    } catch (error) {
      if (!(error instanceof AlreadyExists)) return messageOf(error);
    }
    return undefined;
  }

  #bindingsOf(clusterName: string): Binding[] {
    return this.#parts.bindings.byIndex('namespace', `${clusterName}|`);
  }

  #bindingsIn(clusterName: string) {
    return this.#parts.client.in(clusterName).resource<Binding>(API_BINDINGS);
  }

  #say(cluster: LogicalCluster, clusterName: string, condition: ConditionState): Promise<void> {
    return this.#write(cluster, clusterName, condition, {});
  }

  async #write(
    cluster: LogicalCluster,
    clusterName: string,
    condition: ConditionState,
    change: LogicalCluster['status'],
  ): Promise<void> {
    const now = kubeTime(this.#parts.now());
    const conditions = withCondition(cluster.status?.conditions, condition, now);
    const status = { ...cluster.status, ...change, conditions };
    if (semanticallyEqual(status, cluster.status)) return;
    try {
      const clusters = this.#parts.client.in(clusterName).resource<LogicalCluster>(LOGICAL_CLUSTERS);
      await clusters.updateStatus({ ...cluster, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

export function isInitializing({ status }: LogicalCluster): boolean {
  return status?.phase === 'Initializing' && status.initializers?.includes(API_BINDINGS_INITIALIZER) === true;
}

/** Defaults of the server's, and what a consumer says beside, are no difference. */
function isAsWanted({ spec }: Binding, draft: Draft<Binding>): boolean {
  const claims = (spec.permissionClaims ?? []).map(({ group, resource, state }) => [
    group ?? '',
    resource,
    state,
  ]);
  const wanted = (draft.spec.permissionClaims ?? []).map(({ group, resource, state }) => [
    group ?? '',
    resource,
    state,
  ]);
  return equalJson(spec.reference, draft.spec.reference) && equalJson(claims, wanted);
}
