import type { TableColumn } from '../resource.ts';
import { parseGroupVersion } from '../schema/schema.ts';
import { formatLabelSelector } from '../selectors/label-selector.ts';
import type { appsv1, corev1 } from '../types/index.generated.ts';
import { ageColumn, column, formatLabels, nameColumn, templateColumns } from './common-columns.ts';

export const deploymentColumns: readonly TableColumn[] = [
  nameColumn,
  column<appsv1.Deployment>(
    'Ready',
    'How many of the wanted pods are ready.',
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
  ),
  column<appsv1.Deployment>(
    'Up-to-date',
    'How many pods are of the newest template.',
    ({ status }) => status?.updatedReplicas ?? 0,
  ),
  column<appsv1.Deployment>(
    'Available',
    'How many pods have been ready for long enough.',
    ({ status }) => status?.availableReplicas ?? 0,
  ),
  ageColumn,
  ...templateColumns<appsv1.Deployment>(({ spec }) => spec.template.spec.containers),
  column<appsv1.Deployment>(
    'Selector',
    'Labels of the pods that belong to it.',
    ({ spec }) => formatLabelSelector(spec.selector),
    { wide: true },
  ),
];

export const replicaSetColumns: readonly TableColumn[] = [
  nameColumn,
  column<appsv1.ReplicaSet>('Desired', 'How many pods are wanted.', ({ spec }) => spec.replicas ?? 0, {
    type: 'integer',
  }),
  column<appsv1.ReplicaSet>('Current', 'How many pods there are.', ({ status }) => status?.replicas ?? 0, {
    type: 'integer',
  }),
  column<appsv1.ReplicaSet>('Ready', 'How many pods are ready.', ({ status }) => status?.readyReplicas ?? 0, {
    type: 'integer',
  }),
  ageColumn,
  ...templateColumns<appsv1.ReplicaSet>(({ spec }) => spec.template?.spec.containers ?? []),
  column<appsv1.ReplicaSet>(
    'Selector',
    'Labels of the pods that belong to it.',
    ({ spec }) => formatLabelSelector(spec.selector),
    { wide: true },
  ),
];

export const statefulSetColumns: readonly TableColumn[] = [
  nameColumn,
  column<appsv1.StatefulSet>(
    'Ready',
    'How many of the wanted pods are ready.',
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
  ),
  ageColumn,
  ...templateColumns<appsv1.StatefulSet>(({ spec }) => spec.template.spec.containers),
];

const count = { type: 'integer' } as const;

export const daemonSetColumns: readonly TableColumn[] = [
  nameColumn,
  column<appsv1.DaemonSet>(
    'Desired',
    'How many nodes are to run the pod.',
    ({ status }) => status?.desiredNumberScheduled ?? 0,
    count,
  ),
  column<appsv1.DaemonSet>(
    'Current',
    'How many nodes run the pod and are to.',
    ({ status }) => status?.currentNumberScheduled ?? 0,
    count,
  ),
  column<appsv1.DaemonSet>(
    'Ready',
    'How many nodes have a ready pod.',
    ({ status }) => status?.numberReady ?? 0,
    count,
  ),
  column<appsv1.DaemonSet>(
    'Up-to-date',
    'How many nodes run the newest template.',
    ({ status }) => status?.updatedNumberScheduled ?? 0,
    count,
  ),
  column<appsv1.DaemonSet>(
    'Available',
    'How many nodes have a pod that has been ready for long enough.',
    ({ status }) => status?.numberAvailable ?? 0,
    count,
  ),
  column<appsv1.DaemonSet>('Node Selector', 'Labels of the nodes that are to run the pod.', ({ spec }) =>
    formatLabels(spec.template.spec.nodeSelector),
  ),
  ageColumn,
  ...templateColumns<appsv1.DaemonSet>(({ spec }) => spec.template.spec.containers),
  column<appsv1.DaemonSet>(
    'Selector',
    'Labels of the pods that belong to it.',
    ({ spec }) => formatLabelSelector(spec.selector),
    { wide: true },
  ),
];

export const replicationControllerColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.ReplicationController>(
    'Desired',
    'How many pods are wanted.',
    ({ spec }) => spec.replicas ?? 0,
    count,
  ),
  column<corev1.ReplicationController>(
    'Current',
    'How many pods there are.',
    ({ status }) => status?.replicas ?? 0,
    count,
  ),
  column<corev1.ReplicationController>(
    'Ready',
    'How many pods are ready.',
    ({ status }) => status?.readyReplicas ?? 0,
    count,
  ),
  ageColumn,
  ...templateColumns<corev1.ReplicationController>(({ spec }) => spec.template?.spec.containers ?? []),
  column<corev1.ReplicationController>(
    'Selector',
    'Labels of the pods that belong to it.',
    ({ spec }) => formatLabels(spec.selector),
    { wide: true },
  ),
];

export const podTemplateColumns: readonly TableColumn[] = [
  nameColumn,
  ...templateColumns<corev1.PodTemplate>(({ template }) => template?.spec.containers ?? []).map((one) => ({
    ...one,
    priority: 0,
  })),
  column<corev1.PodTemplate>('Pod Labels', 'Labels of the template.', ({ template }) =>
    formatLabels(template?.metadata?.labels),
  ),
];

export const controllerRevisionColumns: readonly TableColumn[] = [
  nameColumn,
  column<appsv1.ControllerRevision>('Controller', 'Whose revision it is.', controllerText),
  column<appsv1.ControllerRevision>('Revision', 'The number of the revision.', ({ revision }) =>
    String(revision ?? 0),
  ),
  ageColumn,
];

/** `statefulset.apps/web`, or `<none>`. */
function controllerText({ metadata }: appsv1.ControllerRevision): string {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const { group } = parseGroupVersion(owner.apiVersion);
  return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`;
}
