import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { humanSize } from '../../templates/human-units.ts';
import { confirm } from '../container-commands/confirm.ts';
import { parseFilters } from '../container-commands/selection.ts';
import type { ToolContext } from '../context.ts';

export const prune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Remove unused pods, containers, networks, images, and volumes.',
  flags: [
    flag('bool', 'all,a', 'Remove all unused data'),
    flag('stringArray', 'filter', "Provide filter values (e.g. 'label=<key>=<value>')"),
    flag('bool', 'force,f', 'Do not prompt for confirmation.  The default is false'),
    flag('bool', 'volumes', 'Prune volumes'),
    flag('bool', 'external', 'Remove container data in storage not controlled by podman', {
      refused: 'every container is known here',
      acceptedValues: ['false'],
    }),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    if (!flags.bool('force')) {
      const what = ['all stopped containers', 'all networks not used by at least one container'];
      if (flags.bool('volumes')) what.push('all volumes not used by at least one container');
      what.push(
        flags.bool('all')
          ? 'all images without at least one container associated with them'
          : 'all dangling images',
      );
      context.stdout.write(`WARNING! This command removes:\n${what.map((one) => `\t- ${one}\n`).join('')}\n`);
      if (!(await confirm(context))) return 0;
    }
    const report = await (await context.libpod()).system.prune({
      all: flags.bool('all'),
      volumes: flags.bool('volumes'),
      filters: parseFilters(flags.strings('filter')),
    });
    for (const [title, names] of [
      ['Deleted Pods', report.pods],
      ['Deleted Containers', report.containers],
      ['Deleted Volumes', report.volumes],
      ['Deleted Images', report.images],
      ['Deleted Networks', report.networks],
    ] as const)
      if (names.length > 0) context.stdout.write(`${title}\n${names.join('\n')}\n`);
    context.stdout.write(`Total reclaimed space: ${humanSize(report.reclaimedBytes, 4)}\n`);
    return 0;
  },
};

export const reset: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description:
    'Ends and removes everything below --root that the container tool has made: containers, pods, networks, volumes, secrets and images.',
  flags: [flag('bool', 'force,f', 'Do not prompt for confirmation')],
  args: noArgs,
  run: async ({ flags }, context) => {
    if (!flags.bool('force')) {
      context.stdout.write(
        'WARNING! This will remove:\n        - all containers\n        - all pods\n        - all images\n        - all networks\n        - all volumes\n        - all secrets\n',
      );
      if (!(await confirm(context))) return 0;
    }
    await (await context.libpod()).system.reset();
    return 0;
  },
};

export const check: CommandDefinition<ToolContext> = {
  usage: '',
  description:
    'Looks for what a process that was killed has left (mounts, namespaces, control groups, waits) and gives it back.',
  flags: [],
  args: noArgs,
  run: async (_, context) => {
    for (const line of await (await context.libpod()).system.check()) context.stdout.write(`${line}\n`);
    return 0;
  },
};

export const boot: CommandDefinition<ToolContext> = {
  usage: '',
  description:
    'Starts the containers that are to run after a reboot: those with --restart=always, and those with --restart=unless-stopped that nobody has stopped. Run it once when the host has started: from a unit, or from cron’s @reboot.',
  flags: [],
  args: noArgs,
  run: async (_, context) => {
    for (const name of await (await context.libpod()).system.boot()) context.stdout.write(`${name}\n`);
    return 0;
  },
};

export const resume: CommandDefinition<ToolContext> = {
  usage: '',
  description: 'Starts again containers whose restart a killed process was waiting for.',
  flags: [],
  args: noArgs,
  run: async (_, context) => {
    await (await context.libpod()).system.resume();
    return 0;
  },
};

export const renumber: CommandDefinition<ToolContext> = {
  usage: '',
  description: 'There are no numbered locks here: nothing is to be done.',
  flags: [],
  args: noArgs,
  run: async () => 0,
};
