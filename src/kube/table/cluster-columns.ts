import type { TableColumn } from '../resource.ts';
import type { coordinationv1, corev1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

function nodeStatus({ spec, status }: corev1.Node): string {
  const ready = status?.conditions?.findLast((condition) => condition.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles({ metadata }: corev1.Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function addressColumn(name: string, type: string): TableColumn {
  return column<corev1.Node>(
    name,
    `First address of type ${type}.`,
    ({ status }) => status?.addresses?.find((address) => address.type === type)?.address ?? '<none>',
    { wide: true },
  );
}

function infoColumn(
  name: string,
  description: string,
  field: 'osImage' | 'kernelVersion' | 'containerRuntimeVersion',
): TableColumn {
  return column<corev1.Node>(name, description, ({ status }) => status?.nodeInfo?.[field] || '<unknown>', {
    wide: true,
  });
}

export const nodeColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Node>('Status', 'Whether the node takes pods.', nodeStatus),
  column<corev1.Node>('Roles', 'What the node is for.', nodeRoles),
  ageColumn,
  column<corev1.Node>(
    'Version',
    'Version of the node agent.',
    ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
  ),
  addressColumn('Internal-IP', 'InternalIP'),
  addressColumn('External-IP', 'ExternalIP'),
  infoColumn('OS-Image', 'Operating system.', 'osImage'),
  infoColumn('Kernel-Version', 'Kernel.', 'kernelVersion'),
  infoColumn('Container-Runtime', 'What runs the containers.', 'containerRuntimeVersion'),
];

export const namespaceColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Namespace>('Status', 'Active or Terminating.', ({ status }) => status?.phase ?? ''),
  ageColumn,
];

export const secretColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.Secret>('Type', 'What the data is for.', ({ type }) => type ?? ''),
  column<corev1.Secret>('Data', 'How many keys it holds.', ({ data }) => Object.keys(data ?? {}).length),
  ageColumn,
];

export const configMapColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.ConfigMap>(
    'Data',
    'How many keys it holds.',
    ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
  ),
  ageColumn,
];

export const serviceAccountColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.ServiceAccount>(
    'Secrets',
    'How many secrets it lists.',
    ({ secrets }) => secrets?.length ?? 0,
  ),
  ageColumn,
];

export const leaseColumns: readonly TableColumn[] = [
  nameColumn,
  column<coordinationv1.Lease>('Holder', 'Who holds it.', ({ spec }) => spec?.holderIdentity ?? ''),
  ageColumn,
];

const healthOf = ({ conditions }: corev1.ComponentStatus) =>
  conditions?.find(({ type }) => type === 'Healthy');

/** k8s.io/kubernetes/pkg/printers/internalversion.printComponentStatus. */
function healthWord(component: corev1.ComponentStatus): string {
  const status = healthOf(component)?.status;
  return status === 'True' ? 'Healthy' : status === 'False' ? 'Unhealthy' : 'Unknown';
}

export const componentStatusColumns: readonly TableColumn[] = [
  nameColumn,
  column<corev1.ComponentStatus>('Status', 'Status of the component conditions', healthWord),
  column<corev1.ComponentStatus>(
    'Message',
    'Message of the component conditions',
    (one) => healthOf(one)?.message ?? '',
  ),
  column<corev1.ComponentStatus>(
    'Error',
    'Error of the component conditions',
    (one) => healthOf(one)?.error ?? '',
  ),
];
