import { BadRequest } from '../../../base/index.ts';
import type { LogLine } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseMoment } from '../moments.ts';
import { type Chosen, choose, latestFlag } from './selection.ts';

const COLOURS = ['\x1b[37m', '\x1b[31m', '\x1b[33m', '\x1b[34m', '\x1b[35m', '\x1b[36m', '\x1b[32m'];

interface LogFormat {
  timestamps: boolean;
  names: boolean;
  color: boolean;
}

export const logs: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description:
    'Retrieves logs for one or more containers.\n\nThis does not guarantee execution order when combined with run (i.e., your run may not have generated any logs at the time you execute logs).',
  examples: [
    ...['logs ctrID', 'logs --names ctrID1 ctrID2', 'logs --tail 2 mywebserver'],
    ...['logs --follow=true --since 10m ctrID', 'logs mywebserver mydbserver'],
  ],
  interspersed: false,
  flags: [
    flag('bool', 'color', 'Output the containers with different colors in the log.', { tools: ['podman'] }),
    flag('bool', 'details', 'Show extra details provided to the logs', { hidden: true }),
    flag('bool', 'follow,f', 'Follow log output.  The default is false'),
    flag('bool', 'names,n', 'Output the container name in the log', { tools: ['podman'] }),
    flag('string', 'since', 'Show logs since TIMESTAMP'),
    flag(
      'string',
      'tail',
      'Output the specified number of LINES at the end of the logs.  Defaults to -1, which prints all lines',
      { default: '-1', placeholder: 'int' },
    ),
    flag('bool', 'timestamps,t', 'Output the timestamps in the log'),
    flag('string', 'until', 'Show logs until TIMESTAMP'),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags, program, path }, context) => {
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest(
        `${JSON.stringify(`${program} ${path}`)} requires at least one container name or ID, or the "--latest" flag`.replace(
          /^"(.*?)"/,
          "'$1'",
        ),
      );
    if (args.length > 0 && flags.bool('latest'))
      throw new BadRequest('--latest and containers cannot be used together');
    const moment = (name: 'since' | 'until') => {
      const text = flags.string(name) || undefined;
      if (text === undefined) return undefined;
      try {
        return parseMoment(text, Date.now(), name === 'since');
      } catch (error) {
        throw new BadRequest(`parsing --${name} ${JSON.stringify(text)}: ${(error as Error).message}`);
      }
    };
    const sinceMs = moment('since');
    const untilMs = moment('until');
    const tail = tailOf(flags.string('tail')!);
    const libpod = await context.libpod();
    const chosen = await choose(libpod, flags, args);
    const format: LogFormat = {
      ...{ timestamps: flags.bool('timestamps'), names: flags.bool('names'), color: flags.bool('color') },
    };
    const print = async (one: Chosen, index: number) => {
      const name = format.names || format.color ? (await libpod.containers.inspect(one.id)).name : '';
      const before = prefixOf(one, name, index, chosen.length, format);
      const lines = libpod.containers.logs(one.id, {
        ...{ stdout: true, stderr: true, follow: flags.bool('follow') },
        ...(sinceMs !== undefined && { sinceMs }),
        ...(untilMs !== undefined && { untilMs }),
        ...(tail >= 0 && { tail }),
      });
      for await (const line of lines) {
        const out = line.stream === 'stderr' ? context.stderr : context.stdout;
        if (!out.write(shown(line, before, format)))
          await new Promise((resolve) => out.once('drain', resolve));
      }
    };
    if (flags.bool('follow')) await Promise.all(chosen.map(print));
    else for (const [index, one] of chosen.entries()) await print(one, index);
    return 0;
  },
};

/** `all` is Docker's word for every line. */
function tailOf(text: string): number {
  if (text === 'all') return -1;
  if (!/^-?\d+$/.test(text))
    throw new BadRequest(
      `invalid argument ${JSON.stringify(text)} for "--tail" flag: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function prefixOf({ id }: Chosen, name: string, index: number, count: number, format: LogFormat): string {
  const color = format.color ? COLOURS[index % COLOURS.length]! : '';
  if (format.names) return `${color}${name} `;
  if (count > 1) return `${color}${id.slice(0, 12)} `;
  return color;
}

function shown(line: LogLine, before: string, { timestamps, color }: LogFormat): Buffer {
  const time = timestamps ? `${line.time.replace(/(\.\d{9})\d*/, '$1')} ` : '';
  const end = `${color ? '\x1b[0m' : ''}${line.isPartial ? '' : '\n'}`;
  return Buffer.concat([Buffer.from(before + time), line.text, Buffer.from(end)]);
}
