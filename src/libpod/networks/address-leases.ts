import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, linkUnlessThere, OrreryError } from '../../base/index.ts';
import {
  canonicalAddress,
  IpRange,
  isProcessAlive,
  processIdentity,
  readText,
  replaceFile,
} from '../../engine/index.ts';
import type { NetworkConfig } from '../libpod.ts';

type Subnet = NetworkConfig['IPAM']['Config'][number];

export interface AddressLeasesOptions {
  folder: string;
  /** Whether a container has a record: an address whose container has none is free again. */
  isKnown: (containerId: string) => Promise<boolean>;
}

/**
 * Addresses given out: a file an address, made by link(2) so that two processes never give out the same. The
 * next one after the last is taken, so that an address is not at once somebody else's.
 */
export class AddressLeases {
  readonly #folder: string;
  readonly #isKnown: (containerId: string) => Promise<boolean>;

  constructor(options: AddressLeasesOptions) {
    this.#folder = options.folder;
    this.#isKnown = options.isKnown;
  }

  /** @throws OrreryError NetworkFailed when none is left */
  async take(networkId: string, subnet: Subnet, containerId: string): Promise<string> {
    const folder = await this.#open(networkId);
    const range = IpRange.parse(subnet.Subnet);
    const { first, last } = boundsOf(subnet, range);
    const lastFile = join(folder, `last-${range.family}`);
    const previous = await readText(lastFile);
    const taken = new Set(await readdir(folder));
    const count = last - first + 1n;
    let offset =
      previous !== undefined && range.contains(previous) ? range.offsetOf(previous) + 1n - first : 0n;
    if (offset < 0n) offset = 0n;
    // One more than there are addresses when all are taken: then leases of the dead are looked at.
    for (const pass of ['free', 'stale'] as const)
      for (let step = 0n; step < count && step < 1_000_000n; step++) {
        const address = range.at(first + ((offset + step) % count));
        if (address === subnet.Gateway) continue;
        if (pass === 'free' && taken.has(address)) continue;
        if (!(await this.#claim(folder, address, containerId))) continue;
        await replaceFile(lastFile, address);
        return address;
      }
    throw new OrreryError('NetworkFailed', `IPAM error: no free address left in ${subnet.Subnet}`);
  }

  /** @throws BadRequest outside of the subnets @throws OrreryError NetworkFailed when another container has it */
  async takeExactly(network: NetworkConfig, asked: string, containerId: string): Promise<string> {
    const address = canonicalAddress(asked);
    if (address === undefined) throw new BadRequest(`${JSON.stringify(asked)} is not an ip address`);
    if (!network.IPAM.Config.some((subnet) => IpRange.parse(subnet.Subnet).contains(address)))
      throw new BadRequest(`requested static ip ${address} not in any subnet on network ${network.Name}`);
    const folder = await this.#open(network.Id);
    const isGateway = network.IPAM.Config.some((subnet) => subnet.Gateway === address);
    if (isGateway || !(await this.#claim(folder, address, containerId))) {
      const holder = isGateway ? 'the gateway' : `container ID ${await this.#holderOf(folder, address)}`;
      throw new OrreryError(
        'NetworkFailed',
        `IPAM error: requested ip address ${address} is already allocated to ${holder}`,
      );
    }
    return address;
  }

  async release(networkId: string, addresses: readonly string[], containerId: string): Promise<void> {
    const folder = join(this.#folder, networkId);
    await rm(join(folder, `without-${containerId}`), { force: true });
    for (const address of addresses)
      if ((await this.#holderOf(folder, address)) === containerId)
        await rm(join(folder, address), { force: true });
  }

  /** What a container has on a network without addresses. */
  async mark(networkId: string, containerId: string): Promise<void> {
    const folder = await this.#open(networkId);
    await replaceFile(join(folder, `without-${containerId}`), containerId);
  }

  /** Also what is not known to have been given. */
  async releaseAll(networkId: string, containerId: string): Promise<void> {
    const folder = await this.#open(networkId);
    for (const name of await readdir(folder))
      if (!name.startsWith('last-') && (await this.#holderOf(folder, name)) === containerId)
        await rm(join(folder, name), { force: true });
  }

  async forget(networkId: string): Promise<void> {
    await rm(join(this.#folder, networkId), { recursive: true, force: true });
  }

  /** Whether a container has an address of the network. */
  async isUsed(networkId: string): Promise<boolean> {
    return (await readdir(await this.#open(networkId))).some(
      (name) => !name.startsWith('last-') && !name.endsWith('.tmp'),
    );
  }

  async #open(networkId: string): Promise<string> {
    const folder = join(this.#folder, networkId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  async #claim(folder: string, address: string, containerId: string): Promise<boolean> {
    const path = join(folder, address);
    const claim = join(folder, `${containerId}-${address}.tmp`);
    await writeFile(claim, `${containerId} ${processIdentity(process.pid)}`, { mode: 0o600 });
    try {
      if (await linkUnlessThere(claim, path)) return true;
      const [holder, maker] = (await readText(path))?.split(' ') ?? [];
      if (holder === containerId) return true;
      const isHeld =
        holder !== undefined &&
        ((await this.#isKnown(holder)) || (maker !== undefined && isProcessAlive(maker)));
      if (isHeld) return false;
      await rm(path, { force: true });
      return await linkUnlessThere(claim, path);
    } finally {
      await rm(claim, { force: true });
    }
  }

  async #holderOf(folder: string, address: string): Promise<string | undefined> {
    return (await readText(join(folder, address)))?.split(' ')[0];
  }
}

/** Offsets in the range: without network address and broadcast, within the lease range. */
export function boundsOf(subnet: Subnet, range: IpRange): { first: bigint; last: bigint } {
  const isTiny = range.size <= 2n;
  let first = isTiny ? 0n : 1n;
  let last = range.size - (isTiny || range.family === 6 ? 1n : 2n);
  const { Start, End } = subnet.LeaseRange ?? {};
  if (Start !== undefined && Start !== '' && range.offsetOf(Start) > first) first = range.offsetOf(Start);
  if (End !== undefined && End !== '' && range.offsetOf(End) < last) last = range.offsetOf(End);
  return { first, last };
}
