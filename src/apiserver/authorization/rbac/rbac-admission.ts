import {
  describeRules,
  type KubeObject,
  missingRules,
  quotedList,
  RBAC_GROUP,
  type rbacv1,
  semanticallyEqual,
} from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation } from '../../admission/admission.ts';
import { forbidden, objectNotFound } from '../../errors.ts';
import { MASTERS_GROUP } from '../../http/messages.ts';
import type { Authorizer } from '../authorizer.ts';
import type { RbacAuthorizer, RulesScope } from './rbac-authorizer.ts';
import type { RbacPolicies, Rules } from './rbac-policies.ts';

/** What `cluster-admin` may. */
const EVERYTHING: Rules = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/**
 * Nobody gives more than he has: whoever writes a role must hold its rules, or the verb `escalate` on it; whoever
 * writes a binding must hold the rules of its role, or the verb `bind` on that. `system:masters` may.
 * Also tells the policies what is written, before the write is acknowledged.
 * Source: k8s.io/kubernetes/pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased.
 */
export class RbacAdmission implements AdmissionPlugin {
  readonly name = 'RBACEscalation';
  readonly #policies: RbacPolicies;
  readonly #rbac: RbacAuthorizer;
  readonly #authorizer: Authorizer;

  constructor(parts: { policies: RbacPolicies; rbac: RbacAuthorizer; authorizer: Authorizer }) {
    this.#policies = parts.policies;
    this.#rbac = parts.rbac;
    this.#authorizer = parts.authorizer;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { object, oldObject, resource, user } = request;
    if (resource.group !== RBAC_GROUP || object === undefined) return;
    if (user.groups.includes(MASTERS_GROUP)) return;
    if (oldObject !== undefined && changesOwnershipOnly(object, oldObject)) return;
    const isBinding = resource.name === 'rolebindings' || resource.name === 'clusterrolebindings';
    if (isBinding) await this.#checkBinding(request, object as rbacv1.RoleBinding);
    else await this.#checkRole(request, object as rbacv1.ClusterRole);
  }

  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { resource, workspace } = request;
    const object = request.object ?? request.oldObject;
    if (resource.group !== RBAC_GROUP || object === undefined) return undefined;
    return {
      commit: () => this.#policies.forgetObject(resource, workspace, object),
      rollback: () => undefined,
    };
  }

  async #checkRole(request: AdmissionRequest, role: Readonly<rbacv1.ClusterRole>): Promise<void> {
    const { name } = role.metadata;
    if (await this.#mayDo(request, 'escalate', request.resource.name, name)) return;
    await this.#confirmHeld(request, role.rules ?? []);
    const old = request.oldObject as Readonly<rbacv1.ClusterRole> | undefined;
    if (role.aggregationRule === undefined && old?.aggregationRule === undefined) return;
    // An aggregation rule can gather anything there ever will be.
    const { rules } = await this.#rbac.rulesFor(request.user, scopeOf(request));
    if (missingRules(rules, EVERYTHING).length > 0)
      throw forbidden(
        request.resource,
        name,
        'must have cluster-admin privileges to use the aggregationRule',
      );
  }

  async #checkBinding(request: AdmissionRequest, { roleRef }: Readonly<rbacv1.RoleBinding>): Promise<void> {
    const resource = roleRef.kind === 'Role' ? 'roles' : 'clusterroles';
    if (await this.#mayDo(request, 'bind', resource, roleRef.name)) return;
    const rules = await this.#rbac.rulesOf(scopeOf(request), roleRef);
    if (rules === undefined) throw objectNotFound({ group: RBAC_GROUP, name: resource }, roleRef.name);
    await this.#confirmHeld(request, rules);
  }

  async #confirmHeld(request: AdmissionRequest, wanted: Rules): Promise<void> {
    const { user, resource } = request;
    const { rules, errors } = await this.#rbac.rulesFor(user, scopeOf(request));
    const lacking = missingRules(rules, wanted);
    if (lacking.length === 0) return;
    const resolution = errors.length === 0 ? '' : `; resolution errors: ${quotedList(errors)}`;
    throw forbidden(
      resource,
      request.object?.metadata.name ?? '',
      `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${describeRules(lacking)}${resolution}`,
    );
  }

  async #mayDo(request: AdmissionRequest, verb: string, resource: string, name: string): Promise<boolean> {
    const { user, workspace, namespace } = request;
    const decision = await this.#authorizer.authorize({
      user,
      workspace,
      verb,
      path: '',
      resource: {
        group: RBAC_GROUP,
        version: 'v1',
        resource,
        ...(name && { name }),
        ...(namespace !== undefined && { namespace }),
      },
    });
    return decision.verdict === 'allow';
  }
}

function scopeOf({ workspace, namespace }: AdmissionRequest): RulesScope {
  return { workspace, namespace };
}

/** What the garbage collector changes gives nobody anything; rbac.IsOnlyMutatingGCFields. */
function changesOwnershipOnly(object: KubeObject, old: Readonly<KubeObject>): boolean {
  const bare = ({ metadata, ...rest }: Readonly<KubeObject>) => {
    const {
      ownerReferences: _o,
      finalizers: _f,
      managedFields: _m,
      resourceVersion: _r,
      ...others
    } = metadata;
    return { ...rest, metadata: others };
  };
  return semanticallyEqual(bare(object), bare(old));
}
