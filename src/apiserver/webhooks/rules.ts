import { type admissionregistrationv1, labelSelectorAsSelector, type Resource } from '../../kube/index.ts';
import type { AdmissionRequest, StoredObjects } from '../admission/admission.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';

type Rule = admissionregistrationv1.NamedRuleWithOperations;

/** What a webhook or a policy says about which requests are its own. */
export interface MatchCriteria {
  rules: readonly Rule[];
  excluded?: readonly Rule[];
  matchPolicy?: string;
  namespaceSelector?: admissionregistrationv1.MatchResources['namespaceSelector'];
  objectSelector?: admissionregistrationv1.MatchResources['objectSelector'];
}

const EXEMPT = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

/** What decides on admission is never itself decided on, so that a bad one can always be taken away. */
export function isExempt({ resource }: AdmissionRequest): boolean {
  return resource.group === 'admissionregistration.k8s.io' && EXEMPT.has(resource.name);
}

/**
 * Which requests a webhook or policy sees, and in which version of the resource.
 * Source: k8s.io/apiserver/pkg/admission/plugin/webhook/{generic,predicates}, plugin/policy/matching.
 */
export class RequestMatcher {
  readonly #objects: StoredObjects;
  readonly #catalog: ResourceCatalog;

  constructor(objects: StoredObjects, catalog: ResourceCatalog) {
    this.#objects = objects;
    this.#catalog = catalog;
  }

  /** The resource in the version the rules name; undefined when the request is none of theirs. */
  async match(criteria: MatchCriteria, request: AdmissionRequest): Promise<Resource | undefined> {
    const resource = this.#byRules(criteria, request);
    if (resource === undefined || this.#isExcluded(criteria, request)) return undefined;
    if (!matchesObject(criteria, request)) return undefined;
    return (await this.#matchesNamespace(criteria, request)) ? resource : undefined;
  }

  #byRules(criteria: MatchCriteria, request: AdmissionRequest): Resource | undefined {
    const { resource } = request;
    const matches = (candidate: Resource) =>
      criteria.rules.some((rule) => ruleMatches(rule, candidate, request));
    if (matches(resource)) return resource;
    if (criteria.matchPolicy === 'Exact') return undefined;
    return this.#equivalents(request).find(matches);
  }

  #isExcluded(criteria: MatchCriteria, request: AdmissionRequest): boolean {
    if (!criteria.excluded?.length) return false;
    return this.#byRules({ ...criteria, rules: criteria.excluded }, request) !== undefined;
  }

  /** The same objects under other versions and groups. */
  #equivalents({ resource, workspace }: AdmissionRequest): Resource[] {
    const { group, name } = resource.storage ?? resource;
    return this.#catalog.in(workspace).all.filter((other) => {
      const stored = other.storage ?? other;
      return other !== resource && stored.group === group && stored.name === name && !isSame(other, resource);
    });
  }

  async #matchesNamespace(criteria: MatchCriteria, request: AdmissionRequest): Promise<boolean> {
    const selector = labelSelectorAsSelector(criteria.namespaceSelector ?? {});
    if (selector.isEmpty()) return true;
    if (isNamespace(request.resource) && request.subresource === undefined)
      return selector.matches((request.object ?? request.oldObject)?.metadata.labels);
    const name = isNamespace(request.resource) ? request.name : request.namespace;
    // Cluster-scoped objects have no namespace whose labels could keep them out.
    if (name === undefined) return true;
    const namespace = await this.#objects.find(
      { group: '', resource: 'namespaces' },
      { workspace: request.workspace, name },
    );
    return namespace !== undefined && selector.matches(namespace.metadata.labels);
  }
}

function isSame(left: Resource, right: Resource): boolean {
  return left.group === right.group && left.version === right.version;
}

export function isNamespace(resource: Resource): boolean {
  return resource.group === '' && resource.name === 'namespaces';
}

function ruleMatches(rule: Rule, resource: Resource, request: AdmissionRequest): boolean {
  const { operation, subresource = '', name } = request;
  return (
    has(rule.operations, operation) &&
    has(rule.apiGroups, resource.group) &&
    has(rule.apiVersions, resource.version) &&
    (rule.resources ?? []).some((one) => resourceMatches(one, resource.name, subresource)) &&
    scopeMatches(rule.scope, resource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(name))
  );
}

function has(list: readonly string[] | undefined, wanted: string): boolean {
  return (list ?? []).some((one) => one === '*' || one === wanted);
}

/** `pods`, `pods/exec`, `pods/*`, `*`, any resource with `/scale`. */
function resourceMatches(pattern: string, name: string, subresource: string): boolean {
  const [resource = '', sub = ''] = pattern.split('/', 2);
  return (resource === '*' || resource === name) && (sub === '*' || sub === subresource);
}

function scopeMatches(scope: string | undefined, resource: Resource): boolean {
  if (scope === 'Namespaced') return resource.namespaced;
  return scope === 'Cluster' ? !resource.namespaced : true;
}

function matchesObject(criteria: MatchCriteria, request: AdmissionRequest): boolean {
  const selector = labelSelectorAsSelector(criteria.objectSelector ?? {});
  if (selector.isEmpty()) return true;
  return [request.object, request.oldObject].some(
    (object) => object !== undefined && selector.matches(object.metadata.labels),
  );
}
