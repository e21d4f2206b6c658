import { CLUSTER_ANNOTATION, type KubeObject, ROOT_WORKSPACE } from '../kube/index.ts';

/**
 * The identity of an object in a cache that may span workspaces: `workspace|namespace|name`; the namespace
 * part is empty for cluster-scoped objects. None of the parts can contain `|` (DNS labels and subdomains).
 */
export type ObjectKey = string;

export interface ObjectName {
  workspace: string;
  namespace: string;
  name: string;
}

/** The workspace an object was read from: its `kcp.io/cluster` annotation, `root` without one. */
export function workspaceOf(object: KubeObject): string {
  return object.metadata.annotations?.[CLUSTER_ANNOTATION] ?? ROOT_WORKSPACE;
}

export function keyOf(object: KubeObject): ObjectKey {
  return makeKey(workspaceOf(object), object.metadata.namespace ?? '', object.metadata.name);
}

export function makeKey(workspace: string, namespace: string, name: string): ObjectKey {
  return `${workspace}|${namespace}|${name}`;
}

export function splitKey(key: ObjectKey): ObjectName {
  const [workspace = '', namespace = '', name = ''] = key.split('|');
  return { workspace, namespace, name };
}

/** `workspace|namespace`, the value that the built-in `namespace` index of an informer is looked up by. */
export function namespaceKeyOf(object: KubeObject): string {
  return `${workspaceOf(object)}|${object.metadata.namespace ?? ''}`;
}

/** The object without the annotation that reading through `/clusters/*` put on it: what may be written back. */
export function withoutClusterAnnotation<T extends { metadata: { annotations?: Record<string, string> } }>(
  object: T,
): T {
  const annotations = object.metadata.annotations;
  if (annotations === undefined || !(CLUSTER_ANNOTATION in annotations)) return object;
  const { [CLUSTER_ANNOTATION]: _, ...rest } = annotations;
  const metadata = { ...object.metadata, annotations: rest };
  if (Object.keys(rest).length === 0) delete (metadata as { annotations?: object }).annotations;
  return { ...object, metadata };
}
