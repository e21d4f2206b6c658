import { type CommandDefinition, flag, maximumArgs, refusedFlag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseLabels } from '../network-commands/labels.ts';

const NO_SWARM = 'there is no swarm';

export const create: CommandDefinition<ToolContext> = {
  usage: '[options] [NAME]',
  description:
    'If using the default driver, "local", the volume will be created on the host in the volumes directory under container storage.',
  examples: ['volume create myvol', 'volume create', 'volume create --label foo=bar myvol'],
  flags: [
    flag('string', 'driver', 'Specify volume driver name', { default: 'local' }),
    flag('strings', 'label,l', 'Set metadata for a volume'),
    flag('stringArray', 'opt,o', 'Set driver specific options'),
    flag('bool', 'ignore', "Don't fail if volume already exists", { tools: ['podman'] }),
    // Docker's short form of --driver; Podman has none.
    flag('string', 'd', 'Specify volume driver name', { short: 'd', hidden: true, tools: ['docker'] }),
    ...['availability', 'group', 'limit-bytes', 'required-bytes', 'scope', 'sharing', 'type'].map((name) =>
      refusedFlag('string', name, 'Of cluster volumes', NO_SWARM, { tools: ['docker'], hidden: true }),
    ),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags, program }, context) => {
    const options = parseLabels(flags.strings('opt'), 'unable to process options');
    const { volumes } = await context.libpod();
    const made = await volumes.create({
      ...(args[0] !== undefined && { Name: args[0] }),
      Driver: flags.string('d') ?? flags.string('driver')!,
      Labels: parseLabels(flags.strings('label'), 'unable to process labels'),
      ...(flags.changed('opt') && { DriverOpts: options }),
      // Docker gives what is there already.
      ignore: flags.bool('ignore') || program === 'docker',
    });
    context.stdout.write(`${made.Name}\n`);
    return 0;
  },
};
