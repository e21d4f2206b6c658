import { createHash, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, NotFound } from '../../base/index.ts';
import {
  type ContainerLink,
  configureLink,
  IpRange,
  leaveLinks,
  makeBridge,
  type NetworkHost,
  plugLink,
  type RuledBridge,
  type RuledPort,
  releaseHostPorts,
  removeInside,
  removeLinks,
  reserveHostPorts,
  type UserNetworkTable,
  withFileLock,
} from '../../engine/index.ts';
import type { EndpointSettings } from '../create-options.ts';
import type { NetworkSetUp } from '../libpod.ts';
import type { AddressLeases } from './address-leases.ts';
import { bridgeLinkOf, type NetworkDefinitions } from './network-definitions.ts';
import type {
  ContainerNetworkRecord,
  KeptEndpoint,
  NetworkDefinition,
  NetworkRecords,
} from './network-records.ts';

export interface ContainerNetworksOptions {
  records: NetworkRecords;
  definitions: NetworkDefinitions;
  leases: AddressLeases;
  host: NetworkHost;
  table: UserNetworkTable;
  instance: string;
  /** Folder of lock files. */
  locks: string;
}

/**
 * What one container has on networks: links, addresses, ports. The record is written first and what it says is
 * made then, so that whatever a process leaves when it dies is found and taken down by the next.
 */
export class ContainerNetworks {
  readonly #options: ContainerNetworksOptions;

  constructor(options: ContainerNetworksOptions) {
    this.#options = options;
  }

  /** @throws NotFound BadRequest Conflict */
  async setUp(request: NetworkSetUp): Promise<ContainerNetworkRecord> {
    return await this.#alone(request.containerId, async () => {
      const namespaceInode = await inodeOf(request.namespacePath);
      if (namespaceInode === undefined)
        throw new NotFound(`no such network namespace: ${request.namespacePath}`);
      const known = await this.#options.records.container(request.containerId);
      if (known !== undefined && isSame(known, request, namespaceInode)) return known;
      if (known !== undefined) await this.#takeDown(known);
      const record: ContainerNetworkRecord = {
        request,
        namespaceInode,
        ...{ endpoints: {}, isComplete: false, usesNameServer: false },
      };
      await this.#options.records.writeContainer(record);
      try {
        if (request.portsReserved !== true) releaseHostPorts(reserveHostPorts(request.ports));
        for (const [name, settings] of Object.entries(request.networks))
          await this.#lease(record, await this.#options.definitions.find(name), settings);
        await this.#make(record, Object.keys(record.endpoints));
      } catch (error) {
        await this.#takeDown(record);
        throw error;
      }
      return record;
    });
  }

  async tearDown(containerId: string): Promise<ContainerNetworkRecord | undefined> {
    // The record is the first thing and the last: without it there is nothing, and nothing to wait for.
    if ((await this.#options.records.container(containerId)) === undefined) return undefined;
    return await this.#alone(containerId, async (lock) => {
      const record = await this.#options.records.container(containerId);
      // The kernel takes its time for a link, 30 ms and on a busy host ten times that: by the locks, only whoever
      // sets this container or this network up again waits. What stands for the host to an ordinary user goes when
      // no link is in it: there it is waited for.
      const locks = this.#options.host.isOwn ? [lock] : undefined;
      if (record !== undefined) await this.#takeDown(record, locks);
      return record;
    });
  }

  /** Of a container that runs; undefined when it has nothing here. */
  async connect(
    containerId: string,
    network: NetworkDefinition,
    settings: EndpointSettings,
  ): Promise<ContainerNetworkRecord | undefined> {
    return await this.#change(containerId, async (record) => {
      if (record.endpoints[network.Name] !== undefined) return;
      const ports = this.#portsOf(record);
      await this.#lease(record, network, settings);
      record.request = {
        ...record.request,
        networks: { ...record.request.networks, [network.Name]: settings },
      };
      try {
        await this.#make(record, [network.Name], ports);
      } catch (error) {
        await this.#drop(record, network.Name, ports);
        throw error;
      }
    });
  }

  async disconnect(containerId: string, networkName: string): Promise<ContainerNetworkRecord | undefined> {
    return await this.#change(containerId, async (record) => {
      await this.#drop(record, networkName, this.#portsOf(record));
    });
  }

  /** Bridges, links and rules as the records say. */
  async reload(containerId: string): Promise<void> {
    await this.#change(containerId, async (record) => {
      for (const endpoint of Object.values(record.endpoints)) {
        if (endpoint.hostLink === undefined) continue;
        const definition = await this.#options.definitions.find(endpoint.networkId);
        await makeBridge(this.#options.host, bridgeLinkOf(definition));
        if (!(await this.#options.host.linkNames()).includes(endpoint.hostLink)) {
          await removeInside(this.#options.host, record.request.namespacePath, endpoint.interfaceName);
          await this.#plug(record, endpoint, definition);
          await configureLink(this.#options.host, await this.#linkOf(record, endpoint, definition));
        } else
          await this.#options.host.run('ip', [
            ...['link', 'set', 'dev', endpoint.hostLink, 'master', endpoint.bridge!, 'up'],
          ]);
      }
      await this.#openHostPorts(record);
    });
    await this.#options.table.restore(await this.everything());
  }

  /** All rules that the records ask for. */
  async everything(): Promise<{ bridges: RuledBridge[]; ports: RuledPort[] }> {
    const records = await this.#options.records.containers();
    const used = new Set(records.flatMap((one) => Object.values(one.endpoints).map((end) => end.networkId)));
    const definitions = (await this.#options.definitions.list()).filter(
      (one) => used.has(one.Id) && one.Driver === 'bridge',
    );
    return {
      bridges: definitions.map(ruledBridge),
      ports: records.filter((one) => one.isComplete).flatMap((one) => this.#portsOf(one)),
    };
  }

  /** Reads, changes and writes a record; incomplete in between. */
  async #change(
    containerId: string,
    change: (record: ContainerNetworkRecord) => Promise<void>,
  ): Promise<ContainerNetworkRecord | undefined> {
    return await this.#alone(containerId, async () => {
      const record = await this.#options.records.container(containerId);
      if (record === undefined) return undefined;
      if ((await inodeOf(record.request.namespacePath)) !== record.namespaceInode) return undefined;
      try {
        await change(record);
      } finally {
        record.isComplete = true;
        await this.#options.records.writeContainer(record);
      }
      return record;
    });
  }

  /** An interface with its addresses, in the record before they are used. */
  async #lease(
    record: ContainerNetworkRecord,
    found: NetworkDefinition,
    settings: EndpointSettings,
  ): Promise<void> {
    const { containerId } = record.request;
    await this.#options.definitions.withBridge(found, async (definition) => {
      const addresses = await this.#addresses(definition, settings, containerId);
      const subnetOf = (address: string) =>
        definition.IPAM.Config.find((one) => IpRange.parse(one.Subnet).contains(address));
      record.endpoints[definition.Name] = {
        networkId: definition.Id,
        settings,
        addresses,
        prefixLengths: addresses.map((address) => Number(subnetOf(address)!.Subnet.split('/')[1])),
        gateways: addresses.map((address) => subnetOf(address)!.Gateway ?? ''),
        macAddress: checkedMac(settings.MacAddress) ?? randomMac(),
        interfaceName: interfaceName(record, settings),
        ...(definition.Driver === 'bridge' && {
          hostLink: hostLink(this.#options.instance, containerId, definition.Id),
          bridge: definition.Interface,
        }),
        names: namesOf(record.request, settings),
      };
      record.isComplete = false;
      await this.#options.records.writeContainer(record);
    });
  }

  async #addresses(
    definition: NetworkDefinition,
    settings: EndpointSettings,
    containerId: string,
  ): Promise<string[]> {
    const { leases } = this.#options;
    const { IPv4Address, IPv6Address } = settings.IPAMConfig ?? {};
    const asked = [IPv4Address, IPv6Address].filter((one) => one !== undefined && one !== '');
    const taken: string[] = [];
    try {
      for (const address of asked) taken.push(await leases.takeExactly(definition, address!, containerId));
      for (const subnet of definition.IPAM.Config) {
        if (taken.some((one) => one.includes(':') === subnet.Subnet.includes(':'))) continue;
        taken.push(await leases.take(definition.Id, subnet, containerId));
      }
      if (definition.IPAM.Config.length === 0) await leases.mark(definition.Id, containerId);
    } catch (error) {
      await leases.release(definition.Id, taken, containerId);
      throw error;
    }
    return taken.sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')));
  }

  /** Links on both sides, and rules. */
  async #make(
    record: ContainerNetworkRecord,
    names: readonly string[],
    before: readonly RuledPort[] = [],
  ): Promise<void> {
    const definitions = await Promise.all(
      names.map((name) => this.#options.definitions.find(record.endpoints[name]!.networkId)),
    );
    for (const [at, name] of names.entries())
      await this.#plug(record, record.endpoints[name]!, definitions[at]!);
    const inside = async () => {
      for (const [at, name] of names.entries()) {
        const link = await this.#linkOf(record, record.endpoints[name]!, definitions[at]!);
        await configureLink(this.#options.host, link);
      }
    };
    const ports = this.#portsOf(record);
    const rules = async () => {
      await this.#options.table.removePorts(before.filter((one) => !isAmong(one, ports)));
      await this.#options.table.add(
        definitions.filter((one) => one.Driver === 'bridge').map(ruledBridge),
        ports.filter((one) => !isAmong(one, before)),
        () => this.everything(),
      );
    };
    const outcomes = await Promise.allSettled([
      inside(),
      rules(),
      this.#forward(definitions),
      this.#openHostPorts(record),
    ]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    record.isComplete = true;
    await this.#options.records.writeContainer(record);
  }

  async #plug(
    record: ContainerNetworkRecord,
    endpoint: KeptEndpoint,
    definition: NetworkDefinition,
  ): Promise<void> {
    await plugLink(this.#options.host, await this.#linkOf(record, endpoint, definition));
  }

  async #linkOf(
    record: ContainerNetworkRecord,
    endpoint: KeptEndpoint,
    definition: NetworkDefinition,
  ): Promise<ContainerLink> {
    const { mtu, mode, metric, no_default_route: isRouteless } = definition.Options;
    const { Driver: kind } = definition;
    // The first interface's default route wins; the others' stand by for when it goes.
    const number = Object.values(record.endpoints).indexOf(endpoint);
    const order = metric !== undefined ? Number(metric) : number > 0 ? 100 + number : undefined;
    const gateways = definition.Internal || isRouteless === 'true' ? [] : endpoint.gateways;
    return {
      upstream:
        kind === 'bridge'
          ? { kind, bridge: bridgeLinkOf(definition), hostLink: endpoint.hostLink! }
          : {
              kind: kind as 'macvlan' | 'ipvlan',
              parent: definition.Interface,
              mode: mode ?? (kind === 'macvlan' ? 'bridge' : 'l2'),
            },
      namespacePath: record.request.namespacePath,
      interfaceName: endpoint.interfaceName,
      ...(kind !== 'ipvlan' && { macAddress: endpoint.macAddress }),
      ...(mtu !== undefined && mtu !== '0' && { mtu: Number(mtu) }),
      addresses: endpoint.addresses.map((address, at) => `${address}/${endpoint.prefixLengths[at]}`),
      routes: [
        ...gateways
          .filter((gateway) => gateway !== '')
          .map((gateway) => ({
            destination: gateway.includes(':') ? '::/0' : '0.0.0.0/0',
            gateway,
            ...(order !== undefined && { metric: order }),
          })),
        ...definition.Routes.map((route) => ({
          destination: route.Destination,
          gateway: route.Gateway,
          ...(route.Metric !== undefined && { metric: route.Metric }),
        })),
      ],
    };
  }

  async #forward(definitions: readonly NetworkDefinition[]): Promise<void> {
    const { host } = this.#options;
    if (!definitions.some((one) => one.Driver === 'bridge' && !one.Internal)) return;
    await host.setting('/proc/sys/net/ipv4/ip_forward', '1');
    if (definitions.some((one) => one.EnableIPv6))
      await host.setting('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  }

  /** Host ports answer on 127.0.0.1 too; the table keeps containers from the host's loopback. */
  async #openHostPorts(record: ContainerNetworkRecord): Promise<void> {
    if (record.request.ports.length === 0) return;
    for (const { bridge } of Object.values(record.endpoints))
      if (bridge !== undefined)
        await this.#options.host.setting(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, '1');
  }

  /** One network of several. */
  async #drop(record: ContainerNetworkRecord, name: string, before: readonly RuledPort[]): Promise<void> {
    const endpoint = record.endpoints[name];
    if (endpoint === undefined) return;
    const { [name]: _endpoint, ...endpoints } = record.endpoints;
    const { [name]: _settings, ...networks } = record.request.networks;
    const rest = { ...record, endpoints, request: { ...record.request, networks } };
    const after = this.#portsOf(rest);
    await this.#options.table.removePorts(before.filter((one) => !isAmong(one, after)));
    await this.#release(record, [endpoint]);
    await this.#options.table.add(
      [],
      after.filter((one) => !isAmong(one, before)),
      () => this.everything(),
    );
    record.endpoints = endpoints;
    record.request = rest.request;
    await this.#openHostPorts(record);
  }

  /** @param locks of the caller: links and bridges may go after it, while these are held */
  async #takeDown(record: ContainerNetworkRecord, locks?: readonly number[]): Promise<void> {
    const { containerId } = record.request;
    const stray = record.isComplete ? [] : await this.#strayBridges(record);
    await Promise.all([
      this.#options.table.removePorts(this.#portsOf(record)),
      this.#release(record, Object.values(record.endpoints), { stray, ...(locks && { locks }) }),
    ]);
    await this.#options.records.removeContainer(containerId);
  }

  /** Addresses and links; and the bridge with the last of them. */
  async #release(
    record: ContainerNetworkRecord,
    endpoints: readonly KeptEndpoint[],
    how: { stray?: readonly { networkId: string; bridge: string }[]; locks?: readonly number[] } = {},
  ): Promise<void> {
    const { host, leases, definitions } = this.#options;
    const { containerId, namespacePath } = record.request;
    for (const one of endpoints) await leases.release(one.networkId, one.addresses, containerId);
    const bridges = new Map(
      [...endpoints, ...(how.stray ?? [])].flatMap((one) =>
        one.bridge === undefined ? [] : [[one.networkId, one.bridge]],
      ),
    );
    const links = endpoints.flatMap((one) => (one.hostLink === undefined ? [] : [one.hostLink]));
    await definitions.withUnused([...bridges.keys()], async (unused, more) => {
      const going = [...links, ...[...unused].map((id) => bridges.get(id)!)];
      const locks = how.locks && [...how.locks, ...more];
      await Promise.all([
        locks === undefined ? removeLinks(host, going) : leaveLinks(host, going, locks),
        ...[...unused].map((id) => this.#unrule(id, locks)),
      ]);
    });
    const inner = endpoints.filter((one) => one.hostLink === undefined);
    if (inner.length === 0 || (await inodeOf(namespacePath)) !== record.namespaceInode) return;
    for (const one of inner) await removeInside(host, namespacePath, one.interfaceName);
  }

  /** No definition any more: its bridge's elements match nothing, and go when the table is next said anew. */
  async #unrule(networkId: string, locks?: readonly number[]): Promise<void> {
    const definition = (await this.#options.definitions.list()).find((one) => one.Id === networkId);
    if (definition !== undefined) await this.#options.table.removeBridge(ruledBridge(definition), locks);
  }

  /** Frees addresses that a process took and did not live to write down. @returns where */
  async #strayBridges(record: ContainerNetworkRecord): Promise<{ networkId: string; bridge: string }[]> {
    const names = new Set(Object.keys(record.request.networks));
    const stray = [];
    for (const one of await this.#options.definitions.list()) {
      if (!names.has(one.Name) && !names.has(one.Id)) continue;
      await this.#options.leases.releaseAll(one.Id, record.request.containerId);
      if (one.Driver === 'bridge') stray.push({ networkId: one.Id, bridge: one.Interface });
    }
    return stray;
  }

  /** Host ports lead to the first bridge that has an address of their kind. */
  #portsOf(record: ContainerNetworkRecord): RuledPort[] {
    const addresses = Object.values(record.endpoints)
      .filter((one) => one.bridge !== undefined)
      .flatMap((one) => one.addresses);
    const ipv4 = addresses.find((address) => !address.includes(':'));
    const ipv6 = addresses.find((address) => address.includes(':'));
    return record.request.ports.flatMap((port) => {
      const wanted = port.hostIp === '' ? [ipv4, ipv6] : port.hostIp.includes(':') ? [ipv6] : [ipv4];
      return wanted.flatMap((address) => (address === undefined ? [] : [{ ...port, address }]));
    });
  }

  async #alone<T>(containerId: string, work: (lock: number) => Promise<T>): Promise<T> {
    if (!/^[0-9a-zA-Z][0-9a-zA-Z_.-]*$/.test(containerId))
      throw new BadRequest(`${JSON.stringify(containerId)} is not an id`);
    // A few files for all containers: none is left behind, and two seldom wait for each other.
    const bucket = createHash('sha256').update(containerId).digest('hex').slice(0, 2);
    return await withFileLock(join(this.#options.locks, `container-networks-${bucket}`), work);
  }
}

export function ruledBridge(definition: NetworkDefinition): RuledBridge {
  return {
    name: definition.Interface,
    subnets: definition.IPAM.Config.map((one) => one.Subnet),
    isInternal: definition.Internal,
    isIsolated: definition.Options.isolate !== 'false',
  };
}

function isSame(known: ContainerNetworkRecord, request: NetworkSetUp, namespaceInode: number): boolean {
  return (
    known.isComplete &&
    known.namespaceInode === namespaceInode &&
    JSON.stringify(known.request) === JSON.stringify(request)
  );
}

function isAmong(port: RuledPort, ports: readonly RuledPort[]): boolean {
  return ports.some((one) => JSON.stringify(one) === JSON.stringify(port));
}

/** Asked for, else the first ethN nobody has. */
function interfaceName(record: ContainerNetworkRecord, settings: EndpointSettings): string {
  const taken = new Set(Object.values(record.endpoints).map((one) => one.interfaceName));
  const asked = settings.InterfaceName;
  if (asked !== undefined && asked !== '') {
    if (!/^[^/\s:"]{1,15}$/.test(asked) || asked === '.' || asked === '..')
      throw new BadRequest(`interface name ${asked} invalid: 1 to 15 characters, none of them a space or /`);
    if (taken.has(asked)) throw new BadRequest(`interface name ${asked} given to more than one network`);
    return asked;
  }
  let number = 0;
  while (taken.has(`eth${number}`)) number += 1;
  return `eth${number}`;
}

/** Podman's names in the name service: the container's, its short id, and its aliases. */
function namesOf(request: NetworkSetUp, settings: EndpointSettings): string[] {
  const names = [request.containerName, request.containerId.slice(0, 12), ...(settings.Aliases ?? [])];
  return [...new Set(names)];
}

/** At most 15 characters, the same at each try. */
function hostLink(instance: string, containerId: string, networkId: string): string {
  const digits = createHash('sha256').update(`${containerId} ${networkId}`).digest('hex').slice(0, 7);
  return `ov${instance}${digits}`;
}

function checkedMac(asked: string | undefined): string | undefined {
  if (asked === undefined || asked === '') return undefined;
  const mac = asked.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac))
    throw new BadRequest(`address ${asked}: invalid MAC address`);
  return mac;
}

/** Of one's own making (IEEE 802: the second bit), to one receiver (the first bit not set). */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
