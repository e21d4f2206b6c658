import { ROOT_WORKSPACE, SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  type Decision,
  NO_OPINION,
} from '../authorization/authorizer.ts';
import { nodeNameOf } from '../authorization/node-authorizer.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import { CLUSTER_NAME_EXTRA, effectiveUsers, isInScope } from './effective-users.ts';
import type { LogicalClusterFacts, WorkspaceDirectory } from './workspace-directory.ts';

const REQUIRED_GROUPS = 'authorization.kcp.io/required-groups';
/** Whom no required group keeps out; source: kcp pkg/authorization/requiredgroups_authorizer.go. */
const NEVER_KEPT_OUT = ['system:kcp:admin', 'system:kcp:tenancy:workspace-bootstrapper'];
const DENIED: Decision = { verdict: 'deny', reason: 'access denied' };

/**
 * Who may come into a workspace at all, before its own roles are asked: whom they give the verb `access` on `/`, and
 * its own service accounts. One that is not Ready lets in only whom the parent's roles give `admin` on the
 * Workspace's `content`. Whoever may not come in hears the same, whether there is such a workspace or not.
 * Everybody may come into the first one.
 *
 * Source: kcp's documentation, concepts/authorization/authorizers, Workspace Content and Required Groups.
 */
export class WorkspaceAccess implements Authorizer {
  readonly #directory: WorkspaceDirectory;
  readonly #roles: Authorizer;

  constructor(directory: WorkspaceDirectory, roles: Authorizer) {
    this.#directory = directory;
    this.#roles = roles;
  }

  authorize(attributes: AuthorizationAttributes): Promise<Decision> | Decision {
    const { user, workspace, isHypothetical } = attributes;
    if (isHypothetical === true) return NO_OPINION;
    if (workspace === ROOT_WORKSPACE || workspace === ALL_WORKSPACES) return NO_OPINION;
    if (user.lifecycleOf === workspace) return NO_OPINION;
    if (user.isInternal === true || (nodeNameOf(user) !== undefined && isInScope(user, workspace)))
      return NO_OPINION;
    return this.#judge(attributes);
  }

  async #judge({ user, workspace }: AuthorizationAttributes): Promise<Decision> {
    const cluster = await this.#directory.find(workspace);
    if (cluster === undefined) return DENIED;
    if (!isOwnAccount(user, workspace) && !hasRequiredGroups(cluster, workspace, user)) return DENIED;
    const isReady = cluster.status?.phase === 'Ready' || cluster.metadata.deletionTimestamp !== undefined;
    if (!isReady) return (await this.#isParentsAdmin(cluster, user)) ? NO_OPINION : DENIED;
    if (isOwnAccount(user, workspace)) return NO_OPINION;
    const { verdict } = await this.#roles.authorize({ user, workspace, verb: 'access', path: '/' });
    return verdict === 'allow' ? NO_OPINION : DENIED;
  }

  async #isParentsAdmin(
    { spec }: Readonly<LogicalClusterFacts>,
    user: AuthorizationAttributes['user'],
  ): Promise<boolean> {
    if (spec?.owner === undefined) return false;
    const { cluster, name } = spec.owner;
    const resource = {
      group: 'tenancy.kcp.io',
      version: 'v1alpha1',
      resource: 'workspaces',
      subresource: 'content',
    };
    const asked = { user, workspace: cluster, verb: 'admin', path: '', resource: { ...resource, name } };
    return (await this.#roles.authorize(asked)).verdict === 'allow';
  }
}

function isOwnAccount({ name, extra }: AuthorizationAttributes['user'], workspace: string): boolean {
  const homes = extra?.[CLUSTER_NAME_EXTRA] ?? [];
  return name.startsWith(SERVICE_ACCOUNT_PREFIX) && homes.length === 1 && homes[0] === workspace;
}

/** `a;b,c`: of a and b, or of c. */
function hasRequiredGroups(
  { metadata }: Readonly<LogicalClusterFacts>,
  workspace: string,
  user: AuthorizationAttributes['user'],
): boolean {
  const wanted = metadata.annotations?.[REQUIRED_GROUPS];
  if (!wanted) return true;
  const groups = new Set(effectiveUsers(workspace, user).flatMap((one) => one.groups));
  return [...wanted.split(','), ...NEVER_KEPT_OUT].some((all) =>
    all.split(';').every((group) => groups.has(group)),
  );
}
