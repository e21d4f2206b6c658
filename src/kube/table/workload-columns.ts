import type { TableColumn } from '../resource.ts';
import { formatLabelSelector } from '../selectors/label-selector.ts';
import type { appsv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn, templateColumns } from './common-columns.ts';

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
