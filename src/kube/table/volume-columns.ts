import { parseQuantity } from '../quantity/quantity.ts';
import type { TableColumn } from '../resource.ts';
import type { corev1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

type Volume = corev1.PersistentVolume;
type Claim = corev1.PersistentVolumeClaim;

const SHORT_MODES: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** Where a class was named before there was a field for it. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

function accessModes(modes: readonly string[] | undefined): string {
  return SHORT_MODES.filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

/** A size that is not said prints as the zero quantity, as upstream's does. */
function storageText(amounts: Record<string, string | number> | undefined): string {
  return parseQuantity(amounts?.storage ?? '0').toString();
}

function classOf({ metadata, spec }: Volume | Claim): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}

function phaseOf({ metadata, status }: Volume | Claim): string {
  return metadata.deletionTimestamp !== undefined ? 'Terminating' : (status?.phase ?? '');
}

const classColumns = [
  column<Volume | Claim>('StorageClass', 'The class of the storage.', classOf),
  column<Volume | Claim>(
    'VolumeAttributesClass',
    'The class of the attributes of the volume.',
    ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
  ),
];

const modeColumn = column<Volume | Claim>(
  'VolumeMode',
  'Whether the volume is a file system or a block device.',
  ({ spec }) => spec.volumeMode ?? '<unset>',
  { wide: true },
);

export const persistentVolumeColumns: readonly TableColumn[] = [
  nameColumn,
  column<Volume>('Capacity', 'The size of the volume.', ({ spec }) => storageText(spec.capacity)),
  column<Volume>('Access Modes', 'How the volume may be mounted.', ({ spec }) =>
    accessModes(spec.accessModes),
  ),
  column<Volume>(
    'Reclaim Policy',
    'What becomes of the volume when its claim goes.',
    ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
  ),
  column<Volume>('Status', 'The phase of the volume.', phaseOf),
  column<Volume>('Claim', 'The claim that has the volume.', ({ spec: { claimRef } }) =>
    claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`,
  ),
  ...classColumns,
  column<Volume>('Reason', 'Why the volume failed.', ({ status }) => status?.reason ?? ''),
  ageColumn,
  modeColumn,
];

export const persistentVolumeClaimColumns: readonly TableColumn[] = [
  nameColumn,
  column<Claim>('Status', 'The phase of the claim.', phaseOf),
  column<Claim>('Volume', 'The volume the claim is bound to.', ({ spec }) => spec.volumeName ?? ''),
  column<Claim>('Capacity', 'The size of the volume.', ({ spec, status }) =>
    spec.volumeName ? storageText(status?.capacity) : '',
  ),
  column<Claim>('Access Modes', 'How the volume may be mounted.', ({ spec, status }) =>
    spec.volumeName ? accessModes(status?.accessModes) : '',
  ),
  ...classColumns,
  ageColumn,
  modeColumn,
];
