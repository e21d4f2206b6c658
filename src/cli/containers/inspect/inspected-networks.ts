import { isIP } from 'node:net';
import type { ContainerInspect, NetworkEndpoint } from '../../../libpod/index.ts';
import { goStruct, NIL_MAP, NIL_SLICE } from '../../templates/values.ts';

/** Podman's InspectNetworkSettings: with one network its addresses are at the top too, as Docker has them. */
export function inspectedNetworks(container: ContainerInspect): object {
  const names = Object.keys(container.endpoints);
  const only = names.length === 1 ? container.endpoints[names[0]!] : undefined;
  return goStruct('*define.InspectNetworkSettings', {
    ...addressesOf(only),
    Bridge: '',
    SandboxID: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    Ports: portsOf(container),
    SandboxKey: container.status === 'running' ? (container.namespacePath ?? '') : '',
    ...(names.length > 0 && {
      Networks: Object.fromEntries(
        Object.entries(container.endpoints).map(([name, endpoint]) => [name, networkOf(name, endpoint)]),
      ),
    }),
  });
}

function addressesOf(endpoint: NetworkEndpoint | undefined): Record<string, unknown> {
  const addresses = (endpoint?.addresses ?? []).map((address, i) => ({
    address,
    prefix: endpoint!.prefixLengths[i] ?? 0,
  }));
  const [v4, ...moreV4] = addresses.filter(({ address }) => isIP(address) === 4);
  const [v6, ...moreV6] = addresses.filter(({ address }) => isIP(address) === 6);
  const gateway = (family: number) => endpoint?.gateways.find((one) => isIP(one) === family) ?? '';
  const further = (rest: typeof addresses) =>
    rest.map(({ address, prefix }) => goStruct('define.Address', { Addr: address, PrefixLength: prefix }));
  return {
    EndpointID: '',
    Gateway: gateway(4),
    IPAddress: v4?.address ?? '',
    IPPrefixLen: v4?.prefix ?? 0,
    ...(moreV4.length > 0 && { SecondaryIPAddresses: further(moreV4) }),
    IPv6Gateway: gateway(6),
    GlobalIPv6Address: v6?.address ?? '',
    GlobalIPv6PrefixLen: v6?.prefix ?? 0,
    ...(moreV6.length > 0 && { SecondaryIPv6Addresses: further(moreV6) }),
    MacAddress: endpoint?.macAddress ?? '',
  };
}

function networkOf(name: string, endpoint: NetworkEndpoint): object {
  const aliases = endpoint.settings.Aliases ?? [];
  return goStruct('*define.InspectAdditionalNetwork', {
    ...addressesOf(endpoint),
    NetworkID: name,
    DriverOpts: NIL_MAP,
    IPAMConfig: NIL_MAP,
    Links: NIL_SLICE,
    ...(aliases.length > 0 && { Aliases: aliases }),
  });
}

function portsOf({ ports, config }: ContainerInspect): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const exposed of Object.keys(config.ExposedPorts ?? {})) found[exposed] = NIL_SLICE;
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    const before = Array.isArray(found[key]) ? found[key] : [];
    found[key] = [
      ...before,
      goStruct('define.InspectHostPort', { HostIp: hostIp, HostPort: String(hostPort) }),
    ];
  }
  return found;
}
