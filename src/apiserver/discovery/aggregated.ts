import type { apidiscoveryv2, metav1, Resource } from '../../kube/index.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { ServedGroup } from './served-groups.ts';

/**
 * apidiscovery.k8s.io APIGroupDiscoveryList: all of discovery in two requests, `/api` (legacy) and `/apis`.
 * v2 and v2beta1 have the same fields. Source: k8s.io/api/apidiscovery/v2.
 */
export function aggregatedDiscovery(
  catalog: Catalog,
  groups: readonly ServedGroup[],
  legacy: boolean,
  version: 'v2' | 'v2beta1',
): apidiscoveryv2.APIGroupDiscoveryList {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {} as metav1.ListMeta,
    items: groups
      .filter(({ name }) => (name === '') === legacy)
      .map((group) => groupDiscovery(catalog, group)),
  };
}

function groupDiscovery(catalog: Catalog, { name, versions }: ServedGroup): apidiscoveryv2.APIGroupDiscovery {
  const metadata = { ...(name !== '' && { name }), creationTimestamp: null };
  return {
    metadata: metadata as unknown as metav1.ObjectMeta,
    versions: versions.map(
      ({ version, remote }) =>
        remote ?? {
          version,
          resources: catalog.all
            .filter((resource) => resource.group === name && resource.version === version)
            .map(resourceDiscovery),
          freshness: 'Current',
        },
    ),
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
