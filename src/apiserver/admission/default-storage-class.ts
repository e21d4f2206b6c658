import type { corev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';
import { defaultClassName } from './default-class.ts';

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
    const newest = await defaultClassName(
      this.#objects,
      { group: 'storage.k8s.io', resource: 'storageclasses' },
      { workspace, annotations: IS_DEFAULT },
    );
    if (newest !== undefined) spec.storageClassName = newest;
  }
}
