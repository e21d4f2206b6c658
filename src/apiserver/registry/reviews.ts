import { BadRequest, type FieldError } from '../../base/index.ts';
import { type authenticationv1, type authorizationv1, decodeKind } from '../../kube/index.ts';
import { authenticated } from '../authentication/authenticator.ts';
import type { ReviewedToken } from '../authentication/token-authenticators.ts';
import type { UserRules } from '../authorization/authorization.ts';
import type { AuthorizationAttributes, Authorizer } from '../authorization/authorizer.ts';
import { readBody } from '../encoding/body.ts';
import { objectInvalid } from '../errors.ts';
import { MASTERS_GROUP, type User } from '../http/messages.ts';
import { isInScope } from '../workspaces/effective-users.ts';
import { type Answer, plain, type Registry, type ResourceRequest } from './registry.ts';
import { readWriteOptions } from './write-options.ts';

export interface ReviewParts {
  authorizer: Authorizer;
  /** Every rule that applies to a user, in a namespace. */
  rulesFor(user: User, scope: { workspace: string; namespace: string }): Promise<UserRules>;
  /** Whose a bearer token is, of whatever kind; without audiences, the API server's own. */
  reviewToken(
    workspace: string,
    token: string,
    audiences?: readonly string[],
  ): Promise<ReviewedToken | undefined>;
}

/** Asked by the system itself, a review is of the workspace's roles alone; kcp pkg/authorization/deep_sar.go. */
const DEEP_REVIEW_HEADER = 'x-kcp-internal-deep-subjectaccessreview';

type AccessReview = authorizationv1.SubjectAccessReview & authorizationv1.SelfSubjectAccessReview;

/** POST of the kinds that only ask. Source: k8s.io/kubernetes/pkg/registry/{authentication,authorization}. */
export async function review(
  registry: Registry,
  request: ResourceRequest,
  parts: ReviewParts,
): Promise<Answer> {
  const { resource } = request;
  const options = readWriteOptions(request.request, 'CreateOptions');
  const body = await readBody(request.request);
  const { object, warnings } = decodeKind<Record<string, unknown>>(
    resource,
    resource.schema.ref,
    body,
    options.fieldValidation,
  );
  const status = await answer(registry, request, parts, object);
  return plain(201, { ...object, status }, warnings);
}

function answer(
  registry: Registry,
  request: ResourceRequest,
  parts: ReviewParts,
  object: Record<string, unknown>,
): Promise<object> | object {
  switch (request.resource.name) {
    case 'selfsubjectreviews':
      return { userInfo: infoOf(request.user) };
    case 'tokenreviews':
      return reviewToken(request, parts, object as unknown as authenticationv1.TokenReview);
    case 'selfsubjectrulesreviews':
      return reviewRules(request, parts, object as unknown as authorizationv1.SelfSubjectRulesReview);
    default:
      return reviewAccess(registry, request, parts, object as unknown as AccessReview);
  }
}

function infoOf(user: User): authenticationv1.UserInfo {
  return {
    username: user.name,
    ...(user.uid !== undefined && { uid: user.uid }),
    groups: [...user.groups],
    ...(user.extra !== undefined && { extra: user.extra }),
  };
}

async function reviewToken(
  { workspace }: ResourceRequest,
  parts: ReviewParts,
  object: authenticationv1.TokenReview,
): Promise<object> {
  const { token, audiences } = object.spec ?? {};
  if (!token) throw new BadRequest('token is required for TokenReview in authentication');
  const found = await parts.reviewToken(workspace, token, audiences);
  if (found === undefined) return { authenticated: false, user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: infoOf(authenticated(found.user)), audiences: found.audiences };
}

async function reviewAccess(
  _registry: Registry,
  request: ResourceRequest,
  parts: ReviewParts,
  object: AccessReview,
): Promise<object> {
  const { resourceAttributes: wanted, nonResourceAttributes: path } = object.spec ?? {};
  if ((wanted === undefined) === (path === undefined))
    throw objectInvalid(request.resource, '', [
      {
        type: 'FieldValueInvalid',
        field: 'spec.resourceAttributes',
        message: `Invalid value: ${JSON.stringify(wanted ?? null)}: exactly one of nonResourceAttributes or resourceAttributes must be specified`,
      },
    ]);
  if (request.resource.name === 'localsubjectaccessreviews') checkLocal(request, object);
  const attributes: AuthorizationAttributes = {
    user: subjectOf(request, object),
    workspace: request.workspace,
    verb: wanted?.verb ?? path?.verb ?? '',
    path: path?.path ?? '',
    ...(isDeep(request) && { isHypothetical: true }),
  };
  if (wanted !== undefined)
    attributes.resource = {
      group: wanted.group ?? '',
      version: wanted.version ?? '',
      resource: wanted.resource ?? '',
      ...(wanted.subresource && { subresource: wanted.subresource }),
      ...(wanted.namespace && { namespace: wanted.namespace }),
      ...(wanted.name && { name: wanted.name }),
      ...(wanted.fieldSelector?.rawSelector && { fieldSelector: wanted.fieldSelector.rawSelector }),
    };
  const decision = await parts.authorizer.authorize(attributes);
  return {
    allowed: decision.verdict === 'allow',
    ...(decision.verdict === 'deny' && { denied: true }),
    ...(decision.reason !== '' && { reason: decision.reason }),
  };
}

function isDeep({ user, request, workspace, resource }: ResourceRequest): boolean {
  if (resource.name !== 'subjectaccessreviews' || request.headers?.[DEEP_REVIEW_HEADER] !== 'true')
    return false;
  return user.groups.includes(MASTERS_GROUP) && isInScope(user, workspace);
}

/** Asked in a namespace, answered of that namespace only. */
function checkLocal(request: ResourceRequest, { spec }: AccessReview): void {
  const errors: FieldError[] = [];
  const invalid = (field: string, value: unknown, why: string) =>
    errors.push({
      type: 'FieldValueInvalid',
      field,
      message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
    });
  const { resourceAttributes, nonResourceAttributes } = spec;
  const namespace = resourceAttributes?.namespace ?? '';
  if (resourceAttributes !== undefined && namespace !== request.namespace)
    invalid('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace');
  if (nonResourceAttributes !== undefined)
    invalid('spec.nonResourceAttributes', nonResourceAttributes, 'disallowed on this kind of request');
  if (errors.length > 0) throw objectInvalid(request.resource, '', errors);
}

function subjectOf(request: ResourceRequest, object: AccessReview): User {
  if (request.resource.name === 'selfsubjectaccessreviews') return request.user;
  const { user, groups, uid, extra } = object.spec;
  if (!user && !groups?.length)
    throw objectInvalid(request.resource, '', [
      {
        type: 'FieldValueInvalid',
        field: 'spec.user',
        message: 'Invalid value: "": at least one of user or group must be specified',
      },
    ]);
  return {
    name: user ?? '',
    groups: groups ?? [],
    ...(uid !== undefined && { uid }),
    ...(extra !== undefined && { extra: extra as Record<string, string[]> }),
  };
}

/** What the user may do in a namespace, a rule of his roles each. */
async function reviewRules(
  request: ResourceRequest,
  parts: ReviewParts,
  object: authorizationv1.SelfSubjectRulesReview,
): Promise<authorizationv1.SubjectRulesReviewStatus> {
  const namespace = object.spec?.namespace;
  if (!namespace) throw new BadRequest('no namespace on request');
  const { workspace } = request;
  const { rules, errors, incomplete } = await parts.rulesFor(request.user, { workspace, namespace });
  const resourceRules: authorizationv1.ResourceRule[] = [];
  const nonResourceRules: authorizationv1.NonResourceRule[] = [];
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of rules) {
    if (resources?.length)
      resourceRules.push({
        verbs,
        apiGroups: apiGroups ?? [],
        resources,
        ...(resourceNames?.length && { resourceNames }),
      });
    if (nonResourceURLs?.length) nonResourceRules.push({ verbs, nonResourceURLs });
  }
  return {
    resourceRules,
    nonResourceRules,
    incomplete,
    ...(errors.length > 0 && { evaluationError: aggregated(errors) }),
  };
}

/** Several errors in brackets, each once, as Go's aggregate. */
function aggregated(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
