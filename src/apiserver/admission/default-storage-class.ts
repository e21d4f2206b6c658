import type { corev1, storagev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const IS_DEFAULT = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
/** How a class was named before spec.storageClassName. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/**
 * A claim that names no class is of the default one, of several the newest; `""` is a name.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/storage/storageclass/setdefault.
 */
export class DefaultStorageClass implements AdmissionPlugin {
  readonly name = 'DefaultStorageClass';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate({ operation, resource, subresource, workspace, object }: AdmissionRequest): Promise<void> {
    if (operation !== 'CREATE' || subresource !== undefined) return;
    if (resource.group !== '' || resource.name !== 'persistentvolumeclaims') return;
    const { metadata, spec } = object as corev1.PersistentVolumeClaim;
    if (spec === undefined || spec.storageClassName !== undefined) return;
    if (metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
    const classes = await this.#objects.list<storagev1.StorageClass>(
      { group: 'storage.k8s.io', resource: 'storageclasses' },
      { workspace },
    );
    const [newest] = classes
      .map((one) => one.object)
      .filter((one) => IS_DEFAULT.some((name) => one.metadata.annotations?.[name] === 'true'))
      .sort(newestFirst);
    if (newest !== undefined) spec.storageClassName = newest.metadata.name;
  }
}

function newestFirst(a: storagev1.StorageClass, b: storagev1.StorageClass): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? 1 : -1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
