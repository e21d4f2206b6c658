import {
  allowsVerb,
  type apisv1alpha2,
  claimOf,
  type GrantedClaim,
  grantedClaim,
  type Resource,
} from '../../../kube/index.ts';
import type { AdmissionChain, StoredObjects } from '../../admission/admission.ts';
import type { AuthorizationAttributes, Authorizer, Decision } from '../../authorization/authorizer.ts';
import type { CustomResources } from '../../extensions/custom-resources.ts';
import type { ServedResource } from '../../extensions/served-versions.ts';
import { type Catalog, ResourceCatalog } from '../../registry/catalog.ts';
import type { Registry } from '../../registry/registry.ts';
import { ALL_WORKSPACES, type ResourceRequestInfo } from '../../request-info/request-info.ts';
import type { ObjectStorage } from '../../storage/object-storage.ts';
import type { WorkspaceDirectory } from '../workspace-directory.ts';
import { APIS_GROUP, type BoundApis } from './bound-apis.ts';
import { ClaimAdmission } from './claim-admission.ts';
import { bindingTo, ClaimGrants, type ExportAddress, reflexiveGrants } from './claim-grants.ts';
import { GrantedStorage, type Grants } from './granted-store.ts';
import { prefixed } from './maximal-permission-policy.ts';

type Export = apisv1alpha2.APIExport;
type Claim = apisv1alpha2.PermissionClaim;

const BINDINGS = { group: APIS_GROUP, resource: 'apibindings' };
const EXPORTS = { group: APIS_GROUP, resource: 'apiexports' };
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
/** A workspace that adds nothing to what is built in. */
const BARE_WORKSPACE = '';
/** No logical cluster has this name. */
const NOWHERE = '';
/** Of what is built in a claim opens the objects, not what one can do with them. */
const CLAIMED_SUBRESOURCES = new Set(['status', 'scale']);

interface ViewParts {
  objects: StoredObjects;
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  directory: WorkspaceDirectory;
  customResources: CustomResources;
  boundApis: BoundApis;
  /** Who may come into a workspace and what he may do there. */
  authorizer: Authorizer;
  /** The roles of a workspace alone. */
  roles: Authorizer;
}

/** What is served under `/services/apiexport/<cluster>/<export>/clusters/<name or *>`. */
export class ApiExportViews {
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** The view of an export, perhaps of one that does not exist; undefined for a path that can be none. */
  async open(parts: readonly string[]): Promise<ApiExportView | undefined> {
    const [path, name] = parts;
    if (parts.length !== 2 || !path || !name) return undefined;
    const cluster = (await this.#parts.directory.resolve(path)) ?? NOWHERE;
    const exported = await this.#parts.objects.find<Export>(EXPORTS, { workspace: cluster, name });
    return new ApiExportView(this.#parts, { cluster, name }, exported);
  }
}

/** A resource as a view serves it. */
export interface ViewedResource {
  resource: Resource;
  custom: ServedResource | undefined;
  registry: Registry;
}

/**
 * An export as its owner sees it: what is exported in all workspaces that bind it, what of other resources they have
 * let the owner see, and the bindings. Source: pkg/virtual/apiexport.
 */
export class ApiExportView {
  readonly #parts: ViewParts;
  readonly #address: ExportAddress;
  readonly #exported: Readonly<Export> | undefined;

  constructor(parts: ViewParts, address: ExportAddress, exported: Readonly<Export> | undefined) {
    this.#parts = parts;
    this.#address = address;
    this.#exported = exported;
  }

  /**
   * Who has the verb on the export's `content`, of a workspace that has let the owner in. Why somebody may not is not
   * told: it would say what there is.
   */
  async authorize(attributes: AuthorizationAttributes): Promise<Decision> {
    const { cluster, name } = this.#address;
    const { user, verb } = attributes;
    const resource = { ...EXPORTS, version: 'v1alpha1', subresource: 'content', name };
    const content = { user, verb, workspace: cluster, path: '', resource };
    const { verdict, reason } = await this.#parts.authorizer.authorize(content);
    const isAllowed =
      verdict === 'allow' && this.#exported !== undefined && (await this.#lets(attributes, this.#exported));
    return isAllowed ? { verdict: 'allow', reason } : { verdict: 'deny', reason: 'access denied' };
  }

  /** Whether the workspace, and who owns what is claimed, let it be done. */
  async #lets(attributes: AuthorizationAttributes, exported: Export): Promise<boolean> {
    const { resource: about, workspace, verb } = attributes;
    if (about === undefined) return true;
    const { group, resource } = about;
    const claim = isExported(exported, group, resource) ? undefined : claimOf(exported, group, resource);
    if (workspace !== ALL_WORKSPACES) {
      const binding = await bindingTo(this.#parts.objects, workspace, this.#address);
      if (binding === undefined) return false;
      const isBound = binding.status?.boundResources?.some(
        (one) => one.group === group && one.resource === resource,
      );
      // What was exported once and is claimed now needs a grant as any other.
      if (isBound === true && isExported(exported, group, resource)) return true;
      const granted = claim && grantedClaim(binding, claim);
      if (granted === undefined || !allowsVerb(granted, verb)) {
        // Its own bindings an owner may always look at.
        const isBindings = group === BINDINGS.group && resource === BINDINGS.resource;
        return isBindings && READS.has(verb);
      }
    }
    return claim?.identityHash ? this.#isWithinPolicies(attributes, claim.identityHash) : true;
  }

  /** All that export under an identity must let it be done. */
  async #isWithinPolicies(attributes: AuthorizationAttributes, identity: string): Promise<boolean> {
    const owners = await this.#ownersOf(identity);
    for (const { workspace, object } of owners) {
      if (object.spec?.maximalPermissionPolicy?.local === undefined) continue;
      const { verdict } = await this.#parts.roles.authorize(prefixed(attributes, workspace));
      if (verdict !== 'allow') return false;
    }
    return owners.length > 0;
  }

  async #ownersOf(identity: string): Promise<{ workspace: string; object: Readonly<Export> }[]> {
    const all = await this.#parts.objects.list<Export>(EXPORTS, { workspace: ALL_WORKSPACES });
    return all.filter(({ object }) => object.status?.identityHash === identity);
  }

  /** Everything the view serves. */
  async catalog(): Promise<Catalog> {
    const { spec } = this.#exported ?? {};
    const custom: Resource[] = [];
    const builtin: Resource[] = [];
    for (const { name, group } of spec?.resources ?? [])
      custom.push(...(await this.#exportedResources(group, name)));
    for (const claim of spec?.permissionClaims ?? []) {
      const { group = '', resource } = claim;
      if (isExported(this.#exported!, group, resource)) continue;
      for (const one of await this.#claimedResources(claim))
        (one.identity === undefined ? builtin : custom).push(one);
    }
    if (
      this.#exported !== undefined &&
      claimOf(this.#exported, BINDINGS.group, BINDINGS.resource) === undefined
    )
      builtin.push(...this.#builtin(BINDINGS.group, BINDINGS.resource).map(readOnly));
    const catalog = new ResourceCatalog(builtin);
    catalog.setCustom('root', this.#address.name, custom);
    return catalog;
  }

  /** One resource, and where its objects are; undefined when the view does not serve it. */
  async find(
    { group, version, resource: name, verb, workspace, subresource }: ResourceRequestInfo,
    registry: Registry,
  ): Promise<ViewedResource | undefined> {
    if (this.#exported === undefined) return undefined;
    const isIt = (one: Resource) => one.version === version;
    const authorizer: Authorizer = { authorize: (attributes) => this.authorize(attributes) };
    const own = { ...registry, authorizer };
    if (isExported(this.#exported, group, name)) {
      const found = (await this.#exportedResources(group, name)).find(isIt);
      const custom = found && (await this.#parts.customResources.served(found));
      return custom && { resource: custom.resource, custom, registry: { ...own, storage: custom.storage } };
    }
    const claim = claimOf(this.#exported, group, name);
    const isBindings = group === BINDINGS.group && name === BINDINGS.resource;
    if (claim === undefined && !isBindings) return undefined;
    const claimed = claim === undefined ? this.#builtin(group, name) : await this.#claimedResources(claim);
    const found = claimed.find(isIt);
    if (found === undefined || !(await this.#isThere(found, workspace))) return undefined;
    if (subresource !== undefined && !CLAIMED_SUBRESOURCES.has(subresource)) return undefined;
    const custom = await this.#parts.customResources.served(found);
    const storage = new GrantedStorage(
      custom?.storage ?? registry.storage,
      this.#grants(claim, verb, isBindings),
    );
    const granted = claim && (await this.#grantedIn(workspace, claim));
    return {
      resource: custom?.resource ?? (claim === undefined ? readOnly(found) : found),
      custom,
      registry: { ...own, storage, admission: admissionOf(registry.admission, granted) },
    };
  }

  /** What another exports is claimed where it is bound: nothing is put under its identity elsewhere. */
  async #isThere({ group, name, identity }: Resource, workspace: string): Promise<boolean> {
    if (identity === undefined || workspace === ALL_WORKSPACES) return true;
    const { boundApis } = this.#parts;
    const isBound = () => boundApis.identityOf(workspace, group, name) === identity;
    return isBound() || ((await boundApis.lookAgain(workspace)) && isBound());
  }

  #grants(claim: Claim | undefined, verb: string, isBindings: boolean): Grants {
    const { objects, storage, catalog } = this.#parts;
    const also = isBindings ? reflexiveGrants(this.#address) : undefined;
    if (claim === undefined) return also!;
    const bindings = catalog.findStored(BINDINGS.group, BINDINGS.resource)!;
    const about = { ...this.#address, claim, verb, ...(also !== undefined && { also }) };
    return new ClaimGrants({ objects, storage, bindings }, about);
  }

  async #grantedIn(workspace: string, claim: Claim): Promise<GrantedClaim | undefined> {
    if (workspace === ALL_WORKSPACES) return undefined;
    const binding = await bindingTo(this.#parts.objects, workspace, this.#address);
    return binding && grantedClaim(binding, claim);
  }

  async #exportedResources(group: string, name: string): Promise<readonly Resource[]> {
    return this.#resourcesOf(this.#address.cluster, this.#exported!, group, name);
  }

  async #resourcesOf(
    cluster: string,
    exported: Export,
    group: string,
    name: string,
  ): Promise<readonly Resource[]> {
    const identity = exported.status?.identityHash;
    const found = exported.spec?.resources?.find((one) => one.group === group && one.name === name);
    if (!identity || found === undefined || found.storage?.virtual !== undefined) return [];
    return this.#parts.boundApis.exportedResources(cluster, found.schema, identity);
  }

  async #claimedResources({ group = '', resource, identityHash }: Claim): Promise<readonly Resource[]> {
    const builtin = this.#builtin(group, resource);
    // kcp's own kinds have an identity in kcp, where they are bound from the first workspace.
    if (!identityHash || builtin.length > 0) return builtin;
    const owners = await this.#ownersOf(identityHash);
    for (const { workspace, object } of owners) {
      const found = await this.#resourcesOf(workspace, object, group, resource);
      if (found.length > 0) return found;
    }
    return [];
  }

  #builtin(group: string, name: string): Resource[] {
    const { all } = this.#parts.catalog.in(BARE_WORKSPACE);
    return all.filter((one) => one.group === group && one.name === name).map(withFewSubresources);
  }
}

function isExported({ spec }: Export, group: string, name: string): boolean {
  return spec?.resources?.some((one) => one.group === group && one.name === name) === true;
}

function admissionOf(inner: AdmissionChain, granted: GrantedClaim | undefined): AdmissionChain {
  return granted === undefined || granted.selector?.matchAll === true
    ? inner
    : new ClaimAdmission(inner, granted);
}

function readOnly(resource: Resource): Resource {
  return { ...resource, verbs: resource.verbs.filter((verb) => READS.has(verb)), subresources: [] };
}

function withFewSubresources(resource: Resource): Resource {
  const subresources = resource.subresources.filter(({ name }) => CLAIMED_SUBRESOURCES.has(name));
  // One that has no others is itself: what is asked and not stored is known by that.
  return subresources.length === resource.subresources.length ? resource : { ...resource, subresources };
}
