import { type Clock, OrreryError } from '../../base/index.ts';
import {
  ADMIN_BINDING,
  adminBindingOf,
  type corev1alpha1,
  type KubeObject,
  lifecycleOfTypes,
  ownerNameOf,
  RBAC_GROUP,
  ROOT_WORKSPACE,
  type tenancyv1alpha1,
} from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { type Authorizer, forbiddenSentence } from '../authorization/authorizer.ts';
import { forbidden, internalError } from '../errors.ts';
import type { User } from '../http/messages.ts';
import type { ObjectClient } from '../object-client.ts';
import { type Answer, objectAnswer, type ResourceRequest, unstored } from '../registry/registry.ts';
import {
  OWNER_ANNOTATION,
  ownerOf,
  PATH_ANNOTATION,
  TYPE_ANNOTATION,
} from './admission/logical-cluster-facts.ts';
import { type FoundType, seesAll, TypeResolution, TypeUnusable } from './admission/type-resolution.ts';
import { isInScope } from './effective-users.ts';
import { homeClusterName, homePath } from './home-cluster-name.ts';
import { isPathSegment, LOGICAL_CLUSTER_NAME, LOGICAL_CLUSTERS, WORKSPACES } from './workspace-directory.ts';

type LogicalCluster = Readonly<corev1alpha1.LogicalCluster>;

/** What a user calls his own workspace, in root. */
const HOME = '~';
const HOME_TYPE = 'home';
const RBAC = `/apis/${RBAC_GROUP}/v1`;
const BINDINGS = { group: RBAC_GROUP, resource: 'clusterrolebindings' };
const SHARDS = { group: 'core.kcp.io', resource: 'shards' };
const SHARD = 'root';
const LONGEST_CREATION_MS = 60_000;

export interface HomeParts {
  objects: Pick<StoredObjects, 'find'>;
  authorizer: Authorizer;
  clock: Clock;
  /** As the server itself. */
  own: ObjectClient;
}

/**
 * `GET workspaces/~` in root: the asking user's own workspace, made when it is asked for first. It has no parent and no
 * Workspace object; its LogicalCluster, of type `root:home`, says whose it is, and the owner is its administrator.
 * Source: kcp pkg/server/home_workspaces.go.
 */
export class HomeWorkspaces {
  readonly #parts: HomeParts;
  readonly #types: TypeResolution;

  constructor(parts: HomeParts) {
    this.#parts = parts;
    this.#types = new TypeResolution(parts.objects);
  }

  serves({ resource, subresource, workspace, name }: ResourceRequest): boolean {
    const isWorkspace = resource.group === WORKSPACES.group && resource.name === WORKSPACES.resource;
    return isWorkspace && workspace === ROOT_WORKSPACE && name === HOME && subresource === undefined;
  }

  /**
   * @throws Forbidden for who may not create the Workspace `~`, for users of the system, and for who counts in another workspace only
   * @throws TooManyRequests, to come back, while the workspace is initialized
   */
  async answer({ resource, user }: ResourceRequest): Promise<Answer> {
    const { authorizer, clock } = this.#parts;
    const { group, resource: plural } = WORKSPACES;
    const about = { group, version: resource.version, resource: plural, name: HOME };
    const asked = { user, workspace: ROOT_WORKSPACE, verb: 'create', path: '', resource: about };
    const refused = () =>
      forbidden(resource, HOME, forbiddenSentence(asked, 'workspace access not permitted'));
    // An identity of one workspace only is nobody here.
    if (user.name.startsWith('system:') || !isInScope(user, ROOT_WORKSPACE)) throw refused();
    if ((await authorizer.authorize(asked)).verdict !== 'allow') throw refused();
    const cluster = homeClusterName(user.name);
    const home = (await this.#find(cluster)) ?? (await this.#create(cluster, user));
    // What came to be otherwise under this name is not his.
    if (ownerNameOf(home.metadata) !== user.name) throw refused();
    await this.#ensureAdmin(cluster, user.name);
    if (home.status?.phase === 'Initializing') {
      const ageMs = clock.now() - Date.parse(home.metadata.creationTimestamp ?? '');
      if (ageMs > LONGEST_CREATION_MS) throw internalError('home workspace creation timeout');
      throw new OrreryError('TooManyRequests', 'Creating the home workspace', {
        details: { retryAfterSeconds: 1 },
      });
    }
    return objectAnswer(200, resource, unstored('', resource, workspaceOf(home, cluster), 0));
  }

  async #find(cluster: string): Promise<LogicalCluster | undefined> {
    const at = { workspace: cluster, name: LOGICAL_CLUSTER_NAME };
    return this.#parts.objects.find<corev1alpha1.LogicalCluster>(LOGICAL_CLUSTERS, at);
  }

  async #create(cluster: string, user: User): Promise<LogicalCluster> {
    const types = await this.#homeTypes();
    const shard = await this.#parts.objects.find<corev1alpha1.Shard>(SHARDS, {
      workspace: ROOT_WORKSPACE,
      name: SHARD,
    });
    const URL = `${(shard?.spec?.externalURL ?? '').replace(/\/+$/, '')}/clusters/${cluster}`;
    await this.#parts.own.create(`/clusters/${cluster}/apis/core.kcp.io/v1alpha1/logicalclusters`, {
      apiVersion: 'core.kcp.io/v1alpha1',
      kind: 'LogicalCluster',
      metadata: {
        name: LOGICAL_CLUSTER_NAME,
        annotations: {
          [OWNER_ANNOTATION]: ownerOf(user),
          [TYPE_ANNOTATION]: `${ROOT_WORKSPACE}:${HOME_TYPE}`,
          // A name that no path can hold stays without: its workspace is reached by the logical cluster's name.
          ...(isPathSegment(user.name) && { [PATH_ANNOTATION]: homePath(user.name) }),
        },
      },
      spec: lifecycleOfTypes(types),
      status: { URL },
    });
    const made = await this.#find(cluster);
    if (made === undefined) throw internalError(`the logical cluster ${cluster} is gone again`);
    return made;
  }

  async #homeTypes(): Promise<FoundType[]> {
    try {
      const type = await this.#types.get(ROOT_WORKSPACE, HOME_TYPE, seesAll);
      return await this.#types.withExtended(type, seesAll);
    } catch (error) {
      if (error instanceof TypeUnusable) throw internalError(error.message, error);
      throw error;
    }
  }

  /** Each time, so that a home whose making was cut short has its owner all the same. */
  async #ensureAdmin(cluster: string, name: string): Promise<void> {
    const at = { workspace: cluster, name: ADMIN_BINDING };
    if ((await this.#parts.objects.find<KubeObject>(BINDINGS, at)) !== undefined) return;
    await this.#parts.own.create(`/clusters/${cluster}${RBAC}/clusterrolebindings`, {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: 'ClusterRoleBinding',
      ...adminBindingOf(name),
    });
  }
}

/** A Workspace that is stored nowhere. */
function workspaceOf({ metadata, status }: LogicalCluster, cluster: string): tenancyv1alpha1.Workspace {
  const { phase, conditions, initializers, URL } = status ?? {};
  return {
    apiVersion: 'tenancy.kcp.io/v1alpha1',
    kind: 'Workspace',
    metadata: {
      name: LOGICAL_CLUSTER_NAME,
      creationTimestamp: metadata.creationTimestamp!,
    } as KubeObject['metadata'],
    spec: { cluster, ...(URL !== undefined && { URL }) },
    status: {
      ...(phase !== undefined && { phase }),
      ...(conditions !== undefined && { conditions }),
      ...(initializers !== undefined && { initializers }),
    },
  };
}
