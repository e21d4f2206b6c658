import {
  type corev1alpha1,
  falseCondition,
  INITIALIZED,
  initializedCondition,
  type tenancyv1alpha1,
  trueCondition,
  withCondition,
} from '../../kube/index.ts';

const CONTENT_DELETED = 'WorkspaceContentDeleted';

type Workspace = tenancyv1alpha1.Workspace;
type LogicalCluster = corev1alpha1.LogicalCluster;
type Status = NonNullable<Workspace['status']>;

/**
 * The status of a scheduled workspace, as its logical cluster says.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/workspace, phaseReconciler.
 */
export function statusAsIn(
  workspace: Pick<Workspace, 'metadata' | 'status'>,
  cluster: Pick<LogicalCluster, 'status'> | undefined,
  now: string,
): Status {
  const status: Status = { ...workspace.status };
  const isEnding = workspace.metadata.deletionTimestamp !== undefined;
  if (isEnding) return endingStatus(status, cluster, now);
  if (!status.phase || status.phase === 'Scheduling') status.phase = 'Initializing';
  if (status.phase === 'Initializing') return initializingStatus(status, cluster, now);
  return withAvailability(status);
}

function initializingStatus(
  status: Status,
  cluster: Pick<LogicalCluster, 'status'> | undefined,
  now: string,
): Status {
  if (cluster === undefined) {
    const gone = falseCondition(INITIALIZED, 'Error', 'WorkspaceDisappeared', 'LogicalCluster disappeared');
    return { ...status, conditions: withCondition(status.conditions, gone, now) };
  }
  const { initializers = [], terminators = [] } = cluster.status ?? {};
  const next: Status = { ...status };
  mirror(next, 'initializers', initializers);
  mirror(next, 'terminators', terminators);
  next.conditions = withCondition(status.conditions, initializedCondition(initializers), now);
  if (initializers.length > 0) return next;
  next.phase = 'Ready';
  return withAvailability(next);
}

/** What is left of the content is told where somebody looks who may not see the workspace itself. */
function endingStatus(
  status: Status,
  cluster: Pick<LogicalCluster, 'status'> | undefined,
  now: string,
): Status {
  const next: Status = { ...status };
  if (cluster === undefined)
    return { ...next, conditions: withCondition(next.conditions, trueCondition(CONTENT_DELETED), now) };
  mirror(next, 'terminators', cluster.status?.terminators ?? []);
  const { phase } = cluster.status ?? {};
  if (phase === 'Terminating' || phase === 'Deleting') next.phase = phase;
  const told = cluster.status?.conditions?.find(({ type }) => type === CONTENT_DELETED);
  if (told === undefined) return next;
  const { lastTransitionTime, ...state } = told;
  return { ...next, conditions: withCondition(next.conditions, state, lastTransitionTime) };
}

function mirror(status: Status, field: 'initializers' | 'terminators', values: readonly string[]): void {
  if (values.length > 0) status[field] = [...values];
  else delete status[field];
}

/** Ready while none of the workspace's own conditions says otherwise, Unavailable when one does. */
export function withAvailability(status: Status): Status {
  const isHurt = status.conditions?.some((one) => one.status === 'False' && one.type.startsWith('Workspace'));
  if (isHurt) return { ...status, phase: 'Unavailable' };
  return status.phase === 'Unavailable' ? { ...status, phase: 'Ready' } : status;
}
