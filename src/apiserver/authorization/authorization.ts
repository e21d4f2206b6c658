import type { Clock, Log } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, StoredObjects } from '../admission/admission.ts';
import { defaultClusterRoleBindings, defaultClusterRoles } from '../bootstrap-policy/default-policy.ts';
import type { User } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { MaximalPermissionPolicy } from '../workspaces/apis/maximal-permission-policy.ts';
import { systemStatusAuthorizer } from '../workspaces/system-status.ts';
import { WorkspaceAccess } from '../workspaces/workspace-access.ts';
import type { WorkspaceDirectory } from '../workspaces/workspace-directory.ts';
import { type Authorizer, UnionAuthorizer } from './authorizer.ts';
import { healthAuthorizer, mastersAuthorizer } from './built-in.ts';
import { NodeAuthorizer, nodeNameOf } from './node-authorizer.ts';
import { RbacAdmission } from './rbac/rbac-admission.ts';
import { RbacAuthorizer, type ResolvedRules, type RulesScope } from './rbac/rbac-authorizer.ts';
import { RbacPolicies } from './rbac/rbac-policies.ts';

/** The rules of a user that can be listed; `incomplete` when somebody may allow more. */
export type UserRules = ResolvedRules & { incomplete: boolean };

/** Who may do what: `system:masters`, health for all, nodes, then roles and bindings. */
export class Authorization {
  readonly authorizer: Authorizer;
  /** The roles of a workspace alone: whoever may not come into it may still have rights on something there. */
  readonly roles: Authorizer;
  /** Keeps roles and bindings from giving what their writer has not. */
  readonly admission: AdmissionPlugin;
  readonly policies: RbacPolicies;
  readonly #rbac: RbacAuthorizer;

  constructor(parts: {
    storage: ObjectStorage;
    catalog: ResourceCatalog;
    objects: StoredObjects;
    directory: WorkspaceDirectory;
  }) {
    const { storage, catalog, objects, directory } = parts;
    const pods = { group: '', resource: 'pods' };
    this.policies = new RbacPolicies(storage, catalog, {
      defaults: { roles: defaultClusterRoles(), bindings: defaultClusterRoleBindings() },
    });
    this.#rbac = new RbacAuthorizer(this.policies);
    const nodes = new NodeAuthorizer({
      pod: (workspace, namespace, name) => objects.find(pods, { workspace, namespace, name }),
      volume: (workspace, name) =>
        objects.find({ group: '', resource: 'persistentvolumes' }, { workspace, name }),
      podsOnNode: async (workspace, namespace, node) => {
        const found = await objects.list<corev1.Pod>(pods, { workspace, namespace });
        return found.flatMap(({ object }) => (object.spec?.nodeName === node ? [object] : []));
      },
    });
    const access = new WorkspaceAccess(directory, this.#rbac);
    const policy = new MaximalPermissionPolicy({ catalog, objects, roles: this.#rbac });
    this.roles = new UnionAuthorizer([mastersAuthorizer, this.#rbac]);
    this.authorizer = new UnionAuthorizer([
      ...[mastersAuthorizer, healthAuthorizer, access, systemStatusAuthorizer],
      ...[policy, nodes, this.#rbac],
    ]);
    this.admission = new RbacAdmission({
      policies: this.policies,
      rbac: this.#rbac,
      authorizer: this.authorizer,
    });
  }

  async rulesFor(user: User, scope: RulesScope): Promise<UserRules> {
    const resolved = await this.#rbac.rulesFor(user, scope);
    if (nodeNameOf(user) === undefined) return { ...resolved, incomplete: resolved.errors.length > 0 };
    const why = 'node authorizer does not support user rule resolution';
    return { rules: resolved.rules, errors: [why, ...resolved.errors], incomplete: true };
  }

  /** Follows roles and bindings that other servers write, until `signal` aborts. */
  run(parts: { signal: AbortSignal; clock: Clock; log: Log }): Promise<void> {
    return this.policies.run(parts);
  }
}
