import { readFileSync } from 'node:fs';
import { BadRequest, NotFound } from '../../../base/index.ts';
import type { ContainerListEntry, Filters, Libpod } from '../../../libpod/index.ts';
import { type Flag, type FlagValues, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

export const latestFlag: Flag = flag(
  'bool',
  'latest,l',
  'Act on the latest container podman is aware of\nNot supported with the "--remote" flag',
  { tools: ['podman'] },
);

export const cidFileFlag: Flag = flag('stringArray', 'cidfile', 'Read the container ID from the file', {
  tools: ['podman'],
});

export const filterFlag: Flag = flag('strings', 'filter,f', 'Filter output based on conditions given');

export const detachKeysFlag: Flag = flag(
  'string',
  'detach-keys',
  'Select the key sequence for detaching a container. Format is a single character [a-Z] or a comma separated sequence of `ctrl-<value>`, where `<value>` is one of: `a-z`, `@`, `^`, `[`, `\\`, `]`, `^` or `_`',
  { placeholder: '[a-Z]', default: 'ctrl-p,ctrl-q' },
);

/** `--detach-keys`, else containers.conf's. */
export function detachKeysOf(flags: FlagValues, context: ToolContext): string {
  const configured = flags.changed('detach-keys') ? undefined : context.configuration().engine.detach_keys;
  return configured ?? flags.string('detach-keys')!;
}

/** A container, and what people called it: the name or id as given, which commands print back. */
export interface Chosen {
  id: string;
  shown: string;
}

/** `key=value` → Filters. @throws BadRequest in Podman's words */
export function parseFilters(values: readonly string[]): Filters {
  const filters: Filters = {};
  for (const text of values) {
    const equals = text.indexOf('=');
    if (equals < 0) throw new BadRequest(`invalid filter ${JSON.stringify(text)}`);
    const name = text.slice(0, equals);
    filters[name] = [...(filters[name] ?? []), text.slice(equals + 1)];
  }
  return filters;
}

/**
 * Podman's rules for `--all`, `--latest`, `--cidfile`, `--filter` and names.
 * @throws BadRequest in Podman's words
 */
export function checkSelection(flags: FlagValues, names: readonly string[]): void {
  const isAsked = (name: string) => flags.has(name) && flags.bool(name);
  const hasFiles = flags.has('cidfile') && flags.strings('cidfile').length > 0;
  const refuse = (message: string): never => {
    throw new BadRequest(message);
  };
  if (flags.has('filter') && flags.changed('filter')) {
    if (names.length > 0) refuse('--filter takes no arguments');
    return;
  }
  const isAll = isAsked('all');
  const isLatest = isAsked('latest');
  if (hasFiles && (isAll || isLatest)) refuse('--all, --latest, and --cidfile cannot be used together');
  if (isAll && isLatest) refuse('--all and --latest cannot be used together');
  if (names.length > 0 && isAll) refuse('no arguments are needed with --all');
  if (names.length > 0 && isLatest) refuse('--latest and containers cannot be used together');
  if (names.length > 0 && hasFiles) refuse('no arguments are needed with --latest or --cidfile');
  if (names.length === 0 && !isAll && !isLatest && !hasFiles && !(flags.has('ignore') && isAsked('ignore')))
    refuse('you must provide at least one name or id');
}

/** Names given, and those in the files of `--cidfile`. @throws BadRequest */
export function namesOf(flags: FlagValues, args: readonly string[]): string[] {
  const files = flags.has('cidfile') ? flags.strings('cidfile') : [];
  return [...args, ...files.map(readContainerIdFile)];
}

function readContainerIdFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]!;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new BadRequest(`reading CIDFile: open ${path}: no such file or directory`);
  }
}

/**
 * The containers that the flags and names choose; with `--all` those that `isMeant`.
 * @throws NotFound for a name that is nobody's, unless `--ignore`
 */
export async function choose(
  libpod: Libpod,
  flags: FlagValues,
  args: readonly string[],
  isMeant: (container: ContainerListEntry) => boolean = () => true,
): Promise<Chosen[]> {
  if (flags.has('latest') && flags.bool('latest')) return [await latestContainer(libpod)];
  const filters = flags.has('filter') ? parseFilters(flags.strings('filter')) : {};
  if (Object.keys(filters).length > 0 && args.length > 0)
    return await namedAmong(libpod, args, await libpod.containers.list({ all: true, filters }));
  if ((flags.has('all') && flags.bool('all')) || Object.keys(filters).length > 0) {
    const found = await libpod.containers.list({ all: true, filters });
    return found.filter(isMeant).map(({ id }) => ({ id, shown: id }));
  }
  const isIgnored = flags.has('ignore') && flags.bool('ignore');
  const chosen: Chosen[] = [];
  for (const shown of namesOf(flags, args)) {
    try {
      chosen.push({ id: await libpod.containers.idOf(shown), shown });
    } catch (error) {
      if (!isIgnored || !(error instanceof NotFound)) throw error;
    }
  }
  return chosen;
}

/** `start --filter` also takes names: those of them that the filters let through. */
async function namedAmong(
  libpod: Libpod,
  names: readonly string[],
  found: readonly ContainerListEntry[],
): Promise<Chosen[]> {
  const ids = await Promise.all(names.map((name) => libpod.containers.idOf(name)));
  return ids
    .map((id, i) => ({ id, shown: names[i]! }))
    .filter(({ id }) => found.some((container) => container.id === id));
}

/** @throws NotFound when there is none */
export async function latestContainer(libpod: Libpod): Promise<Chosen> {
  const [latest] = await libpod.containers.list({ all: true, latest: true });
  if (latest === undefined) throw new NotFound('no containers exist: no such container');
  return { id: latest.id, shown: latest.id };
}

/** The container that the first argument, or `--latest`, names, and the rest of the arguments. */
export async function chooseOne(
  libpod: Libpod,
  flags: FlagValues,
  args: readonly string[],
): Promise<{ container: string; rest: readonly string[] }> {
  if (flags.has('latest') && flags.bool('latest'))
    return { container: (await latestContainer(libpod)).id, rest: args };
  return { container: args[0]!, rest: args.slice(1) };
}
