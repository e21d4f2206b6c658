import type { corev1alpha1 } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { writes } from './refusal.ts';

const SHARDS = { group: 'core.kcp.io', resource: 'shards' };

/** A Shard is reached at its base URL unless it says more. Source: kcp pkg/admission/shard. */
export const shardAdmission: AdmissionPlugin = {
  name: 'tenancy.kcp.io/Shard',
  mutate(request: AdmissionRequest): void {
    if (!writes(request, SHARDS)) return;
    const { spec } = request.object as corev1alpha1.Shard;
    // What lacks it is refused by the schema.
    if (!spec?.baseURL) return;
    spec.externalURL ||= spec.baseURL;
    spec.virtualWorkspaceURL ||= spec.baseURL;
  },
};
