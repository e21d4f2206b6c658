import { append } from '../../../base/index.ts';
import { describeSubject, type RuleRequest, ruleAllows, userKeys } from '../../../kube/index.ts';
import type { User } from '../../http/messages.ts';
import { ALL_WORKSPACES, DEFAULT_WORKSPACE } from '../../request-info/request-info.ts';
import { effectiveUsers, isInScope } from '../../workspaces/effective-users.ts';
import { type AuthorizationAttributes, type Authorizer, type Decision, NO_OPINION } from '../authorizer.ts';
import type { Grant, RbacPolicies, Rules } from './rbac-policies.ts';

/** Where rights are looked for: in the cluster's bindings, and in a namespace's when one is named. */
export interface RulesScope {
  workspace: string;
  namespace: string | undefined;
}

/** Roles a binding names that do not exist, and the like: they give nothing, and the answer says so. */
export interface ResolvedRules {
  rules: Rules;
  errors: readonly string[];
}

/** Names that only certificates of our authority and this process carry: no workspace can give them to anybody. */
const COMPONENTS: ReadonlySet<string> = new Set(['system:kube-controller-manager', 'system:kube-scheduler']);

/**
 * Roles and bindings: what no rule allows is left to others. Across all workspaces nobody's roles count, but those
 * that the control plane's own parts have in the first workspace: their caches hold everything.
 * Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac.RBACAuthorizer.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #policies: RbacPolicies;

  constructor(policies: RbacPolicies) {
    this.#policies = policies;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<Decision> {
    const { user, workspace } = attributes;
    if (workspace === ALL_WORKSPACES) {
      if (!COMPONENTS.has(user.name) || !isInScope(user, workspace)) return NO_OPINION;
      return this.authorize({ ...attributes, workspace: DEFAULT_WORKSPACE });
    }
    const request = ruleRequestOf(attributes);
    const namespace = attributes.resource?.namespace || undefined;
    let allowedBy: Grant | undefined;
    const errors = await this.#visit(user, { workspace, namespace }, (grant, rules) => {
      for (const rule of rules) {
        if (!ruleAllows(rule, request)) continue;
        allowedBy = grant;
        return false;
      }
      return true;
    });
    if (allowedBy !== undefined)
      return { verdict: 'allow', reason: `RBAC: allowed by ${describeGrant(allowedBy)}` };
    return errors.length === 0 ? NO_OPINION : { verdict: 'no opinion', reason: `RBAC: ${joined(errors)}` };
  }

  /** Every rule that applies to a user there. */
  async rulesFor(user: Pick<User, 'name' | 'groups' | 'extra'>, scope: RulesScope): Promise<ResolvedRules> {
    const all: Rules[number][] = [];
    const errors = await this.#visit(user, scope, (_grant, rules) => {
      append(all, rules);
      return true;
    });
    return { rules: all, errors };
  }

  /** The rules of one role, in the place a binding would give them. Undefined when there is no such role. */
  async rulesOf(scope: RulesScope, roleRef: Grant['roleRef']): Promise<Rules | undefined> {
    return this.#policies.rulesOf(scope.workspace, {
      roleRef,
      roleKey: this.#policies.roleKey(scope.workspace, scope.namespace, roleRef),
    });
  }

  /** Shows each grant of the user with its rules to `visit`, until that says false. */
  async #visit(
    user: Pick<User, 'name' | 'groups' | 'extra'>,
    { workspace, namespace }: RulesScope,
    visit: (grant: Grant, rules: Rules) => boolean,
  ): Promise<string[]> {
    const keys = keysOf(user, workspace);
    const errors: string[] = [];
    for (const place of namespace === undefined ? [undefined] : [undefined, namespace]) {
      const loading = this.#policies.grants(workspace, place);
      const sources = [loading instanceof Promise ? await loading : loading];
      const defaults = place === undefined ? this.#policies.defaultGrants(workspace) : undefined;
      if (defaults !== undefined) sources.push(defaults);
      for (const grants of sources)
        for (const key of keys)
          for (const grant of grants.get(key) ?? []) {
            const reading = this.#policies.rulesOf(workspace, grant);
            const rules = reading instanceof Promise ? await reading : reading;
            if (rules === undefined) errors.push(missing(grant));
            else if (!visit(grant, rules)) return errors;
          }
    }
    return errors;
  }
}

/** Under what subjects a user's grants are found. */
function keysOf(user: Pick<User, 'name' | 'groups' | 'extra'>, workspace: string): readonly string[] {
  if (user.extra === undefined) return userKeys(user);
  return [...new Set(effectiveUsers(workspace, user).flatMap(userKeys))];
}

function ruleRequestOf({ verb, path, resource }: AuthorizationAttributes): RuleRequest {
  if (resource === undefined) return { verb, path };
  return {
    verb,
    group: resource.group,
    resource: resource.resource,
    subresource: resource.subresource ?? '',
    name: resource.name ?? '',
  };
}

function describeGrant({ binding, roleRef, subject }: Grant): string {
  const { name, namespace } = binding;
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const full = namespace === undefined ? name : `${name}/${namespace}`;
  return `${kind} ${JSON.stringify(full)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${describeSubject(subject, namespace)}`;
}

function missing({ roleRef }: Grant): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found`;
}

/** Several errors in brackets, each once, as Go's aggregate. */
function joined(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
