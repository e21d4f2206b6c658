import { BadRequest, humanDuration } from '../../../base/index.ts';
import type { SystemUsage } from '../../../libpod/index.ts';
import { type CommandDefinition, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { humanSize } from '../../templates/human-units.ts';
import { asksForJson, renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';

const HEADERS = {
  ...{ Type: 'TYPE', Total: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
};

export const df: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Show podman disk usage',
  flags: [
    flag('string', 'format', 'Pretty-print images using a Go template'),
    flag('bool', 'verbose,v', 'Show detailed information on disk usage'),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    if (flags.bool('verbose') && format !== undefined)
      throw new BadRequest('cannot combine --format and --verbose flags');
    const usage = await (await context.libpod()).system.df();
    if (flags.bool('verbose')) {
      context.stdout.write(verbose(usage));
      return 0;
    }
    const rows = summary(usage);
    context.stdout.write(
      format !== undefined && asksForJson(format)
        ? `${goJson(rows, { indent: '    ' })}\n`
        : renderReport({
            ...{ name: 'df', rows, headers: HEADERS },
            ...(format !== undefined && { format }),
            columns: '{{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}',
          }),
    );
    return 0;
  },
};

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

function row(Type: string, total: number, active: number, size: number, reclaimable: number): object {
  const percent = size === 0 ? 0 : Math.round((100 * reclaimable) / size);
  return goStruct('system.dfSummary', {
    Type,
    Total: total,
    Active: active,
    Size: humanSize(size, 4),
    Reclaimable: `${humanSize(reclaimable, 4)} (${percent}%)`,
    RawSize: size,
    RawReclaimable: reclaimable,
  });
}

function summary({ images, containers, volumes }: SystemUsage): object[] {
  const running = containers.filter(({ status }) => status === 'running');
  const unused = images.filter((image) => image.containers === 0);
  const linked = volumes.filter(({ links }) => links > 0);
  const sizeOfContainers = sum(containers.map(({ rwBytes }) => rwBytes));
  return [
    row(
      'Images',
      images.length,
      images.length - unused.length,
      sum(images.map(({ sizeBytes }) => sizeBytes)),
      sum(unused.map(({ sizeBytes }) => sizeBytes)),
    ),
    row(
      'Containers',
      containers.length,
      running.length,
      sizeOfContainers,
      sizeOfContainers - sum(running.map(({ rwBytes }) => rwBytes)),
    ),
    row(
      'Local Volumes',
      volumes.length,
      linked.length,
      sum(volumes.map(({ sizeBytes }) => sizeBytes)),
      sum(volumes.filter(({ links }) => links === 0).map(({ sizeBytes }) => sizeBytes)),
    ),
  ];
}

function verbose({ images, containers, volumes }: SystemUsage): string {
  const age = (time: string) => humanDuration(Date.now() - Date.parse(time));
  const table = (headers: string[], rows: string[][]) => {
    const columns = headers.map((_, index) => `{{.C${index}}}`).join('\t');
    const fields = (cells: string[]) =>
      goStruct('row', Object.fromEntries(cells.map((cell, index) => [`C${index}`, cell])));
    return renderReport({
      name: 'df',
      rows: rows.map(fields),
      columns,
      headers: Object.fromEntries(headers.map((header, index) => [`C${index}`, header])),
    });
  };
  const bare = (id: string) => id.replace(/^sha256:/, '').slice(0, 12);
  return [
    'Images space usage:\n',
    table(
      ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'],
      images.map((one) => [
        ...[one.repository, one.tag, bare(one.id), age(one.createdAt), humanSize(one.sizeBytes)],
        ...[humanSize(one.sharedBytes), humanSize(one.uniqueBytes), String(one.containers)],
      ]),
    ),
    'Containers space usage:\n',
    table(
      ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
      containers.map((one) => [
        ...[one.id.slice(0, 12), bare(one.image), one.command.join(' '), String(one.localVolumes)],
        ...[humanSize(one.rwBytes), age(one.createdAt), one.status, one.name],
      ]),
    ),
    'Local Volumes space usage:\n',
    table(
      ['VOLUME NAME', 'LINKS', 'SIZE'],
      volumes.map((one) => [one.name, String(one.links), humanSize(one.sizeBytes)]),
    ),
  ].join('\n');
}
