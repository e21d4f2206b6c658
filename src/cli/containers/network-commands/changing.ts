import { type CommandDefinition, flag, minimumArgs, noArgs } from '../../grammar/index.ts';
import { confirm } from '../container-commands/confirm.ts';
import type { ToolContext } from '../context.ts';
import { parseFilters } from './labels.ts';
import { checkTimeOfForce, removeNamed } from './remove-named.ts';

export const rm: CommandDefinition<ToolContext> = {
  usage: '[options] NETWORK [NETWORK...]',
  description: 'Remove networks',
  examples: ['network rm podman'],
  flags: [
    flag('bool', 'force,f', 'Remove any containers using network'),
    flag('uint', 'time,t', 'Seconds to wait for running containers to stop before killing the container', {
      ...{ default: 10, tools: ['podman'] },
    }),
  ],
  args: minimumArgs(1),
  run: async ({ args, flags }, context) => {
    checkTimeOfForce(flags);
    const { networks } = await context.libpod();
    await removeNamed(context, networks, args, flags);
    return 0;
  },
};

export const prune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Prune unused networks',
  examples: ['network prune'],
  flags: [
    flag('bool', 'force,f', 'Do not prompt for confirmation'),
    flag('stringArray', 'filter', "Provide filter values (e.g. 'label=<key>=<value>')"),
  ],
  args: noArgs,
  run: async ({ flags, program }, context) => {
    const filters = parseFilters(flags.strings('filter'));
    if (!flags.bool('force')) {
      context.stdout.write('WARNING! This will remove all networks not used by at least one container.\n');
      if (!(await confirm(context))) return 0;
    }
    const { networks } = await context.libpod();
    const removed = await networks.prune(filters);
    if (program === 'docker' && removed.length > 0) context.stdout.write('Deleted Networks:\n');
    for (const name of removed) context.stdout.write(`${name}\n`);
    return 0;
  },
};
