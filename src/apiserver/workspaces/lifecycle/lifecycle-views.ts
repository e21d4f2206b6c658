import {
  lifecycleLabels,
  OWNER_ANNOTATION,
  type Resource,
  ruleAllows,
  type tenancyv1alpha1,
} from '../../../kube/index.ts';
import type { StoredObjects } from '../../admission/admission.ts';
import type { AuthorizationAttributes, Authorizer, Decision } from '../../authorization/authorizer.ts';
import { forbidden, internalError } from '../../errors.ts';
import { MASTERS_GROUP, type User } from '../../http/messages.ts';
import { type Catalog, ResourceCatalog } from '../../registry/catalog.ts';
import type { Registry } from '../../registry/registry.ts';
import {
  ALL_WORKSPACES,
  type RequestInfo,
  type ResourceRequestInfo,
} from '../../request-info/request-info.ts';
import type { ViewedResource } from '../apis/api-export-views.ts';
import { GrantedStorage } from '../apis/granted-store.ts';
import {
  LOGICAL_CLUSTERS,
  type LogicalClusterFacts,
  type WorkspaceDirectory,
} from '../workspace-directory.ts';
import { LifecycleAdmission } from './lifecycle-admission.ts';

const TYPES = { group: 'tenancy.kcp.io', resource: 'workspacetypes' };
const READS: readonly Resource['verbs'][number][] = ['get', 'list', 'watch'];

/** What the two ends of a workspace's life differ in. */
const STAGES = {
  initializingworkspaces: {
    word: 'initializer',
    verb: 'initialize',
    field: 'initializers',
    phase: 'Initializing',
    permissions: 'initializerPermissions',
  },
  terminatingworkspaces: {
    word: 'terminator',
    verb: 'terminate',
    field: 'terminators',
    phase: 'Terminating',
    permissions: 'terminatorPermissions',
  },
} as const;

type Stage = (typeof STAGES)[keyof typeof STAGES];

interface LifecycleParts {
  objects: StoredObjects;
  catalog: ResourceCatalog;
  directory: WorkspaceDirectory;
  authorizer: Authorizer;
}

/** What is served under `/services/{initializing,terminating}workspaces/<name>/clusters/<name or *>`. */
export class LifecycleViews {
  readonly #parts: LifecycleParts;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /** Undefined for a path that can be none. */
  open(view: string, parts: readonly string[]): LifecycleView | undefined {
    const [name] = parts;
    if (!Object.hasOwn(STAGES, view) || parts.length !== 1 || !name) return undefined;
    return new LifecycleView(this.#parts, STAGES[view as keyof typeof STAGES], name);
  }
}

/**
 * The workspaces of a type as those see them who prepare them, or clean up after them: their LogicalClusters, in which
 * they say that they are done, and what is in them, as its owner. Source: github.com/kcp-dev/kcp pkg/virtual/initializingworkspaces.
 */
export class LifecycleView {
  readonly #parts: LifecycleParts;
  readonly #stage: Stage;
  /** `root:team:app`: of the type. */
  readonly #name: string;

  constructor(parts: LifecycleParts, stage: Stage, name: string) {
    this.#parts = parts;
    this.#stage = stage;
    this.#name = name;
  }

  /** Who has the verb on the type, in the type's workspace. */
  async authorize({ user }: AuthorizationAttributes): Promise<Decision> {
    const type = await this.#typePlace();
    // Who may see everything sees that nothing waits for what there is not.
    if (type === undefined && user.groups.includes(MASTERS_GROUP)) return { verdict: 'allow', reason: '' };
    if (type === undefined) return { verdict: 'deny', reason: 'access denied' };
    const resource = { ...TYPES, version: 'v1alpha1', name: type.name };
    const asked = { user, verb: this.#stage.verb, workspace: type.workspace, path: '', resource };
    const { verdict, reason } = await this.#parts.authorizer.authorize(asked);
    return verdict === 'allow' ? { verdict, reason } : { verdict: 'deny', reason: 'access denied' };
  }

  async catalog(): Promise<Catalog> {
    return new ResourceCatalog(this.#resources(ALL_WORKSPACES));
  }

  async find(
    { group, version, resource: name, workspace }: ResourceRequestInfo,
    registry: Registry,
  ): Promise<ViewedResource | undefined> {
    if (!isLogicalClusters({ group, resource: name })) return undefined;
    const resource = this.#resources(workspace).find((one) => one.version === version);
    if (resource === undefined) return undefined;
    const wanted = lifecycleLabels(this.#stage.phase, this.#stage.field, this.#name);
    const isSeen = (labels: Record<string, string> | undefined) =>
      Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
    const storage = new GrantedStorage(registry.storage, { of: async () => isSeen });
    const { field } = this.#stage;
    const admission = new LifecycleAdmission(registry.admission, { field, name: this.#name });
    return { resource, custom: undefined, registry: { ...registry, storage, admission } };
  }

  /**
   * As whom a request is made that is not about the LogicalCluster: the owner of the workspace.
   *
   * @throws OrreryError Forbidden when the workspace does not wait for this name, or the type does not permit it.
   */
  async actingUser(info: RequestInfo): Promise<User | undefined> {
    const { workspace } = info;
    if (workspace === ALL_WORKSPACES || (info.type === 'resource' && isLogicalClusters(info)))
      return undefined;
    const { word, field, phase } = this.#stage;
    const cluster = await this.#parts.directory.find(workspace);
    const waits = cluster?.status?.phase === phase && cluster.status[field]?.includes(this.#name) === true;
    if (!waits || !(await this.#isPermitted(info))) {
      const why = `${word} ${JSON.stringify(this.#name)} cannot access this workspace`;
      if (info.type === 'path') throw forbidden(undefined, '', why);
      throw forbidden({ group: info.group, name: info.resource }, info.name ?? '', why);
    }
    return ownerOf(cluster, workspace);
  }

  /** A type may say what is done in its workspaces on its behalf; without that it is all that their owner may. */
  async #isPermitted(info: RequestInfo): Promise<boolean> {
    const place = await this.#typePlace();
    const type = place && (await this.#parts.objects.find<tenancyv1alpha1.WorkspaceType>(TYPES, place));
    const rules = type?.spec?.[this.#stage.permissions];
    if (rules === undefined) return true;
    const { verb } = info;
    const asked =
      info.type === 'path'
        ? { verb, path: info.path }
        : {
            ...{ verb, group: info.group, resource: info.resource },
            ...{ subresource: info.subresource ?? '', name: info.name ?? '' },
          };
    return rules.some((rule) => ruleAllows(rule, asked));
  }

  async #typePlace(): Promise<{ workspace: string; name: string } | undefined> {
    const colon = this.#name.lastIndexOf(':');
    if (colon < 1) return undefined;
    const workspace = await this.#parts.directory.resolve(this.#name.slice(0, colon));
    return workspace === undefined ? undefined : { workspace, name: this.#name.slice(colon + 1) };
  }

  /** Over all workspaces they are looked at; in one its status says that somebody is done. */
  #resources(workspace: string): Resource[] {
    return this.#parts.catalog.all
      .filter(({ group, name }) => isLogicalClusters({ group, resource: name }))
      .map((resource) => ({
        ...resource,
        verbs: READS,
        subresources: workspace === ALL_WORKSPACES ? [] : resource.subresources,
      }));
  }
}

function isLogicalClusters({ group, resource }: { group: string; resource: string }): boolean {
  return group === LOGICAL_CLUSTERS.group && resource === LOGICAL_CLUSTERS.resource;
}

function ownerOf({ metadata }: Readonly<LogicalClusterFacts>, workspace: string): User {
  const text = metadata.annotations?.[OWNER_ANNOTATION];
  if (text === undefined) throw internalError(`LogicalCluster ${workspace}|cluster had no user recorded`);
  const { username = '', uid, groups = [], extra } = JSON.parse(text) as OwnerInfo;
  return {
    name: username,
    groups,
    ...(uid !== undefined && { uid }),
    ...(extra !== undefined && { extra }),
    lifecycleOf: workspace,
  };
}

/** As the server itself wrote it. */
interface OwnerInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}
