import { SERVICE_ACCOUNT_PREFIX } from '../../kube/index.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP, type User } from '../http/messages.ts';

/** The logical cluster a service account's token was issued in; ClusterNameKey of kcp's Kubernetes. */
export const CLUSTER_NAME_EXTRA = 'authentication.kcp.io/cluster-name';
/** `cluster:a,cluster:b`: good in any of these; several values: in what all of them name. */
export const SCOPES_EXTRA = 'authentication.kcp.io/scopes';
/** Further identities, as JSON, whose rights the user has too. */
export const WARRANT_EXTRA = 'authorization.kcp.io/warrant';

export const CLUSTER_SCOPE = 'cluster:';
/** Warrants may hold warrants; nobody needs more than a few. */
const MOST_WARRANTS = 16;

const KNOWN_NOBODY: User = { name: ANONYMOUS.name, groups: [AUTHENTICATED_GROUP] };

/** Whether an identity counts in a logical cluster: a service account in its own only, who is scoped where it says. */
export function isInScope({ name, extra }: Pick<User, 'name' | 'extra'>, cluster: string): boolean {
  const homes = extra?.[CLUSTER_NAME_EXTRA] ?? [];
  const isForeign = homes.length > 0 && !(homes.length === 1 && homes[0] === cluster);
  if (isForeign && name.startsWith(SERVICE_ACCOUNT_PREFIX)) return false;
  return (extra?.[SCOPES_EXTRA] ?? []).every((scopes) =>
    scopes.split(',').includes(`${CLUSTER_SCOPE}${cluster}`),
  );
}

/**
 * Everybody whose rights a user has in a logical cluster: himself where he is in scope (elsewhere anybody who is
 * known), a service account also under its name across workspaces, and whom his warrants name.
 * Source: kcp's documentation, concepts/authorization, Scopes and Warrants.
 */
export function effectiveUsers(
  cluster: string,
  user: Pick<User, 'name' | 'groups' | 'extra'>,
): readonly Identity[] {
  if (user.extra === undefined) return [user];
  const found: Identity[] = [];
  const strangers = new Set<User>();
  const pending: Identity[] = [user];
  for (let seen = 0; pending.length > 0 && seen < MOST_WARRANTS; seen++) {
    const one = pending.shift()!;
    if (isInScope(one, cluster)) found.push(one);
    else strangers.add(one.groups.includes(AUTHENTICATED_GROUP) ? KNOWN_NOBODY : ANONYMOUS);
    const global = globalAccount(one);
    if (global !== undefined) found.push(global);
    for (const text of one.extra?.[WARRANT_EXTRA] ?? []) {
      const warrant = readWarrant(text);
      if (warrant !== undefined) pending.push(warrant);
    }
  }
  return [...found, ...strangers];
}

export type Identity = Pick<User, 'name' | 'groups' | 'extra'>;

/** `system:kcp:serviceaccount:<logical cluster>:<namespace>:<name>`: how others may bind an account of elsewhere. */
function globalAccount({ name, groups, extra }: Identity): Identity | undefined {
  const homes = extra?.[CLUSTER_NAME_EXTRA] ?? [];
  if (homes.length !== 1 || !name.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined;
  return {
    name: `system:kcp:serviceaccount:${homes[0]}:${name.slice(SERVICE_ACCOUNT_PREFIX.length)}`,
    groups: groups.includes(AUTHENTICATED_GROUP) ? [AUTHENTICATED_GROUP] : [],
  };
}

/** Undefined for what is no warrant, and for a service account that does not say where it is from. */
function readWarrant(text: string): Identity | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { user, groups, extra } = parsed as { user?: unknown; groups?: unknown; extra?: unknown };
  if (typeof user !== 'string' || !(groups === undefined || isTexts(groups))) return undefined;
  if (!(extra === undefined || isExtra(extra))) return undefined;
  if (user.startsWith(SERVICE_ACCOUNT_PREFIX) && (extra?.[CLUSTER_NAME_EXTRA] ?? []).length === 0)
    return undefined;
  return { name: user, groups: groups ?? [], ...(extra !== undefined && { extra }) };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isExtra(value: unknown): value is Record<string, string[]> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isTexts);
}
