import type { apidiscoveryv2, metav1 } from '../../kube/index.ts';

interface GroupVersion {
  group: string;
  version: string;
}

/**
 * A list of resources in the form of aggregated discovery: subresources stand below their resource.
 * Source: k8s.io/apiserver/pkg/endpoints ConvertGroupVersionIntoToDiscovery.
 */
export function resourcesOfList(
  list: metav1.APIResourceList,
  gv: GroupVersion,
): apidiscoveryv2.APIResourceDiscovery[] {
  const found = new Map<string, apidiscoveryv2.APIResourceDiscovery>();
  for (const one of list.resources ?? []) {
    const [name = '', subresource] = one.name.split('/');
    const parent = found.get(name);
    if (subresource === undefined) {
      const subresources = parent?.subresources;
      found.set(name, { ...resourceOf(one, gv), ...(subresources !== undefined && { subresources }) });
      continue;
    }
    const owner = parent ?? { resource: name, scope: scopeOf(one), singularResource: '', verbs: [] };
    const { responseKind, verbs } = resourceOf(one, gv);
    owner.subresources = [
      ...(owner.subresources ?? []),
      { subresource, ...(responseKind !== undefined && { responseKind }), verbs },
    ];
    found.set(name, owner);
  }
  return [...found.values()];
}

function scopeOf({ namespaced }: metav1.APIResource): string {
  return namespaced ? 'Namespaced' : 'Cluster';
}

function resourceOf(one: metav1.APIResource, gv: GroupVersion): apidiscoveryv2.APIResourceDiscovery {
  const { shortNames = [], categories = [] } = one;
  return {
    resource: one.name,
    ...(one.kind && {
      responseKind: { group: one.group || gv.group, version: one.version || gv.version, kind: one.kind },
    }),
    scope: scopeOf(one),
    singularResource: one.singularName ?? '',
    verbs: [...(one.verbs ?? [])],
    ...(shortNames.length > 0 && { shortNames: [...shortNames] }),
    ...(categories.length > 0 && { categories: [...categories] }),
  };
}
