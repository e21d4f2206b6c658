import { apiVersionOf, type ResourceRef } from '../../client/index.ts';
import type { KubeObject, metav1 } from '../../kube/index.ts';

/** The owner that manages the object, if one does; metav1.GetControllerOf. */
export function controllerOf(object: KubeObject): metav1.OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** The reference that makes `owner` the managing owner; metav1.NewControllerRef. */
export function controllerRefTo(owner: KubeObject, resource: ResourceRef): metav1.OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
