import { type CommandDefinition, flag, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { createFlags } from '../create/create-flags.ts';
import { createContainer } from './creation.ts';

export const create: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [COMMAND [ARG...]]',
  description: `Creates a new container from the given image or storage and prepares it for running the specified command.

The container ID is then printed to stdout. You can then start it at any time with the start command. The container will be created with the initial state 'created'.`,
  examples: [
    'create alpine ls',
    'create --annotation HELLO=WORLD alpine ls',
    'create -t -i --name myctr alpine ls',
  ],
  interspersed: false,
  flags: [
    ...createFlags,
    flag('string', 'init-ctr', 'Make this a pod init container.', { tools: ['podman'] }),
  ],
  args: minimumArgs(1),
  run: async (invocation, context) => {
    const { id } = await createContainer(invocation, context);
    context.stdout.write(`${id}\n`);
    return 0;
  },
};
