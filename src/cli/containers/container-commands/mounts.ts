import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson } from '../../templates/report.ts';
import { alignColumns } from '../../templates/tab-writer.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { checkSelection, choose, latestFlag } from './selection.ts';
import { forEachNamed } from './several.ts';

export const mount: CommandDefinition<ToolContext> = {
  usage: '[options] [CONTAINER...]',
  description:
    'mount\n    Lists all mounted containers mount points if no container is specified\n\nmount CONTAINER-NAME-OR-ID\n    Mounts the specified container and outputs the mountpoint',
  flags: [
    flag('bool', 'all,a', 'Mount all containers'),
    flag('string', 'format', 'Print the mounted containers in specified format (json)'),
    latestFlag,
    flag('bool', 'no-trunc', 'Do not truncate output', { aliases: ['notruncate'] }),
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (args.length > 0 && flags.bool('latest'))
      throw new BadRequest('--latest and containers cannot be used together');
    const libpod = await context.libpod();
    if (args.length > 0 || flags.bool('latest') || flags.bool('all')) {
      checkSelection(flags, args);
      await forEachNamed(context, await choose(libpod, flags, args), async ({ id }) => {
        context.stdout.write(`${await libpod.containers.mount(id)}\n`);
      });
      return 0;
    }
    const format = flags.string('format') ?? '';
    if (format !== '' && !asksForJson(format))
      throw new BadRequest(`unknown --format argument: ${JSON.stringify(format)}`);
    const mounted = [];
    for (const { id, name } of await libpod.containers.list({ all: true })) {
      const { graphDriver, isMounted } = await libpod.containers.inspect(id);
      if (isMounted) mounted.push({ id, name, path: graphDriver.mergedDir });
    }
    if (format !== '')
      context.stdout.write(
        `${goJson(
          mounted.map(({ id, name, path }) => goStruct('jreport', { id, Names: [name], mountpoint: path })),
          { indent: ' ', escapesHtml: true },
        )}\n`,
      );
    else
      context.stdout.write(
        alignColumns(
          mounted
            .map(({ id, path }) => `${flags.bool('no-trunc') ? id : id.slice(0, 12)}\t${path}\n`)
            .join(''),
        ),
      );
    return 0;
  },
};

export const unmount: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description: `Container storage increments a mount counter each time a container is mounted.

When a container is unmounted, the mount counter is decremented. The container's root filesystem is physically unmounted only when the mount counter reaches zero indicating no other processes are using the mount.

An unmount can be forced with the --force flag.`,
  examples: ['unmount ctrID', 'unmount ctrID1 ctrID2 ctrID3', 'unmount --all'],
  flags: [
    flag('bool', 'all,a', 'Unmount all of the currently mounted containers'),
    flag('bool', 'force,f', 'Force the complete unmount of the specified mounted containers'),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    checkSelection(flags, args);
    const libpod = await context.libpod();
    await forEachNamed(context, await choose(libpod, flags, args), async ({ id }) => {
      const was = await libpod.containers.unmount(id, { force: flags.bool('force') });
      if (was || !flags.bool('all')) context.stdout.write(`${id}\n`);
    });
    return 0;
  },
};
