import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import {
  type NamedNetwork,
  type NameServer,
  readJson,
  replaceFile,
  withFileLock,
} from '../../engine/index.ts';
import type { ContainerNameFiles } from '../libpod.ts';
import { changedHosts, type HostEntry, hostsFile, writeInPlace } from './hosts-file.ts';
import type { NetworkDefinitions } from './network-definitions.ts';
import type { ContainerNetworkRecord, NetworkDefinition, NetworkRecords } from './network-records.ts';
import { namesOnlyStub, resolvConf } from './resolv-conf.ts';

const HOST_RESOLVERS = '/etc/resolv.conf';
const STUB_RESOLVERS = '/run/systemd/resolve/resolv.conf';

export interface ContainerNamesOptions {
  /** Of what was written into containers' hosts files. */
  folder: string;
  locks: string;
  records: NetworkRecords;
  definitions: NetworkDefinitions;
  nameServer: NameServer;
}

/**
 * How containers find each other by name: a name server on the gateways of networks, where it is installed; else,
 * and for whom asks other servers, the peers' addresses in /etc/hosts, changed in place as they come and go.
 */
export class ContainerNames {
  readonly #options: ContainerNamesOptions;

  constructor(options: ContainerNamesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
  }

  /** For a container that has just got its networks: both files are written anew. */
  async begin(record: ContainerNetworkRecord): Promise<void> {
    const networks = await this.#networksOf(record);
    const files = record.request.nameFiles;
    const isNamed = networks.some((one) => one.DnsEnabled);
    if (!isNamed) {
      await this.#writeFiles(record, networks, []);
      return;
    }
    await this.#alone(async () => {
      const servers = (await this.#serve()) ? serversOf(networks) : [];
      record.usesNameServer = servers.length > 0 && (files?.dns ?? []).length === 0;
      await this.#options.records.writeContainer(record);
      await this.#writeFiles(record, networks, servers);
      await this.#tellPeers();
    });
  }

  /** After a container has got or lost a network, or has gone. */
  async update(record: ContainerNetworkRecord): Promise<void> {
    await this.#alone(async () => {
      const isServed = await this.#serve();
      await this.#tellPeers();
      const current = await this.#options.records.container(record.request.containerId);
      if (current === undefined) {
        await rm(this.#entriesOf(record.request.containerId), { force: true });
        return;
      }
      const networks = await this.#networksOf(current);
      await this.#writeResolvers(current, networks, isServed ? serversOf(networks) : []);
    });
  }

  /** What is kept of a container that has gone and that no other was told of. */
  async forget(containerId: string): Promise<void> {
    await rm(this.#entriesOf(containerId), { force: true });
  }

  /** Of a container without networks of its own. */
  async writeStandalone(files: ContainerNameFiles): Promise<void> {
    const gateway = files.hostContainersInternal ?? hostAddress();
    if (files.hostsPath !== undefined)
      await writeInPlace(files.hostsPath, await hostsText(files, files.entries ?? [], gateway));
    if (files.resolvConfPath !== undefined)
      await writeInPlace(files.resolvConfPath, await resolversText(files, [], true));
  }

  /** @param isThere false: the container has ended */
  async share(hostsPath: string, names: string[], isThere: boolean): Promise<void> {
    const entries = [{ address: '127.0.0.1', names }];
    await this.#alone(async () => {
      const text = await textOf(hostsPath);
      if (text === undefined) return;
      const change = isThere ? { without: [], with: entries } : { without: entries, with: [] };
      const changed = changedHosts(text, change);
      if (changed !== text) await writeInPlace(hostsPath, changed);
    });
  }

  async #writeFiles(
    record: ContainerNetworkRecord,
    networks: readonly NetworkDefinition[],
    servers: readonly string[],
  ): Promise<void> {
    const files = record.request.nameFiles;
    if (files?.hostsPath !== undefined) {
      const own = ownEntries(record);
      const gateway = files.hostContainersInternal ?? gatewayOf(record, networks) ?? hostAddress();
      await replaceFile(this.#entriesOf(record.request.containerId), JSON.stringify(own));
      await writeInPlace(files.hostsPath, await hostsText(files, own, gateway));
    }
    await this.#writeResolvers(record, networks, servers);
  }

  async #writeResolvers(
    record: ContainerNetworkRecord,
    networks: readonly NetworkDefinition[],
    servers: readonly string[],
  ): Promise<void> {
    const files = record.request.nameFiles;
    if (files?.resolvConfPath === undefined) return;
    const hasIpv6 = networks.some((one) => one.EnableIPv6);
    await writeInPlace(files.resolvConfPath, await resolversText(files, servers, hasIpv6));
  }

  /** @returns whether names of networks are answered */
  async #serve(): Promise<boolean> {
    const records = await this.#options.records.containers();
    const definitions = await this.#options.definitions.list();
    return await this.#options.nameServer.serve(
      definitions.flatMap((definition) => namedNetwork(definition, records)),
    );
  }

  /** Everybody's hosts file has its own entries, and those of its peers when no server answers for them. */
  async #tellPeers(): Promise<void> {
    const records = await this.#options.records.containers();
    const definitions = new Map((await this.#options.definitions.list()).map((one) => [one.Id, one]));
    for (const record of records) {
      const path = record.request.nameFiles?.hostsPath;
      if (path === undefined || !record.isComplete) continue;
      const entriesPath = this.#entriesOf(record.request.containerId);
      const before = await readJson<HostEntry[]>(entriesPath);
      // Not begun yet: it sees us when it begins.
      if (before === undefined) continue;
      const after = [
        ...ownEntries(record),
        ...(record.usesNameServer ? [] : peerEntries(record, records, definitions)),
      ];
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      const text = await textOf(path);
      if (text === undefined) continue;
      await writeInPlace(path, changedHosts(text, { without: missingFrom(before, after), with: after }));
      await replaceFile(entriesPath, JSON.stringify(after));
    }
    await this.#forgetGone(records);
  }

  async #forgetGone(records: readonly ContainerNetworkRecord[]): Promise<void> {
    const ids = new Set(records.map((one) => `${one.request.containerId}.json`));
    for (const name of await readdir(this.#options.folder))
      if (!ids.has(name)) await rm(join(this.#options.folder, name), { force: true });
  }

  async #networksOf(record: ContainerNetworkRecord): Promise<NetworkDefinition[]> {
    const ids = Object.values(record.endpoints).map((one) => one.networkId);
    const all = await this.#options.definitions.list();
    return ids.flatMap((id) => all.filter((one) => one.Id === id));
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#options.locks, 'container-names'), work);
  }

  #entriesOf(containerId: string): string {
    return join(this.#options.folder, `${containerId}.json`);
  }
}

/** A network whose gateway can answer; none when no container has it. */
function namedNetwork(
  definition: NetworkDefinition,
  records: readonly ContainerNetworkRecord[],
): NamedNetwork[] {
  const listenAddresses = serversOf([definition]);
  const containers = records.flatMap((record) => {
    const endpoint = Object.values(record.endpoints).find((one) => one.networkId === definition.Id);
    if (endpoint === undefined) return [];
    const ofFamily = (isIpv6: boolean) =>
      endpoint.addresses.filter((address) => address.includes(':') === isIpv6);
    return [
      {
        id: record.request.containerId,
        ...{ ipv4: ofFamily(false), ipv6: ofFamily(true), names: endpoint.names },
      },
    ];
  });
  if (listenAddresses.length === 0 || containers.length === 0) return [];
  return [{ name: definition.Name, listenAddresses, upstreams: definition.DnsServers, containers }];
}

/** The gateways of networks whose names are answered. */
function serversOf(networks: readonly NetworkDefinition[]): string[] {
  return networks
    .filter((one) => one.DnsEnabled && one.Driver === 'bridge')
    .flatMap((one) => one.IPAM.Config.flatMap(({ Gateway }) => (Gateway === undefined ? [] : [Gateway])));
}

function ownEntries(record: ContainerNetworkRecord): HostEntry[] {
  const { hostname, containerName, nameFiles } = record.request;
  const names = [hostname, containerName].filter((name) => name !== '');
  return [
    ...Object.values(record.endpoints).flatMap((one) => one.addresses.map((address) => ({ address, names }))),
    ...(nameFiles?.entries ?? []),
  ];
}

function peerEntries(
  record: ContainerNetworkRecord,
  all: readonly ContainerNetworkRecord[],
  definitions: ReadonlyMap<string, NetworkDefinition>,
): HostEntry[] {
  const shared = new Set(
    Object.values(record.endpoints)
      .map((one) => one.networkId)
      .filter((id) => definitions.get(id)?.DnsEnabled === true),
  );
  return all
    .filter((one) => one.request.containerId !== record.request.containerId)
    .flatMap((one) => Object.values(one.endpoints))
    .filter((endpoint) => shared.has(endpoint.networkId))
    .flatMap(({ addresses, names }) => addresses.map((address) => ({ address, names })));
}

function missingFrom(before: readonly HostEntry[], after: readonly HostEntry[]): HostEntry[] {
  const kept = new Set(after.map((entry) => JSON.stringify(entry)));
  return before.filter((entry) => !kept.has(JSON.stringify(entry)));
}

function gatewayOf(
  record: ContainerNetworkRecord,
  networks: readonly NetworkDefinition[],
): string | undefined {
  const bridges = new Set(networks.filter((one) => one.Driver === 'bridge').map((one) => one.Id));
  return Object.values(record.endpoints)
    .filter((one) => bridges.has(one.networkId))
    .flatMap((one) => one.gateways)
    .find((gateway) => gateway !== '');
}

/** The host's first address that others can reach, IPv4 before IPv6. */
function hostAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  const outer = addresses.filter((one) => !one.internal && !one.address.startsWith('fe80'));
  return (outer.find((one) => one.family === 'IPv4') ?? outer[0])?.address;
}

async function hostsText(
  files: ContainerNameFiles,
  own: readonly HostEntry[],
  gateway: string | undefined,
): Promise<string> {
  const basePath = files.baseHostsPath ?? '/etc/hosts';
  return hostsFile({
    extraHosts: files.extraHosts,
    baseText: basePath === '' ? '' : ((await textOf(basePath)) ?? ''),
    ...(gateway !== undefined && gateway !== '' && { hostContainersInternal: gateway }),
    own,
  });
}

async function resolversText(
  files: ContainerNameFiles,
  servers: readonly string[],
  hasIpv6: boolean,
): Promise<string> {
  let hostText = (await textOf(HOST_RESOLVERS)) ?? '';
  if (files.isHostNetwork !== true && namesOnlyStub(hostText))
    hostText = (await textOf(STUB_RESOLVERS)) ?? hostText;
  return resolvConf({
    hostText,
    servers: files.dns,
    search: files.dnsSearch,
    options: files.dnsOptions,
    ownServers: servers,
    wayOutServers: files.wayOutServers ?? [],
    isHostNetwork: files.isHostNetwork === true,
    hasIpv6,
  });
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
