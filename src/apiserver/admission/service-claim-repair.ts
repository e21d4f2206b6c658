import { type Clock, type Log, messageOf } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import type { StoredObjects } from './admission.ts';
import {
  type Claim,
  type ClaimOwner,
  holdingsOf,
  ServiceClaims,
  type ServiceClaimsParts,
} from './service-claims.ts';

/** Upstream's interval. */
const INTERVAL_MS = 3 * 60 * 1000;
/** A write that claimed something takes no longer. */
const GRACE_MS = 2 * 60 * 1000;

export interface ClaimRepairParts extends ServiceClaimsParts {
  objects: StoredObjects;
  clock: Clock;
  log: Log;
}

/**
 * Claims of addresses and node ports follow the Services: one that is missing (of a store from elsewhere) is made, one
 * whose Service is gone (its server died between the two writes) is given back. Harmless on several servers at once.
 * Source: k8s.io/kubernetes/pkg/registry/core/service/{ipallocator,portallocator}/controller.
 */
export async function repairServiceClaims(parts: ClaimRepairParts): Promise<void> {
  const claims = new ServiceClaims(parts);
  // The claims first: whose Service comes after this look is not missed by the next.
  const [addresses, ports] = [await claims.addresses(), await claims.ports()];
  const services = await parts.objects.list<corev1.Service>(
    { group: '', resource: 'services' },
    { workspace: ALL_WORKSPACES },
  );
  const held = new Set<string>();
  const [claimedAddresses, claimedPorts] = [addresses, ports].map(
    (list) => new Set(list.map(({ what }) => what)),
  );
  for (const { object } of services) {
    const { namespace = '', name } = object.metadata;
    const owner = { namespace, name };
    const holdings = holdingsOf(object);
    for (const address of holdings.addresses) {
      held.add(idOf(address, owner));
      if (!claimedAddresses!.has(address)) await claims.takeAddress(address, owner);
    }
    for (const port of holdings.ports) {
      held.add(idOf(String(port), owner));
      if (!claimedPorts!.has(String(port))) await claims.takePort(port, owner);
    }
  }
  const isLeft = (claim: Claim) =>
    !held.has(idOf(claim.what, claim)) && parts.clock.now() - claim.createdMs > GRACE_MS;
  for (const claim of addresses.filter(isLeft)) await claims.releaseAddress(claim.what, claim);
  for (const claim of ports.filter(isLeft)) await claims.releasePort(Number(claim.what), claim);
}

/** The same again and again, until `signal` aborts. */
export async function keepServiceClaims(parts: ClaimRepairParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Rejects only because of the signal, which ends the loop.
    await parts.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await repairServiceClaims(parts);
    } catch (error) {
      parts.log.warn('claims of service addresses and ports could not be looked through', {
        why: messageOf(error),
      });
    }
  }
}

function idOf(what: string, { namespace, name }: ClaimOwner): string {
  return `${what} ${namespace}/${name}`;
}
