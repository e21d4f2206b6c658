import type { KubeObject } from '../../object.ts';
import type { Resource } from '../../resource.ts';
import type { Workspace } from '../types/tenancy-v1alpha1.ts';
import { clusterNameOf } from './cluster-name.ts';
import { mirroredLabels, PHASE_LABEL } from './lifecycle-labels.ts';
import { forgetOwnerDetails } from './owner-annotation.ts';

/** Holds a Workspace until its logical cluster is gone. */
export const LOGICAL_CLUSTER_FINALIZER = 'core.kcp.io/logicalcluster';
/** The logical cluster that a Workspace gets, known before it is made. */
const CLUSTER_NAME_ANNOTATION = 'internal.tenancy.kcp.io/cluster';
/** The hash of the shard it was scheduled to. */
export const SHARD_ANNOTATION = 'internal.tenancy.kcp.io/shard';

type LifecycleWorkspace = KubeObject & Partial<Pick<Workspace, 'spec' | 'status'>>;

/**
 * The resource of Workspaces. A new one is held from the start by the finalizer and knows the name of its logical
 * cluster, so that nothing is made that a deletion would not find; the label of its phase is written with the phase.
 * The write that names its logical cluster may bring the status along, since the two belong together.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/workspace.
 */
export function withWorkspaceLifecycle(resource: Resource): Resource {
  return {
    ...resource,
    prepareForCreate: (object) => {
      resource.prepareForCreate?.(object);
      begin(object);
    },
    prepareForUpdate: (object, old) => {
      const { status } = object as LifecycleWorkspace;
      resource.prepareForUpdate?.(object, old);
      if (isBeingScheduled(object, old) && status !== undefined)
        (object as LifecycleWorkspace).status = status;
      mirrorPhase(object);
    },
    prepareForStatusUpdate: (object, old, now) => {
      resource.prepareForStatusUpdate?.(object, old, now);
      mirrorPhase(object);
    },
    prepareForDelete: (object) => {
      resource.prepareForDelete?.(object);
      end(object);
    },
  };
}

function begin(workspace: LifecycleWorkspace): void {
  const { metadata } = workspace;
  workspace.status = { phase: 'Scheduling' };
  // What is mounted has no logical cluster, and its phase is that of the mount.
  if (workspace.spec?.mount !== undefined) return;
  if (!metadata.finalizers?.includes(LOGICAL_CLUSTER_FINALIZER))
    metadata.finalizers = [...(metadata.finalizers ?? []), LOGICAL_CLUSTER_FINALIZER];
  const { [SHARD_ANNOTATION]: _, ...annotations } = metadata.annotations ?? {};
  metadata.annotations = { ...annotations, [CLUSTER_NAME_ANNOTATION]: clusterNameOf(metadata.uid!) };
  mirrorPhase(workspace);
}

function isBeingScheduled(workspace: LifecycleWorkspace, old: LifecycleWorkspace): boolean {
  return !old.spec?.cluster && Boolean(workspace.spec?.cluster);
}

function end(workspace: LifecycleWorkspace): void {
  if (workspace.spec?.mount !== undefined || workspace.metadata.deletionTimestamp === undefined) return;
  const phase = (workspace.status?.terminators ?? []).length > 0 ? 'Terminating' : 'Deleting';
  workspace.status = { ...workspace.status, phase };
  mirrorPhase(workspace);
}

/** Changes `workspace`, and of what may be shared with an older state only copies. */
function mirrorPhase(workspace: LifecycleWorkspace): void {
  const { metadata, status, spec } = workspace;
  if (spec?.mount !== undefined) return;
  const phase = status?.phase ?? 'Scheduling';
  if (metadata.labels?.[PHASE_LABEL] !== phase) metadata.labels = mirroredLabels(metadata.labels, { phase });
  if (phase === 'Ready') forgetOwnerDetails(metadata);
}
