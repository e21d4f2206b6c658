import { BadRequest, NotFound } from '../../../base/index.ts';
import type { Libpod, LogLine, PodListEntry } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, type FlagValues, flag } from '../../grammar/index.ts';
import { alignColumns } from '../../templates/tab-writer.ts';
import { visibleText } from '../../visible-text.ts';
import type { ToolContext } from '../context.ts';
import { parseMoment } from '../moments.ts';
import { chooseOnePod, latestPodFlag } from './selection.ts';

export const top: CommandDefinition<ToolContext> = {
  usage: '[options] POD [FORMAT-DESCRIPTORS|ARGS...]',
  description: 'List the running processes of the containers in a pod, with the descriptors of ps(1).',
  examples: ['pod top podID', 'pod top --latest', 'pod top podID pid seccomp args %C'],
  interspersed: false,
  flags: [latestPodFlag],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    const libpod = await context.libpod();
    const { id, rest } = await chooseOnePod(
      libpod,
      flags,
      args,
      'you must provide the name or id of a running pod',
    );
    const running = (await libpod.pods.inspect(id)).containers.filter(({ status }) => status === 'running');
    const tables = [];
    for (const container of running)
      tables.push(await libpod.containers.top(container.id, rest.length > 0 ? [...rest] : undefined));
    const titles = tables[0]?.titles ?? [];
    const rows = [titles, ...tables.flatMap(({ processes }) => processes)];
    context.stdout.write(alignColumns(rows.map((row) => `${row.map(visibleText).join('\t')}\n`).join('')));
    return 0;
  },
};

export const logs: CommandDefinition<ToolContext> = {
  usage: '[options] POD',
  description: 'Displays logs for pod with one or more containers.',
  examples: ['pod logs podID', 'pod logs -c ctrname podName', 'pod logs --tail 2 mywebserver'],
  interspersed: false,
  flags: [
    flag('string', 'container,c', 'Filter logs by container name or id which belongs to pod'),
    flag('bool', 'follow,f', 'Follow log output'),
    flag('bool', 'names,n', 'Output container names instead of container IDs in the log'),
    flag('string', 'since', 'Show logs since TIMESTAMP'),
    flag('string', 'until', 'Show logs until TIMESTAMP'),
    flag('int', 'tail', 'Output the specified number of LINES at the end of the logs', { default: -1 }),
    flag('bool', 'timestamps,t', 'Output the timestamps in the log'),
    flag('bool', 'color', 'Output the containers within a pod with different colors in the log'),
    latestPodFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (flags.bool('latest') && args.length > 0)
      throw new BadRequest('--latest and pods cannot be used together');
    if (args.length > 1) throw new BadRequest('requires exactly 1 arg');
    const libpod = await context.libpod();
    const { id } = await chooseOnePod(libpod, flags, args, 'specify at least one pod name or ID to log');
    const pod = await libpod.pods.inspect(id);
    const chosen = chosenContainers(pod, flags, args[0] ?? id);
    await Promise.all(
      chosen.map((container, index) =>
        copyLog(libpod, container, {
          flags,
          context,
          colour: 31 + (index % 6),
          isAlone: chosen.length === 1,
        }),
      ),
    );
    return 0;
  },
};

type Member = PodListEntry['containers'][number];

function chosenContainers(pod: PodListEntry, flags: FlagValues, shown: string): Member[] {
  if (!flags.changed('container')) return pod.containers.filter(({ id }) => id !== pod.infraId);
  const wanted = flags.string('container')!;
  if (wanted === '') throw new BadRequest('-c or --container cannot be empty: invalid argument');
  const found = pod.containers.filter(({ id, name }) => id === wanted || name === wanted);
  if (found.length === 0) throw new NotFound(`container ${wanted} is not in pod ${shown}: no such container`);
  return found;
}

async function copyLog(
  libpod: Libpod,
  container: Member,
  {
    flags,
    context,
    colour,
    isAlone,
  }: { flags: FlagValues; context: ToolContext; colour: number; isAlone: boolean },
): Promise<void> {
  const now = Date.now();
  const moment = (name: string) => {
    const text = flags.string(name) || undefined;
    return text === undefined ? undefined : parseMoment(text, now, true);
  };
  const [sinceMs, untilMs, tail] = [moment('since'), moment('until'), flags.number('tail')!];
  const name = flags.bool('names') ? container.name : container.id.slice(0, 12);
  const prefix = isAlone && !flags.bool('names') ? '' : `${name} `;
  const shown = flags.bool('color') && prefix !== '' ? `\x1b[${colour}m${prefix}\x1b[0m` : prefix;
  for await (const line of libpod.containers.logs(container.id, {
    follow: flags.bool('follow'),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
    ...(tail >= 0 && { tail }),
  }))
    writeLine(context, line, `${shown}${flags.bool('timestamps') ? `${line.time} ` : ''}`);
}

function writeLine(context: ToolContext, { text, stream, isPartial }: LogLine, prefix: string): void {
  const out = stream === 'stderr' ? context.stderr : context.stdout;
  out.write(Buffer.concat([Buffer.from(prefix), text, Buffer.from(isPartial ? '' : '\n')]));
}
