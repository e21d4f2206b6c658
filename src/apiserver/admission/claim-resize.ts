import { type corev1, parseQuantity, type storagev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

/** A claim grows only when its class lets it; k8s.io/kubernetes/plugin/pkg/admission/storage/persistentvolume/resize. */
export class PersistentVolumeClaimResize implements AdmissionPlugin {
  readonly name = 'PersistentVolumeClaimResize';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, subresource, operation, name } = request;
    if (resource.group !== '' || resource.name !== 'persistentvolumeclaims') return;
    if (operation !== 'UPDATE' || subresource !== undefined) return;
    const now = request.object as corev1.PersistentVolumeClaim;
    const old = request.oldObject as Readonly<corev1.PersistentVolumeClaim>;
    if (sizeOf(now).compare(sizeOf(old)) <= 0) return;
    if (old.status?.phase !== 'Bound')
      throw forbidden(resource, name, 'Only bound persistent volume claims can be expanded');
    if (!(await this.#allows(request, now, old)))
      throw forbidden(
        resource,
        name,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
  }

  async #allows(
    { workspace }: AdmissionRequest,
    now: corev1.PersistentVolumeClaim,
    old: Readonly<corev1.PersistentVolumeClaim>,
  ): Promise<boolean> {
    const name = classOf(now);
    if (name === '' || name !== classOf(old)) return false;
    const found = await this.#objects.find<storagev1.StorageClass>(
      { group: 'storage.k8s.io', resource: 'storageclasses' },
      { workspace, name },
    );
    return found?.allowVolumeExpansion === true;
  }
}

function sizeOf({ spec }: Readonly<corev1.PersistentVolumeClaim>) {
  return parseQuantity(spec?.resources?.requests?.storage ?? 0);
}

/** The annotation of older days wins; k8s.io/component-helpers/storage/volume GetPersistentVolumeClaimClass. */
function classOf({ metadata, spec }: Readonly<corev1.PersistentVolumeClaim>): string {
  return metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? '';
}
