import type { corev1alpha1 } from '../../../kube/index.ts';
import type { AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import { objectNotFound } from '../../errors.ts';
import type { User } from '../../http/messages.ts';
import { LOGICAL_CLUSTER_NAME, LOGICAL_CLUSTERS } from '../workspace-directory.ts';
import { refused } from './refusal.ts';

type LogicalCluster = Readonly<corev1alpha1.LogicalCluster>;

/** Where a logical cluster lies, from the root: on its LogicalCluster, and on what others refer to by path. */
export const PATH_ANNOTATION = 'kcp.io/path';
/** `root:organization`: path and name of the type. */
export const TYPE_ANNOTATION = 'internal.tenancy.kcp.io/type';
/** Who made a workspace, as JSON of a UserInfo. */
export const OWNER_ANNOTATION = 'experimental.tenancy.kcp.io/owner';
/** Groups that users of the workspace must have. */
export const REQUIRED_GROUPS_ANNOTATION = 'authorization.kcp.io/required-groups';

/** Who asks, as authentication.k8s.io UserInfo in JSON: what is empty is left out. */
export function ownerOf({ name, uid, groups, extra }: User): string {
  return JSON.stringify({
    ...(name && { username: name }),
    ...(uid && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra !== undefined && Object.keys(extra).length > 0 && { extra }),
  });
}

/** How many objects there may be in a workspace, of all kinds together; 0: any number. */
export const MAX_OBJECTS_ANNOTATION = 'core.kcp.io/max-total-objects';

/** What the workspace of a request is. @throws Forbidden, with `what` before the reason, when there is no such one */
export async function logicalClusterOf(
  objects: Pick<StoredObjects, 'find'>,
  request: AdmissionRequest,
  what = '',
): Promise<LogicalCluster> {
  const { workspace } = request;
  const found = await objects.find<corev1alpha1.LogicalCluster>(LOGICAL_CLUSTERS, {
    workspace,
    name: LOGICAL_CLUSTER_NAME,
  });
  if (found !== undefined) return found;
  const why = objectNotFound({ group: LOGICAL_CLUSTERS.group, name: LOGICAL_CLUSTERS.resource }, 'cluster');
  throw refused(request, `${what}${why.message}`);
}

/** `root:team:app`; the name of the logical cluster for one that has no place in the tree. */
export function pathOf({ metadata }: LogicalCluster, workspace: string): string {
  return metadata.annotations?.[PATH_ANNOTATION] || workspace;
}
