import { BadRequest, humanDuration } from '../../../base/index.ts';
import { type ImageDetails, imageFilter, isIntermediate } from '../../../engine/index.ts';
import { type CommandDefinition, type FlagValues, flag, maximumArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { humanSize } from '../../templates/human-units.ts';
import { asksForJson, hasTable, headersOf, renderReport } from '../../templates/report.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';

const SORT_FIELDS = ['created', 'id', 'repository', 'size', 'tag'];

interface Row {
  image: ImageDetails;
  repository: string;
  tag: string;
}

export const images: CommandDefinition<ToolContext> = {
  usage: '[options] [IMAGE]',
  description: 'Lists images previously pulled to the system or created on the system.',
  examples: ['images --format json', 'images --filter dangling=true'],
  flags: [
    flag('bool', 'all,a', 'Show all images (default hides intermediate images)'),
    flag('strings', 'filter,f', 'Filter output based on conditions provided'),
    flag('string', 'format', 'Change the output format to JSON or a Go template'),
    flag('bool', 'digests', 'Show digests'),
    flag('bool', 'noheading,n', 'Do not print column headings', { tools: ['podman'] }),
    flag('bool', 'no-trunc', 'Do not truncate output'),
    flag('bool', 'quiet,q', 'Display only image IDs'),
    flag('string', 'sort', `Sort by ${SORT_FIELDS.join(', ')}`, { default: 'created', tools: ['podman'] }),
    flag('bool', 'history', 'Display the image name history', { tools: ['podman'] }),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags, path }, context) => {
    const filters = flags.strings('filter');
    if (filters.length > 0 && args.length > 0)
      throw new BadRequest('cannot specify an image and a filter(s)');
    const sort = flags.string('sort')!;
    if (!SORT_FIELDS.includes(sort))
      throw new BadRequest(
        `${JSON.stringify(sort)} is not a valid field for sorting. Choose from: ${SORT_FIELDS.join(', ')}`,
      );
    const library = await context.images();
    const all = await library.describe();
    const passes = imageFilter(parseFilters(args[0] === undefined ? filters : [`reference=${args[0]}`]), {
      nowMs: Date.now(),
      find: (reference) => findAmong(all, reference),
    });
    const showsIntermediate =
      flags.bool('all') || filters.some((one) => /^(?:intermediate|dangling)=/.test(one));
    const chosen = all.filter((image) => passes(image) && (showsIntermediate || !isIntermediate(image)));
    const rows = chosen.flatMap(rowsOf).sort(comparison(sort));
    const name = path.split(' ').at(-1)!;
    const print =
      context.program === 'docker' ? (await import('./docker-images.ts')).renderAsDocker : printed;
    context.stdout.write(print(rows, flags, name));
    return 0;
  },
};

/** `key=value` lines; Docker's and Podman's. @throws BadRequest */
export function parseFilters(filters: readonly string[]): Record<string, string[]> {
  const parsed: Record<string, string[]> = {};
  for (const filter of filters) {
    const [, key, value] = /^([^=]*?)=(.*)$/s.exec(filter) ?? [];
    if (key === undefined)
      throw new BadRequest(`invalid filter ${JSON.stringify(filter)} must be in the format "filter=value"`);
    parsed[key] = [...(parsed[key] ?? []), value!];
  }
  return parsed;
}

function findAmong(all: readonly ImageDetails[], reference: string): ImageDetails {
  const hex = reference.replace('sha256:', '');
  const wanted = /:[^/]*$/.test(reference) ? reference : `${reference}:latest`;
  const found = all.find(
    (image) =>
      image.references.some((name) => name === wanted || name.endsWith(`/${wanted}`)) ||
      (/^[a-f0-9]{3,64}$/.test(hex) && image.id.startsWith(`sha256:${hex}`)),
  );
  if (found === undefined)
    throw new BadRequest(`could not find image ${JSON.stringify(reference)}: ${reference}: image not known`);
  return found;
}

function rowsOf(image: ImageDetails): Row[] {
  const rows = image.references.map((name): Row => {
    const at = name.indexOf('@');
    const colon = name.lastIndexOf(':');
    return at >= 0
      ? { image, repository: name.slice(0, at), tag: '<none>' }
      : { image, repository: name.slice(0, colon), tag: name.slice(colon + 1) };
  });
  const tagged = rows.filter((row) => row.tag !== '<none>');
  if (tagged.length > 0) return tagged;
  return [rows[0] ?? { image, repository: '<none>', tag: '<none>' }];
}

function comparison(sort: string): (a: Row, b: Row) => number {
  const text = (of: (row: Row) => string) => (a: Row, b: Row) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0);
  if (sort === 'id') return text((row) => row.image.id);
  if (sort === 'repository') return text((row) => row.repository);
  if (sort === 'tag') return text((row) => row.tag);
  if (sort === 'size') return (a, b) => a.image.sizeBytes - b.image.sizeBytes;
  return (a, b) => Date.parse(b.image.createdAt) - Date.parse(a.image.createdAt);
}

function printed(rows: readonly Row[], flags: FlagValues, name: string): string {
  const format = flags.string('format');
  if (format !== undefined && asksForJson(format))
    return `${goJson(
      rows.map((row) => jsonOf(row)),
      { indent: '    ' },
    )}\n`;
  const isWhole = flags.bool('no-trunc');
  const shown = rows.map((row) => reporter(row, isWhole));
  if (flags.bool('quiet')) return [...new Set(shown.map((row) => `${row.ID()}\n`))].join('');
  const columns = [
    '{{if .Repository}}{{.Repository}}{{else}}<none>{{end}}',
    '{{if .Tag}}{{.Tag}}{{else}}<none>{{end}}',
    ...(flags.bool('digests') ? ['{{.Digest}}'] : []),
    ...['{{.ID}}', '{{.Created}}', '{{.Size}}'],
    ...(flags.bool('history') ? ['{{if .History}}{{.History}}{{else}}<none>{{end}}'] : []),
  ];
  return renderReport({
    name,
    rows: shown,
    ...(format !== undefined && { format }),
    columns: columns.join('\t'),
    headers: headersOf(FIELDS, { ID: 'IMAGE ID', ReadOnly: 'R/O' }),
    hasNoHeading: flags.bool('noheading') || (format !== undefined && !hasTable(format)),
  });
}

const FIELDS = [
  ...[
    'Repository',
    'Tag',
    'ID',
    'ParentId',
    'RepoDigests',
    'RepoTags',
    'Created',
    'CreatedAt',
    'CreatedSince',
  ],
  ...['CreatedTime', 'Size', 'SharedSize', 'VirtualSize', 'Labels', 'Containers', 'ReadOnly', 'Dangling'],
  ...['Names', 'Digest', 'History', 'ConfigDigest'],
];

function created(image: ImageDetails): GoTime {
  return new GoTime(new Date(Math.floor(Date.parse(image.createdAt) / 1000) * 1000).toISOString());
}

/** The fields people use in templates; those that are computed are methods, as in Podman. */
function reporter({ image, repository, tag }: Row, isWhole: boolean) {
  const hex = image.id.replace('sha256:', '');
  const since = () => `${humanDuration(Date.now() - Date.parse(image.createdAt))} ago`;
  return goStruct('images.imageReporter', {
    Repository: repository,
    Tag: tag,
    ID: () => (isWhole ? image.id : hex.slice(0, 12)),
    Created: since,
    CreatedSince: since,
    CreatedAt: () => created(image).toString(),
    CreatedTime: () => created(image).toString(),
    Size: () => spacedSize(image.sizeBytes),
    History: () => image.namesHistory.join(', '),
    ParentId: image.parentId ?? '',
    RepoTags: image.references,
    RepoDigests: image.repoDigests,
    SharedSize: 0,
    VirtualSize: image.sizeBytes,
    Labels: image.config.Labels ?? {},
    Containers: image.users.length,
    ReadOnly: false,
    Dangling: image.references.length === 0,
    Names: image.references,
    Digest: image.digest,
    ConfigDigest: image.id,
  });
}

/** `1.24 MB` */
export function spacedSize(bytes: number): string {
  return humanSize(bytes, 3).replace(/(\d)(?=\D+$)/, '$1 ');
}

function jsonOf({ image, repository, tag }: Row): object {
  const isDangling = image.references.length === 0;
  return goStruct('images.image', {
    ...(repository !== '<none>' && tag === '' && { repository }),
    Id: image.id.replace('sha256:', ''),
    ParentId: image.parentId?.replace('sha256:', '') ?? '',
    RepoTags: null,
    RepoDigests: image.repoDigests,
    Size: image.sizeBytes,
    SharedSize: 0,
    VirtualSize: image.sizeBytes,
    Labels: image.config.Labels ?? null,
    Containers: image.users.length,
    ...(isDangling && { Dangling: true }),
    ...(!isDangling && { Names: image.references }),
    Digest: image.digest,
    ...(image.namesHistory.length > 0 && { History: image.namesHistory }),
    Created: Math.floor(Date.parse(image.createdAt) / 1000),
    CreatedAt: created(image).toJSON(),
  });
}

export const history: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE',
  templateFields: 'ID Created CreatedAt CreatedSince CreatedBy Size Comment Tags'.split(' '),
  description: 'Displays the history of an image.',
  examples: ['history quay.io/fedora/fedora'],
  flags: [
    flag('string', 'format', 'Change the output to JSON or a Go template'),
    flag('bool', 'human,H', 'Display sizes and dates in human readable format', { default: true }),
    flag('bool', 'no-trunc', 'Do not truncate the output', { aliases: ['notruncate'] }),
    flag('bool', 'quiet,q', 'Display the numeric IDs only'),
  ],
  args: (args) => (args.length === 1 ? undefined : `accepts 1 arg(s), received ${args.length}`),
  run: async ({ args, flags, path }, context) => {
    const library = await context.images();
    const layers = await library.history(args[0]!);
    const format = flags.string('format');
    const hexOf = (id: string) => id.replace('sha256:', '');
    if (format !== undefined && asksForJson(format)) {
      const shown = layers.map((layer) =>
        goStruct('layer', {
          id: hexOf(layer.id),
          created: layer.createdAt,
          CreatedBy: layer.createdBy,
          ...(layer.tags.length > 0 && { tags: layer.tags }),
          size: layer.sizeBytes,
          ...(layer.comment !== '' && { comment: layer.comment }),
        }),
      );
      context.stdout.write(`${goJson(shown)}\n`);
      return 0;
    }
    const rows = layers.map((layer) => historyReporter(layer, flags));
    if (flags.bool('quiet')) {
      for (const row of rows) context.stdout.write(`${row.ID()}\n`);
      return 0;
    }
    context.stdout.write(
      renderReport({
        name: path.split(' ').at(-1)!,
        rows,
        ...(format !== undefined && { format }),
        columns: '{{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}',
        headers: headersOf([
          'ID',
          'Created',
          'CreatedBy',
          'CreatedAt',
          'CreatedSince',
          'Size',
          'Comment',
          'Tags',
        ]),
      }),
    );
    return 0;
  },
};

type Layer = Awaited<ReturnType<Awaited<ReturnType<ToolContext['images']>>['history']>>[number];

function historyReporter(layer: Layer, flags: FlagValues) {
  const isWhole = flags.bool('no-trunc');
  const id = layer.id.replace('sha256:', '');
  const time = new GoTime(layer.createdAt.replace(/\.\d+/, ''));
  const createdText = () =>
    flags.bool('human') ? `${humanDuration(Date.now() - Date.parse(layer.createdAt))} ago` : time.toJSON();
  return goStruct('images.historyReporter', {
    ID: () => (isWhole || id === '<missing>' ? id : id.slice(0, 12)),
    Created: createdText,
    CreatedSince: createdText,
    CreatedAt: () => time.toString(),
    CreatedBy: () =>
      !isWhole && layer.createdBy.length > 45 ? `${layer.createdBy.slice(0, 42)}...` : layer.createdBy,
    Size: () => spacedSize(layer.sizeBytes),
    Comment: layer.comment,
    Tags: layer.tags,
  });
}
