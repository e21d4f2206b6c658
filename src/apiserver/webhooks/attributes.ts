import {
  applyDefaults,
  applyScale,
  BOUND_DEFINITIONS_WORKSPACE,
  type CustomResourceDefinition,
  decodeObject,
  type GroupVersionKind,
  type KubeObject,
  type Resource,
  SCHEMA_CLUSTER_ANNOTATION,
  scaleOf,
} from '../../kube/index.ts';
import type { AdmissionRequest, StoredObjects } from '../admission/admission.ts';
import { converterOf } from '../extensions/converter.ts';
import { groupVersion } from '../storage/object-storage.ts';
import { isNamespace } from './rules.ts';
import type { WebhookClient } from './webhook-client.ts';

/** The request as who decides on it sees it: `object` and `oldObject` in the kind and version that was asked for. */
export interface Attributes {
  kind: GroupVersionKind;
  resource: { group: string; version: string; resource: string };
  name: string;
  namespace: string | undefined;
  object: object | null;
  oldObject: object | null;
}

const SCALE: GroupVersionKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
const CONNECT_KINDS: Readonly<Record<string, string>> = {
  'pods/exec': 'PodExecOptions',
  'pods/attach': 'PodAttachOptions',
  'pods/portforward': 'PodPortForwardOptions',
  'pods/proxy': 'PodProxyOptions',
  'services/proxy': 'ServiceProxyOptions',
  'nodes/proxy': 'NodeProxyOptions',
};

export function kindOf(
  { resource, subresource }: AdmissionRequest,
  version: Resource = resource,
): GroupVersionKind {
  const own = { group: version.group, version: version.version, kind: version.kind };
  if (subresource === undefined) return own;
  if (subresource === 'scale') return SCALE;
  const connected = resource.group === '' ? CONNECT_KINDS[`${resource.name}/${subresource}`] : undefined;
  if (connected !== undefined) return { group: '', version: 'v1', kind: connected };
  return resource.subresources.find(({ name }) => name === subresource)?.kind ?? own;
}

/** Turns objects of one version of a resource into another, as the server itself does. */
export class VersionConverter {
  readonly #objects: StoredObjects;
  readonly #client: WebhookClient;

  constructor(objects: StoredObjects, client: WebhookClient) {
    this.#objects = objects;
    this.#client = client;
  }

  /** In a workspace. @throws OrreryError InternalError when a conversion webhook fails. */
  async convert(from: Resource, to: Resource, object: KubeObject, workspace: string): Promise<KubeObject> {
    if (from === to || (from.version === to.version && from.group === to.group)) return object;
    // What definitions make is never another resource's view; kcp's kinds, built in with schemas of their own, may be.
    const isView = from.storage !== undefined || to.storage !== undefined;
    if (isView || !from.schema.ref.startsWith('custom:')) {
      const stored = from.storage?.toStored(structuredClone(object)) ?? object;
      return (
        to.storage?.fromStored(structuredClone(stored)) ?? {
          ...stored,
          apiVersion: groupVersion(to),
          kind: to.kind,
        }
      );
    }
    const definition = await this.#objects.find<CustomResourceDefinition>(
      { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
      from.bound === undefined
        ? { workspace, name: `${from.name}.${from.group}` }
        : { workspace: BOUND_DEFINITIONS_WORKSPACE, name: from.bound.definition },
    );
    // Only of the server's own copies of schemas is that annotation the server's own word.
    const provider = from.bound && definition?.metadata.annotations?.[SCHEMA_CLUSTER_ANNOTATION];
    const converter =
      definition &&
      converterOf(definition, {
        webhooks: this.#client,
        workspace: provider ?? workspace,
        isBound: from.bound !== undefined,
      });
    if (converter === undefined) return { ...object, apiVersion: groupVersion(to) };
    return (await converter.convert([object], groupVersion(to)))[0]!;
  }

  /** What one who asked for `version` sees. */
  async attributes(request: AdmissionRequest, version: Resource): Promise<Attributes> {
    const { resource } = request;
    const kind = kindOf(request, version);
    const isOwn = kind.kind === version.kind && kind.group === version.group;
    const seen = async (object: Readonly<KubeObject> | undefined): Promise<object | null> => {
      if (object === undefined) return null;
      if (request.subresource === 'scale') return scaleOf(resource, object);
      return isOwn
        ? withType(await this.convert(resource, version, object, request.workspace), version)
        : null;
    };
    const body = request.body === undefined ? null : (request.body as object);
    return {
      kind,
      resource: { group: version.group, version: version.version, resource: version.name },
      name: request.name || request.object?.metadata.name || '',
      namespace: isNamespace(resource)
        ? request.name || request.object?.metadata.name || ''
        : request.namespace,
      object: request.object === undefined ? body : await seen(request.object),
      oldObject: await seen(request.oldObject),
    };
  }

  /** Makes the request's object what somebody made of it, defaults and all; false when that changed nothing. */
  async replace(request: AdmissionRequest, version: Resource, next: object): Promise<void> {
    const { resource, object } = request;
    if (object === undefined) return overwrite(request.body as object, next);
    if (request.subresource === 'scale') {
      const scale = next as Parameters<typeof applyScale>[2];
      return overwrite(object, applyScale(resource, structuredClone(object), scale));
    }
    const converted = await this.convert(version, resource, next as KubeObject, request.workspace);
    const { object: decoded } = decodeObject(resource, converted, 'Ignore');
    applyDefaults(resource, decoded);
    overwrite(object, decoded);
  }
}

function withType(object: Readonly<KubeObject>, resource: Resource): object {
  const { apiVersion: _, kind: __, ...rest } = object;
  return { kind: resource.kind, apiVersion: groupVersion(resource), ...rest };
}

/** Others hold the object itself: it becomes the next one in place. */
function overwrite(object: object, next: object): void {
  for (const field of Object.keys(object)) delete (object as Record<string, unknown>)[field];
  Object.assign(object, next);
}
