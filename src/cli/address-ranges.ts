import type { NetworkInterfaceInfo } from 'node:os';
import { OrreryError } from '../base/index.ts';

/**
 * Refuses a range for pods when the host already reaches a part of it, or all of it, through another interface:
 * another cloud on this machine, a VPN, a container engine. A wider network around it does no harm: the
 * narrower route wins.
 *
 * @throws OrreryError AddressRangeInUse naming the interface
 */
export function refuseTakenRange(
  subnet: string,
  ownBridge: string,
  interfaces: Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>,
): void {
  const ours = rangeOf(subnet);
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (name === ownBridge) continue;
    for (const address of addresses ?? []) {
      if (address.family !== 'IPv4' || address.cidr === null) continue;
      const theirs = rangeOf(address.cidr);
      if (theirs.first < ours.first || theirs.last > ours.last) continue;
      throw new OrreryError(
        'AddressRangeInUse',
        `${subnet}, the range for pods, is in use: interface ${name} has ${address.cidr}`,
        {
          hint: 'choose another --cluster-cidr (and another --service-cidr, if another Orrery runs here)',
        },
      );
    }
  }
}

/** First and last address of a range in CIDR notation, as numbers. */
function rangeOf(cidr: string): { first: number; last: number } {
  const [address, prefix] = cidr.split('/') as [string, string];
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(prefix));
  const first = number - (number % size);
  return { first, last: first + size - 1 };
}
