import { BadRequest, type Clock, type Log } from '../../base/index.ts';
import type { tenancyv1alpha1 } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import type { ApiRequest, User } from '../http/messages.ts';
import { readRequestInfo } from '../request-info/request-info.ts';
import { TYPE_ANNOTATION } from '../workspaces/admission/logical-cluster-facts.ts';
import { seesAll, TypeResolution, TypeUnusable } from '../workspaces/admission/type-resolution.ts';
import { CLUSTER_SCOPE, SCOPES_EXTRA } from '../workspaces/effective-users.ts';
import type { WorkspaceDirectory } from '../workspaces/workspace-directory.ts';
import { JwtAuthenticator } from './jwt/jwt-authenticator.ts';
import { workspaceIssuersOf } from './jwt/workspace-issuers.ts';
import type { ReviewedToken } from './token-authenticators.ts';

type Configuration = tenancyv1alpha1.WorkspaceAuthenticationConfiguration;

const CONFIGURATIONS = { group: 'tenancy.kcp.io', resource: 'workspaceauthenticationconfigurations' };
const CLUSTER_EXTRA = 'authentication.kcp.io/cluster-name';
const SYSTEM = 'system:';
/** Configurations whose issuers' keys are kept. */
const MOST_KEPT = 200;

interface Kept {
  version: string;
  authenticators: readonly JwtAuthenticator[];
}

export interface WorkspaceTokenParts {
  objects: Pick<StoredObjects, 'find'>;
  directory: WorkspaceDirectory;
  /** The API server's own: a token must be for one of them too. */
  audiences: readonly string[];
  clock: Clock;
  log: Log;
}

/**
 * Tokens of the issuers that the type of a workspace names (`authenticationConfigurations`, which lie beside the type):
 * good in that workspace alone, and never for a name or a group of the system.
 * Source: kcp's documentation, concepts/authentication/workspace; pkg/authentication.
 */
export class WorkspaceTokens {
  readonly #parts: WorkspaceTokenParts;
  readonly #types: TypeResolution;
  /** The least recently used first. */
  readonly #kept = new Map<string, Kept>();

  constructor(parts: WorkspaceTokenParts) {
    this.#parts = parts;
    this.#types = new TypeResolution(parts.objects);
  }

  async authenticate(token: string, request: ApiRequest): Promise<User | undefined> {
    if (token.split('.').length !== 3) return undefined;
    const cluster = await this.#clusterOf(request);
    return cluster === undefined ? undefined : this.#authenticateIn(cluster, token);
  }

  /** For a TokenReview in a workspace; no audiences: the API server's own. */
  async review(
    cluster: string,
    token: string,
    wanted: readonly string[] = [],
  ): Promise<ReviewedToken | undefined> {
    const { audiences } = this.#parts;
    const shared = wanted.length > 0 ? wanted.filter((one) => audiences.includes(one)) : audiences;
    if (shared.length === 0 || token.split('.').length !== 3) return undefined;
    const user = await this.#authenticateIn(cluster, token);
    return user && { user, audiences: shared };
  }

  async #authenticateIn(cluster: string, token: string): Promise<User | undefined> {
    for (const authenticator of await this.#authenticatorsOf(cluster)) {
      const user = await authenticator.authenticate(token);
      if (user === undefined || user.name.startsWith(SYSTEM)) continue;
      if (await this.#isForUs(token)) return inCluster(user, cluster);
    }
    return undefined;
  }

  async #clusterOf(request: ApiRequest): Promise<string | undefined> {
    try {
      const { workspace, view } = readRequestInfo(request);
      // Who looks at several workspaces is not one's.
      return view === undefined ? await this.#parts.directory.resolve(workspace) : undefined;
    } catch (error) {
      if (error instanceof BadRequest) return undefined;
      throw error;
    }
  }

  async #authenticatorsOf(cluster: string): Promise<JwtAuthenticator[]> {
    const found = await this.#parts.directory.find(cluster);
    const reference = found?.metadata.annotations?.[TYPE_ANNOTATION] ?? '';
    const at = reference.lastIndexOf(':');
    if (at < 0) return [];
    try {
      const { type, cluster: home } = await this.#types.get(
        reference.slice(0, at),
        reference.slice(at + 1),
        seesAll,
      );
      const configurations = type.spec?.authenticationConfigurations ?? [];
      const all = await Promise.all(configurations.map(({ name }) => this.#configured(home, name)));
      return all.flat();
    } catch (error) {
      if (error instanceof TypeUnusable) return [];
      throw error;
    }
  }

  async #configured(workspace: string, name: string): Promise<readonly JwtAuthenticator[]> {
    const { objects, clock, log } = this.#parts;
    const found = await objects.find<Configuration>(CONFIGURATIONS, { workspace, name });
    if (found === undefined) return [];
    const key = `${workspace}/${name}`;
    // What is configured: labels may change, and the issuers' keys be kept.
    const version = JSON.stringify(found.spec);
    let kept = this.#kept.get(key);
    if (kept?.version !== version)
      kept = {
        version,
        authenticators: issuersOf(found, log).map((issuer) => new JwtAuthenticator(issuer, { clock, log })),
      };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(oldest!);
    return kept.authenticators;
  }

  /** Of a token that is good: whether it is for an API server at all. */
  async #isForUs(token: string): Promise<boolean> {
    const { decodeJwt } = await import('jose');
    return [decodeJwt(token).aud ?? []].flat().some((one) => this.#parts.audiences.includes(one));
  }
}

/** What was stored before it was refused counts for nothing. */
function issuersOf({ metadata, spec }: Readonly<Configuration>, log: Log) {
  try {
    return workspaceIssuersOf(spec);
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    log.warn('a WorkspaceAuthenticationConfiguration cannot be used', { name: metadata.name, error });
    return [];
  }
}

function inCluster(user: User, cluster: string): User {
  return {
    ...user,
    groups: user.groups.filter((group) => !group.startsWith(SYSTEM)),
    extra: { ...user.extra, [SCOPES_EXTRA]: [`${CLUSTER_SCOPE}${cluster}`], [CLUSTER_EXTRA]: [cluster] },
  };
}
