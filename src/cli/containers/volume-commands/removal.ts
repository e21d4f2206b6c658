import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { humanSize } from '../../templates/human-units.ts';
import { confirm } from '../container-commands/confirm.ts';
import type { ToolContext } from '../context.ts';
import { parseFilters } from '../network-commands/labels.ts';
import { checkTimeOfForce, removeNamed } from '../network-commands/remove-named.ts';

export const rm: CommandDefinition<ToolContext> = {
  usage: '[options] VOLUME [VOLUME...]',
  description:
    'Remove one or more existing volumes. Will only remove volumes that are not being used by any containers. To remove the volumes anyways, use the --force flag.',
  examples: ['volume rm myvol1 myvol2', 'volume rm --all', 'volume rm --force myvol'],
  flags: [
    flag('bool', 'all,a', 'Remove all volumes', { tools: ['podman'] }),
    flag('bool', 'force,f', 'Remove a volume by force, even if it is being used by a container'),
    flag('uint', 'time,t', 'Seconds to wait for running containers to stop before killing the container', {
      ...{ default: 10, tools: ['podman'] },
    }),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (args.length > 0 === flags.bool('all'))
      throw new BadRequest('choose either one or more volumes or all');
    checkTimeOfForce(flags);
    const { volumes } = await context.libpod();
    const names = flags.bool('all') ? (await volumes.list()).map((one) => one.Name) : args;
    await removeNamed(context, volumes, names, flags);
    return 0;
  },
};

export const prune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: `Volumes that are not currently owned by a container will be removed.

The command prompts for confirmation which can be overridden with the --force flag.
Note all data will be destroyed.`,
  flags: [
    flag('stringArray', 'filter', "Provide filter values (e.g. 'label=<key>=<value>')"),
    flag('bool', 'force,f', 'Do not prompt for confirmation'),
    flag('bool', 'all,a', 'Remove all unused volumes, not just anonymous ones', { tools: ['docker'] }),
  ],
  args: noArgs,
  run: async ({ flags, program }, context) => {
    const filters = parseFilters(flags.strings('filter'));
    const { volumes } = await context.libpod();
    if (!flags.bool('force')) {
      context.stdout.write(
        'WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:\n',
      );
      const dangling = await volumes.list({ ...filters, dangling: ['true'] });
      if (dangling.length === 0) {
        context.stdout.write('No dangling volumes found\n');
        return 0;
      }
      for (const { Name } of dangling) context.stdout.write(`${Name}\n`);
      if (!(await confirm(context))) return 0;
    }
    const { deleted, reclaimedBytes } = await volumes.prune(filters);
    if (program === 'docker' && deleted.length > 0) context.stdout.write('Deleted Volumes:\n');
    for (const name of deleted) context.stdout.write(`${name}\n`);
    if (program === 'docker') context.stdout.write(`\nTotal reclaimed space: ${humanSize(reclaimedBytes)}\n`);
    return 0;
  },
};
