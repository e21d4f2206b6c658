import type { authenticationv1, corev1 } from '../../kube/index.ts';
import { nodeNameOf } from '../authorization/node-authorizer.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/**
 * A node changes its own Node, and the pods bound to it, only.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/noderestriction.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = 'NodeRestriction';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const node = nodeNameOf(request.user);
    if (node === undefined || request.resource.group !== '') return;
    switch (request.resource.name) {
      case 'nodes':
        if (request.name !== node)
          throw forbidden(
            request.resource,
            request.name,
            `node "${node}" is not allowed to modify node "${request.name}"`,
          );
        return;
      case 'pods':
        return this.#validatePod(request, node);
      case 'serviceaccounts':
        if (request.subresource === 'token') await this.#validateToken(request, node);
    }
  }

  async #validatePod(request: AdmissionRequest, node: string): Promise<void> {
    if (request.operation === 'CREATE' && request.subresource === undefined) {
      const pod = request.object as corev1.Pod;
      if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined)
        throw forbidden(
          request.resource,
          request.name,
          `pod does not have "${MIRROR_ANNOTATION}" annotation, node "${node}" can only create mirror pods`,
        );
      if (pod.spec?.nodeName !== node)
        throw forbidden(
          request.resource,
          request.name,
          `node "${node}" can only create pods with spec.nodeName set to itself`,
        );
      return;
    }
    const pod = (request.oldObject ??
      (await this.#objects.find(
        { group: '', resource: 'pods' },
        { workspace: request.workspace, namespace: request.namespace!, name: request.name },
      ))) as Readonly<corev1.Pod> | undefined;
    if (pod === undefined || pod.spec?.nodeName === node) return;
    const what = request.operation === 'DELETE' ? 'delete' : 'update status for';
    throw forbidden(
      request.resource,
      request.name,
      `node "${node}" can only ${what} pods with spec.nodeName set to itself`,
    );
  }

  async #validateToken(request: AdmissionRequest, node: string): Promise<void> {
    const bound = (request.body as authenticationv1.TokenRequest | undefined)?.spec?.boundObjectRef;
    if (bound?.kind !== 'Pod' || !bound.name)
      throw forbidden(request.resource, request.name, 'node requested token not bound to a pod');
    const pod = await this.#objects.find<corev1.Pod>(
      { group: '', resource: 'pods' },
      { workspace: request.workspace, namespace: request.namespace!, name: bound.name },
    );
    if (pod?.spec?.nodeName !== node)
      throw forbidden(
        request.resource,
        request.name,
        'node requested token bound to a pod scheduled on a different node',
      );
  }
}
