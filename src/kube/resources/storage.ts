import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import {
  csiDriverColumns,
  csiNodeColumns,
  csiStorageCapacityColumns,
  storageClassColumns,
  volumeAttachmentColumns,
  volumeAttributesClassColumns,
} from '../table/storage-columns.ts';
import type { storagev1 } from '../types/index.generated.ts';
import {
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateCsiNodeUpdate,
  validateVolumeAttachment,
  validateVolumeAttachmentUpdate,
} from '../validation/csi.ts';
import {
  validateStorageCapacity,
  validateStorageCapacityUpdate,
  validateStorageClass,
  validateStorageClassUpdate,
  validateVolumeAttributesClass,
  validateVolumeAttributesClassUpdate,
} from '../validation/storage-classes.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

const GROUP = 'storage.k8s.io';

/** storage/v1 SetDefaults_StorageClass. */
function defaultStorageClass(object: KubeObject): void {
  const storageClass = object as storagev1.StorageClass;
  storageClass.reclaimPolicy ??= 'Delete';
  storageClass.volumeBindingMode ??= 'Immediate';
}

const storageClassesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'StorageClass',
    name: 'storageclasses',
    shortNames: ['sc'],
    namespaced: false,
    schema: { ref: 'storage/v1.StorageClass' },
    columns: storageClassColumns,
  }),
  defaults: defaultStorageClass,
  validateCreate: (object) => validateStorageClass(object as storagev1.StorageClass),
  validateUpdate: (object, old) =>
    validateStorageClassUpdate(object as storagev1.StorageClass, old as storagev1.StorageClass),
};

const volumeAttachmentsResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'VolumeAttachment',
    name: 'volumeattachments',
    namespaced: false,
    schema: { ref: 'storage/v1.VolumeAttachment' },
    subresources: [statusSubresource],
    columns: volumeAttachmentColumns,
  }),
  prepareForCreate: dropStatus(() => ({ attached: false })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateVolumeAttachment(object as storagev1.VolumeAttachment),
  validateUpdate: (object, old) =>
    validateVolumeAttachmentUpdate(object as storagev1.VolumeAttachment, old as storagev1.VolumeAttachment),
  validateStatusUpdate: (object, old) =>
    validateVolumeAttachmentUpdate(object as storagev1.VolumeAttachment, old as storagev1.VolumeAttachment),
};

/** storage/v1 SetDefaults_CSIDriver. */
function defaultCsiDriver(object: KubeObject): void {
  const driver = object as storagev1.CSIDriver;
  driver.spec ??= {};
  const { spec } = driver;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

const csiDriversResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'CSIDriver',
    name: 'csidrivers',
    namespaced: false,
    schema: { ref: 'storage/v1.CSIDriver' },
    hasGeneration: true,
    columns: csiDriverColumns,
  }),
  defaults: defaultCsiDriver,
  validateCreate: (object) => validateCsiDriver(object as storagev1.CSIDriver),
  validateUpdate: (object, old) =>
    validateCsiDriverUpdate(object as storagev1.CSIDriver, old as storagev1.CSIDriver),
};

const csiNodesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'CSINode',
    name: 'csinodes',
    namespaced: false,
    schema: { ref: 'storage/v1.CSINode' },
    columns: csiNodeColumns,
  }),
  // The status belongs to a feature that is off upstream too.
  prepareForCreate: withoutStatus,
  prepareForUpdate: withoutStatus,
  validateCreate: (object) => validateCsiNode(object as storagev1.CSINode),
  validateUpdate: (object, old) =>
    validateCsiNodeUpdate(object as storagev1.CSINode, old as storagev1.CSINode),
};

function withoutStatus(object: KubeObject): void {
  delete (object as storagev1.CSINode).status;
}

const csiStorageCapacitiesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'CSIStorageCapacity',
    name: 'csistoragecapacities',
    schema: { ref: 'storage/v1.CSIStorageCapacity' },
    columns: csiStorageCapacityColumns,
  }),
  validateCreate: (object) => validateStorageCapacity(object as storagev1.CSIStorageCapacity),
  validateUpdate: (object, old) =>
    validateStorageCapacityUpdate(
      object as storagev1.CSIStorageCapacity,
      old as storagev1.CSIStorageCapacity,
    ),
};

const volumeAttributesClassesResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'VolumeAttributesClass',
    name: 'volumeattributesclasses',
    shortNames: ['vac'],
    namespaced: false,
    schema: { ref: 'storage/v1.VolumeAttributesClass' },
    columns: volumeAttributesClassColumns,
  }),
  validateCreate: (object) => validateVolumeAttributesClass(object as storagev1.VolumeAttributesClass),
  validateUpdate: (object, old) =>
    validateVolumeAttributesClassUpdate(
      object as storagev1.VolumeAttributesClass,
      old as storagev1.VolumeAttributesClass,
    ),
};

export const storageResources: readonly Resource[] = [
  storageClassesResource,
  volumeAttachmentsResource,
  csiDriversResource,
  csiNodesResource,
  csiStorageCapacitiesResource,
  volumeAttributesClassesResource,
];
