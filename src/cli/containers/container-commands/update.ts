import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { limitFlags } from '../create/create-flags.ts';
import { parseRestart } from '../create/create-options.ts';
import { parseLimits } from '../create/resources.ts';
import { forEachNamed } from './several.ts';

export const update: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER',
  description: 'Updates the cgroup configuration of a given container',
  examples: ['update --cpus=5 foobar_container'],
  flags: [
    ...limitFlags,
    flag('string', 'restart', 'Restart policy to apply when a container exits', { tools: ['docker'] }),
  ],
  args: anyArgs,
  run: async ({ args, flags, program, path }, context) => {
    const complaint =
      program === 'docker'
        ? minimumArgs(1)(args, path)
        : args.length === 1
          ? undefined
          : `accepts 1 arg(s), received ${args.length}`;
    if (complaint !== undefined) throw new BadRequest(complaint);
    const limits = parseLimits(flags);
    const policy = parseRestart(flags.string('restart') || undefined);
    const libpod = await context.libpod();
    await forEachNamed(context, args, async (name) => {
      const id = await libpod.containers.idOf(name);
      await libpod.containers.update(id, { ...limits, ...(policy && { RestartPolicy: policy }) });
      context.stdout.write(`${program === 'docker' ? name : id}\n`);
    });
    return 0;
  },
};
