import { labelSelectorAsSelector } from '../../selectors/label-selector.ts';
import type {
  AcceptablePermissionClaim,
  APIBinding,
  APIExport,
  PermissionClaim,
  PermissionClaimSelector,
  ScopedPermissionClaim,
} from '../types/apis-v1alpha2.ts';

/** `configmaps`, `widgets.example.io`: with the identity where there is one. */
function claimKey({ group, resource, identityHash }: PermissionClaim): string {
  return `${resource}/${group ?? ''}/${identityHash ?? ''}`;
}

export interface ClaimVerdict {
  /** Asked for and accepted. */
  applied: ScopedPermissionClaim[];
  /** What was accepted and nobody asked for. */
  invalid: readonly string[];
}

/**
 * What a consumer's answers to the claims of an export come to.
 * Source: pkg/reconciler/apis/permissionclaimlabel/permissionclaimlabel_reconcile.go.
 */
export function judgeClaims(
  exported: readonly PermissionClaim[] | undefined,
  answers: readonly AcceptablePermissionClaim[] | undefined,
): ClaimVerdict {
  const asked = new Set((exported ?? []).map(claimKey));
  const accepted = new Map(
    (answers ?? []).filter(({ state }) => state === 'Accepted').map((one) => [claimKey(one), one]),
  );
  const keys = [...accepted.keys()].sort();
  return {
    applied: keys.filter((key) => asked.has(key)).map((key) => withoutState(accepted.get(key)!)),
    invalid: keys
      .filter((key) => !asked.has(key))
      .map((key) => {
        const { group, resource, identityHash } = accepted.get(key)!;
        return `unexpected/invalid claim for ${resource}.${group ?? ''} (identity ${JSON.stringify(identityHash ?? '')})`;
      }),
  };
}

function withoutState({ state: _state, ...claim }: AcceptablePermissionClaim): ScopedPermissionClaim {
  return claim;
}

/** The claim of an export under which a resource is seen; none for what it does not claim. */
export function claimOf(
  { spec }: Pick<APIExport, 'spec'>,
  group: string,
  resource: string,
): PermissionClaim | undefined {
  return spec?.permissionClaims?.find((one) => one.resource === resource && (one.group ?? '') === group);
}

/** What a consumer has accepted of a claim: the verbs both name, and the objects it is about. */
export interface GrantedClaim {
  verbs: ReadonlySet<string>;
  matches(labels: Record<string, string> | undefined): boolean;
  selector: PermissionClaimSelector;
}

/**
 * What a binding grants of a claim, undefined when it does not.
 * Source: pkg/virtual/apiexport/authorizer/binding.go.
 */
export function grantedClaim(binding: APIBinding, claim: PermissionClaim): GrantedClaim | undefined {
  const answer = binding.spec.permissionClaims?.find(
    (one) => one.state === 'Accepted' && claimKey(one) === claimKey(claim),
  );
  if (answer === undefined) return undefined;
  const verbs = new Set(answer.verbs.filter((verb) => claim.verbs.includes(verb)));
  return { verbs, matches: matcherOf(answer.selector), selector: answer.selector };
}

export function allowsVerb({ verbs }: Pick<GrantedClaim, 'verbs'>, verb: string): boolean {
  return verbs.has(verb) || verbs.has('*');
}

function matcherOf(selector: PermissionClaimSelector | undefined): GrantedClaim['matches'] {
  const { matchAll, ...labels } = selector ?? {};
  if (matchAll === true) return () => true;
  // Neither all nor some: nothing is meant.
  if (labels.matchLabels === undefined && labels.matchExpressions === undefined) return () => false;
  const parsed = labelSelectorAsSelector(labels);
  return (of) => parsed.matches(of);
}
