import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, type Flag, type FlagValues, flag } from '../../grammar/index.ts';
import { latestContainer, latestFlag } from '../container-commands/selection.ts';
import type { ToolContext } from '../context.ts';
import { inspectNames, type ObjectType } from './inspect-all.ts';
import { printInspected } from './inspect-report.ts';

const TYPES = ['container', 'image', 'volume', 'network', 'pod', 'all'];

const flags: readonly Flag[] = [
  flag('string', 'format,f', 'Format the output to a Go template or json', { default: 'json' }),
  latestFlag,
  flag('bool', 'size,s', 'Display total file size'),
];

export const inspect: CommandDefinition<ToolContext> = {
  usage: '[options] {CONTAINER|IMAGE|POD|NETWORK|VOLUME} [...]',
  description: `Displays the low-level information on an object identified by name or ID.
For more inspection options, see:

    container inspect
    image inspect
    network inspect
    pod inspect
    volume inspect`,
  examples: [
    'inspect fedora',
    'inspect --type image fedora',
    'inspect CtrID ImgID',
    'inspect --format "imageId: {{.Id}} size: {{.Size}}" fedora',
  ],
  flags: [...flags, flag('string', 'type,t', 'Specify inspect-object type', { default: 'all' })],
  args: anyArgs,
  run: async ({ args, flags: given }, context) => {
    const type = given.string('type')!;
    if (given.bool('latest') && type === 'image')
      throw new BadRequest('latest is not supported for type "image"');
    if (given.bool('size') && ['image', 'pod'].includes(type))
      throw new BadRequest(`size is not supported for type ${JSON.stringify(type)}`);
    if (!TYPES.includes(type))
      throw new BadRequest(
        `invalid type ${JSON.stringify(type)}: must be "image", "container", "pod", "network", "volume", or "all"`,
      );
    return await run(args, type as ObjectType | 'all', given, context);
  },
};

export const containerInspect: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description: 'Displays the low-level information on a container identified by name or ID.',
  examples: ['container inspect myCtr', "container inspect -l --format '{{.Id}} {{.Config.Labels}}'"],
  flags,
  args: anyArgs,
  templateFields: [
    'ID',
    'Created',
    'Path',
    'Args',
    'State',
    'Image',
    'ImageName',
    'Name',
    'RestartCount',
    'Mounts',
    'NetworkSettings',
    'Config',
    'HostConfig',
  ],
  run: async ({ args, flags: given }, context) => await run(args, 'container', given, context),
};

async function run(
  args: readonly string[],
  type: ObjectType | 'all',
  given: FlagValues,
  context: ToolContext,
): Promise<number> {
  if (given.bool('latest') && args.length > 0)
    throw new BadRequest('--latest and arguments cannot be used together');
  if (args.length === 0 && !given.bool('latest'))
    throw new BadRequest('no names or ids specified: you must provide at least one name or id');
  const isLatest = given.bool('latest');
  const names = isLatest ? [(await latestContainer(await context.libpod())).id] : args;
  const found = await inspectNames(names, isLatest ? 'container' : type, context, {
    size: given.bool('size'),
  });
  printInspected(found, given.string('format')!, context);
  return 0;
}
