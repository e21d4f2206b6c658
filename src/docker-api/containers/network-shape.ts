import type { NetworkEndpoint, PublishedPort } from '../../libpod/index.ts';

/** libpod's default network, and Docker's name for it. */
const DEFAULT_NETWORK = 'podman';

export function dockerNetworkName(name: string): string {
  return name === DEFAULT_NETWORK ? 'bridge' : name;
}

/** How the others on a network call a container. */
export interface NamesOnNetwork {
  aliases: readonly string[];
  containerId: string;
  containerName: string;
}

/** Docker's EndpointSettings; up to API 1.44 the short id is one of the aliases. */
export function endpointSettings(
  endpoint: NetworkEndpoint | undefined,
  { aliases: given, containerId, containerName }: NamesOnNetwork,
): Record<string, unknown> {
  const aliases = [...new Set([...given, containerId.slice(0, 12)])];
  const at = (isV6: boolean): number =>
    endpoint?.addresses.findIndex((one) => one.includes(':') === isV6) ?? -1;
  const gateway = (isV6: boolean): string =>
    endpoint?.gateways.find((one) => one.includes(':') === isV6) ?? '';
  const [v4, v6] = [at(false), at(true)];
  const settings = endpoint?.settings ?? {};
  return {
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: aliases,
    MacAddress: endpoint?.macAddress ?? '',
    DriverOpts: settings.DriverOpts ?? null,
    NetworkID: endpoint?.networkId ?? '',
    EndpointID: endpoint !== undefined && endpoint.addresses.length > 0 ? endpoint.networkId : '',
    Gateway: v4 < 0 ? '' : gateway(false),
    IPAddress: endpoint?.addresses[v4] ?? '',
    IPPrefixLen: endpoint?.prefixLengths[v4] ?? 0,
    IPv6Gateway: v6 < 0 ? '' : gateway(true),
    GlobalIPv6Address: endpoint?.addresses[v6] ?? '',
    GlobalIPv6PrefixLen: endpoint?.prefixLengths[v6] ?? 0,
    DNSNames: [...new Set([containerName, ...aliases])],
  };
}

/** Of `containers/json`: one entry for each published port, one for each exposed port that is not. */
export function portList(
  published: readonly PublishedPort[],
  exposed: readonly string[] = [],
): Record<string, unknown>[] {
  const list: Record<string, unknown>[] = published.map((port) => ({
    IP: port.hostIp === '' ? '0.0.0.0' : port.hostIp,
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  for (const one of exposed) {
    const [number, protocol = 'tcp'] = one.split('/') as [string, string?];
    const isPublished = published.some(
      (port) => port.containerPort === Number(number) && port.protocol === protocol,
    );
    if (!isPublished) list.push({ PrivatePort: Number(number), Type: protocol });
  }
  return list;
}

/** Of `inspect`: `80/tcp` → where it is published, null when it is only exposed. */
export function portMap(
  published: readonly PublishedPort[],
  exposed: readonly string[],
): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const one of exposed) map[one.includes('/') ? one : `${one}/tcp`] = null;
  for (const port of published) {
    const key = `${port.containerPort}/${port.protocol}`;
    map[key] = [
      ...(map[key] ?? []),
      { HostIp: port.hostIp === '' ? '0.0.0.0' : port.hostIp, HostPort: String(port.hostPort) },
    ];
  }
  return map;
}
