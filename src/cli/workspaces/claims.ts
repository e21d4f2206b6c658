import { BadRequest, NotFound } from '../../base/index.ts';
import { API_BINDINGS } from '../../client/index.ts';
import type { apisv1alpha2 } from '../../kube/index.ts';
import { outputFormat, printStructured, table } from '../output.ts';
import { claimText } from './permission-claims.ts';
import { type ConnectionFlags, withSession } from './session.ts';

type Claim = apisv1alpha2.AcceptablePermissionClaim;
type Binding = apisv1alpha2.APIBinding;

export interface GetClaimsFlags extends ConnectionFlags {
  output?: string;
}

export interface AnswerFlags extends ConnectionFlags {
  /** `secrets`, `sheriffs.wild.west`. */
  resource?: string;
  identityHash?: string;
}

/** `kcp claims get apibinding [NAME]`: the claims of one binding of the workspace, or of all. */
export async function getClaims(name: string | undefined, flags: GetClaimsFlags): Promise<void> {
  const format = outputFormat(flags.output);
  const found = await withSession(flags, async (session) => {
    const bindings = (await session.in(session.path)).resource<Binding>(API_BINDINGS);
    return name === undefined ? (await bindings.list()).items : [await bindings.get(name)];
  });
  const claims = found.flatMap(({ metadata, spec }) =>
    (spec.permissionClaims ?? []).map((claim) => ({ binding: metadata.name, ...claim })),
  );
  if (format !== 'text') return await printStructured(claims, format);
  const rows = claims.map(({ binding, group, resource, verbs, state }) => [
    binding,
    claimText({ ...(group !== undefined && { group }), resource, verbs }),
    verbs.join(','),
    state,
  ]);
  process.stdout.write(table(['APIBINDING', 'GROUP-RESOURCE', 'VERBS', 'STATUS'], rows));
}

/** `kcp claims accept NAME`, `kcp claims reject NAME`. */
export async function answerClaim(
  name: string,
  state: 'Accepted' | 'Rejected',
  flags: AnswerFlags,
): Promise<void> {
  const { resource, identityHash } = flags;
  if ((resource ?? '') === '' && (identityHash ?? '') === '')
    throw new BadRequest('which claim is needed', { hint: 'name it with --resource or --identity-hash' });
  await withSession(flags, async (session) => {
    const bindings = (await session.in(session.path)).resource<Binding>(API_BINDINGS);
    const binding = await bindings.get(name);
    const permissionClaims = answered(binding, state, flags);
    await bindings.update({ ...binding, spec: { ...binding.spec, permissionClaims } });
  });
  const which = resource ? `claim "${resource}"` : `claim with identity hash "${identityHash}"`;
  process.stdout.write(`${which} on APIBinding "${name}" is ${state.toLowerCase()}\n`);
}

/**
 * The claims of the binding with those that are meant answered; what the export claims and the binding does not name
 * is added, for all objects.
 *
 * @throws NotFound when there is no such claim
 */
export function answered(
  { spec, status }: Pick<Binding, 'spec' | 'status'>,
  state: 'Accepted' | 'Rejected',
  which: Pick<AnswerFlags, 'resource' | 'identityHash'>,
): Claim[] {
  const isMeant = meant(which);
  const claims = spec.permissionClaims ?? [];
  if (claims.some(isMeant)) return claims.map((claim) => (isMeant(claim) ? { ...claim, state } : claim));
  const exported = (status?.exportPermissionClaims ?? []).filter(isMeant);
  if (exported.length === 0)
    throw new NotFound(
      `claim for "${which.resource || which.identityHash}" not found in APIExport's permission claims`,
    );
  const added = exported.map(({ defaultSelector: _, ...claim }) => ({
    ...claim,
    selector: { matchAll: true },
    state,
  }));
  return [...claims, ...added];
}

function meant({
  resource: text = '',
  identityHash = '',
}: Pick<AnswerFlags, 'resource' | 'identityHash'>): (claim: apisv1alpha2.PermissionClaim) => boolean {
  const [resource, ...rest] = text.split('.');
  const group = rest.join('.') === 'core' ? '' : rest.join('.');
  return (claim) =>
    (text === '' || (claim.resource === resource && (claim.group ?? '') === group)) &&
    (identityHash === '' || claim.identityHash === identityHash);
}
