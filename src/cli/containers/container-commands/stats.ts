import { setTimeout as delay } from 'node:timers/promises';
import { BadRequest, Conflict, NotFound } from '../../../base/index.ts';
import type { ContainerStats, Libpod } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, type FlagValues, flag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
import type { ToolContext } from '../context.ts';
import { latestContainer, latestFlag } from './selection.ts';
import { STATS_FIELDS, STATS_HEADERS, statsJson, statsRow } from './stats-rows.ts';

const COLUMNS = [
  'ID',
  'Name',
  'CPUPerc',
  'MemUsage',
  'MemPerc',
  'NetIO',
  'BlockIO',
  'PIDS',
  'UpTime',
  'AVGCPU',
];

export const stats: CommandDefinition<ToolContext> = {
  usage: '[options] [CONTAINER...]',
  description:
    'Display percentage of CPU, memory, network I/O, block I/O and PIDs for one or more containers.',
  examples: [
    'stats --all --no-stream',
    'stats ctrID',
    'stats --no-stream --format "table {{.ID}} {{.Name}} {{.MemUsage}}" ctrID',
  ],
  flags: [
    flag(
      'bool',
      'all,a',
      'Show all containers. Only running containers are shown by default. The default is false',
    ),
    flag('string', 'format', 'Pretty-print container statistics to JSON or using a Go template'),
    flag('int', 'interval,i', 'Time in seconds between stats reports', { default: 5, tools: ['podman'] }),
    latestFlag,
    flag('bool', 'no-reset', 'Disable resetting the screen between intervals', { tools: ['podman'] }),
    flag(
      'bool',
      'no-stream',
      'Disable streaming stats and only pull the first result, default setting is false',
    ),
    flag('bool', 'no-trunc', 'Do not truncate output'),
  ],
  args: anyArgs,
  templateFields: [...COLUMNS, ...STATS_FIELDS],
  run: async ({ args, flags }, context) => {
    const asked = [flags.bool('all'), flags.bool('latest'), args.length > 0].filter(Boolean);
    if (asked.length > 1) throw new BadRequest('--all, --latest and containers cannot be used together');
    const seconds = flags.number('interval')!;
    if (seconds < 1) throw new BadRequest('invalid interval, must be a positive number greater zero');
    const libpod = await context.libpod();
    const names = flags.bool('latest') ? [(await latestContainer(libpod)).id] : args;
    const before = new Map<string, ContainerStats>();
    for (;;) {
      const read = await readStats(libpod, names);
      if (!flags.bool('no-reset') && context.stdout.isTTY) context.stdout.write('\x1b[2J\x1b[1;1H');
      context.stdout.write(render(read, before, flags));
      if (flags.bool('no-stream')) return 0;
      for (const one of read) before.set(one.id, one);
      await delay(seconds * 1000);
    }
  },
};

/** Containers that were named must run; of all, those that end in between are left out. */
async function readStats(libpod: Libpod, names: readonly string[]): Promise<ContainerStats[]> {
  if (names.length > 0) return await Promise.all(names.map((name) => libpod.containers.stats(name)));
  const running = await libpod.containers.list();
  const read = await Promise.all(
    running.map(async ({ id }) => {
      try {
        return await libpod.containers.stats(id);
      } catch (error) {
        if (error instanceof NotFound || error instanceof Conflict) return undefined;
        throw error;
      }
    }),
  );
  return read.filter((one) => one !== undefined);
}

function render(
  read: ContainerStats[],
  before: ReadonlyMap<string, ContainerStats>,
  flags: FlagValues,
): string {
  const rows = read.map((one) => statsRow(one, before.get(one.id), flags.bool('no-trunc')));
  const format = flags.changed('format') ? flags.string('format')! : undefined;
  if (format !== undefined && asksForJson(format))
    return `${goJson(rows.map(statsJson), { indent: ' ', escapesHtml: true })}\n`;
  return renderReport({
    ...{ name: 'stats', rows },
    ...(format !== undefined && { format }),
    columns: COLUMNS.map((name) => `{{.${name}}}`).join('\t'),
    headers: headersOf(STATS_FIELDS, STATS_HEADERS),
  });
}
