import { type apisv1alpha1, ConversionRules, fieldErrorText } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import { isOfApis } from './api-resource-schemas.ts';
import { aggregated, refused } from './refusal.ts';

/** Rules of conversions must be for fields that their schema, the one of the same name, has. Source: pkg/admission/apiconversion. */
export class ApiConversionAdmission implements AdmissionPlugin {
  readonly name = 'apis.kcp.io/APIConversion';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!isOfApis(request, 'apiconversions') || request.object === undefined) return;
    const { metadata, spec } = request.object as apisv1alpha1.APIConversion;
    const { name } = metadata;
    const schema = await this.#objects.find<apisv1alpha1.APIResourceSchema>(
      { group: APIS_GROUP, resource: 'apiresourceschemas' },
      { workspace: request.workspace, name },
    );
    if (schema === undefined)
      throw refused(
        request,
        `error getting APIResourceSchema ${name}: apiresourceschemas.${APIS_GROUP} ${JSON.stringify(name)} not found`,
      );
    const schemas = new Map(schema.spec.versions.map((version) => [version.name, version.schema]));
    const { errors } = ConversionRules.compile(spec.conversions, schemas);
    if (errors.length > 0)
      throw refused(request, `error compiling conversion rules: ${aggregated(errors.map(fieldErrorText))}`);
  }
}
