import type { Resource } from '../../kube/index.ts';

/** Everything that is served, by group, version and name. */
export class ResourceCatalog {
  readonly all: readonly Resource[];
  readonly #byPath = new Map<string, Resource>();

  constructor(resources: readonly Resource[]) {
    this.all = resources;
    for (const resource of resources)
      this.#byPath.set(`${resource.group}/${resource.version}/${resource.name}`, resource);
  }

  find(group: string, version: string, name: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${name}`);
  }

  /** The resource in the version it is stored in: the first one. */
  findStored(group: string, name: string): Resource | undefined {
    return this.all.find((resource) => resource.group === group && resource.name === name);
  }

  /** Groups in order of appearance, each with its versions. */
  groups(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const { group, version } of this.all) {
      const versions = groups.get(group) ?? [];
      if (!versions.includes(version)) versions.push(version);
      groups.set(group, versions);
    }
    return groups;
  }
}

/** Kinds that are asked, never stored: `kubectl auth can-i`, `whoami`, token reviews. */
function review(group: string, kind: string, namespaced = false, version = 'v1'): Resource {
  const name = `${kind.toLowerCase()}s`;
  return {
    group,
    version,
    kind,
    listKind: `${kind}List`,
    name,
    singularName: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced,
    verbs: ['create'],
    subresources: [],
    schema: { ref: `${group.split('.')[0]}/v1.${kind}` },
    hasGeneration: false,
  };
}

export const REVIEW_RESOURCES: readonly Resource[] = [
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authentication.k8s.io', 'TokenReview'),
  // What the `auth whoami` of kubectl 1.27 asks; the same fields.
  review('authentication.k8s.io', 'SelfSubjectReview', false, 'v1beta1'),
  review('authorization.k8s.io', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
];

/** What the object's rules are in Kubernetes' registries and the field table cannot know; k8s.io/kubernetes/pkg/registry. */
const CREATE_ON_UPDATE = new Set([
  'endpoints',
  'events',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
  'limitranges',
  'services',
]);
const CONDITIONAL_UPDATE_ONLY = new Set(['leases.coordination.k8s.io']);
const RETURNS_DELETED = new Set([
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'resourcequotas',
  'serviceaccounts',
  'services',
]);

function qualified(resource: Resource): string {
  return resource.group === '' ? resource.name : `${resource.name}.${resource.group}`;
}

/** PUT to a name that is not there makes the object. */
export function allowsCreateOnUpdate(resource: Resource): boolean {
  return CREATE_ON_UPDATE.has(qualified(resource));
}

/** PUT without resourceVersion overwrites whatever is there. */
export function allowsUnconditionalUpdate(resource: Resource): boolean {
  return !CONDITIONAL_UPDATE_ONLY.has(qualified(resource));
}

/** DELETE answers with the object instead of a Status. */
export function returnsDeleted(resource: Resource): boolean {
  return RETURNS_DELETED.has(qualified(resource));
}
