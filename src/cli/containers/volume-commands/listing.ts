import { BadRequest, Conflict, NotFound } from '../../../base/index.ts';
import type { VolumeConfig } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, exactArgs, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
import type { ToolContext } from '../context.ts';
import { type Inspected, printInspected } from '../inspect/inspect-report.ts';
import { parseFilters } from '../network-commands/labels.ts';
import { volumeReport } from './volume-report.ts';

export const ls: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description:
    'List all available volumes. The output of the volumes can be filtered and the output format can be changed to JSON or a user specified Go template.',
  flags: [
    flag('strings', 'filter,f', 'Filter volume output'),
    flag('string', 'format', 'Format volume output using Go template'),
    flag('bool', 'noheading', 'Do not print headers', { tools: ['podman'] }),
    flag('bool', 'quiet,q', 'Print volume output in quiet mode'),
  ],
  args: noArgs,
  run: async ({ flags, program }, context) => {
    const format = flags.string('format');
    if (flags.bool('quiet') && format !== undefined)
      throw new BadRequest('quiet and format flags cannot be used together');
    const { volumes } = await context.libpod();
    const found = await volumes.list(parseFilters(flags.strings('filter')));
    const isJson = format !== undefined && asksForJson(format);
    if (isJson && program !== 'docker')
      context.stdout.write(`${goJson(found.map(volumeReport), { indent: '  ' })}\n`);
    // Docker prints the headings of an empty list.
    else if (found.length > 0 || program === 'docker')
      context.stdout.write(
        renderReport({
          name: 'ls',
          rows: found.map(volumeReport),
          ...(flags.bool('quiet') ? { format: '{{.Name}}' } : format !== undefined && { format }),
          columns: '{{.Driver}}\t{{.Name}}',
          headers: headersOf(FIELDS, { Name: 'VOLUME NAME' }),
          hasNoHeading: flags.bool('noheading'),
        }),
      );
    return 0;
  },
};

const FIELDS = [
  ...['Name', 'Driver', 'Mountpoint', 'CreatedAt', 'Labels', 'Scope', 'Options', 'UID', 'GID'],
  ...['Anonymous', 'MountCount', 'NeedsCopyUp', 'NeedsChown', 'Status'],
];

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] VOLUME [VOLUME...]',
  templateFields:
    'Name Driver Mountpoint CreatedAt Status Labels Scope Options UID GID Anonymous MountCount NeedsCopyUp NeedsChown'.split(
      ' ',
    ),
  description:
    'Display detailed information on one or more volumes. Use a Go template to change the format from JSON.',
  examples: [
    'volume inspect myvol',
    'volume inspect --all',
    'volume inspect --format "{{.Driver}} {{.Scope}}" myvol',
  ],
  flags: [
    flag('bool', 'all,a', 'Inspect all volumes', { tools: ['podman'] }),
    flag('string', 'format,f', 'Format volume output using Go template', { default: 'json' }),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (args.length > 0 === flags.bool('all'))
      throw new BadRequest('provide one or more volume names or use --all');
    const { volumes } = await context.libpod();
    const names = flags.bool('all') ? (await volumes.list()).map((one) => one.Name) : args;
    const found: Inspected[] = [];
    for (const name of names) {
      try {
        found.push({ data: await inspectVolume(name, context) });
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
export async function inspectVolume(name: string, context: ToolContext): Promise<object> {
  const { volumes } = await context.libpod();
  let found: VolumeConfig;
  try {
    found = await volumes.inspect(name);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new NotFound(`no such volume ${name}`, { cause: error });
  }
  return volumeReport(found);
}

export const exists: CommandDefinition<ToolContext> = {
  usage: 'VOLUME',
  description:
    'If the given volume exists, podman volume exists exits with 0, otherwise the exit code will be 1.',
  examples: ['volume exists myvol'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => {
    const { volumes } = await context.libpod();
    return (await volumes.exists(args[0]!)) ? 0 : 1;
  },
};
