import { Conflict, NotFound, OrreryError } from '../../../base/index.ts';
import type { NetworkConfig } from '../../../libpod/index.ts';
import {
  type CommandDefinition,
  exactArgs,
  type FlagValues,
  flag,
  minimumArgs,
  noArgs,
} from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { type Inspected, printInspected } from '../inspect/inspect-report.ts';
import { parseFilters } from './labels.ts';
import { dockerName, dockerNetworkReport, networkReport } from './network-report.ts';

export const ls: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'List networks',
  examples: ['network list'],
  flags: [
    flag('string', 'format', 'Pretty-print networks to JSON or using a Go template'),
    flag('bool', 'quiet,q', 'Display only names'),
    flag('bool', 'no-trunc', 'Do not truncate the network ID'),
    flag('stringArray', 'filter,f', "Provide filter values (e.g. 'name=podman')"),
    flag('bool', 'noheading', 'Do not print headers', { tools: ['podman'] }),
  ],
  args: noArgs,
  run: async ({ flags, program }, context) => {
    const { networks } = await context.libpod();
    const found = await networks.list(parseFilters(flags.strings('filter')));
    context.stdout.write(listText(found, flags, program === 'docker'));
    return 0;
  },
};

function listText(found: readonly NetworkConfig[], flags: FlagValues, isDocker: boolean): string {
  const format = flags.string('format');
  const idOf = (network: NetworkConfig) => (flags.bool('no-trunc') ? network.Id : network.Id.slice(0, 12));
  if (flags.bool('quiet')) return found.map((one) => `${isDocker ? idOf(one) : one.Name}\n`).join('');
  if (!isDocker && format !== undefined && asksForJson(format))
    return `${goJson(found.map(networkReport), { indent: '  ' })}\n`;
  const rows = found.map((network) =>
    goStruct('networks.ListPrintReports', {
      ...networkReport(network),
      ...(isDocker && { Name: dockerName(network.Name), CreatedAt: network.Created, Scope: 'local' }),
      IPv6: String(network.EnableIPv6),
      ID: idOf(network),
      Labels: Object.entries(network.Labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    }),
  );
  return renderReport({
    name: 'ls',
    rows,
    ...(format !== undefined && { format }),
    columns: isDocker ? '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}' : '{{.ID}}\t{{.Name}}\t{{.Driver}}',
    headers: headersOf(FIELDS, { ID: 'network id' }),
    hasNoHeading: flags.bool('noheading'),
  });
}

const FIELDS = [
  ...['ID', 'Name', 'Driver', 'Scope', 'Labels', 'Options', 'Subnets', 'NetworkInterface', 'Created'],
  ...['CreatedAt', 'IPv6', 'IPv6Enabled', 'Internal', 'DNSEnabled', 'IPAMOptions', 'Routes'],
];

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] NETWORK [NETWORK...]',
  templateFields:
    'Name ID Driver NetworkInterface Created Subnets Routes IPv6Enabled Internal DNSEnabled Labels Options IPAMOptions'.split(
      ' ',
    ),
  description: 'Displays the network configuration for one or more networks.',
  examples: ['network inspect podman'],
  flags: [
    flag('string', 'format,f', 'Pretty-print network to JSON or using a Go template', { default: '' }),
    flag('bool', 'verbose,v', 'Verbose output for diagnostics', { tools: ['docker'] }),
  ],
  args: minimumArgs(1),
  run: async ({ args, flags, program }, context) => {
    const found: Inspected[] = [];
    for (const name of args) {
      try {
        found.push({ data: await inspectNetwork(name, context, program === 'docker') });
      } catch (error) {
        if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
        found.push({ error });
      }
    }
    printInspected(found, flags.string('format')!, context);
    return 0;
  },
};

/** @throws NotFound in Podman's words */
export async function inspectNetwork(name: string, context: ToolContext, isDocker = false): Promise<object> {
  const libpod = await context.libpod();
  let network: NetworkConfig;
  try {
    network = await libpod.networks.inspect(name);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new NotFound(`network ${name}: ${error.message}`, { cause: error });
  }
  if (!isDocker) return networkReport(network);
  return dockerNetworkReport(network, await libpod.containers.list());
}

export const exists: CommandDefinition<ToolContext> = {
  usage: 'NETWORK',
  description:
    'If the given network exists, podman network exists exits with 0, otherwise the exit code will be 1.',
  examples: ['network exists net1'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const { networks } = await context.libpod();
    return (await networks.exists(args[0]!)) ? 0 : 1;
  },
};

/** Podman's codes of `rm`: 1 when it is not there, 2 while it is used. */
export function removalExitCode(error: unknown): number | undefined {
  if (error instanceof NotFound) return 1;
  return error instanceof OrreryError && error.details.exitCode === 2 ? 2 : undefined;
}
