import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { persistentVolumeClaimColumns, persistentVolumeColumns } from '../table/volume-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import {
  validateClaim,
  validateClaimStatus,
  validateClaimUpdate,
} from '../validation/persistent-volume-claims.ts';
import {
  validatePersistentVolume,
  validatePersistentVolumeUpdate,
} from '../validation/persistent-volumes.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';
import { canonicalizeAmounts } from './pod-spec-defaults.ts';

/** core/v1 SetDefaults_PersistentVolume. */
function defaultPersistentVolume(object: KubeObject): void {
  const volume = object as Partial<corev1.PersistentVolume>;
  volume.spec ??= {} as corev1.PersistentVolumeSpec;
  volume.status ??= {};
  volume.status.phase ||= 'Pending';
  const { spec } = volume;
  spec.persistentVolumeReclaimPolicy ||= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
  canonicalizeAmounts(spec.capacity);
}

/** core/v1 SetDefaults_PersistentVolumeClaim, of claims and of what StatefulSets make them of. */
export function defaultClaim(claim: Partial<corev1.PersistentVolumeClaim>): void {
  claim.metadata ??= {} as corev1.PersistentVolumeClaim['metadata'];
  claim.spec ??= {};
  claim.status ??= {};
  claim.status.phase ||= 'Pending';
  claim.spec.volumeMode ??= 'Filesystem';
  claim.spec.resources ??= {};
  canonicalizeAmounts(claim.spec.resources.requests);
  canonicalizeAmounts(claim.spec.resources.limits);
  canonicalizeAmounts(claim.status.capacity);
  canonicalizeAmounts(claim.status.allocatedResources);
}

export const persistentVolumesResource: Resource = {
  ...builtin({
    kind: 'PersistentVolume',
    name: 'persistentvolumes',
    shortNames: ['pv'],
    namespaced: false,
    schema: { ref: 'core/v1.PersistentVolume' },
    subresources: [statusSubresource],
    columns: persistentVolumeColumns,
  }),
  defaults: defaultPersistentVolume,
  prepareForCreate: dropStatus(() => ({ phase: 'Pending' })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validatePersistentVolume(object as corev1.PersistentVolume),
  validateUpdate: (object, old) =>
    validatePersistentVolumeUpdate(object as corev1.PersistentVolume, old as corev1.PersistentVolume),
};

/** Either of the two fields stands for both (pkg/api/persistentvolumeclaim.NormalizeDataSources). */
function normalizeDataSources({ spec }: corev1.PersistentVolumeClaim): void {
  if (spec.dataSource !== undefined && spec.dataSourceRef === undefined) {
    spec.dataSourceRef = { ...spec.dataSource };
  } else if (spec.dataSourceRef !== undefined && spec.dataSource === undefined) {
    const { namespace, ...local } = spec.dataSourceRef;
    if (!namespace) spec.dataSource = local;
  }
}

function prepareClaimForCreate(object: KubeObject): void {
  dropStatus(() => ({ phase: 'Pending' }))(object);
  normalizeDataSources(object as corev1.PersistentVolumeClaim);
}

function prepareClaimForUpdate(object: KubeObject, old: KubeObject): void {
  keepStatus(object, old);
  normalizeDataSources(object as corev1.PersistentVolumeClaim);
}

export const persistentVolumeClaimsResource: Resource = {
  ...builtin({
    kind: 'PersistentVolumeClaim',
    name: 'persistentvolumeclaims',
    shortNames: ['pvc'],
    schema: { ref: 'core/v1.PersistentVolumeClaim' },
    subresources: [statusSubresource],
    columns: persistentVolumeClaimColumns,
  }),
  defaults: (claim) => defaultClaim(claim as corev1.PersistentVolumeClaim),
  prepareForCreate: prepareClaimForCreate,
  prepareForUpdate: prepareClaimForUpdate,
  validateCreate: (object) => validateClaim(object as corev1.PersistentVolumeClaim),
  validateUpdate: (object, old) =>
    validateClaimUpdate(object as corev1.PersistentVolumeClaim, old as corev1.PersistentVolumeClaim),
  validateStatusUpdate: (object) => validateClaimStatus(object as corev1.PersistentVolumeClaim),
};
