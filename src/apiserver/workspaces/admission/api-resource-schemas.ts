import type { FieldError } from '../../../base/index.ts';
import {
  type apisv1alpha1,
  fieldErrorText,
  validateApiResourceSchema,
  validateApiResourceSchemaUpdate,
} from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import { refused } from './refusal.ts';

/** Whether a write is about a resource of apis.kcp.io itself. */
export function isOfApis({ resource, subresource }: AdmissionRequest, name: string): boolean {
  return resource.group === APIS_GROUP && resource.name === name && subresource === undefined;
}

/** @throws Forbidden with all of the errors, as Go prints a list of them. */
export function refuse(request: AdmissionRequest, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  throw refused(request, `[${errors.map(fieldErrorText).join(' ')}]`);
}

/** Schemas that can be served, and that never change. Source: pkg/admission/apiresourceschema. */
export const apiResourceSchemaAdmission: AdmissionPlugin = {
  name: 'apis.kcp.io/APIResourceSchema',
  validate(request) {
    if (!isOfApis(request, 'apiresourceschemas')) return;
    const schema = request.object as apisv1alpha1.APIResourceSchema;
    if (request.operation === 'CREATE') refuse(request, validateApiResourceSchema(schema));
    else if (request.operation === 'UPDATE')
      refuse(
        request,
        validateApiResourceSchemaUpdate(schema, request.oldObject as apisv1alpha1.APIResourceSchema),
      );
  },
};
