import { ROOT_WORKSPACE, type tenancyv1alpha1 } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { refused, writes } from './refusal.ts';
import { WORKSPACE_TYPES } from './type-resolution.ts';

/** What a WorkspaceType refers to it names with its path. Source: kcp pkg/admission/workspacetype. */
export const workspaceTypeAdmission: AdmissionPlugin = {
  name: 'tenancy.kcp.io/WorkspaceType',
  validate(request: AdmissionRequest): void {
    if (!writes(request, WORKSPACE_TYPES)) return;
    const { metadata, spec } = request.object as tenancyv1alpha1.WorkspaceType;
    if (metadata.name === 'root' && request.workspace !== ROOT_WORKSPACE)
      throw refused(request, 'root workspace type can only be created in root cluster');
    const child = spec?.defaultChildWorkspaceType;
    if (child !== undefined && !child.path)
      throw refused(request, '.spec.defaultChildWorkspaceType.path must be set');
    for (const field of ['limitAllowedChildren', 'limitAllowedParents'] as const) {
      const at = (spec?.[field]?.types ?? []).findIndex(({ path }) => !path);
      if (at >= 0) throw refused(request, `.spec.${field}.types[${at}].path must be set`);
    }
  },
};
