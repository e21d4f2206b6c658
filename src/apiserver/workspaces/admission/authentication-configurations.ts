import { BadRequest } from '../../../base/index.ts';
import type { tenancyv1alpha1 } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { workspaceIssuersOf } from '../../authentication/jwt/workspace-issuers.ts';
import { refused, writes } from './refusal.ts';

const CONFIGURATIONS = { group: 'tenancy.kcp.io', resource: 'workspaceauthenticationconfigurations' };

/** What could not be used is refused by the name of its field, where kcp stores it and lets nobody in. */
export const authenticationConfigurations: AdmissionPlugin = {
  name: 'tenancy.kcp.io/WorkspaceAuthenticationConfiguration',
  validate(request: AdmissionRequest): void {
    if (!writes(request, CONFIGURATIONS)) return;
    try {
      workspaceIssuersOf((request.object as tenancyv1alpha1.WorkspaceAuthenticationConfiguration).spec);
    } catch (error) {
      if (error instanceof BadRequest) throw refused(request, error.message);
      throw error;
    }
  },
};
