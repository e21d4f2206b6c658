import type { AdmissionPlugin, StoredObjects } from '../../admission/admission.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import type { WorkspaceDirectory } from '../workspace-directory.ts';
import { ApiBindingAdmission, apiBindingFinalizer } from './api-bindings.ts';
import { ApiConversionAdmission } from './api-conversions.ts';
import { ApiExportEndpointSliceAdmission } from './api-export-endpoint-slices.ts';
import { ApiExportAdmission } from './api-exports.ts';
import { apiResourceSchemaAdmission } from './api-resource-schemas.ts';
import { BindAccess } from './bind-access.ts';
import { BoundNamesAdmission } from './bound-names.ts';
import { sharedApiFacts } from './shared-api-facts.ts';

/** Plug-ins of shared APIs, in kcp's order; pkg/admission/plugins.go. */
export function apisPlugins(parts: {
  objects: StoredObjects;
  catalog: ResourceCatalog;
  directory: WorkspaceDirectory;
  /** Roles of a workspace alone, whoever may come into it. */
  roles: Authorizer;
}): AdmissionPlugin[] {
  const access = new BindAccess(parts);
  return [
    sharedApiFacts,
    apiResourceSchemaAdmission,
    new ApiExportAdmission(parts.catalog),
    new ApiBindingAdmission(access),
    apiBindingFinalizer,
    new ApiExportEndpointSliceAdmission(access),
    new ApiConversionAdmission(parts.objects),
    new BoundNamesAdmission(parts.objects),
  ];
}
