import { BadRequest } from '../../../base/index.ts';
import type { NetworkConfig, NetworkRoute } from '../../../libpod/index.ts';
import {
  type CommandDefinition,
  type FlagValues,
  flag,
  maximumArgs,
  refusedFlag,
} from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseLabels } from './labels.ts';

export const create: CommandDefinition<ToolContext> = {
  usage: '[options] [NAME]',
  description: 'Create networks for containers and pods',
  examples: ['network create podman1', 'network create --subnet 192.5.0.0/16 newnet'],
  flags: [
    flag('string', 'driver,d', 'Driver to manage the network: bridge, macvlan, ipvlan', {
      default: 'bridge',
    }),
    flag('stringArray', 'opt,o', 'Set driver specific options'),
    flag('strings', 'gateway', 'IPv4 or IPv6 gateway for the subnet'),
    flag('bool', 'internal', 'Restrict external access from this network'),
    flag('stringArray', 'ip-range', 'Allocate container IP from range'),
    flag('stringArray', 'label', 'Set metadata on a network'),
    flag('string', 'ipam-driver', 'IP Address Management Driver: host-local, none'),
    flag('bool', 'ipv6', 'Enable IPv6 networking'),
    flag('stringArray', 'subnet', 'Subnets in CIDR format'),
    flag('bool', 'disable-dns', 'Disable name resolution between the containers', { tools: ['podman'] }),
    flag('strings', 'dns', 'Name servers that names outside of the network are asked of', {
      tools: ['podman'],
    }),
    flag('stringArray', 'route', 'Static routes: DESTINATION,GATEWAY[,METRIC]', { tools: ['podman'] }),
    flag('string', 'interface-name', 'Interface name on the host', { tools: ['podman'] }),
    flag('bool', 'ignore', "Don't fail if network already exists", { tools: ['podman'] }),
    flag('string', 'macvlan', 'Create a Macvlan connection based on this device', {
      ...{ hidden: true, tools: ['podman'] },
    }),
    flag('string', 'scope', "Control the network's scope", {
      ...{ tools: ['docker'], acceptedValues: ['local'], refused: 'networks are of this host' },
    }),
    refusedFlag('bool', 'attachable', 'Enable manual container attachment', 'there is no swarm', {
      tools: ['docker'],
    }),
    refusedFlag('bool', 'ingress', 'Create swarm routing-mesh network', 'there is no swarm', {
      tools: ['docker'],
    }),
    refusedFlag('bool', 'config-only', 'Create a configuration only network', 'not supported', {
      tools: ['docker'],
    }),
    refusedFlag('string', 'config-from', 'The network from which to copy', 'not supported', {
      tools: ['docker'],
    }),
    refusedFlag('stringArray', 'aux-address', 'Auxiliary addresses used by the driver', 'not supported', {
      tools: ['docker'],
    }),
    refusedFlag('stringArray', 'ipam-opt', 'Set IPAM driver specific options', 'not supported', {
      tools: ['docker'],
    }),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags, program }, context) => {
    const isMacvlan = flags.changed('macvlan');
    if (isMacvlan)
      context.stderr.write(
        'The --macvlan option is deprecated, use `--driver macvlan --opt parent=<device>` instead\n',
      );
    const interfaceName = isMacvlan ? flags.string('macvlan') : flags.string('interface-name');
    const { networks } = await context.libpod();
    const made = await networks.create({
      ...(args[0] !== undefined && { Name: args[0] }),
      Driver: isMacvlan ? 'macvlan' : flags.string('driver')!,
      EnableIPv6: flags.bool('ipv6'),
      Internal: flags.bool('internal'),
      DisableDns: flags.bool('disable-dns'),
      DnsServers: [...flags.strings('dns')],
      IPAM: {
        ...(flags.changed('ipam-driver') && { Driver: flags.string('ipam-driver')! }),
        Config: subnetsOf(flags),
      },
      Options: parseLabels(flags.strings('opt'), 'unable to parse options'),
      Labels: parseLabels(flags.strings('label'), 'failed to parse labels'),
      Routes: flags.strings('route').map(parseRoute),
      ignore: flags.bool('ignore'),
      ...(interfaceName !== undefined && { Interface: interfaceName }),
    });
    context.stdout.write(`${shownName(made, program)}\n`);
    return 0;
  },
};

/** Docker prints the id. */
function shownName(made: NetworkConfig, program: string): string {
  return program === 'docker' ? made.Id : made.Name;
}

/** The first gateway and range belong to the first subnet, and so on. */
function subnetsOf(flags: FlagValues): { Subnet: string; Gateway?: string; IPRange?: string }[] {
  const subnets = flags.strings('subnet');
  const gateways = flags.strings('gateway');
  const ranges = flags.strings('ip-range');
  if (subnets.length === 0 && gateways.length + ranges.length > 0)
    throw new BadRequest('cannot set gateway or range without subnet');
  if (gateways.length > subnets.length) throw new BadRequest('cannot set more gateways than subnets');
  if (ranges.length > subnets.length) throw new BadRequest('cannot set more ranges than subnets');
  return subnets.map((Subnet, at) => ({
    Subnet,
    ...(gateways[at] !== undefined && { Gateway: gateways[at] }),
    ...(ranges[at] !== undefined && { IPRange: ranges[at] }),
  }));
}

function parseRoute(text: string): NetworkRoute {
  const [Destination = '', Gateway = '', metric, ...rest] = text.split(',');
  const isMetric = metric === undefined || /^\d{1,9}$/.test(metric);
  if (Gateway === '' || !isMetric || rest.length > 0)
    throw new BadRequest(
      `invalid route: ${text}\nFormat: --route <destination in CIDR>,<gateway>,<metric (optional)>`,
    );
  return { Destination, Gateway, ...(metric !== undefined && { Metric: Number(metric) }) };
}
