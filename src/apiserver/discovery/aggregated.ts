import type { apidiscoveryv2, metav1, Resource } from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { groupNames } from './groups.ts';

/**
 * apidiscovery.k8s.io APIGroupDiscoveryList: all of discovery in two requests, `/api` (legacy) and `/apis`.
 * v2 and v2beta1 have the same fields. Source: k8s.io/api/apidiscovery/v2.
 */
export function aggregatedDiscovery(
  catalog: ResourceCatalog,
  legacy: boolean,
  version: 'v2' | 'v2beta1',
): apidiscoveryv2.APIGroupDiscoveryList {
  const groups = groupNames(catalog).filter((name) => (name === '') === legacy);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {} as metav1.ListMeta,
    items: groups.map((name) => groupDiscovery(catalog, name)),
  };
}

function groupDiscovery(catalog: ResourceCatalog, name: string): apidiscoveryv2.APIGroupDiscovery {
  const metadata = { ...(name !== '' && { name }), creationTimestamp: null };
  const versions = catalog.groups().get(name) ?? [];
  return {
    metadata: metadata as unknown as metav1.ObjectMeta,
    versions: versions.map((version) => ({
      version,
      resources: catalog.all
        .filter((resource) => resource.group === name && resource.version === version)
        .map(resourceDiscovery),
      freshness: 'Current',
    })),
  };
}

function resourceDiscovery(resource: Resource): apidiscoveryv2.APIResourceDiscovery {
  const { group, version, kind } = resource;
  return {
    resource: resource.name,
    responseKind: { group, version, kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singularName,
    verbs: [...resource.verbs],
    ...(resource.shortNames.length > 0 && { shortNames: [...resource.shortNames] }),
    ...(resource.categories.length > 0 && { categories: [...resource.categories] }),
    ...(resource.subresources.length > 0 && {
      subresources: resource.subresources.map((subresource) => ({
        subresource: subresource.name,
        responseKind: subresource.kind ?? { group, version, kind },
        verbs: [...subresource.verbs],
      })),
    }),
  };
}
