import type { Resource } from '../../kube/index.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';

/** `/<group or "core">/<resource>[:<identity>]/<workspace>/<namespace or "-">/<name>`; see the design, State. */
export interface ObjectAddress {
  workspace: string;
  /** Undefined for cluster-scoped objects and for lists over all namespaces. */
  namespace?: string;
  name: string;
}

export const NO_NAMESPACE = '-';

type Stored = Pick<Resource, 'group' | 'name' | 'identity'>;

export function resourcePrefix({ group, name, identity }: Stored): string {
  const owned = identity === undefined ? name : `${name}:${identity}`;
  return `/${group === '' ? 'core' : group}/${owned}/`;
}

export function objectKey(resource: Stored, address: ObjectAddress): string {
  return `${resourcePrefix(resource)}${address.workspace}/${address.namespace ?? NO_NAMESPACE}/${address.name}`;
}

/** All objects of a resource in all workspaces, one workspace, or one namespace; always ends in '/'. */
export function listPrefix(
  resource: Stored & Pick<Resource, 'namespaced'>,
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
