import type { metav1, Resource } from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { groupVersion } from '../storage/object-storage.ts';
import { priorityOf } from './group-priorities.ts';

/** The group names in the order clients shall prefer them. */
export function groupNames(catalog: ResourceCatalog): string[] {
  const versions = catalog.groups();
  const rank = (name: string) => priorityOf(name, versions.get(name)?.[0] ?? '').group;
  return [...versions.keys()].sort((a, b) => rank(b) - rank(a) || (a < b ? -1 : 1));
}

/** GET /api */
export function apiVersions(serverAddress: string): metav1.APIVersions {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** GET /apis */
export function apiGroupList(catalog: ResourceCatalog): metav1.APIGroupList {
  const groups = groupNames(catalog)
    .filter((name) => name !== '')
    .map((name) => groupOf(catalog, name)!);
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** GET /apis/<group> */
export function apiGroup(catalog: ResourceCatalog, name: string): metav1.APIGroup | undefined {
  const group = name === '' ? undefined : groupOf(catalog, name);
  return group && { kind: 'APIGroup', apiVersion: 'v1', ...group };
}

function groupOf(catalog: ResourceCatalog, name: string): metav1.APIGroup | undefined {
  const versions = catalog
    .groups()
    .get(name)
    ?.map((version) => ({ groupVersion: groupVersion({ group: name, version }), version }));
  return versions && { name, versions, preferredVersion: versions[0]! };
}

/** GET /api/v1, /apis/<group>/<version> */
export function apiResourceList(
  catalog: ResourceCatalog,
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
