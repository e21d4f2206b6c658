import type { NotFound } from '../../base/index.ts';
import { type corev1, type corev1alpha1, ROOT_WORKSPACE } from '../../kube/index.ts';
import { forbidden, objectNotFound } from '../errors.ts';
import { LOGICAL_CLUSTER_NAME, LOGICAL_CLUSTERS } from '../workspaces/workspace-directory.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Nothing is created in a namespace that is not there or is ending, nor beside namespaces in a workspace that is being
 * emptied: it would be left behind. The first namespaces are never deleted, except with their workspace.
 * Source: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
 */
export class NamespaceLifecycle implements AdmissionPlugin {
  readonly name = 'NamespaceLifecycle';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (request.operation !== 'CREATE' || request.namespace === undefined) return;
    if (!request.resource.namespaced || request.subresource !== undefined) return;
    const namespace = await this.#objects.find<corev1.Namespace>(NAMESPACES, {
      workspace: request.workspace,
      name: request.namespace,
    });
    if (namespace === undefined) throw namespaceNotFound(request.namespace);
    if (namespace.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      request.resource,
      request.name,
      `unable to create new content in namespace ${request.namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${request.namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, operation, name, workspace } = request;
    if (operation === 'CREATE') return this.#checkWorkspace(request);
    if (operation !== 'DELETE' || resource.group !== '' || resource.name !== 'namespaces') return;
    if (IMMORTAL.has(name) && (await this.#endingCluster(workspace)) === undefined)
      throw forbidden(resource, name, 'this namespace may not be deleted');
  }

  /** Whoever still has to clean up may make what that needs. */
  async #checkWorkspace({ resource, subresource, workspace, name }: AdmissionRequest): Promise<void> {
    const isStored = resource.verbs.includes('delete');
    if (workspace === ROOT_WORKSPACE || resource.namespaced || subresource !== undefined || !isStored) return;
    const cluster = await this.#endingCluster(workspace);
    if (cluster === undefined || (cluster.status?.terminators ?? []).length > 0) return;
    const why = `unable to create new content in logical cluster ${workspace} because it is being terminated`;
    throw forbidden(resource, name, why);
  }

  /** With its logical cluster goes all that is in it; as kcp's own WorkspaceNamespaceLifecycle. */
  async #endingCluster(workspace: string): Promise<Readonly<corev1alpha1.LogicalCluster> | undefined> {
    const place = { workspace, name: LOGICAL_CLUSTER_NAME };
    const cluster = await this.#objects.find<corev1alpha1.LogicalCluster>(LOGICAL_CLUSTERS, place);
    return cluster?.metadata.deletionTimestamp === undefined ? undefined : cluster;
  }
}

/** Nothing is done in a namespace that is not there; k8s.io/kubernetes/plugin/pkg/admission/namespace/exists. */
export class NamespaceExists implements AdmissionPlugin {
  readonly name = 'NamespaceExists';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async validate({ workspace, resource, namespace, operation }: AdmissionRequest): Promise<void> {
    if (namespace === undefined || !resource.namespaced || operation === 'CONNECT') return;
    const found = await this.#objects.find(NAMESPACES, { workspace, name: namespace });
    if (found === undefined) throw namespaceNotFound(namespace);
  }
}

export function namespaceNotFound(name: string): NotFound {
  return objectNotFound({ group: '', name: 'namespaces' }, name);
}
