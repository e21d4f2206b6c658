import { join } from 'node:path';
import { BadRequest, type Clock, Conflict, NotFound } from '../../base/index.ts';
import {
  NameServer,
  NetworkHost,
  releaseHostPorts,
  removeLinks,
  reserveHostPorts,
  UserNetworkTable,
} from '../../engine/index.ts';
import type { EndpointSettings } from '../create-options.ts';
import type {
  ContainerNameFiles,
  CreateNetwork,
  Events,
  Filters,
  NetworkConfig,
  NetworkEndpoint,
  NetworkSetUp,
  PortReservation,
  PublishedPort,
  UserNetworks,
} from '../libpod.ts';
import { AddressLeases } from './address-leases.ts';
import { ContainerNames } from './container-names.ts';
import { ContainerNetworks } from './container-networks.ts';
import { DEFAULT_NETWORK } from './network-definition.ts';
import { NetworkDefinitions } from './network-definitions.ts';
import { networkFilter } from './network-filters.ts';
import { type ContainerNetworkRecord, type KeptEndpoint, NetworkRecords } from './network-records.ts';
import type { NetworkedContainer, NetworkedContainers } from './networked-containers.ts';

export interface LocalUserNetworksOptions {
  /** Of networks alone: `D/containers/networks`. */
  directory: string;
  /** Six hex digits that everything on the host bears. */
  instance: string;
  clock: Clock;
  containers: () => NetworkedContainers;
  events: Pick<Events, 'append'>;
  /** Program and arguments that enter the namespace which stands for the host to an ordinary user. */
  enterHost?: () => Promise<readonly string[]>;
  /** Lets go of it when nothing is in it. */
  leaveHost?: () => Promise<void>;
  /** Where aardvark-dns may be; none: names are in /etc/hosts alone. */
  nameServerPrograms?: readonly string[];
}

/** User networks on this host: bridges of ip(8), rules of nft(8), names of aardvark-dns or in /etc/hosts. */
export class LocalUserNetworks implements UserNetworks {
  readonly #options: LocalUserNetworksOptions;
  readonly #records: NetworkRecords;
  readonly #definitions: NetworkDefinitions;
  readonly #containers: ContainerNetworks;
  readonly #names: ContainerNames;
  readonly #nameServer: NameServer;
  readonly #host: NetworkHost;
  readonly #table: UserNetworkTable;

  private constructor(options: LocalUserNetworksOptions) {
    this.#options = options;
    const { directory, instance, clock } = options;
    const locks = join(directory, 'locks');
    const host = new NetworkHost(options.enterHost);
    const records = new NetworkRecords(directory);
    const table = new UserNetworkTable(host, instance);
    const leases = new AddressLeases({
      folder: join(directory, 'leases'),
      isKnown: async (id) => (await records.container(id)) !== undefined,
    });
    const definitions = new NetworkDefinitions({ records, leases, host, instance, locks, clock });
    this.#host = host;
    this.#table = table;
    this.#records = records;
    this.#definitions = definitions;
    this.#containers = new ContainerNetworks({
      ...{ records, definitions, leases, host, table, instance, locks },
    });
    const programs = options.nameServerPrograms;
    this.#nameServer = new NameServer({
      host,
      folder: join(directory, 'names'),
      ...(programs && { programs }),
    });
    this.#names = new ContainerNames({
      folder: join(directory, 'host-entries'),
      locks,
      records,
      definitions,
      nameServer: this.#nameServer,
    });
  }

  static async open(options: LocalUserNetworksOptions): Promise<LocalUserNetworks> {
    const networks = new LocalUserNetworks(options);
    await networks.#records.open();
    await networks.#names.open();
    return networks;
  }

  async create(options: CreateNetwork): Promise<NetworkConfig> {
    try {
      const before =
        options.ignore === true && options.Name !== undefined && (await this.exists(options.Name));
      const definition = await this.#definitions.create(options);
      if (!before) await this.#tell('create', definition.Name, definition.Id);
      return definition;
    } finally {
      await this.#options.leaveHost?.();
    }
  }

  async list(filters: Filters = {}): Promise<NetworkConfig[]> {
    const used = 'dangling' in filters ? await this.#usedNames() : new Set<string>();
    const fits = networkFilter(filters, {
      nowMs: this.#options.clock.now(),
      isUsed: (network) => used.has(network.Name),
    });
    return (await this.#definitions.list()).filter(fits);
  }

  async inspect(network: string): Promise<NetworkConfig> {
    return await this.#definitions.find(network);
  }

  async exists(network: string): Promise<boolean> {
    try {
      await this.#definitions.find(network);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  async remove(network: string, options: { force?: boolean; timeoutSeconds?: number } = {}): Promise<void> {
    try {
      const definition = await this.#definitions.find(network);
      if (definition.Name === DEFAULT_NETWORK)
        throw new BadRequest(`default network ${DEFAULT_NETWORK} cannot be removed`);
      const users = (await this.#options.containers().list()).filter((one) =>
        one.networks.includes(definition.Name),
      );
      if (users.length > 0 && options.force !== true)
        throw new Conflict(
          `${JSON.stringify(network)} has associated containers with it. Use -f to forcibly delete containers and pods: network is being used`,
          { details: { exitCode: 2 } },
        );
      for (const user of users) await this.#removeContainer(user, options);
      await this.#definitions.remove(definition);
      await this.#leaveTable();
      await this.#tell('remove', definition.Name, definition.Id);
    } finally {
      await this.#options.leaveHost?.();
    }
  }

  async connect(network: string, container: string, settings: EndpointSettings = {}): Promise<void> {
    const user = await this.#userOf(container);
    const definition = await this.#definitions.find(network);
    if (user.networks.includes(definition.Name))
      throw new Conflict(
        `container ${user.id} is already connected to network ${JSON.stringify(definition.Name)}: network is already connected`,
      );
    const containers = this.#options.containers();
    const { networks } = await containers.setUpOf(user.id);
    if (user.isRunning) {
      const record = await this.#containers.connect(user.id, definition, settings);
      if (record !== undefined) await this.#names.update(record);
    }
    await containers.setNetworks(user.id, { ...networks, [definition.Name]: settings });
    await this.#tell('connect', definition.Name, definition.Id, user.id);
  }

  async disconnect(network: string, container: string, options: { force?: boolean } = {}): Promise<void> {
    // The network itself may be gone.
    const name = (await this.exists(network)) ? (await this.#definitions.find(network)).Name : network;
    const user = await this.#userOf(container);
    if (!user.networks.includes(name)) {
      if (options.force === true) return;
      throw new NotFound(`container ${user.id} is not connected to network ${name}`);
    }
    const containers = this.#options.containers();
    const { [name]: _gone, ...networks } = (await containers.setUpOf(user.id)).networks;
    const record = await this.#containers.disconnect(user.id, name);
    if (record !== undefined) await this.#names.update(record);
    await containers.setNetworks(user.id, networks);
    await this.#tell('disconnect', name, '', user.id);
  }

  async prune(filters: Filters = {}): Promise<string[]> {
    try {
      const used = await this.#usedNames();
      const fits = networkFilter(filters, {
        nowMs: this.#options.clock.now(),
        isUsed: (network) => used.has(network.Name),
        forPrune: true,
      });
      const removed: string[] = [];
      for (const definition of await this.#definitions.list()) {
        if (used.has(definition.Name) || definition.Name === DEFAULT_NETWORK || !fits(definition)) continue;
        await this.#definitions.remove(definition);
        await this.#tell('remove', definition.Name, definition.Id);
        removed.push(definition.Name);
      }
      await this.#leaveTable();
      return removed;
    } finally {
      await this.#options.leaveHost?.();
    }
  }

  async setUp(request: NetworkSetUp): Promise<Record<string, NetworkEndpoint>> {
    const record = await this.#containers.setUp(request);
    try {
      await this.#names.begin(record);
    } catch (error) {
      await this.tearDown(request.containerId);
      throw error;
    }
    return endpointsOf(record);
  }

  async reload(containerId: string): Promise<void> {
    const record = await this.#records.container(containerId);
    if (record === undefined)
      throw new Conflict(
        `container ${containerId} network is not configured, refusing to reload: container state improper`,
      );
    await this.#containers.reload(containerId);
    await this.#names.update(record);
  }

  async reservePorts(ports: readonly PublishedPort[]): Promise<PortReservation> {
    const descriptors = reserveHostPorts(ports);
    return { descriptors, close: () => releaseHostPorts(descriptors) };
  }

  async writeNameFiles(files: ContainerNameFiles): Promise<void> {
    await this.#names.writeStandalone(files);
  }

  async shareHostsFile(hostsPath: string, names: string[], isThere: boolean): Promise<void> {
    await this.#names.share(hostsPath, names, isThere);
  }

  async tearDown(containerId: string): Promise<void> {
    const record = await this.#containers.tearDown(containerId);
    if (record === undefined) return;
    if (await this.#isNamed(record)) await this.#names.update(record);
    else await this.#names.forget(containerId);
  }

  async endpointsOf(containerId: string): Promise<Record<string, NetworkEndpoint>> {
    const record = await this.#records.container(containerId);
    return record === undefined ? {} : endpointsOf(record);
  }

  /** Everything of this instance on the host. */
  async reset(): Promise<void> {
    try {
      for (const record of await this.#records.containers())
        await this.#containers.tearDown(record.request.containerId);
      await this.#nameServer.stop();
      const own = new RegExp(
        `^(?:orr${this.#options.instance}p\\d+|ov${this.#options.instance}[0-9a-f]{7})$`,
      );
      await removeLinks(
        this.#host,
        (await this.#host.linkNames()).filter((name) => own.test(name.split('@')[0]!)),
      );
      await this.#table.remove();
      for (const definition of await this.#definitions.list())
        if (definition.Name !== DEFAULT_NETWORK) await this.#definitions.remove(definition);
    } finally {
      await this.#options.leaveHost?.();
    }
  }

  /** What processes that died have left of containers that are not there any more; each in a line. */
  async check(): Promise<string[]> {
    const known = new Set((await this.#options.containers().list()).map((one) => one.id));
    const found: string[] = [];
    for (const { request } of await this.#records.containers()) {
      if (known.has(request.containerId)) continue;
      await this.tearDown(request.containerId);
      found.push(`networks of container ${request.containerId}, which is gone: taken down`);
    }
    return found;
  }

  /** Not when a container ends: saying the table anew costs the next one more than all its links. */
  async #leaveTable(): Promise<void> {
    // An ordinary user's goes with the namespace that it is in.
    if (this.#options.enterHost !== undefined || (await this.#records.containers()).length > 0) return;
    await this.#table.removeUnused();
  }

  async #userOf(container: string): Promise<NetworkedContainer> {
    const containers = this.#options.containers();
    const id = await containers.idOf(container);
    const user = (await containers.list()).find((one) => one.id === id);
    if (user === undefined)
      throw new NotFound(
        `no container with name or ID ${JSON.stringify(container)} found: no such container`,
      );
    const isOnBridges = !/^(?:host|none|container:.*|ns:.*|slirp4netns.*|pasta.*)$/.test(user.networkMode);
    if (!isOnBridges)
      throw new Conflict(`${JSON.stringify(user.networkMode)} is not supported: invalid network mode`);
    return user;
  }

  async #removeContainer(user: NetworkedContainer, options: { timeoutSeconds?: number }): Promise<void> {
    try {
      await this.#options.containers().remove(user.id, options);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  async #usedNames(): Promise<Set<string>> {
    const containers = await this.#options.containers().list();
    return new Set([DEFAULT_NETWORK, ...containers.flatMap((one) => one.networks)]);
  }

  async #isNamed(record: ContainerNetworkRecord): Promise<boolean> {
    const ids = new Set(Object.values(record.endpoints).map((one) => one.networkId));
    return (await this.#definitions.list()).some((one) => ids.has(one.Id) && one.DnsEnabled);
  }

  async #tell(status: string, name: string, id: string, container?: string): Promise<void> {
    await this.#options.events.append({
      Type: 'network',
      Status: status,
      ID: container ?? id,
      Name: name,
      Network: name,
    });
  }
}

function endpointsOf(record: ContainerNetworkRecord): Record<string, NetworkEndpoint> {
  return Object.fromEntries(
    Object.entries(record.endpoints).map(([name, endpoint]) => [name, endpointOf(record, endpoint)]),
  );
}

/** As `inspect` shows it: the container's short id is an alias, as with Podman and Docker. */
function endpointOf(record: ContainerNetworkRecord, endpoint: KeptEndpoint): NetworkEndpoint {
  const { interfaceName, settings, networkId, addresses, prefixLengths, gateways, macAddress } = endpoint;
  const shortId = record.request.containerId.slice(0, 12);
  return {
    networkId,
    settings: {
      ...settings,
      Aliases: [...new Set([...(settings.Aliases ?? []), shortId])],
      InterfaceName: interfaceName,
    },
    ...{ addresses, prefixLengths, gateways, macAddress },
  };
}
