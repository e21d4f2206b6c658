import { BadRequest, OrreryError, parseGoDurationMs, systemClock } from '../../base/index.ts';
import { API_BINDINGS, API_EXPORTS, type Client, type ResourceClient } from '../../client/index.ts';
import type { apisv1alpha2 } from '../../kube/index.ts';
import { type ConnectionFlags, withSession } from './session.ts';
import { baseOf, isWorkspacePath, parentOf } from './workspace-path.ts';

export interface BindFlags extends ConnectionFlags {
  name?: string;
  timeout: string;
  acceptPermissionClaim?: string[];
  rejectPermissionClaim?: string[];
  acceptAllPermissionClaims?: boolean;
  rejectAllPermissionClaims?: boolean;
}

const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 500;

/** `kcp bind apiexport root:service:export`. */
export async function bindApiExport(reference: string, flags: BindFlags): Promise<void> {
  const path = parentOf(reference);
  const name = baseOf(reference);
  if (!isWorkspacePath(path) || name === '')
    throw new BadRequest(
      'fully qualified reference to workspace where APIExport exists is required. The format is `<logical-cluster-name>:<apiexport>` or `<full>:<path>:<to>:<apiexport>`',
    );
  const timeoutMs = parseGoDurationMs(flags.timeout);
  if (timeoutMs === undefined) throw new BadRequest(`--timeout "${flags.timeout}" is not a duration`);
  const claims = claimsOf(flags);
  await withSession(flags, async (session) => {
    const bindings = (await session.in(session.path)).resource<apisv1alpha2.APIBinding>(API_BINDINGS);
    claims.push(...(await allClaims(await session.in(path), name, flags)));
    const created = await bindings.create({
      metadata: { name: flags.name ?? name },
      spec: {
        reference: { export: { path, name } },
        ...(claims.length > 0 && { permissionClaims: claims }),
      },
    });
    const bindingName = created.metadata.name;
    process.stdout.write(`apibinding ${bindingName} created. Waiting to successfully bind ...\n`);
    await untilBound(bindings, created, timeoutMs);
    process.stdout.write(`${bindingName} created and bound.\n`);
  });
}

/** @throws BadRequest, with kcp's words, for flags that contradict each other */
export function claimsOf(
  flags: Pick<
    BindFlags,
    | 'acceptPermissionClaim'
    | 'rejectPermissionClaim'
    | 'acceptAllPermissionClaims'
    | 'rejectAllPermissionClaims'
  >,
): apisv1alpha2.AcceptablePermissionClaim[] {
  refuseContradictions(flags);
  const accepted = readClaims(flags.acceptPermissionClaim, 'Accepted');
  const rejected = readClaims(flags.rejectPermissionClaim, 'Rejected');
  for (const one of accepted)
    if (rejected.some((other) => one.group === other.group && one.resource === other.resource)) {
      const text = one.group ? `${one.resource}.${one.group}` : one.resource;
      throw new BadRequest(
        `accepted permission claim ${text} conflicts with rejected permission claim ${text}`,
      );
    }
  return [...accepted, ...rejected];
}

function refuseContradictions(flags: Parameters<typeof claimsOf>[0]): void {
  const { acceptPermissionClaim: accept = [], rejectPermissionClaim: reject = [] } = flags;
  const all = { accept: flags.acceptAllPermissionClaims, reject: flags.rejectAllPermissionClaims };
  const clash = (both: string) => {
    throw new BadRequest(both);
  };
  if (all.accept && all.reject)
    clash('cannot use both --accept-all-permission-claims and --reject-all-permission-claims');
  if (all.accept && accept.length > 0)
    clash('cannot use --accept-all-permission-claims with --accept-permission-claim');
  if (all.accept && reject.length > 0)
    clash('cannot use --accept-all-permission-claims together with --reject-permission-claim');
  if (all.reject && reject.length > 0)
    clash('cannot use --reject-all-permission-claims with --reject-permission-claim');
  if (all.reject && accept.length > 0)
    clash('cannot use --reject-all-permission-claims together with --accept-permission-claim');
}

function readClaims(
  texts: readonly string[] = [],
  state: 'Accepted' | 'Rejected',
): apisv1alpha2.AcceptablePermissionClaim[] {
  return texts.map((text) => {
    const at = text.indexOf('.');
    if (at < 0)
      throw new BadRequest(
        `invalid ${state.toLowerCase()} permission claims: [invalid permission claim "${text}"]`,
      );
    const group = text.slice(at + 1);
    return claim(group === 'core' ? '' : group, text.slice(0, at), state);
  });
}

function claim(
  group: string,
  resource: string,
  state: 'Accepted' | 'Rejected',
): apisv1alpha2.AcceptablePermissionClaim {
  return { group, resource, verbs: ['*'], selector: { matchAll: true }, state };
}

/** What `--accept-all-permission-claims` and its opposite stand for. */
async function allClaims(
  client: Client,
  name: string,
  flags: BindFlags,
): Promise<apisv1alpha2.AcceptablePermissionClaim[]> {
  if (!flags.acceptAllPermissionClaims && !flags.rejectAllPermissionClaims) return [];
  const state = flags.acceptAllPermissionClaims ? 'Accepted' : 'Rejected';
  const found = await client.resource<apisv1alpha2.APIExport>(API_EXPORTS).get(name);
  return (found.spec?.permissionClaims ?? []).map((one) => ({
    ...claim(one.group ?? '', one.resource, state),
    ...(one.identityHash !== undefined && { identityHash: one.identityHash }),
  }));
}

async function untilBound(
  bindings: ResourceClient<apisv1alpha2.APIBinding>,
  created: apisv1alpha2.APIBinding,
  timeoutMs: number,
): Promise<void> {
  const { name } = created.metadata;
  const deadline = Date.now() + timeoutMs;
  let binding = created;
  for (let waitMs = FIRST_WAIT_MS; binding.status?.phase !== 'Bound'; ) {
    if (Date.now() > deadline) {
      const why = binding.status?.conditions?.find((one) => one.status === 'False' && one.message);
      throw new OrreryError(
        'Timeout',
        `could not bind ${name}: ${why?.message ?? `its phase is ${binding.status?.phase || 'not set'}`}`,
        { hint: `the APIBinding stays: kubectl get apibinding ${name} -o yaml` },
      );
    }
    await systemClock.sleep(waitMs);
    waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS);
    binding = await bindings.get(name);
  }
}
