import { type CommandDefinition, noArgs, refusedFlag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

export const migrate: CommandDefinition<ToolContext> = {
  usage: '',
  description:
    'Stop all running containers, so that the next command makes new namespaces, with the ids that /etc/subuid and /etc/subgid name by then.',
  flags: [
    refusedFlag(
      'string',
      'new-runtime',
      'Specify a new runtime for all containers',
      'every container is run by the runtime of the host',
      { tools: ['podman'] },
    ),
  ],
  args: noArgs,
  run: async (_invocation, context) => {
    const libpod = await context.libpod();
    for (const { id } of await libpod.containers.list()) {
      await libpod.containers.stop(id);
      context.stderr.write(`stopped ${id}\n`);
    }
    return 0;
  },
};
