import {
  type admissionregistrationv1,
  type KubeObject,
  labelSelectorAsSelector,
  type Resource,
} from '../../../kube/index.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { groupVersion } from '../../storage/object-storage.ts';
import { type AdmissionRequest, guardingWorkspace, type StoredObjects } from '../admission.ts';

/** What a binding compares a request with: undefined when nothing is to be compared, null for no parameter. */
export type Params = readonly (Readonly<KubeObject> | null)[];

/**
 * The objects a binding's paramRef names. @throws Error in upstream's words when there should be some and are not.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic CollectParams.
 */
export async function collectParams(
  parts: { objects: StoredObjects; catalog: ResourceCatalog },
  about: {
    kind: admissionregistrationv1.ParamKind | undefined;
    ref: admissionregistrationv1.ParamRef | undefined;
    request: AdmissionRequest;
  },
): Promise<Params> {
  const { kind, ref, request } = about;
  if (kind === undefined || ref === undefined) return [null];
  const resource = parts.catalog
    .in(guardingWorkspace(request))
    .all.find((one) => one.kind === kind.kind && groupVersion(one) === kind.apiVersion);
  if (resource === undefined)
    throw new Error(
      `failed to configure policy: failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`,
    );
  const found = await find(parts.objects, resource, ref, request);
  if (found.length > 0) return found;
  if (ref.parameterNotFoundAction === 'Allow') return [];
  throw new Error(
    'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  );
}

async function find(
  objects: StoredObjects,
  resource: Resource,
  ref: admissionregistrationv1.ParamRef,
  request: AdmissionRequest,
): Promise<Readonly<KubeObject>[]> {
  const { namespace } = request;
  const workspace = guardingWorkspace(request);
  const reference = { group: resource.group, resource: resource.name };
  let where: { workspace: string; namespace?: string } = { workspace };
  if (resource.namespaced) {
    const from = ref.namespace || namespace;
    if (from === undefined)
      throw new Error(
        'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
      );
    where = { workspace, namespace: from };
  } else if (ref.namespace)
    throw new Error(
      'failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`',
    );
  if (ref.name) {
    const object = await objects.find(reference, { ...where, name: ref.name });
    return object === undefined ? [] : [object];
  }
  const selector = labelSelectorAsSelector(ref.selector ?? {});
  const all = await objects.list(reference, where);
  return all.flatMap(({ object }) => (selector.matches(object.metadata.labels) ? [object] : []));
}
