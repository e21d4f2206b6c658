import { BadRequest } from '../../base/index.ts';
import { anyArgs, type CommandDefinition, flag, noArgs } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

/** No destination is ever kept: the list is its head. */
export const connectionList: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description:
    'List the destinations of remote clients. There are none: every command works on its own host.',
  flags: [flag('bool', 'quiet,q', 'Print names only'), flag('string', 'format', '"json" or a Go template')],
  args: noArgs,
  run: async ({ flags }, { stdout }) => {
    if (flags.string('format') === 'json') stdout.write('[]\n');
    else if (!flags.bool('quiet') && flags.string('format') === undefined)
      stdout.write('Name        URI         Identity    Default\n');
    return 0;
  },
};

export const connectionRefused: CommandDefinition<ToolContext> = {
  usage: '[ARG...]',
  description: 'Refused: there is no remote client.',
  flags: [],
  args: anyArgs,
  run: async () => {
    throw new BadRequest('remote connections are not supported', {
      hint: "run the command on that host, or point a Docker client at its socket ('system service')",
    });
  },
};
