import { type Resource, ROOT_WORKSPACE } from '../../kube/index.ts';

/** What is served in one workspace, by group, version and name. */
export interface Catalog {
  readonly all: readonly Resource[];
  /** Rises with every change of what is served. */
  readonly generation: number;
  find(group: string, version: string, name: string): Resource | undefined;
  /** The resource in the version it is stored in: the first one. */
  findStored(group: string, name: string): Resource | undefined;
  /** Groups in order of appearance, each with its versions, those of custom resources best first. */
  groups(): ReadonlyMap<string, readonly string[]>;
}

/** Few resources share a name: two steps of a look-up without making a key for it. */
type ByName = Map<string, readonly Resource[]>;

/**
 * Everything that is served: what is built in, the same everywhere, and what definitions add in their workspace.
 * Itself it is what the first workspace serves. Nothing is held for a workspace that adds nothing.
 */
export class ResourceCatalog implements Catalog {
  readonly #builtin: readonly Resource[];
  readonly #builtinByName: ByName = new Map();
  readonly #builtinGroups: ReadonlySet<string>;
  readonly #layers = new Map<string, Layer>();
  /** What is served across all workspaces only, by what it comes from. */
  readonly #across = new Map<string, readonly Resource[]>();
  readonly #bare: Layer;
  readonly #first: Layer;
  #everywhere: { generation: number; catalog: Catalog } | undefined;
  #generation = 0;

  constructor(resources: readonly Resource[]) {
    this.#builtin = resources;
    for (const resource of resources) add(this.#builtinByName, resource);
    this.#builtinGroups = new Set(resources.map(({ group }) => group));
    this.#bare = this.#layer();
    this.#first = this.#layer();
    this.#layers.set(ROOT_WORKSPACE, this.#first);
  }

  get all(): readonly Resource[] {
    return this.#first.all;
  }

  get generation(): number {
    return this.#first.generation;
  }

  find(group: string, version: string, name: string): Resource | undefined {
    return this.#first.find(group, version, name);
  }

  findStored(group: string, name: string): Resource | undefined {
    return this.#first.findStored(group, name);
  }

  groups(): ReadonlyMap<string, readonly string[]> {
    return this.#first.groups();
  }

  /** What a workspace serves; with `*` what any does, one resource for each group, version and name. */
  in(workspace: string): Catalog {
    return workspace === '*' ? this.#union() : (this.#layers.get(workspace) ?? this.#bare);
  }

  /** What a definition serves in its workspace from now on; what is built in stays what it is. */
  setCustom(workspace: string, definition: string, resources: readonly Resource[]): void {
    let layer = this.#layers.get(workspace);
    if (layer === undefined) {
      if (resources.length === 0) return;
      layer = this.#layer();
      this.#layers.set(workspace, layer);
    }
    layer.set(definition, resources);
    this.#generation++;
    if (layer.isEmpty && layer !== this.#first) this.#layers.delete(workspace);
  }

  /**
   * What is served across all workspaces from now on, and in none: of what is bound, `<resource>:<identity>`, for one
   * name may stand for another API in each workspace.
   */
  setAcross(source: string, resources: readonly Resource[]): void {
    if (resources.length > 0) this.#across.set(source, resources);
    else this.#across.delete(source);
    this.#generation++;
  }

  #layer(): Layer {
    return new Layer(this.#builtin, this.#builtinByName, this.#builtinGroups);
  }

  #union(): Catalog {
    if (this.#everywhere?.generation !== this.#generation) {
      const all = new Map<string, Resource>();
      const found = [...this.#layers.values()].map((layer) => layer.custom());
      for (const resources of [...found, ...this.#across.values()])
        for (const one of resources) {
          if (one.identity !== undefined) continue;
          const id = `${one.group}/${one.version}/${one.name}`;
          if (!all.has(id)) all.set(id, one);
        }
      const catalog = this.#layer();
      catalog.generation = this.#generation;
      catalog.set('', [...all.values()]);
      this.#everywhere = { generation: this.#generation, catalog };
    }
    return this.#everywhere.catalog;
  }
}

/** What is built in, with what the definitions of one workspace add. */
class Layer implements Catalog {
  readonly #builtin: readonly Resource[];
  readonly #builtinByName: ByName;
  readonly #builtinGroups: ReadonlySet<string>;
  /** By definition. */
  readonly #custom = new Map<string, readonly Resource[]>();
  readonly #byName: ByName = new Map();
  #all: readonly Resource[] | undefined;
  #groups: Map<string, string[]> | undefined;
  generation = 0;

  constructor(builtin: readonly Resource[], byName: ByName, groups: ReadonlySet<string>) {
    this.#builtin = builtin;
    this.#builtinByName = byName;
    this.#builtinGroups = groups;
  }

  get all(): readonly Resource[] {
    if (this.isEmpty) return this.#builtin;
    this.#all ??= [...this.#builtin, ...this.custom()];
    return this.#all;
  }

  get isEmpty(): boolean {
    return this.#custom.size === 0;
  }

  custom(): Resource[] {
    return [...this.#custom.values()].flat();
  }

  set(definition: string, resources: readonly Resource[]): void {
    for (const old of this.#custom.get(definition) ?? []) remove(this.#byName, old);
    const added = resources.filter(
      ({ group, version, name }) => this.find(group, version, name) === undefined,
    );
    for (const resource of added) add(this.#byName, resource);
    if (added.length > 0) this.#custom.set(definition, added);
    else this.#custom.delete(definition);
    this.#all = undefined;
    this.#groups = undefined;
    this.generation++;
  }

  find(group: string, version: string, name: string): Resource | undefined {
    const isIt = (one: Resource) => one.group === group && one.version === version;
    return this.#builtinByName.get(name)?.find(isIt) ?? this.#byName.get(name)?.find(isIt);
  }

  findStored(group: string, name: string): Resource | undefined {
    const isIt = (one: Resource) => one.group === group;
    return this.#builtinByName.get(name)?.find(isIt) ?? this.#byName.get(name)?.find(isIt);
  }

  groups(): ReadonlyMap<string, readonly string[]> {
    this.#groups ??= this.#collectGroups();
    return this.#groups;
  }

  #collectGroups(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const { group, version } of this.all) {
      const versions = groups.get(group) ?? [];
      if (!versions.includes(version)) versions.push(version);
      groups.set(group, versions);
    }
    for (const [group, versions] of groups)
      if (!this.#builtinGroups.has(group)) versions.sort(compareVersions);
    return groups;
  }
}

function add(byName: ByName, resource: Resource): void {
  byName.set(resource.name, [...(byName.get(resource.name) ?? []), resource]);
}

function remove(byName: ByName, resource: Resource): void {
  const left = (byName.get(resource.name) ?? []).filter((one) => one !== resource);
  if (left.length > 0) byName.set(resource.name, left);
  else byName.delete(resource.name);
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
