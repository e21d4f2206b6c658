import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AlreadyExists, BadRequest, type Clock, Conflict, NotFound } from '../../base/index.ts';
import {
  type BridgeLink,
  IpRange,
  makeBridge,
  type NetworkHost,
  rootlessFacts,
  withFileLock,
} from '../../engine/index.ts';
import type { CreateNetwork, NetworkConfig } from '../libpod.ts';
import type { AddressLeases } from './address-leases.ts';
import { DEFAULT_NETWORK, defaultNetwork, defineNetwork, freeSubnet } from './network-definition.ts';
import type { NetworkDefinition, NetworkRecords } from './network-records.ts';

/** Processes of several instances choose ranges one after the other, where they can meet. */
const HOST_LOCKS = '/run/lock';

export interface NetworkDefinitionsOptions {
  records: NetworkRecords;
  leases: AddressLeases;
  host: NetworkHost;
  instance: string;
  /** Folder of lock files. */
  locks: string;
  clock: Clock;
}

/** Networks by name and id, and the ranges they have. */
export class NetworkDefinitions {
  readonly #options: NetworkDefinitionsOptions;
  readonly #bridgePrefix: string;

  constructor(options: NetworkDefinitionsOptions) {
    this.#options = options;
    this.#bridgePrefix = `orr${options.instance}p`;
  }

  /** By name. */
  async list(): Promise<NetworkDefinition[]> {
    const kept = await this.#options.records.definitions();
    if (!kept.some((one) => one.Name === DEFAULT_NETWORK)) kept.push(this.#default());
    return kept.sort((a, b) => (a.Name < b.Name ? -1 : 1));
  }

  /** By name, id or a beginning of the id. @throws NotFound Conflict */
  async find(asked: string): Promise<NetworkDefinition> {
    const name = asked === 'bridge' || asked === 'default' ? DEFAULT_NETWORK : asked;
    const isFileName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);
    const named = isFileName ? await this.#options.records.definition(name) : undefined;
    if (named !== undefined) return named;
    if (name === DEFAULT_NETWORK) return this.#default();
    const found = (await this.list()).filter((one) => name !== '' && one.Id.startsWith(name));
    if (found.length > 1)
      throw new Conflict(`more than one result for network ID ${name}: network already exists`);
    if (found.length === 0)
      throw new NotFound(`unable to find network with name or ID ${name}: network not found`);
    return found[0]!;
  }

  /** @throws AlreadyExists BadRequest */
  async create(asked: CreateNetwork): Promise<NetworkDefinition> {
    return await this.#alone(async () => {
      const existing = await this.list();
      const same = existing.find((one) => one.Name === asked.Name);
      if (same !== undefined) {
        if (asked.ignore === true) return same;
        throw new AlreadyExists(`network name ${asked.Name} already used: network already exists`);
      }
      const definition = defineNetwork(asked, {
        nowMs: this.#options.clock.now(),
        used: await this.#usedRanges(existing),
        existing,
        bridgePrefix: this.#bridgePrefix,
        links: await this.#options.host.linkNames(),
        ...(await this.#defaultLink(asked.Driver)),
      });
      await this.#options.records.writeDefinition(definition);
      return definition;
    });
  }

  async remove(definition: NetworkConfig): Promise<void> {
    if (definition.Name === DEFAULT_NETWORK)
      throw new BadRequest(`default network ${DEFAULT_NETWORK} cannot be removed`);
    // Its bridge may be on its way out yet: the next network is to find the name and the range free.
    await withFileLock(this.#lockOf(definition.Id), async () => {
      await this.#alone(async () => {
        await this.#options.records.removeDefinition(definition.Name);
        await this.#options.leases.forget(definition.Id);
      });
    });
  }

  /**
   * Runs `lease` while the network cannot go, with its bridge there. A bridge that is not there yet gets other
   * ranges when nobody asked for its own and something on this host leads into them by now.
   */
  async withBridge<T>(
    definition: NetworkDefinition,
    lease: (definition: NetworkDefinition) => Promise<T>,
  ): Promise<T> {
    return await withFileLock(this.#lockOf(definition.Id), async () => {
      if (definition.Driver !== 'bridge') return await lease(definition);
      if ((await this.#options.host.linkNames()).includes(definition.Interface)) {
        // The definition may be of before the bridge.
        return await lease(await this.find(definition.Name));
      }
      const ready = await this.#withHostLock(async () => {
        const current = await this.#alone(async () => await this.#freed(await this.find(definition.Name)));
        await makeBridge(this.#options.host, bridgeLinkOf(current));
        return current;
      });
      return await lease(ready);
    });
  }

  /** Runs `work` with those of the networks in which no container has an address, and none can get one meanwhile. */
  async withUnused(
    networkIds: readonly string[],
    work: (unused: ReadonlySet<string>, locks: readonly number[]) => Promise<void>,
    found: ReadonlyMap<string, number> = new Map(),
  ): Promise<void> {
    // In one order, so that two who do this never wait for each other.
    const [id, ...rest] = [...new Set(networkIds)].sort();
    if (id === undefined) return await work(new Set(found.keys()), [...found.values()]);
    if (await this.#options.leases.isUsed(id)) return await this.withUnused(rest, work, found);
    await withFileLock(this.#lockOf(id), async (lock) => {
      const isUsed = await this.#options.leases.isUsed(id);
      await this.withUnused(rest, work, isUsed ? found : new Map([...found, [id, lock]]));
    });
  }

  /** Other ranges, when nobody asked for these and they lead elsewhere. */
  async #freed(definition: NetworkDefinition): Promise<NetworkDefinition> {
    if (definition.hasChosenSubnets !== true || (await this.#options.leases.isUsed(definition.Id)))
      return definition;
    const others = (await this.list()).filter((one) => one.Id !== definition.Id);
    const used = await this.#usedRanges(others, definition.Interface);
    const isClear = definition.IPAM.Config.every(
      ({ Subnet }) => !used.some((one) => one.overlaps(IpRange.parse(Subnet))),
    );
    if (isClear) return definition;
    const range = freeSubnet(used);
    const gateway = definition.IPAM.Config.some((one) => one.Gateway !== undefined);
    const moved = {
      ...definition,
      IPAM: {
        ...definition.IPAM,
        Config: [
          { Subnet: String(range), ...(gateway && { Gateway: range.at(1) }) },
          ...definition.IPAM.Config.filter((one) => one.Subnet.includes(':')),
        ],
      },
    };
    await this.#options.records.writeDefinition(moved);
    return moved;
  }

  async #usedRanges(existing: readonly NetworkConfig[], ownLink?: string): Promise<IpRange[]> {
    const routes = await this.#options.host.routes();
    return [
      ...existing.flatMap((one) => one.IPAM.Config.map((subnet) => IpRange.parse(subnet.Subnet))),
      // A bridge of ours stands for a network that is in the list anyway.
      ...routes
        .filter(({ link }) => link !== ownLink && !existing.some((one) => one.Interface === link))
        .map(({ range }) => IpRange.parse(range)),
    ];
  }

  async #defaultLink(driver: string | undefined): Promise<{ defaultLink?: string }> {
    if (driver !== 'macvlan' && driver !== 'ipvlan') return {};
    const { stdout } = await this.#options.host.run('ip', ['route', 'show', 'default']);
    const link = /\bdev (\S+)/.exec(stdout)?.[1];
    return link === undefined ? {} : { defaultLink: link };
  }

  #default(): NetworkDefinition {
    return defaultNetwork(this.#bridgePrefix, this.#options.clock.now());
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#options.locks, 'networks'), work);
  }

  async #withHostLock<T>(work: () => Promise<T>): Promise<T> {
    // An ordinary user has a network namespace of their own: nobody else's bridges are in it.
    if (rootlessFacts().isRootless) return await work();
    return await withFileLock(join(HOST_LOCKS, 'orrery-networks.lock'), work);
  }

  #lockOf(networkId: string): string {
    return join(this.#options.locks, `network-${networkId.slice(0, 16)}`);
  }
}

export function bridgeLinkOf(definition: NetworkConfig): BridgeLink {
  const { mtu, vlan } = definition.Options;
  return {
    name: definition.Interface,
    addresses: definition.IPAM.Config.flatMap(({ Subnet, Gateway }) =>
      Gateway === undefined ? [] : [`${Gateway}/${Subnet.split('/')[1]}`],
    ),
    macAddress: bridgeMac(definition.Id),
    ...(mtu !== undefined && mtu !== '0' && { mtu: Number(mtu) }),
    ...(vlan !== undefined && vlan !== '0' && { vlan: Number(vlan) }),
  };
}

/** One address for the bridge, whichever containers come and go: their neighbours' tables stay right. */
function bridgeMac(networkId: string): string {
  const digits = createHash('sha256').update(networkId).digest('hex').slice(0, 10);
  return `02:${digits.match(/../g)!.join(':')}`;
}
