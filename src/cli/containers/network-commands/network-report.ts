import type { ContainerListEntry, NetworkConfig } from '../../../libpod/index.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct, NIL_MAP } from '../../templates/values.ts';

/** A network as Podman's templates see it (types.Network of containers/common); its JSON has names of its own. */
export function networkReport(network: NetworkConfig): object {
  return goStruct('types.Network', {
    Name: network.Name,
    ID: network.Id,
    Driver: network.Driver,
    NetworkInterface: network.Interface,
    Created: new GoTime(network.Created),
    Subnets: network.IPAM.Config.map((subnet) =>
      goStruct('types.Subnet', {
        Subnet: subnet.Subnet,
        Gateway: subnet.Gateway ?? '',
        LeaseRange: subnet.LeaseRange
          ? goStruct('types.LeaseRange', { StartIP: subnet.LeaseRange.Start, EndIP: subnet.LeaseRange.End })
          : null,
        toJSON: () => subnetJson(subnet),
      }),
    ),
    Routes: network.Routes,
    IPv6Enabled: network.EnableIPv6,
    Internal: network.Internal,
    DNSEnabled: network.DnsEnabled,
    NetworkDNSServers: network.DnsServers,
    Labels: Object.keys(network.Labels).length > 0 ? network.Labels : NIL_MAP,
    Options: network.Options,
    IPAMOptions: { driver: network.IPAM.Driver },
    toJSON: () => networkJson(network),
  });
}

function networkJson(network: NetworkConfig): object {
  const { Labels, Options, Routes, DnsServers } = network;
  const has = (map: object) => Object.keys(map).length > 0;
  return goStruct('json', {
    name: network.Name,
    id: network.Id,
    driver: network.Driver,
    network_interface: network.Interface,
    created: new GoTime(network.Created),
    ...(network.IPAM.Config.length > 0 && { subnets: network.IPAM.Config.map(subnetJson) }),
    ...(Routes.length > 0 && { routes: Routes.map(routeJson) }),
    ipv6_enabled: network.EnableIPv6,
    internal: network.Internal,
    dns_enabled: network.DnsEnabled,
    ...(DnsServers.length > 0 && { network_dns_servers: DnsServers }),
    ...(has(Labels) && { labels: Labels }),
    ...(has(Options) && { options: Options }),
    ipam_options: { driver: network.IPAM.Driver },
  });
}

function subnetJson(subnet: NetworkConfig['IPAM']['Config'][number]): object {
  return goStruct('json', {
    subnet: subnet.Subnet,
    ...(subnet.Gateway !== undefined && { gateway: subnet.Gateway }),
    ...(subnet.LeaseRange !== undefined && {
      lease_range: goStruct('json', { start_ip: subnet.LeaseRange.Start, end_ip: subnet.LeaseRange.End }),
    }),
  });
}

function routeJson(route: NetworkConfig['Routes'][number]): object {
  const { Destination: destination, Gateway: gateway, Metric: metric } = route;
  return goStruct('json', { destination, gateway, ...(metric !== undefined && { metric }) });
}

/** Docker's NetworkInspect (Engine API 1.44). */
export function dockerNetworkReport(
  network: NetworkConfig,
  containers: readonly ContainerListEntry[],
): object {
  return goStruct('network.Inspect', {
    Name: dockerName(network.Name),
    Id: network.Id,
    Created: new GoTime(network.Created),
    Scope: 'local',
    Driver: network.Driver,
    EnableIPv4: true,
    EnableIPv6: network.EnableIPv6,
    IPAM: goStruct('network.IPAM', {
      Driver: network.IPAM.Driver === 'host-local' ? 'default' : network.IPAM.Driver,
      Options: network.IPAM.Options,
      Config: network.IPAM.Config.map(({ Subnet, Gateway, IPRange }) =>
        goStruct('network.IPAMConfig', {
          Subnet,
          ...(IPRange !== undefined && { IPRange }),
          ...(Gateway !== undefined && { Gateway }),
        }),
      ),
    }),
    Internal: network.Internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: goStruct('network.ConfigReference', { Network: '' }),
    ConfigOnly: false,
    Containers: Object.fromEntries(containers.flatMap((one) => dockerEndpoint(network, one))),
    Options: network.Options,
    Labels: network.Labels,
  });
}

function dockerEndpoint(network: NetworkConfig, container: ContainerListEntry): [string, object][] {
  const joined = container.networks.find((one) => one.name === network.Name);
  if (joined === undefined || joined.addresses.length === 0) return [];
  const address = (isIpv6: boolean) => {
    const found = joined.addresses.find((one) => one.includes(':') === isIpv6);
    const subnet = network.IPAM.Config.find((one) => one.Subnet.includes(':') === isIpv6);
    return found === undefined ? '' : `${found}/${subnet?.Subnet.split('/')[1] ?? ''}`;
  };
  return [
    [
      container.id,
      goStruct('network.EndpointResource', {
        Name: container.name,
        EndpointID: '',
        MacAddress: joined.macAddress ?? '',
        IPv4Address: address(false),
        IPv6Address: address(true),
      }),
    ],
  ];
}

/** What Docker calls the default network. */
export function dockerName(name: string): string {
  return name === 'podman' ? 'bridge' : name;
}
