import type { metav1, Resource } from '../../kube/index.ts';
import type { Catalog } from '../registry/catalog.ts';
import { groupVersion } from '../storage/object-storage.ts';
import type { ServedGroup } from './served-groups.ts';

/** GET /api */
export function apiVersions(serverAddress: string): metav1.APIVersions {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** GET /apis */
export function apiGroupList(groups: readonly ServedGroup[]): metav1.APIGroupList {
  const named = groups.filter(({ name }) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(groupOf) };
}

/** GET /apis/<group> */
export function apiGroup(groups: readonly ServedGroup[], name: string): metav1.APIGroup | undefined {
  const group = name === '' ? undefined : groups.find((one) => one.name === name);
  return group && { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) };
}

function groupOf({ name, versions: served }: ServedGroup): metav1.APIGroup {
  const versions = served.map(({ version }) => ({
    groupVersion: groupVersion({ group: name, version }),
    version,
  }));
  return { name, versions, preferredVersion: versions[0]! };
}

/** GET /api/v1, /apis/<group>/<version> */
export function apiResourceList(
  catalog: Catalog,
  group: string,
  version: string,
): metav1.APIResourceList | undefined {
  const resources = catalog.all.filter((one) => one.group === group && one.version === version);
  if (resources.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: groupVersion({ group, version }),
    resources: resources.flatMap((resource) => [mainEntry(resource), ...subresourceEntries(resource)]),
  };
}

function mainEntry(resource: Resource): metav1.APIResource {
  return {
    name: resource.name,
    singularName: resource.singularName,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: [...resource.verbs],
    ...(resource.shortNames.length > 0 && { shortNames: [...resource.shortNames] }),
    ...(resource.categories.length > 0 && { categories: [...resource.categories] }),
  } as metav1.APIResource;
}

function subresourceEntries(resource: Resource): metav1.APIResource[] {
  return resource.subresources.map((subresource) => {
    const { kind } = subresource;
    return {
      name: `${resource.name}/${subresource.name}`,
      singularName: '',
      namespaced: resource.namespaced,
      ...(kind !== undefined && { group: kind.group, version: kind.version }),
      kind: kind?.kind ?? resource.kind,
      verbs: [...subresource.verbs],
    } as metav1.APIResource;
  });
}
