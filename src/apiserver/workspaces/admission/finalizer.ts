import { DELETION_FINALIZER, type KubeObject } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { LOGICAL_CLUSTERS } from '../workspace-directory.ts';
import { isPrivileged } from './privileged.ts';
import { refused, writes } from './refusal.ts';

interface Held {
  name: string;
  resource: { group: string; resource: string };
  finalizer: string;
}

/**
 * Objects of one resource have a finalizer as long as they are not being deleted, and then only the system takes it
 * away. Source: kcp pkg/admission/finalizer.
 */
export function finalizerAdmission({ name, resource, finalizer }: Held): AdmissionPlugin {
  return {
    name,
    mutate(request: AdmissionRequest): void {
      if (!writes(request, resource)) return;
      const { metadata } = request.object!;
      if (metadata.deletionTimestamp === undefined && !isHeld(request.object!, finalizer))
        metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    },
    validate(request: AdmissionRequest): void {
      if (!writes(request, resource)) return;
      const { object, oldObject, operation, user } = request;
      if (isHeld(object!, finalizer)) return;
      if (object!.metadata.deletionTimestamp === undefined)
        throw refused(request, `finalizer ${finalizer} is required`);
      const isRemoved = operation === 'UPDATE' && isHeld(oldObject!, finalizer);
      if (isRemoved && !isPrivileged(user))
        throw refused(request, `removing the finalizer ${finalizer} is forbidden`);
    },
  };
}

function isHeld({ metadata }: Readonly<KubeObject>, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true;
}

export const logicalClusterFinalizer = finalizerAdmission({
  name: 'tenancy.kcp.io/LogicalClusterDeletionFinalizer',
  resource: LOGICAL_CLUSTERS,
  finalizer: DELETION_FINALIZER,
});
