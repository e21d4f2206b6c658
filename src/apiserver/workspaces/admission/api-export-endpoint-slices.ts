import { type apisv1alpha1, equalJson } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { isOfApis } from './api-resource-schemas.ts';
import type { BindAccess } from './bind-access.ts';

type Slice = apisv1alpha1.APIExportEndpointSlice;

/** Who asks where an export is served must be one who may bind to it. Source: pkg/admission/apiexportendpointslice. */
export class ApiExportEndpointSliceAdmission implements AdmissionPlugin {
  readonly name = 'apis.kcp.io/APIExportEndpointSlice';
  readonly #access: BindAccess;

  constructor(access: BindAccess) {
    this.#access = access;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!isOfApis(request, 'apiexportendpointslices') || request.object === undefined) return;
    const reference = (request.object as Slice).spec?.export;
    const before = (request.oldObject as Slice | undefined)?.spec?.export;
    if (reference === undefined || equalJson(reference, before)) return;
    await this.#access.check(request, reference, 'APIExportEndpointSlice');
  }
}
