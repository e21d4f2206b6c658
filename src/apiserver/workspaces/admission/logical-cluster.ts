import { type corev1alpha1, equalJson } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { LOGICAL_CLUSTERS } from '../workspace-directory.ts';
import {
  MAX_OBJECTS_ANNOTATION,
  OWNER_ANNOTATION,
  PATH_ANNOTATION,
  REQUIRED_GROUPS_ANNOTATION,
  TYPE_ANNOTATION,
} from './logical-cluster-facts.ts';
import { isLogicalClusterAdmin } from './privileged.ts';
import { refused, writes } from './refusal.ts';

type LogicalCluster = Readonly<corev1alpha1.LogicalCluster>;

/** What the system says of a logical cluster, and rights follow from. */
const SYSTEM_ANNOTATIONS = [
  PATH_ANNOTATION,
  TYPE_ANNOTATION,
  REQUIRED_GROUPS_ANNOTATION,
  OWNER_ANNOTATION,
  MAX_OBJECTS_ANNOTATION,
  'core.kcp.io/shard',
];

const ORDER: Readonly<Record<string, number>> = { '': 1, Scheduling: 2, Initializing: 3, Ready: 4 };

/**
 * The system alone makes LogicalClusters, and ends those that are not said to be `directlyDeletable`. What others
 * change of one are initializers and terminators that are done, and nobody goes back to an earlier phase.
 * Source: kcp pkg/admission/logicalcluster; there annotations are not guarded.
 */
export const logicalClusterAdmission: AdmissionPlugin = {
  name: 'core.kcp.io/LogicalCluster',
  validate(request: AdmissionRequest): void {
    const { resource, operation, user, subresource, oldObject } = request;
    if (resource.group !== LOGICAL_CLUSTERS.group || resource.name !== LOGICAL_CLUSTERS.resource) return;
    if (isLogicalClusterAdmin(user)) return;
    if (operation === 'CREATE') throw refused(request, 'LogicalCluster cannot be created');
    if (operation === 'DELETE') {
      const isDeletable = (oldObject as LogicalCluster | undefined)?.spec.directlyDeletable === true;
      if (!isDeletable) throw refused(request, 'LogicalCluster cannot be deleted');
    }
    if (!writes(request, LOGICAL_CLUSTERS)) return;
    const [next, old] = [request.object as LogicalCluster, oldObject as LogicalCluster];
    // Through the status only the server changes annotations: it forgets the owner's groups with the initialization.
    const why = subresource === 'status' ? statusChange(next, old) : specChange(next, old);
    if (why !== undefined) throw refused(request, why);
  },
};

function specChange(next: LogicalCluster, old: LogicalCluster): string | undefined {
  for (const field of ['initializers', 'terminators'] as const)
    if (!isSame(next.spec[field], old.spec[field])) return `spec.${field} is immutable`;
  for (const field of ['directlyDeletable', 'owner', 'createdBy'] as const)
    if (!equalJson(next.spec[field], old.spec[field])) return `spec.${field} is immutable`;
  const key = SYSTEM_ANNOTATIONS.find(
    (one) => next.metadata.annotations?.[one] !== old.metadata.annotations?.[one],
  );
  return key === undefined ? undefined : `modification of reserved annotation: ${JSON.stringify(key)}`;
}

function statusChange(
  { spec, status: next = {} }: LogicalCluster,
  { status: old = {} }: LogicalCluster,
): string | undefined {
  const isInitializing = next.phase === 'Initializing';
  const begins = isInitializing && old.phase !== 'Initializing';
  if (begins && !isSame(spec.initializers, next.initializers))
    return 'status.initializers do not equal spec.initializers';
  if (isInitializing && !begins && !isWithin(next.initializers, old.initializers))
    return 'status.initializers must not grow';
  // The write that takes the last one away ends the initialization.
  const ends = old.phase === 'Initializing' && !isInitializing;
  if (ends && (next.initializers ?? []).length > 0) return 'status.initializers is not empty';
  if (!isInitializing && !ends && !isSame(next.initializers, old.initializers))
    return 'status.initializers is immutable after initilization';
  if (!isWithin(next.terminators, old.terminators)) return 'status.terminators must not grow';
  if ((ORDER[old.phase ?? ''] ?? 0) > (ORDER[next.phase ?? ''] ?? Number.POSITIVE_INFINITY))
    return `cannot transition from ${JSON.stringify(old.phase)} to ${JSON.stringify(next.phase)}`;
  return undefined;
}

function isWithin(some: readonly string[] = [], all: readonly string[] = []): boolean {
  return some.every((one) => all.includes(one));
}

function isSame(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return isWithin(a, b) && isWithin(b, a);
}
