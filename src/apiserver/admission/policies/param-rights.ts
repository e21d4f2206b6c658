import { type admissionregistrationv1, equalJson, parseGroupVersion } from '../../../kube/index.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { objectInvalid } from '../../errors.ts';
import { MASTERS_GROUP, type User } from '../../http/messages.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../admission.ts';

type Policy =
  | admissionregistrationv1.ValidatingAdmissionPolicy
  | admissionregistrationv1.MutatingAdmissionPolicy;
type Binding =
  | admissionregistrationv1.ValidatingAdmissionPolicyBinding
  | admissionregistrationv1.MutatingAdmissionPolicyBinding;

const GROUP = 'admissionregistration.k8s.io';
const POLICIES = new Set(['validatingadmissionpolicies', 'mutatingadmissionpolicies']);
/** And the policies they bind. */
const BINDINGS: Readonly<Record<string, string>> = {
  validatingadmissionpolicybindings: 'validatingadmissionpolicies',
  mutatingadmissionpolicybindings: 'mutatingadmissionpolicies',
};

/**
 * A policy's expressions see its parameters, and tell of them in messages: whoever writes it must be able to read
 * whatever it may be given. Of nobody's plug-in by name: upstream's strategies do it, and it cannot be switched off.
 *
 * Source: k8s.io/kubernetes/pkg/registry/admissionregistration/{validating,mutating}admissionpolicy{,binding}/authz.go.
 */
export class PolicyParamRights implements AdmissionPlugin {
  readonly name = 'PolicyParamRights';
  readonly #parts: { authorizer: Authorizer; objects: StoredObjects; catalog: ResourceCatalog };

  constructor(parts: { authorizer: Authorizer; objects: StoredObjects; catalog: ResourceCatalog }) {
    this.#parts = parts;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, subresource, user, object } = request;
    if (resource.group !== GROUP || subresource !== undefined || object === undefined) return;
    if (user.groups.includes(MASTERS_GROUP)) return;
    if (POLICIES.has(resource.name)) await this.#checkPolicy(request);
    else if (BINDINGS[resource.name] !== undefined)
      await this.#checkBinding(request, BINDINGS[resource.name]!);
  }

  async #checkPolicy(request: AdmissionRequest): Promise<void> {
    const { paramKind } = (request.object as Policy).spec ?? {};
    const before = (request.oldObject as Policy | undefined)?.spec?.paramKind;
    if (paramKind === undefined || (before !== undefined && equalJson(before, paramKind))) return;
    if (
      await this.#mayRead(request, {
        ...this.#resourceOf(request.workspace, paramKind),
        name: '*',
        namespace: '*',
      })
    )
      return;
    const { kind, apiVersion } = paramKind;
    throw refused(
      request,
      'spec.paramKind',
      `user ${shown(request.user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`,
    );
  }

  async #checkBinding(request: AdmissionRequest, policies: string): Promise<void> {
    const { policyName, paramRef } = (request.object as Binding).spec ?? {};
    const before = (request.oldObject as Binding | undefined)?.spec;
    if (paramRef === undefined) return;
    if (before?.policyName === policyName && equalJson(before?.paramRef ?? null, paramRef)) return;
    const policy = await this.#parts.objects.find<Policy & { metadata: never }>(
      { group: GROUP, resource: policies },
      { workspace: request.workspace, name: policyName ?? '' },
    );
    const { name, namespace } = paramRef;
    const target = {
      ...this.#resourceOf(request.workspace, policy?.spec?.paramKind),
      ...(name && { name }),
      ...(namespace && { namespace }),
    };
    if (await this.#mayRead(request, target)) return;
    throw refused(
      request,
      'spec.paramRef',
      `user ${shown(request.user)} does not have "get" permission on the object referenced by paramRef`,
    );
  }

  /** What is not known could be anything. */
  #resourceOf(workspace: string, kind: admissionregistrationv1.ParamKind | undefined) {
    if (kind === undefined) return { group: '*', version: '*', resource: '*' };
    const { group, version } = parseGroupVersion(kind.apiVersion ?? '');
    const found = this.#parts.catalog
      .in(workspace)
      .all.find((one) => one.group === group && one.version === version && one.kind === kind.kind);
    return { group, version, resource: found?.name ?? '*' };
  }

  async #mayRead(
    { user, workspace }: AdmissionRequest,
    resource: { group: string; version: string; resource: string; name?: string; namespace?: string },
  ): Promise<boolean> {
    const asked = { user, workspace, verb: 'get', path: '', resource };
    return (await this.#parts.authorizer.authorize(asked)).verdict === 'allow';
  }
}

function refused({ resource, name, object }: AdmissionRequest, field: string, why: string): Error {
  return objectInvalid(resource, name || object!.metadata.name, [
    { type: 'FieldValueForbidden', field, message: `Forbidden: ${why}` },
  ]);
}

/** As Go prints a user. */
function shown({ name, uid = '', groups, extra = {} }: User): string {
  const entries = Object.entries(extra).map(([key, values]) => `${key}:[${values.join(' ')}]`);
  return `&{${name} ${uid} [${groups.join(' ')}] map[${entries.sort().join(' ')}]}`;
}
