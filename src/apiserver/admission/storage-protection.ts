import type { AdmissionPlugin } from './admission.ts';

const FINALIZERS: Readonly<Record<string, string>> = {
  '/persistentvolumeclaims': 'kubernetes.io/pvc-protection',
  '/persistentvolumes': 'kubernetes.io/pv-protection',
};

/**
 * What pods or claims use is not gone before they have let it go: a controller takes the finalizer away.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate: ({ resource, subresource, operation, object }) => {
    const finalizer = FINALIZERS[`${resource.group}/${resource.name}`];
    if (finalizer === undefined || operation !== 'CREATE' || subresource !== undefined) return;
    const { metadata } = object!;
    if (!metadata.finalizers?.includes(finalizer))
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};
