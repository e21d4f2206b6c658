import { type corev1, type KubeObject, quotaMatches, quotaUsage, type Resource } from '../../kube/index.ts';

type Quota = corev1.ResourceQuota;
type Scope = corev1.ScopedResourceSelectorRequirement;

/** What may be used only where a quota speaks of it; apiserver.config.k8s.io ResourceQuotaConfiguration. */
export interface LimitedResource {
  apiGroup: string;
  /** Plural. */
  resource: string;
  /** Parts of the names of what is limited: `storageclass`, `requests.storage`. */
  matchContains: readonly string[];
  matchScopes: readonly Scope[];
}

/**
 * Why an object may not be made: it uses what is limited, and no quota of its namespace covers that.
 * Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota CheckRequest.
 */
export function limitedUse(
  limited: readonly LimitedResource[],
  { resource, object, now }: { resource: Resource; object: Readonly<KubeObject>; now: Date },
  quotas: readonly Readonly<Quota>[],
): string | undefined {
  const own = limited.filter((one) => one.apiGroup === resource.group && one.resource === resource.name);
  if (own.length === 0) return undefined;
  const covering = quotas.filter(({ spec }) => quotaMatches(spec, resource, object));
  const covered = new Set(covering.flatMap(({ spec }) => Object.keys(spec?.hard ?? {})));
  const parts = own.flatMap(({ matchContains }) => matchContains);
  const uncovered = Object.keys(quotaUsage(resource, object, now))
    .filter((name) => parts.some((part) => name.includes(part)) && !covered.has(name))
    .sort();
  if (uncovered.length > 0) return `insufficient quota to consume: ${uncovered.join(',')}`;
  const isOf = (scope: Scope) =>
    quotaMatches({ scopeSelector: { matchExpressions: [scope] } }, resource, object);
  const matched = new Set(
    quotas
      .flatMap(scopesOf)
      .filter(isOf)
      .map(({ scopeName }) => scopeName),
  );
  const scopes = own
    .flatMap(({ matchScopes }) => matchScopes)
    .filter((scope) => isOf(scope) && !matched.has(scope.scopeName));
  if (scopes.length === 0) return undefined;
  const texts = scopes.map(
    ({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`,
  );
  return `insufficient quota to match these scopes: [${texts.join(' ')}]`;
}

function scopesOf({ spec }: Readonly<Quota>): Scope[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}
