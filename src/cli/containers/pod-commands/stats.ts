import { anyArgs, type CommandDefinition, FlagValues, flag } from '../../grammar/index.ts';
import { stats as containerStats } from '../container-commands/stats.ts';
import type { ToolContext } from '../context.ts';
import { choosePods, latestPodFlag } from './selection.ts';

export const stats: CommandDefinition<ToolContext> = {
  usage: '[options] [POD...]',
  templateFields: 'CPU MemUsage MemUsageBytes Mem NetIO BlockIO PIDS Pod CID Name'.split(' '),
  description:
    'Display the containers’ resource-usage statistics of one or more running pods; of all pods when none is named.',
  examples: ['pod stats --no-stream', 'pod stats a69b23034235 named-pod'],
  flags: [
    flag('bool', 'all,a', 'Provide stats for all pods'),
    flag('string', 'format', 'Pretty-print container statistics to JSON or using a Go template'),
    flag('bool', 'no-reset', 'Disable resetting the screen when streaming'),
    flag('bool', 'no-stream', 'Disable streaming stats and only pull the first result'),
    latestPodFlag,
  ],
  args: anyArgs,
  run: async (invocation, context) => {
    const { flags, args } = invocation;
    const libpod = await context.libpod();
    const isAny = args.length === 0 && !flags.bool('all') && !flags.bool('latest');
    const chosen = isAny ? await libpod.pods.list() : await choosePods(libpod, flags, args);
    const pods = await Promise.all(chosen.map(({ id }) => libpod.pods.inspect(id)));
    const running = pods.flatMap(({ containers }) => containers.filter(({ status }) => status === 'running'));
    if (running.length === 0) return 0;
    const kept = ['format', 'no-reset', 'no-stream'].filter((name) => flags.changed(name));
    return await containerStats.run(
      {
        ...invocation,
        args: running.map(({ id }) => id),
        flags: new FlagValues(
          containerStats.flags,
          new Map(kept.map((name) => [name, [...flags.strings(name)]])),
        ),
      },
      context,
    );
  },
};
