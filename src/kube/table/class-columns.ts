import type { TableColumn } from '../resource.ts';
import type {
  apiregistrationv1,
  nodev1,
  resourcev1,
  schedulingv1,
  storagemigrationv1beta1,
} from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

/** k8s.io/kubernetes/pkg/printers/internalversion: scheduling, node, resource, storagemigration; kube-aggregator. */

export const priorityClassColumns: readonly TableColumn[] = [
  nameColumn,
  column<schedulingv1.PriorityClass>(
    'Value',
    'The priority of pods of this class.',
    (one) => one.value ?? 0,
    {
      type: 'integer',
    },
  ),
  column<schedulingv1.PriorityClass>(
    'Global-Default',
    'Whether pods without a class are of this one.',
    (one) => one.globalDefault ?? false,
    { type: 'boolean' },
  ),
  ageColumn,
  column<schedulingv1.PriorityClass>(
    'PreemptionPolicy',
    'Whether its pods push others off a node.',
    (one) => one.preemptionPolicy ?? '',
  ),
];

export const runtimeClassColumns: readonly TableColumn[] = [
  nameColumn,
  column<nodev1.RuntimeClass>('Handler', 'What runs the containers.', (one) => one.handler ?? ''),
  ageColumn,
];

function claimState({ metadata, status }: resourcev1.ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status?.allocation === undefined) {
    if (!deleted) states.push('pending');
  } else {
    states.push('allocated');
    if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  }
  return states.join(',');
}

export const resourceClaimColumns: readonly TableColumn[] = [
  nameColumn,
  column<resourcev1.ResourceClaim>(
    'State',
    'A summary of the current state (allocated, pending, reserved, etc.).',
    claimState,
  ),
  ageColumn,
];

export const resourceSliceColumns: readonly TableColumn[] = [
  nameColumn,
  column<resourcev1.ResourceSlice>(
    'Node',
    'The node that has the devices.',
    ({ spec }) => spec?.nodeName ?? '',
  ),
  column<resourcev1.ResourceSlice>(
    'Driver',
    'The driver that serves them.',
    ({ spec }) => spec?.driver ?? '',
  ),
  column<resourcev1.ResourceSlice>('Pool', 'The pool they belong to.', ({ spec }) => spec?.pool?.name ?? ''),
  ageColumn,
];

function availability({ status }: apiregistrationv1.APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

export const apiServiceColumns: readonly TableColumn[] = [
  nameColumn,
  column<apiregistrationv1.APIService>('Service', 'The service that serves it.', ({ spec }) =>
    spec?.service === undefined ? 'Local' : `${spec.service.namespace}/${spec.service.name}`,
  ),
  column<apiregistrationv1.APIService>('Available', 'Whether it is reachable.', availability),
  ageColumn,
];

export const storageVersionMigrationColumns: readonly TableColumn[] = [
  nameColumn,
  column<storagemigrationv1beta1.StorageVersionMigration>(
    'Resource',
    'Fully qualified resource to migrate',
    ({ spec }) => {
      const { group, resource = '' } = spec?.resource ?? {};
      return group ? `${resource}.${group}` : resource;
    },
  ),
];
