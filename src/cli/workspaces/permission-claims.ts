import type { apisv1alpha2 } from '../../kube/index.ts';

/**
 * What somebody who enters a workspace is told of its bindings: claims of the export that the binding says nothing
 * of, or says otherwise. The sentences are kcp's.
 */
export function claimWarnings(bindings: readonly apisv1alpha2.APIBinding[]): string[] {
  return bindings.flatMap((binding) =>
    (binding.status?.exportPermissionClaims ?? []).flatMap((exported) => warningsOf(binding, exported)),
  );
}

function warningsOf(binding: apisv1alpha2.APIBinding, exported: apisv1alpha2.PermissionClaim): string[] {
  const { name } = binding.metadata;
  const claim = claimText(exported);
  const answer = binding.spec.permissionClaims?.findLast((one) => isSame(one, exported));
  if (answer === undefined)
    return [
      `Warning: claim for ${claim} exported but not specified on APIBinding ${name}\nAdd this claim to the APIBinding's Spec.`,
    ];
  const warnings: string[] = [];
  if (answer.state !== 'Accepted' && answer.state !== 'Rejected')
    warnings.push(
      `Warning: claim for ${claim} specified on APIBinding ${name} but not accepted or rejected.`,
    );
  const allowed = verbsOf(answer);
  const expected = verbsOf(exported);
  if (allowed !== expected)
    warnings.push(
      `Warning: allowed verbs (${allowed}) on claim for ${claim} on APIBinding ${name} do not match expected verbs (${expected}).`,
    );
  return warnings;
}

function isSame(a: apisv1alpha2.PermissionClaim, b: apisv1alpha2.PermissionClaim): boolean {
  const of = ({ group = '', resource, identityHash = '' }: apisv1alpha2.PermissionClaim) =>
    `${group}/${resource}/${identityHash}`;
  return of(a) === of(b);
}

function verbsOf({ verbs = [] }: apisv1alpha2.PermissionClaim): string {
  return [...new Set(verbs)].sort().join(',');
}

/** `configmaps`, `sheriffs.wild.west`, `sheriffs.wild.west:a1b2…`. */
export function claimText({ group = '', resource, identityHash = '' }: apisv1alpha2.PermissionClaim): string {
  if (group === '') return resource;
  return identityHash === '' ? `${resource}.${group}` : `${resource}.${group}:${identityHash}`;
}
