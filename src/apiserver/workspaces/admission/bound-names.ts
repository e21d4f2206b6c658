import type { apisv1alpha2, CustomResourceDefinition } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import { forbidden } from '../../errors.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';

/** No definition for what an APIBinding has bound already. Source: pkg/admission/crdnooverlappinggvr. */
export class BoundNamesAdmission implements AdmissionPlugin {
  readonly name = 'apis.kcp.io/CRDNoOverlappingGVR';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, operation, workspace, object } = request;
    if (operation !== 'CREATE' || resource.name !== 'customresourcedefinitions') return;
    if (resource.group !== 'apiextensions.k8s.io') return;
    const { group, names } = (object as CustomResourceDefinition).spec;
    const bindings = await this.#objects.list<apisv1alpha2.APIBinding>(
      { group: APIS_GROUP, resource: 'apibindings' },
      { workspace },
    );
    const binding = bindings.find(({ object: { status } }) =>
      status?.boundResources?.some((one) => one.group === group && one.resource === names.plural),
    );
    if (binding === undefined) return;
    const { name } = binding.object.metadata;
    throw forbidden(
      resource,
      request.name,
      `cannot create because resource is bound by APIBinding ${JSON.stringify(name)}`,
    );
  }
}
