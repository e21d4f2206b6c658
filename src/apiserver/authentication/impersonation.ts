import { append, BadRequest } from '../../base/index.ts';
import { ROOT_WORKSPACE, SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  forbiddenSentence,
} from '../authorization/authorizer.ts';
import { forbidden } from '../errors.ts';
import { linesOf } from '../http/header-lines.ts';
import {
  ANONYMOUS,
  type ApiRequest,
  AUTHENTICATED_GROUP,
  MASTERS_GROUP,
  type User,
} from '../http/messages.ts';
import { CLUSTER_NAME_EXTRA, isInScope, SCOPES_EXTRA } from '../workspaces/effective-users.ts';

const USER = 'impersonate-user';
const UID = 'impersonate-uid';
const GROUP = 'impersonate-group';
const EXTRA = 'impersonate-extra-';
const UNAUTHENTICATED_GROUP = 'system:unauthenticated';
const AUTHENTICATION_GROUP = 'authentication.k8s.io';

type Target = NonNullable<AuthorizationAttributes['resource']>;

interface Wanted {
  name: string;
  uid: string | undefined;
  groups: readonly string[];
  extra: Readonly<Record<string, readonly string[]>>;
}

/**
 * Who the request is made as: whoever its `Impersonate-*` headers name, when the asking user may `impersonate` every
 * part of that; else the asking user himself. Each line of a header is one group.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation.
 *
 * @throws OrreryError Forbidden; BadRequest when groups, uid or extras are named without a user.
 */
export async function impersonated(
  request: Pick<ApiRequest, 'headers' | 'headerLines'>,
  user: User,
  { authorizer, workspace }: { authorizer: Authorizer; workspace: string },
): Promise<User> {
  const wanted = wantedOf(request);
  if (wanted === undefined) return user;
  for (const resource of targetsOf(wanted)) {
    const attributes: AuthorizationAttributes = { user, workspace, verb: 'impersonate', path: '', resource };
    const decision = await authorizer.authorize(attributes);
    if (decision.verdict === 'allow') continue;
    const { group, resource: name } = resource;
    throw forbidden({ group, name }, resource.name ?? '', forbiddenSentence(attributes, decision.reason));
  }
  if (workspace !== ROOT_WORKSPACE) checkReach(user, workspace, wanted);
  const extra = { ...wanted.extra, ...(workspace !== ROOT_WORKSPACE && confinedTo(workspace, wanted)) };
  return {
    name: wanted.name,
    ...(wanted.uid !== undefined && { uid: wanted.uid }),
    groups: groupsOf(wanted),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

const KCP_ADMINS = 'system:kcp:admin';
const HARMLESS = /^system:(serviceaccounts?(:|$)|authenticated$|unauthenticated$|anonymous$)/;

/**
 * What a workspace's roles allow stays in it: identities that count beyond it (the system's own users and groups, and
 * what makes others of somebody) only who may do everything takes on, or who is in such a group himself.
 * Source: WithImpersonationGatekeeper of kcp pkg/server/filters. @throws OrreryError Forbidden
 */
function checkReach(user: User, workspace: string, { name, groups, extra }: Wanted): void {
  if (user.isInternal === true || user.groups.includes(MASTERS_GROUP)) return;
  const refuse = (resource: string, what: string) =>
    forbidden(
      { group: '', name: resource },
      what,
      `User ${JSON.stringify(user.name)} cannot impersonate an identity of the system in a workspace`,
    );
  if (name.startsWith('system:') && !HARMLESS.test(name)) throw refuse('users', name);
  for (const group of groups)
    if (group.startsWith('system:') && !HARMLESS.test(group) && !user.groups.includes(group))
      throw refuse('groups', group);
  // He may do everything in every workspace anyway.
  if (user.groups.includes(KCP_ADMINS) && isInScope(user, workspace)) return;
  for (const key of Object.keys(extra))
    if (key === CLUSTER_NAME_EXTRA || /(^|\.)kcp\.io\//.test(key)) throw refuse('userextras', key);
}

/** Source: kcp's documentation, concepts/authorization, Scopes. */
function confinedTo(workspace: string, { name, extra }: Wanted): Record<string, readonly string[]> {
  return {
    [SCOPES_EXTRA]: [...(extra[SCOPES_EXTRA] ?? []), `cluster:${workspace}`],
    ...(name.startsWith(SERVICE_ACCOUNT_PREFIX) && {
      [CLUSTER_NAME_EXTRA]: extra[CLUSTER_NAME_EXTRA] ?? [workspace],
    }),
  };
}

function wantedOf(request: Pick<ApiRequest, 'headers' | 'headerLines'>): Wanted | undefined {
  const { headers = {} } = request;
  const groups: string[] = [];
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const header of Object.keys(headers)) {
    if (header === GROUP) append(groups, linesOf(request, header));
    if (header.startsWith(EXTRA)) extra[decodedKey(header.slice(EXTRA.length))] = linesOf(request, header);
  }
  const name = headers[USER];
  const uid = headers[UID] || undefined;
  if (name) return { name, uid, groups, extra };
  const parts = [
    ...groups.map((group) => `group ${JSON.stringify(group)}`),
    ...Object.keys(extra).map((key) => `extra ${JSON.stringify(key)}`),
    ...(uid === undefined ? [] : [`uid ${JSON.stringify(uid)}`]),
  ];
  if (parts.length > 0) throw new BadRequest(`requested [${parts.join(' ')}] without impersonating a user`);
  return undefined;
}

/** Extra keys may hold what a header's name may not: percent-encoded. What is no encoding stands for itself. */
function decodedKey(key: string): string {
  try {
    return decodeURIComponent(key).toLowerCase();
  } catch (error) {
    if (error instanceof URIError) return key;
    throw error;
  }
}

function accountOf(name: string): { namespace: string; name: string } | undefined {
  const parts = name.startsWith(SERVICE_ACCOUNT_PREFIX)
    ? name.slice(SERVICE_ACCOUNT_PREFIX.length).split(':')
    : [];
  return parts.length === 2 && parts[0] !== '' && parts[1] !== ''
    ? { namespace: parts[0]!, name: parts[1]! }
    : undefined;
}

/** Each part of the identity, as something to have the verb on. */
function* targetsOf({ name, uid, groups, extra }: Wanted): Generator<Target> {
  const account = accountOf(name);
  if (account !== undefined) yield { group: '', version: 'v1', resource: 'serviceaccounts', ...account };
  else yield { group: '', version: 'v1', resource: 'users', name };
  for (const group of groups) yield { group: '', version: 'v1', resource: 'groups', name: group };
  const special = { group: AUTHENTICATION_GROUP, version: 'v1' };
  for (const [subresource, values] of Object.entries(extra))
    for (const value of values) yield { ...special, resource: 'userextras', subresource, name: value };
  if (uid !== undefined) yield { ...special, resource: 'uids', name: uid };
}

/** A service account brings its groups when none are named; everyone is authenticated or is not. */
function groupsOf({ name, groups }: Wanted): string[] {
  const account = accountOf(name);
  const own =
    account !== undefined && groups.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
      : [...groups];
  if (name === ANONYMOUS.name)
    return own.includes(UNAUTHENTICATED_GROUP) ? own : [...own, UNAUTHENTICATED_GROUP];
  const isMarked = own.includes(AUTHENTICATED_GROUP) || own.includes(UNAUTHENTICATED_GROUP);
  return isMarked ? own : [...own, AUTHENTICATED_GROUP];
}
