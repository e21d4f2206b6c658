import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import { falseCondition, trueCondition, withCondition } from '../conditions.ts';
import type { LogicalCluster, LogicalClusterStatus } from '../types/core-v1alpha1.ts';
import { mirroredLabels } from './lifecycle-labels.ts';
import { forgetOwnerDetails } from './owner-annotation.ts';

/** Holds a LogicalCluster until everything in it is gone. */
export const DELETION_FINALIZER = 'core.kcp.io/logicalcluster-deletion';
/** Holds it while somebody still has to clean up. */
const TERMINATORS_FINALIZER = 'kcp.io/has-terminators';
/** Every initializer has done its work. */
export const INITIALIZED = 'WorkspaceInitialized';

const INACTIVE_ANNOTATIONS = ['core.kcp.io/inactive', 'internal.kcp.io/inactive'];

type LifecycleStatus = LogicalClusterStatus;
type LifecycleCluster = KubeObject & Partial<Pick<LogicalCluster, 'spec' | 'status'>>;

/**
 * The resource of LogicalClusters, whose phase, labels and finalizers follow, in the very write that changes one, from
 * what it says: no controller comes after with a write of its own, and nobody sees a state between the two.
 *
 * A new one is being initialized (that it is there means that it was scheduled), and ready when nobody has to
 * initialize it. One that ends is Terminating as long as terminators are left, then Deleting.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/core/logicalcluster, pkg/admission/{logicalcluster,logicalclusterfinalizer}.
 */
export function withLogicalClusterLifecycle(resource: Resource): Resource {
  return {
    ...resource,
    prepareForCreate: (object) => {
      const url = (object as LifecycleCluster).status?.URL;
      resource.prepareForCreate?.(object);
      object.metadata.finalizers = withFinalizer(object, DELETION_FINALIZER, true);
      (object as LifecycleCluster).status = url === undefined ? {} : { URL: url };
      settle(object, begun(object, object.metadata.creationTimestamp!));
    },
    prepareForUpdate: (object, old) => {
      resource.prepareForUpdate?.(object, old);
      settle(object, (object as LifecycleCluster).status ?? {});
    },
    prepareForStatusUpdate: (object, old, now) => {
      resource.prepareForStatusUpdate?.(object, old, now);
      settle(object, begun(object, `${now.toISOString().slice(0, 19)}Z`));
    },
    prepareForDelete: (object) => {
      resource.prepareForDelete?.(object);
      settle(object, (object as LifecycleCluster).status ?? {});
    },
  };
}

/** Changes `cluster`, and of what may be shared with an older state only copies. */
function settle(cluster: LifecycleCluster, begunStatus: LifecycleStatus): void {
  const status = { ...begunStatus, phase: phaseOf(cluster, begunStatus) };
  cluster.status = status;
  cluster.metadata.labels = mirroredLabels(cluster.metadata.labels, status);
  const isHeld = (status.terminators ?? []).length > 0;
  const finalizers = withFinalizer(cluster, TERMINATORS_FINALIZER, isHeld);
  if (finalizers.length > 0) cluster.metadata.finalizers = finalizers;
  else delete cluster.metadata.finalizers;
  if (status.phase === 'Ready') forgetOwnerDetails(cluster.metadata);
}

/** The status with what initialization has come to. */
function begun({ metadata, spec, status: before }: LifecycleCluster, now: string): LifecycleStatus {
  const status: LifecycleStatus = { ...before };
  if (metadata.deletionTimestamp !== undefined) return status;
  if (!status.phase || status.phase === 'Scheduling') {
    status.phase = 'Initializing';
    if (spec?.initializers?.length) status.initializers = [...spec.initializers];
    if (spec?.terminators?.length) status.terminators = [...spec.terminators];
  }
  if (status.phase !== 'Initializing') return status;
  const { initializers = [] } = status;
  if (initializers.length === 0) status.phase = 'Ready';
  status.conditions = withCondition(status.conditions, initializedCondition(initializers), now);
  return status;
}

function phaseOf(
  { metadata }: LifecycleCluster,
  { phase, terminators }: LifecycleStatus,
): LifecycleStatus['phase'] {
  if (metadata.deletionTimestamp !== undefined)
    return (terminators ?? []).length > 0 ? 'Terminating' : 'Deleting';
  if (phase !== 'Ready' && phase !== 'Inactive') return phase;
  return INACTIVE_ANNOTATIONS.some((key) => metadata.annotations?.[key] === 'true') ? 'Inactive' : 'Ready';
}

/** Whether all initializers are done, in kcp's words. */
export function initializedCondition(initializers: readonly string[]) {
  return initializers.length === 0
    ? trueCondition(INITIALIZED)
    : falseCondition(
        INITIALIZED,
        'Info',
        'InitializerExists',
        `Initializers still exist: [${initializers.join(' ')}]`,
      );
}

function withFinalizer({ metadata }: KubeObject, finalizer: string, isWanted: boolean): string[] {
  const others = (metadata.finalizers ?? []).filter((one) => one !== finalizer);
  if (!isWanted) return others;
  return others.length === metadata.finalizers?.length
    ? [...others, finalizer]
    : [...(metadata.finalizers ?? [finalizer])];
}
