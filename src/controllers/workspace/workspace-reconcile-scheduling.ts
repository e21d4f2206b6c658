import { workspaceOf } from '../../client/index.ts';
import {
  adminBindingOf,
  type ConditionState,
  type corev1alpha1,
  type Draft,
  falseCondition,
  labelSelectorAsSelector,
  lifecycleOfTypes,
  ownerNameOf,
  type rbacv1,
  type tenancyv1alpha1,
  trueCondition,
} from '../../kube/index.ts';

type Workspace = tenancyv1alpha1.Workspace;
type WorkspaceType = tenancyv1alpha1.WorkspaceType;
type Shard = corev1alpha1.Shard;

const SCHEDULED = 'WorkspaceScheduled';
const UNSCHEDULABLE_ANNOTATION = 'experimental.core.kcp.io/unschedulable';
export const TYPE_ANNOTATION = 'internal.tenancy.kcp.io/type';

/** Annotations of a Workspace that its LogicalCluster has too. */
const HANDED_DOWN = ['experimental.tenancy.kcp.io/owner', 'authorization.kcp.io/required-groups'];

/** The shard a workspace goes to, or why there is none for it. */
export function chooseShard(
  workspace: Workspace,
  shards: readonly Shard[],
): { shard: Shard } | { condition: ConditionState } {
  const selector = workspace.spec.location?.selector;
  const shard = shards.find(
    ({ metadata }) =>
      metadata.annotations?.[UNSCHEDULABLE_ANNOTATION] === undefined &&
      (selector === undefined || labelSelectorAsSelector(selector).matches(metadata.labels)),
  );
  if (shard !== undefined) return { shard };
  return {
    condition: falseCondition(
      SCHEDULED,
      'Error',
      'Unschedulable',
      'No available shards to schedule the workspace',
    ),
  };
}

export function scheduledCondition(): ConditionState {
  return trueCondition(SCHEDULED);
}

/** The object that makes the logical cluster of a workspace be, as it is sent. */
export function logicalClusterFor(
  workspace: Workspace,
  {
    path,
    clusterName,
    shard,
    types,
    pathOf,
  }: {
    /** `root:team:app`. */
    path: string;
    clusterName: string;
    shard: Shard;
    /** The workspace's type and what it extends. */
    types: readonly WorkspaceType[];
    pathOf: (type: WorkspaceType) => string;
  },
): Draft<corev1alpha1.LogicalCluster> {
  const annotations: Record<string, string> = {
    [TYPE_ANNOTATION]: `${workspace.spec.type!.path}:${workspace.spec.type!.name}`,
    'kcp.io/path': path,
  };
  for (const key of HANDED_DOWN) {
    const value = workspace.metadata.annotations?.[key];
    if (value !== undefined) annotations[key] = value;
  }
  const placed = types.map((type) => ({
    type,
    cluster: workspaceOf(type),
    qualifiedName: `${pathOf(type)}:${type.metadata.name}`,
  }));
  return {
    metadata: { name: 'cluster', annotations },
    spec: {
      owner: {
        apiVersion: 'tenancy.kcp.io/v1alpha1',
        resource: 'workspaces',
        name: workspace.metadata.name,
        cluster: workspaceOf(workspace),
        uid: workspace.metadata.uid,
      },
      ...lifecycleOfTypes(placed),
    },
    status: { URL: clusterUrl(shard, clusterName) },
  };
}

/** Who made a workspace may do everything in it. Undefined when it does not say who that was. */
export function ownerBinding(workspace: Workspace): Draft<rbacv1.ClusterRoleBinding> | undefined {
  const name = ownerNameOf(workspace.metadata);
  return name === undefined ? undefined : adminBindingOf(name);
}

/** Where a workspace is reached: under its path. */
export function workspaceUrl(shard: Shard, path: string): string {
  return `${externalUrlOf(shard)}/clusters/${path}`;
}

/** Where the objects of a logical cluster are reached: under its name. */
export function clusterUrl(shard: Shard, clusterName: string): string {
  return `${externalUrlOf(shard)}/clusters/${clusterName}`;
}

function externalUrlOf({ spec }: Shard): string {
  return (spec?.externalURL || spec?.baseURL || '').replace(/\/+$/, '');
}
