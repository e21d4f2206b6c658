import type { Informer } from '../../client/index.ts';
import { type corev1alpha1, ROOT_WORKSPACE } from '../../kube/index.ts';

/** The shards there are: those of the first workspace. One elsewhere is what somebody wrote there, and means nothing. */
export function rootShards(
  shards: Pick<Informer<corev1alpha1.Shard>, 'byIndex'>,
): readonly corev1alpha1.Shard[] {
  return shards.byIndex('namespace', `${ROOT_WORKSPACE}|`);
}
