import { equalJson, type metav1, parseGroupVersion } from '../../kube/index.ts';
import type { AuthorizationAttributes, Authorizer } from '../authorization/authorizer.ts';
import { forbidden } from '../errors.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

/**
 * Whoever gives an object an owner may delete the object; whoever lets it hold up its owner's deletion may change
 * the owner's finalizers. Source: k8s.io/kubernetes/plugin/pkg/admission/gc.
 */
export class OwnerReferencesPermissionEnforcement implements AdmissionPlugin {
  readonly name = 'OwnerReferencesPermissionEnforcement';
  readonly #authorizer: Authorizer;
  readonly #catalog: ResourceCatalog;

  constructor(parts: { authorizer: Authorizer; catalog: ResourceCatalog }) {
    this.#authorizer = parts.authorizer;
    this.#catalog = parts.catalog;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, subresource, operation, object, oldObject, name } = request;
    if ((operation !== 'CREATE' && operation !== 'UPDATE') || object === undefined) return;
    // The strategy of a pod's status keeps its owners.
    if (resource.group === '' && resource.name === 'pods' && subresource === 'status') return;
    const owners = object.metadata.ownerReferences ?? [];
    const before = oldObject?.metadata.ownerReferences ?? [];
    if (equalJson(owners, before)) return;
    const refuse = (why: string) => forbidden(resource, name || object.metadata.name, why);
    const { group, version } = resource;
    const reason = await this.#refusal(request, 'delete', {
      group,
      version,
      resource: resource.name,
      ...(subresource !== undefined && { subresource }),
      ...(name !== '' && { name }),
      ...(request.namespace !== undefined && { namespace: request.namespace }),
    });
    if (reason !== undefined)
      throw refuse(`cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`);
    for (const owner of blocking(owners, before)) {
      for (const { namespaced, target } of this.#resourcesOf(request.workspace, owner, refuse)) {
        const at = namespaced ? request.namespace : undefined;
        const why = await this.#refusal(request, 'update', {
          ...target,
          name: owner.name,
          ...(at !== undefined && { namespace: at }),
        });
        if (why !== undefined)
          throw refuse(
            `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${why}, <nil>`,
          );
      }
    }
  }

  #resourcesOf(
    workspace: string,
    { apiVersion, kind }: metav1.OwnerReference,
    refuse: (why: string) => Error,
  ) {
    const { group, version } = parseGroupVersion(apiVersion);
    const found = this.#catalog
      .in(workspace)
      .all.filter((one) => one.group === group && one.version === version && one.kind === kind);
    if (found.length === 0)
      throw refuse(
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
      );
    return found.map(({ name: resource, namespaced }) => ({
      namespaced,
      target: { group, version, resource, subresource: 'finalizers' },
    }));
  }

  /** Why the user may not; undefined when he may. */
  async #refusal(
    { user, workspace }: AdmissionRequest,
    verb: string,
    resource: NonNullable<AuthorizationAttributes['resource']>,
  ): Promise<string | undefined> {
    const { verdict, reason } = await this.#authorizer.authorize({
      user,
      workspace,
      verb,
      path: '',
      resource,
    });
    return verdict === 'allow' ? undefined : (reason ?? '');
  }
}

/** The owners an object did not hold up before. */
function blocking(
  owners: readonly metav1.OwnerReference[],
  before: readonly metav1.OwnerReference[],
): metav1.OwnerReference[] {
  return owners.filter(
    ({ blockOwnerDeletion, uid }) =>
      blockOwnerDeletion === true && before.find((one) => one.uid === uid)?.blockOwnerDeletion !== true,
  );
}
