import { stat } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import type { SearchResult } from '../../../engine/index.ts';
import { type CommandDefinition, exactArgs, flag } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
import { goStruct } from '../../templates/values.ts';
import type { ToolContext } from '../context.ts';
import { parseFilters } from './listing.ts';
import { registryAccess, registryFlags } from './registry-access.ts';

export const search: CommandDefinition<ToolContext> = {
  usage: '[options] TERM',
  templateFields: 'Index Name Description Stars Official Automated Tag'.split(' '),
  description:
    'Search registries for a given image. Can search all the default registries or a specific registry.',
  examples: ['search --filter=is-official --limit 3 alpine', 'search registry.fedoraproject.org/'],
  flags: [
    flag('strings', 'filter,f', 'Filter output based on conditions provided'),
    flag('string', 'format', 'Change the output format to JSON or a Go template'),
    flag('int', 'limit', 'Limit the number of results', { default: 0 }),
    flag('bool', 'no-trunc', 'Do not truncate the output'),
    flag('bool', 'compatible', 'List stars, official and automated columns (Docker compatibility)', {
      tools: ['podman'],
    }),
    flag('bool', 'list-tags', 'List the tags of the input registry', { tools: ['podman'] }),
    ...registryFlags.filter((one) => one.name !== 'signature-policy' && one.name !== 'disable-content-trust'),
  ],
  args: exactArgs(1),
  run: async ({ args, flags, path }, context) => {
    const listTags = flags.bool('list-tags');
    const filters = flags.strings('filter');
    if (listTags && filters.length > 0)
      throw new BadRequest('filters are not applicable to list tags result');
    const authFile = flags.string('authfile');
    if (authFile !== undefined) await requireFile(authFile);
    const images = await context.images();
    const limit = flags.number('limit')!;
    const found = await images.search(args[0]!, {
      ...registryAccess(context, flags),
      listTags,
      ...(limit > 0 && { limit }),
      filters: parseSearchFilters(filters),
    });
    if (found.length === 0) return 0;
    const format = flags.string('format');
    const isJson = format !== undefined && asksForJson(format);
    const rows = found.map((one) => shown(one, flags.bool('no-trunc') || isJson));
    if (isJson) {
      context.stdout.write(`${goJson(listTags ? byName(found) : rows, { indent: '    ' })}\n`);
      return 0;
    }
    const isCompatible = flags.bool('compatible') || context.program === 'docker';
    const columns = listTags
      ? '{{.Name}}\t{{.Tag}}'
      : `{{.Name}}\t{{.Description}}${isCompatible ? '\t{{.Stars}}\t{{.Official}}\t{{.Automated}}' : ''}`;
    context.stdout.write(
      renderReport({
        name: path,
        rows,
        ...(format !== undefined && !listTags && { format }),
        columns,
        headers: headersOf(['Index', 'Name', 'Description', 'Stars', 'Official', 'Automated', 'Tag']),
      }),
    );
    return 0;
  },
};

async function requireFile(path: string): Promise<void> {
  await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new BadRequest(`stat ${path}: no such file or directory`, { cause: error });
  });
}

/** `is-official` alone is true. */
function parseSearchFilters(filters: readonly string[]): Record<string, string[]> {
  return parseFilters(filters.map((one) => (one.includes('=') ? one : `${one}=true`)));
}

function shown(one: SearchResult, isWhole: boolean): object {
  const description = one.description.replaceAll('\n', ' ');
  return goStruct('entities.ImageSearchReport', {
    Index: one.index,
    Name: one.name,
    Description: !isWhole && description.length > 44 ? `${description.slice(0, 44).trim()}...` : description,
    Stars: one.stars,
    Official: one.official,
    Automated: one.automated,
    Tag: one.tag ?? '',
  });
}

function byName(found: readonly SearchResult[]): object[] {
  const tags = new Map<string, string[]>();
  for (const one of found) tags.set(one.name, [...(tags.get(one.name) ?? []), one.tag ?? '']);
  return [...tags].map(([Name, Tags]) => goStruct('listEntryTag', { Name, Tags }));
}
