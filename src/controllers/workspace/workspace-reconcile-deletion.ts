import { type corev1alpha1, LOGICAL_CLUSTER_FINALIZER, type tenancyv1alpha1 } from '../../kube/index.ts';

export type DeletionStep =
  /** Others hold the workspace still: its content stays until they are done. */
  'wait-for-others' | 'delete-cluster' | 'wait-for-cluster' | 'release' | 'nothing';

/**
 * What to do next for a workspace that ends. `cluster` is its LogicalCluster as the server has it; one that another
 * workspace owns is nobody's here.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/workspace, deletionReconciler.
 */
export function nextDeletionStep(
  { metadata }: Pick<tenancyv1alpha1.Workspace, 'metadata'>,
  cluster: Pick<corev1alpha1.LogicalCluster, 'metadata' | 'spec'> | undefined,
): DeletionStep {
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(LOGICAL_CLUSTER_FINALIZER)) return 'nothing';
  if (finalizers.length > 1) return 'wait-for-others';
  if (cluster === undefined || cluster.spec?.owner?.uid !== metadata.uid) return 'release';
  return cluster.metadata.deletionTimestamp === undefined ? 'delete-cluster' : 'wait-for-cluster';
}
