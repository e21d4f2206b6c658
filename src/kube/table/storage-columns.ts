import type { TableColumn } from '../resource.ts';
import type { storagev1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

/** k8s.io/kubernetes/pkg/printers/internalversion: the kinds of storage.k8s.io. */

const DEFAULT_CLASS_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

const markedNameColumn: TableColumn = {
  ...nameColumn,
  cell: ({ metadata }) =>
    DEFAULT_CLASS_ANNOTATIONS.some((key) => metadata.annotations?.[key] === 'true')
      ? `${metadata.name} (default)`
      : metadata.name,
};

export const storageClassColumns: readonly TableColumn[] = [
  markedNameColumn,
  column<storagev1.StorageClass>('Provisioner', 'Who makes the volumes.', (one) => one.provisioner ?? ''),
  column<storagev1.StorageClass>(
    'ReclaimPolicy',
    'What happens to a volume that is released.',
    (one) => one.reclaimPolicy ?? 'Delete',
  ),
  column<storagev1.StorageClass>(
    'VolumeBindingMode',
    'When volumes are made and bound.',
    (one) => one.volumeBindingMode ?? '<unset>',
  ),
  column<storagev1.StorageClass>(
    'AllowVolumeExpansion',
    'Whether volumes may grow.',
    (one) => one.allowVolumeExpansion ?? false,
  ),
  ageColumn,
];

export const volumeAttributesClassColumns: readonly TableColumn[] = [
  nameColumn,
  column<storagev1.VolumeAttributesClass>('DriverName', 'The CSI driver.', (one) => one.driverName ?? ''),
  ageColumn,
];

export const volumeAttachmentColumns: readonly TableColumn[] = [
  nameColumn,
  column<storagev1.VolumeAttachment>(
    'Attacher',
    'The driver that attaches.',
    ({ spec }) => spec?.attacher ?? '',
    { format: 'name' },
  ),
  column<storagev1.VolumeAttachment>(
    'PV',
    'The volume.',
    ({ spec }) => spec?.source?.persistentVolumeName ?? '',
  ),
  column<storagev1.VolumeAttachment>('Node', 'The node.', ({ spec }) => spec?.nodeName ?? ''),
  column<storagev1.VolumeAttachment>(
    'Attached',
    'Whether it is attached.',
    ({ status }) => status?.attached ?? false,
    { type: 'boolean' },
  ),
  ageColumn,
];

export const csiNodeColumns: readonly TableColumn[] = [
  nameColumn,
  column<storagev1.CSINode>(
    'Drivers',
    'Drivers indicates the number of CSI drivers registered on the node',
    ({ spec }) => spec?.drivers?.length ?? 0,
    { type: 'integer' },
  ),
  ageColumn,
];

function flagColumn(
  name: string,
  description: string,
  flag: (spec: Partial<storagev1.CSIDriverSpec>) => boolean,
): TableColumn {
  return column<storagev1.CSIDriver>(name, description, ({ spec }) => flag(spec ?? {}), { type: 'boolean' });
}

export const csiDriverColumns: readonly TableColumn[] = [
  nameColumn,
  flagColumn('AttachRequired', 'Volumes are attached first.', (spec) => spec.attachRequired ?? true),
  flagColumn('PodInfoOnMount', 'The driver is told the pod.', (spec) => spec.podInfoOnMount ?? false),
  flagColumn('StorageCapacity', 'The driver tells its capacity.', (spec) => spec.storageCapacity ?? false),
  column<storagev1.CSIDriver>('TokenRequests', 'Audiences of tokens the driver gets.', ({ spec }) => {
    const requests = spec?.tokenRequests ?? [];
    return requests.length === 0 ? '<unset>' : requests.map(({ audience }) => audience ?? '').join(',');
  }),
  flagColumn('RequiresRepublish', 'Volumes are published again.', (spec) => spec.requiresRepublish ?? false),
  column<storagev1.CSIDriver>(
    'Modes',
    'Lifecycles of volumes it supports.',
    ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>',
  ),
  ageColumn,
];

export const csiStorageCapacityColumns: readonly TableColumn[] = [
  nameColumn,
  column<storagev1.CSIStorageCapacity>('StorageClassName', 'The class.', (one) => one.storageClassName ?? ''),
  column<storagev1.CSIStorageCapacity>('Capacity', 'How much is left.', (one) =>
    one.capacity === undefined ? '<unset>' : String(one.capacity),
  ),
];
