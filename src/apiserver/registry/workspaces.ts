import { CLUSTER_ANNOTATION } from '../../kube/index.ts';
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
  const object = registry.storage.decode(resource, stored.bytes);
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [CLUSTER_ANNOTATION]: addressOf(stored.key).workspace,
  };
  return { ...stored, bytes: encodeText(JSON.stringify(object)), rewritten: true };
}
