import { BadRequest } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import { alignColumns } from '../../templates/tab-writer.ts';
import { visibleText } from '../../visible-text.ts';
import type { ToolContext } from '../context.ts';
import { chooseOne, latestFlag } from './selection.ts';

/** psgo's names of columns. */
const DESCRIPTORS = [
  ...['args', 'capamb', 'capbnd', 'capeff', 'capinh', 'capprm', 'comm', 'etime', 'group', 'groups', 'hgroup'],
  ...['hgroups', 'hpid', 'huser', 'label', 'nice', 'pcpu', 'pgid', 'pid', 'ppid', 'rgroup', 'rss', 'ruser'],
  ...['seccomp', 'state', 'stime', 'time', 'tty', 'user', 'vsz'],
];

export const top: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [FORMAT-DESCRIPTORS|ARGS...]',
  description: `Display the running processes of a container.

The top command extends the ps(1) compatible AIX descriptors with container-specific ones as shown below.  In the presence of ps(1) specific flags (e.g, -eo), ps(1) is executed inside the container.

Format Descriptors:
  ${DESCRIPTORS.join(',')}`,
  examples: ['top ctrID', 'top --latest', 'top ctrID pid seccomp args %C', 'top ctrID -eo user,pid,comm'],
  interspersed: false,
  flags: [flag('bool', 'list-descriptors', 'List the format descriptors', { hidden: true }), latestFlag],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (flags.bool('list-descriptors')) {
      context.stdout.write(`${DESCRIPTORS.join('\n')}\n`);
      return 0;
    }
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest('you must provide the name or id of a running container');
    const libpod = await context.libpod();
    const { container, rest } = await chooseOne(libpod, flags, args);
    const { titles, processes } = await libpod.containers.top(
      container,
      rest.length > 0 ? [...rest] : undefined,
    );
    const lines = [titles, ...processes].map((cells) => `${cells.map(visibleText).join('\t')}\n`);
    context.stdout.write(alignColumns(lines.join('')));
    return 0;
  },
};
