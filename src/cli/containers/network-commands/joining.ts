import { isIPv4, isIPv6 } from 'node:net';
import { BadRequest, Conflict } from '../../../base/index.ts';
import {
  anyArgs,
  type CommandDefinition,
  exactArgs,
  type FlagValues,
  flag,
  refusedFlag,
} from '../../grammar/index.ts';
import { forEachNamed } from '../container-commands/several.ts';
import type { ToolContext } from '../context.ts';
import { parseLabels } from './labels.ts';

export const connect: CommandDefinition<ToolContext> = {
  usage: '[options] NETWORK CONTAINER',
  description: 'Add container to a network',
  examples: ['network connect web secondary'],
  flags: [
    flag('strings', 'alias', 'Network scoped alias for container'),
    flag('string', 'ip', 'Set a static ipv4 address for this container network'),
    flag('string', 'ip6', 'Set a static ipv6 address for this container network'),
    flag('string', 'mac-address', 'Set a static mac address for this container network', {
      tools: ['podman'],
    }),
    flag('stringArray', 'driver-opt', 'Driver options for the network', { tools: ['docker'] }),
    refusedFlag('strings', 'link', 'Add link to another container', 'containers of a network have names', {
      tools: ['docker'],
    }),
    refusedFlag('strings', 'link-local-ip', 'Add a link-local address for the container', 'not supported', {
      tools: ['docker'],
    }),
    refusedFlag('int', 'gw-priority', 'Highest gw-priority provides the default gateway', 'not supported', {
      tools: ['docker'],
    }),
  ],
  args: exactArgs(2),
  run: async ({ args, flags }, context) => {
    const [network = '', container = ''] = args;
    const IPv4Address = addressOf(flags, 'ip', isIPv4);
    const IPv6Address = addressOf(flags, 'ip6', isIPv6);
    const options = parseLabels(flags.strings('driver-opt'), 'unable to parse options');
    const unknown = Object.keys(options).find((name) => name !== 'com.docker.network.endpoint.ifname');
    if (unknown !== undefined) throw new BadRequest(`the driver option ${unknown} is not supported`);
    const InterfaceName = options['com.docker.network.endpoint.ifname'];
    const { networks } = await context.libpod();
    await networks.connect(network, container, {
      ...(flags.changed('alias') && { Aliases: [...flags.strings('alias')] }),
      ...((IPv4Address ?? IPv6Address) !== undefined && {
        IPAMConfig: {
          ...(IPv4Address !== undefined && { IPv4Address }),
          ...(IPv6Address !== undefined && { IPv6Address }),
        },
      }),
      ...(flags.changed('mac-address') && { MacAddress: flags.string('mac-address')! }),
      ...(InterfaceName !== undefined && { InterfaceName }),
    });
    return 0;
  },
};

function addressOf(
  flags: FlagValues,
  name: 'ip' | 'ip6',
  isAddress: (text: string) => boolean,
): string | undefined {
  const given = flags.string(name);
  if (given === undefined || isAddress(given)) return given;
  throw new BadRequest(
    `invalid argument ${JSON.stringify(given)} for "--${name}" flag: failed to parse IP: ${JSON.stringify(given)}`,
  );
}

export const disconnect: CommandDefinition<ToolContext> = {
  usage: '[options] NETWORK CONTAINER',
  description: 'Remove container from a network',
  examples: ['network disconnect web secondary'],
  flags: [flag('bool', 'force,f', 'Force removal of container from network')],
  args: exactArgs(2),
  run: async ({ args, flags }, context) => {
    const { networks } = await context.libpod();
    await networks.disconnect(args[0]!, args[1]!, { force: flags.bool('force') });
    return 0;
  },
};

export const reload: CommandDefinition<ToolContext> = {
  usage: '[options] [CONTAINER...]',
  description: 'Reload container networks, recreating firewall rules',
  examples: ['network reload 3c13ef6dd843', 'network reload test1 test2'],
  flags: [
    flag('bool', 'all,a', 'Reload network configuration of all containers', { tools: ['podman'] }),
    flag('bool', 'latest,l', 'Act on the latest container podman is aware of', { tools: ['podman'] }),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const isAll = flags.bool('all');
    const isLatest = flags.bool('latest');
    if (isAll && isLatest) throw new BadRequest('--all and --latest cannot be used together');
    if (isLatest && args.length > 0) throw new BadRequest('--latest and containers cannot be used together');
    if (isAll && args.length > 0) throw new BadRequest('no arguments are needed with --all');
    if (!isAll && !isLatest && args.length === 0)
      throw new BadRequest('you must provide at least one name or id');
    const { containers, networks } = await context.libpod();
    const listed = isAll ? await containers.list({ all: true }) : [];
    const latest = isLatest ? await containers.list({ latest: true }) : [];
    const ids = [...listed, ...latest].map((one) => one.id);
    for (const name of args) ids.push(await containers.idOf(name));
    await forEachNamed(context, ids, async (id) => {
      try {
        await networks.reload(id);
      } catch (error) {
        // With --all, whoever has no networks is passed over.
        if (isAll && error instanceof Conflict) return;
        throw error;
      }
      context.stdout.write(`${id}\n`);
    });
    return 0;
  },
};
