import type { apisv1alpha2 } from '../../../kube/index.ts';
import type { StoredObjects } from '../../admission/admission.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  type Decision,
  NO_OPINION,
} from '../../authorization/authorizer.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { ALL_WORKSPACES } from '../../request-info/request-info.ts';
import { APIS_GROUP } from './bound-apis.ts';

type Export = apisv1alpha2.APIExport;

/** What stands before names and groups in the rules of a policy. */
const PREFIX = 'apis.kcp.io:binding:';

/** The same question in the provider's workspace, by somebody whom only the provider's rules can mean. */
export function prefixed(attributes: AuthorizationAttributes, workspace: string): AuthorizationAttributes {
  const { user } = attributes;
  return {
    ...attributes,
    workspace,
    user: { name: `${PREFIX}${user.name}`, groups: user.groups.map((group) => `${PREFIX}${group}`) },
  };
}

/**
 * What a provider lets its consumers do at most with what it exports: a request about a bound resource must be allowed
 * by the provider's rules too, whatever the consumer's own say.
 * Source: pkg/authorization/maximal_permission_policy_authorizer.go.
 */
export class MaximalPermissionPolicy implements Authorizer {
  readonly #parts: { catalog: ResourceCatalog; objects: StoredObjects; roles: Authorizer };

  constructor(parts: { catalog: ResourceCatalog; objects: StoredObjects; roles: Authorizer }) {
    this.#parts = parts;
  }

  authorize(attributes: AuthorizationAttributes): Promise<Decision> | Decision {
    const { workspace, resource } = attributes;
    if (resource === undefined || workspace === ALL_WORKSPACES) return NO_OPINION;
    const { group, version, resource: name } = resource;
    const found = this.#parts.catalog.in(workspace).find(group, version, name);
    return found?.identity === undefined ? NO_OPINION : this.#judge(attributes, resource);
  }

  async #judge(
    attributes: AuthorizationAttributes,
    { group, resource }: NonNullable<AuthorizationAttributes['resource']>,
  ): Promise<Decision> {
    const { workspace } = attributes;
    const bindings = await this.#parts.objects.list<apisv1alpha2.APIBinding>(
      { group: APIS_GROUP, resource: 'apibindings' },
      { workspace },
    );
    const binding = bindings.find(({ object: { status } }) =>
      status?.boundResources?.some((one) => one.group === group && one.resource === resource),
    )?.object;
    if (binding === undefined) return NO_OPINION;
    const cluster = binding.status?.apiExportClusterName ?? '';
    const name = binding.spec.reference.export?.name ?? '';
    const exported = await this.#parts.objects.find<Export>(
      { group: APIS_GROUP, resource: 'apiexports' },
      { workspace: cluster, name },
    );
    const where = `${JSON.stringify(cluster)}|${JSON.stringify(name)}`;
    if (exported === undefined) return { verdict: 'deny', reason: `APIExport ${where} not found` };
    if (exported.spec?.maximalPermissionPolicy?.local === undefined) return NO_OPINION;
    const decision = await this.#parts.roles.authorize(prefixed(attributes, cluster));
    if (decision.verdict === 'allow') return NO_OPINION;
    return { verdict: 'deny', reason: `API export ${where} policy: ${decision.reason}` };
  }
}
