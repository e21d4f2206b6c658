import type { Resource } from '../../kube/index.ts';

/** Everything that is served, by group, version and name. */
export class ResourceCatalog {
  readonly #builtin: readonly Resource[];
  /** By definition. */
  readonly #custom = new Map<string, readonly Resource[]>();
  /** Few share a name: two steps of a look-up without making a key for it. */
  readonly #byName = new Map<string, readonly Resource[]>();
  #all: readonly Resource[] | undefined;
  #groups: Map<string, string[]> | undefined;
  #generation = 0;

  constructor(resources: readonly Resource[]) {
    this.#builtin = resources;
    for (const resource of resources) this.#add(resource);
  }

  get all(): readonly Resource[] {
    this.#all ??= [...this.#builtin, ...[...this.#custom.values()].flat()];
    return this.#all;
  }

  /** Rises with every change of what is served. */
  get generation(): number {
    return this.#generation;
  }

  /** What a definition serves from now on; what is built in stays what it is. */
  setCustom(definition: string, resources: readonly Resource[]): void {
    for (const old of this.#custom.get(definition) ?? []) this.#remove(old);
    const added = resources.filter(
      ({ group, version, name }) => this.find(group, version, name) === undefined,
    );
    for (const resource of added) this.#add(resource);
    if (added.length > 0) this.#custom.set(definition, added);
    else this.#custom.delete(definition);
    this.#all = undefined;
    this.#groups = undefined;
    this.#generation++;
  }

  find(group: string, version: string, name: string): Resource | undefined {
    for (const one of this.#byName.get(name) ?? [])
      if (one.group === group && one.version === version) return one;
    return undefined;
  }

  /** The resource in the version it is stored in: the first one. */
  findStored(group: string, name: string): Resource | undefined {
    for (const one of this.#byName.get(name) ?? []) if (one.group === group) return one;
    return undefined;
  }

  /** Groups in order of appearance, each with its versions, those of custom resources best first. */
  groups(): ReadonlyMap<string, readonly string[]> {
    this.#groups ??= this.#collectGroups();
    return this.#groups;
  }

  #add(resource: Resource): void {
    this.#byName.set(resource.name, [...(this.#byName.get(resource.name) ?? []), resource]);
  }

  #remove(resource: Resource): void {
    const left = (this.#byName.get(resource.name) ?? []).filter((one) => one !== resource);
    if (left.length > 0) this.#byName.set(resource.name, left);
    else this.#byName.delete(resource.name);
  }

  #collectGroups(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const { group, version } of this.all) {
      const versions = groups.get(group) ?? [];
      if (!versions.includes(version)) versions.push(version);
      groups.set(group, versions);
    }
    const builtin = new Set(this.#builtin.map(({ group }) => group));
    for (const [group, versions] of groups) if (!builtin.has(group)) versions.sort(compareVersions);
    return groups;
  }
}

/** Stable before beta before alpha, newer before older, other names last; k8s.io/apimachinery/pkg/version. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return right[i]! - left[i]!;
  return a < b ? -1 : 1;
}

function rankOf(version: string): number[] {
  const found = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (found === null) return [0, 0, 0];
  const stability = found[2] === undefined ? 3 : found[2] === 'beta' ? 2 : 1;
  return [stability, Number(found[1]), Number(found[3] ?? 0)];
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
  'clusterrolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
]);
const CONDITIONAL_UPDATE_ONLY = new Set([
  'apiservices.apiregistration.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'horizontalpodautoscalers.autoscaling',
  'leases.coordination.k8s.io',
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'poddisruptionbudgets.policy',
  'runtimeclasses.node.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'volumeattachments.storage.k8s.io',
]);
const RETURNS_DELETED = new Set([
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'deviceclasses.resource.k8s.io',
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'resourceclaims.resource.k8s.io',
  'resourceclaimtemplates.resource.k8s.io',
  'resourcequotas',
  'resourceslices.resource.k8s.io',
  'serviceaccounts',
  'services',
  'storageclasses.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'volumeattributesclasses.storage.k8s.io',
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
  return resource.schema.custom === undefined && !CONDITIONAL_UPDATE_ONLY.has(qualified(resource));
}

/** DELETE answers with the object instead of a Status. */
export function returnsDeleted(resource: Resource): boolean {
  return RETURNS_DELETED.has(qualified(resource));
}
