import type { Resource } from '../../kube/index.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';

/** `/<group or "core">/<resource>/<workspace>/<namespace or "-">/<name>`; see the design, State. */
export interface ObjectAddress {
  workspace: string;
  /** Undefined for cluster-scoped objects and for lists over all namespaces. */
  namespace?: string;
  name: string;
}

export const NO_NAMESPACE = '-';

export function resourcePrefix(resource: Pick<Resource, 'group' | 'name'>): string {
  return `/${resource.group === '' ? 'core' : resource.group}/${resource.name}/`;
}

export function objectKey(resource: Pick<Resource, 'group' | 'name'>, address: ObjectAddress): string {
  return `${resourcePrefix(resource)}${address.workspace}/${address.namespace ?? NO_NAMESPACE}/${address.name}`;
}

/** All objects of a resource in all workspaces, one workspace, or one namespace; always ends in '/'. */
export function listPrefix(
  resource: Pick<Resource, 'group' | 'name' | 'namespaced'>,
  workspace: string,
  namespace: string | undefined,
): string {
  const all = resourcePrefix(resource);
  if (workspace === ALL_WORKSPACES) return all;
  if (!resource.namespaced) return `${all}${workspace}/${NO_NAMESPACE}/`;
  return namespace === undefined ? `${all}${workspace}/` : `${all}${workspace}/${namespace}/`;
}

export function addressOf(key: string): ObjectAddress {
  const [, , , workspace, namespace, name] = key.split('/') as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return namespace === NO_NAMESPACE ? { workspace, name } : { workspace, namespace, name };
}
