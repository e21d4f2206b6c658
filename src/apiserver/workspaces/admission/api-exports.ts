import type { FieldError } from '../../../base/index.ts';
import { type apisv1alpha2, fieldErrorText, invalid } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { forbidden } from '../../errors.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import { isOfApis } from './api-resource-schemas.ts';

/** A workspace that adds nothing to what is built in. */
const BARE_WORKSPACE = '';

/**
 * Claims on what is not built in name whose it is, and schemas are of the resource they stand for.
 * Source: pkg/admission/apiexport.
 */
export class ApiExportAdmission implements AdmissionPlugin {
  readonly name = 'apis.kcp.io/APIExport';
  readonly #catalog: ResourceCatalog;

  constructor(catalog: ResourceCatalog) {
    this.#catalog = catalog;
  }

  validate(request: AdmissionRequest): void {
    if (!isOfApis(request, 'apiexports')) return;
    if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return;
    // What is looked at is the same in both versions.
    const { spec } = request.object as apisv1alpha2.APIExport;
    const error = [...(spec?.permissionClaims ?? []).entries()]
      .map(([index, claim]) => this.#claimError(claim, index))
      .concat([...(spec?.resources ?? []).entries()].map(([index, one]) => schemaError(one, index)))
      .find((one) => one !== undefined);
    if (error !== undefined) throw forbidden(request.resource, request.name, fieldErrorText(error));
  }

  #claimError(claim: apisv1alpha2.PermissionClaim, index: number): FieldError | undefined {
    const { group = '', identityHash } = claim;
    if (identityHash || group === APIS_GROUP) return undefined;
    const name = claim.resource.split('/')[0]!;
    if (this.#catalog.in(BARE_WORKSPACE).findStored(group, name) !== undefined) return undefined;
    const field = `spec.permissionClaims[${index}].identityHash`;
    return invalid(field, '', 'identityHash is required for API types that are not built-in');
  }
}

function schemaError(
  { name, group, schema }: apisv1alpha2.ResourceSchema,
  index: number,
): FieldError | undefined {
  const ending = `.${name}.${group || 'core'}`;
  if (schema.endsWith(ending)) return undefined;
  return invalid(`spec.resources[${index}].schema`, schema, `must end in ${ending}`);
}
