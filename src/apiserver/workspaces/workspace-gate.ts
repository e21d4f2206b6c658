import { NotFound } from '../../base/index.ts';
import { RBAC_GROUP, ROOT_WORKSPACE, SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import { forbidden, methodNotAllowed, qualifiedName } from '../errors.ts';
import { type ApiRequest, MASTERS_GROUP, type User } from '../http/messages.ts';
import { ALL_WORKSPACES, type RequestInfo } from '../request-info/request-info.ts';
import { CLUSTER_NAME_EXTRA } from './effective-users.ts';
import { SYSTEM_ADMIN } from './system-admin.ts';
import { LOGICAL_CLUSTERS, type WorkspaceDirectory } from './workspace-directory.ts';

/** The logical cluster of a path that leads nowhere: no name can be empty. */
const NOWHERE = '';

/** What stands for itself. */
const NOT_WALKED: ReadonlySet<string> = new Set([ROOT_WORKSPACE, ALL_WORKSPACES, SYSTEM_ADMIN]);

/** From the path of a request to its workspace, and whether that answers at all. */
export class WorkspaceGate {
  readonly #directory: WorkspaceDirectory;

  constructor(directory: WorkspaceDirectory) {
    this.#directory = directory;
  }

  /** A promise only when the path has to be walked. */
  locate(asked: RequestInfo, request: ApiRequest, user: User): RequestInfo | Promise<RequestInfo> {
    const info = atHome(asked, request, user);
    return NOT_WALKED.has(info.workspace) ? info : this.#walked(info);
  }

  /** @throws NotFound when there is no such workspace, OrreryError MethodNotAllowed, Forbidden */
  async check(user: User, info: RequestInfo): Promise<void> {
    const { workspace } = info;
    if (workspace === ROOT_WORKSPACE) return;
    if (workspace === ALL_WORKSPACES) return checkWildcard(info);
    if (workspace === SYSTEM_ADMIN) return checkSystemAdmin(info);
    if (workspace !== NOWHERE && makesWorkspace(user, info)) return;
    const cluster = await this.#directory.find(workspace);
    if (cluster === undefined && looksForRemains(user, info)) return;
    if (cluster === undefined) throw logicalClusterNotFound(info.askedWorkspace ?? workspace);
    if (cluster.status?.phase === 'Inactive' && user.isInternal !== true && !wakesWorkspace(info))
      throw forbidden(CLUSTERS, workspace, 'logical cluster is marked inactive');
  }

  /** With the name of the logical cluster that the path leads to; with none when it leads nowhere. */
  async #walked(info: RequestInfo): Promise<RequestInfo> {
    const workspace = await this.#directory.resolve(info.workspace);
    return { ...info, workspace: workspace ?? NOWHERE, askedWorkspace: info.workspace };
  }
}

const CLUSTERS = { group: LOGICAL_CLUSTERS.group, name: LOGICAL_CLUSTERS.resource };

/** What is answered of one that was put to rest: what could wake it. Source: kcp pkg/server/filters. */
function wakesWorkspace(info: RequestInfo): boolean {
  if (info.type === 'path') return info.path.startsWith('/openapi');
  return info.group === CLUSTERS.group && info.resource === CLUSTERS.name;
}

/**
 * Who may see everything is told that nothing is left in what may have been a logical cluster, as kcp tells him; what
 * is no name or path of one is not found.
 */
function looksForRemains(user: User, info: RequestInfo): boolean {
  if (info.type !== 'resource' || info.verb !== 'list' || !user.groups.includes(MASTERS_GROUP)) return false;
  return /^([0-9a-z]{16}|[^:]+:.+)$/.test(info.askedWorkspace ?? info.workspace);
}

/**
 * Clients inside of a cluster know no `/clusters/…`: what a service account asks for without it is in the workspace of
 * his token. Source: WithInClusterServiceAccountRequestRewrite of kcp pkg/server/filters.
 */
function atHome(info: RequestInfo, { path }: ApiRequest, user: User): RequestInfo {
  if (info.workspace !== ROOT_WORKSPACE || /^\/+(clusters|services)\//.test(path)) return info;
  const homes = user.name.startsWith(SERVICE_ACCOUNT_PREFIX) ? (user.extra?.[CLUSTER_NAME_EXTRA] ?? []) : [];
  return homes.length === 1 ? { ...info, workspace: homes[0]! } : info;
}

function logicalClusterNotFound(asked: string): NotFound {
  return new NotFound(`${qualifiedName(CLUSTERS)} ${JSON.stringify(asked)} not found`, {
    details: { name: asked, group: CLUSTERS.group, kind: CLUSTERS.name },
  });
}

/** How a new logical cluster comes to be: by the object that says that there is one, which only we can write there. */
function makesWorkspace(user: User, info: RequestInfo): boolean {
  if (info.type !== 'resource' || info.verb !== 'create' || info.subresource !== undefined) return false;
  const { group, resource } = LOGICAL_CLUSTERS;
  return user.isInternal === true && info.group === group && info.resource === resource;
}

function checkSystemAdmin(info: RequestInfo): void {
  if (info.type === 'path' || !WRITES.has(info.verb)) return;
  const { group, resource: name, subresource } = info;
  if (group === RBAC_GROUP && name === 'clusterroles' && subresource === undefined) return;
  throw forbidden({ group, name }, info.name ?? '', `${SYSTEM_ADMIN} holds ClusterRoles only`);
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

function checkWildcard(info: RequestInfo): void {
  if (info.type !== 'resource') return;
  // Across workspaces one looks at a whole resource: a namespace or a name is some workspace's.
  const isPart = info.namespace !== undefined || info.name !== undefined;
  if ((info.verb !== 'list' && info.verb !== 'watch') || isPart) throw methodNotAllowed();
}
