import type { admissionregistrationv1, KubeObject, Resource } from '../../../kube/index.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import type { Attributes, VersionConverter } from '../../webhooks/attributes.ts';
import { isNamespace, type MatchCriteria, type RequestMatcher } from '../../webhooks/rules.ts';
import { type AdmissionRequest, guardingWorkspace, type StoredObjects } from '../admission.ts';
import type { AdmissionObserver } from '../admission-observer.ts';
import { collectParams, type Params } from './policy-params.ts';

const GROUP = 'admissionregistration.k8s.io';

export interface PolicyParts {
  objects: StoredObjects;
  catalog: ResourceCatalog;
  authorizer: Authorizer;
  matcher: RequestMatcher;
  converter: VersionConverter;
  observer?: AdmissionObserver | undefined;
}

/** What both kinds of policies have. */
type Policy = KubeObject & {
  spec: Pick<
    admissionregistrationv1.ValidatingAdmissionPolicySpec,
    'paramKind' | 'matchConstraints' | 'failurePolicy'
  >;
};
type Binding = KubeObject & { spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec };

/** A policy, a binding of it that is for the request, and the version of the resource it wants to see. */
export interface BoundPolicy<P extends Policy, B extends Binding> {
  policy: Readonly<P>;
  binding: Readonly<B>;
  version: Resource;
}

const POLICIES = {
  mutating: { group: GROUP, resource: 'mutatingadmissionpolicies' },
  validating: { group: GROUP, resource: 'validatingadmissionpolicies' },
};

/** Nobody has a policy: known without looking. */
export function hasNoPolicies(
  { objects }: PolicyParts,
  kind: 'mutating' | 'validating',
  request: AdmissionRequest,
): boolean {
  return objects.hasNone?.(POLICIES[kind], { workspace: guardingWorkspace(request) }) === true;
}

/**
 * The policies that are for a request, each with each of its bindings, in the order of their names.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic.
 */
export async function boundPolicies<P extends Policy, B extends Binding>(
  parts: PolicyParts,
  kind: 'mutating' | 'validating',
  request: AdmissionRequest,
): Promise<BoundPolicy<P, B>[]> {
  const { objects, matcher } = parts;
  const workspace = guardingWorkspace(request);
  const policies = await objects.list<P>(POLICIES[kind], { workspace });
  if (policies.length === 0) return [];
  const resource = `${kind}admissionpolicybindings`;
  const bindings = await objects.list<B>({ group: GROUP, resource }, { workspace });
  const found: BoundPolicy<P, B>[] = [];
  for (const { object: policy } of policies) {
    const own = bindings.filter(({ object }) => object.spec.policyName === policy.metadata.name);
    if (own.length === 0) continue;
    const version = await matcher.match(criteriaOf(policy.spec.matchConstraints), request);
    if (version === undefined) continue;
    for (const { object: binding } of own) {
      const { matchResources } = binding.spec;
      const isFor =
        matchResources === undefined ||
        (await matcher.match(criteriaOf(matchResources), request)) !== undefined;
      if (isFor) found.push({ policy, binding, version });
    }
  }
  return found;
}

/** Without rules a binding is for whatever its policy is for. */
function criteriaOf(match: admissionregistrationv1.MatchResources | undefined): MatchCriteria {
  const all = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
  const { resourceRules, excludeResourceRules, ...rest } = match ?? {};
  return {
    ...rest,
    rules: resourceRules?.length ? resourceRules : all,
    ...(excludeResourceRules !== undefined && { excluded: excludeResourceRules }),
  };
}

/** What a binding compares a request with. @throws Error in upstream's words when there should be something and is not. */
export function paramsOf(
  parts: PolicyParts,
  { policy, binding }: Pick<BoundPolicy<Policy, Binding>, 'policy' | 'binding'>,
  request: AdmissionRequest,
): Promise<Params> {
  const { paramKind: kind } = policy.spec;
  return collectParams(parts, { kind, ref: binding.spec.paramRef, request });
}

/** CEL's `namespaceObject`; a Namespace has none. */
export async function namespaceOf(
  { objects }: PolicyParts,
  { workspace, resource }: AdmissionRequest,
  { namespace }: Attributes,
): Promise<Readonly<KubeObject> | undefined> {
  if (namespace === undefined || isNamespace(resource)) return undefined;
  const found = await objects.find({ group: '', resource: 'namespaces' }, { workspace, name: namespace });
  if (found === undefined) return undefined;
  // What belongs to machinery is not shown; k8s.io/apiserver/pkg/admission/plugin/cel CreateNamespaceObject.
  const { managedFields: _, ownerReferences: __, selfLink: ___, ...metadata } = found.metadata;
  return { ...found, metadata };
}

export function refusesOnFailure({ spec }: Readonly<Policy>): boolean {
  return spec.failurePolicy !== 'Ignore';
}
