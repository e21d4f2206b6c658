import { CLUSTER_ANNOTATION, type KubeObject, ROOT_WORKSPACE } from '../../kube/index.ts';
import { encodeText } from '../http/messages.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import { addressOf } from '../storage/keys.ts';
import type { StoredObject } from '../storage/object-storage.ts';
import type { Registry, ResourceRequest } from './registry.ts';

/** Across `/clusters/*` each object says where it lives; elsewhere the bytes go out as they are stored. */
export function presented(registry: Registry, request: ResourceRequest, stored: StoredObject): StoredObject {
  const { resource } = request;
  if (request.workspace !== ALL_WORKSPACES) {
    const bytes = registry.storage.bytesFor(resource, stored.bytes);
    return bytes === stored.bytes ? stored : { ...stored, bytes, rewritten: true };
  }
  const { workspace } = addressOf(stored.key);
  // Outside the first workspace every object is stored with it.
  if (workspace !== ROOT_WORKSPACE && resource.storage === undefined) return stored;
  const object = registry.storage.decode(resource, stored.bytes);
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [CLUSTER_ANNOTATION]: workspace,
  };
  return { ...stored, bytes: encodeText(JSON.stringify(object)), rewritten: true };
}

/** What is to be stored says where it lives; in the first workspace it says nothing, as on any Kubernetes. */
export function markWorkspace(metadata: KubeObject['metadata'], workspace: string): void {
  const { annotations } = metadata;
  if (workspace !== ROOT_WORKSPACE)
    metadata.annotations = { ...annotations, [CLUSTER_ANNOTATION]: workspace };
  else if (annotations?.[CLUSTER_ANNOTATION] !== undefined) {
    const { [CLUSTER_ANNOTATION]: _stranger, ...others } = annotations;
    metadata.annotations = others;
  }
}
