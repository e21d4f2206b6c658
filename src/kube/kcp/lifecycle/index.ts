import type { Resource } from '../../resource.ts';
import { withLogicalClusterLifecycle } from './logical-cluster-lifecycle.ts';
import { withWorkspaceLifecycle } from './workspace-lifecycle.ts';

/** How Workspaces and LogicalClusters live: names, phases, finalizers, and the labels that mirror them. */
export { clusterNameOf, shardHashOf } from './cluster-name.ts';
export { lifecycleLabels } from './lifecycle-labels.ts';
export { DELETION_FINALIZER, INITIALIZED, initializedCondition } from './logical-cluster-lifecycle.ts';
export { OWNER_ANNOTATION, ownerNameOf } from './owner-annotation.ts';
export * from './type-lifecycle.ts';
export { LOGICAL_CLUSTER_FINALIZER, SHARD_ANNOTATION } from './workspace-lifecycle.ts';

/** The canonical path of a logical cluster, `root:team`, on its LogicalCluster and on what others refer to by path. */
export const PATH_ANNOTATION = 'kcp.io/path';

/** The resource, with what its writes do to its phase where it has one. */
export function withLifecycle(resource: Resource): Resource {
  if (resource.kind === 'Workspace') return withWorkspaceLifecycle(resource);
  if (resource.kind === 'LogicalCluster') return withLogicalClusterLifecycle(resource);
  return resource;
}
