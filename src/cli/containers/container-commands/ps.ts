import { readlinkSync } from 'node:fs';
import { BadRequest } from '../../../base/index.ts';
import type { ContainerListEntry, Libpod } from '../../../libpod/index.ts';
import { type CommandDefinition, type FlagValues, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
import { DOCKER_TABS } from '../../templates/tab-writer.ts';
import type { ToolContext } from '../context.ts';
import { PS_FIELDS, PS_HEADERS, type PsOptions, psJson, psRow } from './ps-rows.ts';
import { filterFlag, latestFlag, parseFilters } from './selection.ts';

const SORTS = ['command', 'created', 'id', 'image', 'names', 'runningfor', 'size', 'status'];

export const ps: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'Prints out information about the containers',
  examples: [
    'ps -a',
    'ps -a --format "{{.ID}}  {{.Image}}  {{.Labels}}  {{.Mounts}}"',
    'ps --size --sort names',
  ],
  flags: [
    flag('bool', 'all,a', 'Show all the containers, default is only running containers'),
    flag('bool', 'external', 'Show containers in storage not controlled by Podman', { tools: ['podman'] }),
    filterFlag,
    flag('string', 'format', 'Pretty-print containers to JSON or using a Go template'),
    flag('int', 'last,n', 'Print the n last created containers (all states)', { default: -1 }),
    latestFlag,
    flag('bool', 'no-trunc', 'Display the extended information', { aliases: ['notruncate'] }),
    flag('bool', 'noheading', 'Do not print headers', { tools: ['podman'] }),
    flag('bool', 'ns', 'Display namespace information', { tools: ['podman'], aliases: ['namespace'] }),
    flag('bool', 'pod,p', 'Print the ID and name of the pod the containers are associated with', {
      tools: ['podman'],
    }),
    flag('bool', 'quiet,q', 'Print the numeric IDs of the containers only'),
    flag('bool', 'size,s', 'Display the total file sizes'),
    flag('string', 'sort', `Sort output by: ${SORTS.join(', ')}`, {
      placeholder: 'choice',
      tools: ['podman'],
    }),
    flag('bool', 'sync', 'Sync container state with OCI runtime', { tools: ['podman'] }),
    flag('uint', 'watch,w', 'Watch the ps output on an interval in seconds', { tools: ['podman'] }),
  ],
  args: noArgs,
  templateFields: [...PS_FIELDS, ...Object.keys(PS_HEADERS).filter((name) => !PS_FIELDS.includes(name))],
  run: async ({ flags, path }, context) => {
    check(flags, context.program);
    const name = path.split(' ').at(-1)!;
    const libpod = await context.libpod();
    const seconds = flags.number('watch') ?? 0;
    for (;;) {
      const found = await containersOf(libpod, flags, context.program);
      const text =
        context.program === 'docker'
          ? await renderAsDocker(libpod, found, flags, name)
          : render(found, flags, name);
      if (seconds > 0) context.stdout.write('\x1b[2J\x1b[1;1H');
      context.stdout.write(text);
      if (seconds === 0) return 0;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  },
};

function check(flags: FlagValues, program: ToolContext['program']): void {
  const refuse = (message: string): never => {
    throw new BadRequest(message);
  };
  const isLatest = flags.bool('latest');
  if (flags.number('last')! >= 0 && isLatest) refuse('last and latest are mutually exclusive');
  if (program !== 'docker' && flags.bool('quiet') && (flags.bool('size') || flags.bool('ns')))
    refuse('quiet conflicts with size and namespace');
  if (flags.bool('size') && flags.bool('ns')) refuse('size and namespace options conflict');
  if ((flags.number('watch') ?? 0) > 0 && isLatest)
    refuse('the watch and latest flags cannot be used together');
  const sort = flags.string('sort') ?? '';
  if (sort !== '' && !SORTS.includes(sort))
    refuse(
      `invalid argument ${JSON.stringify(sort)} for "--sort" flag: ${JSON.stringify(sort)} is not a valid value.  Choose from: ${SORTS.map((one) => JSON.stringify(one)).join(', ')}`,
    );
}

async function containersOf(
  libpod: Libpod,
  flags: FlagValues,
  program: ToolContext['program'],
): Promise<ContainerListEntry[]> {
  const filters = parseFilters(flags.strings('filter'));
  const last = flags.number('last')!;
  const found = await libpod.containers.list({
    // A filter of states finds containers of those states, running or not.
    all:
      flags.bool('all') ||
      flags.bool('latest') ||
      last > 0 ||
      filters.status !== undefined ||
      filters.exited !== undefined,
    filters,
    ...(last >= 0 && { last }),
    ...(flags.bool('latest') && { latest: true }),
    ...((flags.bool('size') ||
      (program === 'docker' && /\.Size\b|\{\{\s*json/.test(flags.string('format') ?? ''))) && {
      size: true,
    }),
  });
  return found.toSorted(orderOf(flags.string('sort') ?? ''));
}

function orderOf(sort: string): (a: ContainerListEntry, b: ContainerListEntry) => number {
  const by =
    (key: (one: ContainerListEntry) => string | number) => (a: ContainerListEntry, b: ContainerListEntry) => {
      const [x, y] = [key(a), key(b)];
      return x < y ? -1 : x > y ? 1 : 0;
    };
  const created = by(({ createdAt }) => createdAt);
  switch (sort) {
    case 'command':
      return by(({ command }) => command.join(' '));
    case 'id':
      return by(({ id }) => id);
    case 'image':
      return by(({ image }) => image);
    case 'names':
      return by(({ name }) => name);
    case 'size':
      return by(({ size }) => size?.rootFsBytes ?? 0);
    case 'status':
      return by(({ status }) => status);
    default:
      return created;
  }
}

function render(containers: ContainerListEntry[], flags: FlagValues, name: string): string {
  const format = flags.changed('format') ? flags.string('format')! : undefined;
  const options: PsOptions = {
    noTrunc: flags.bool('no-trunc'),
    namespaces: flags.bool('ns'),
    now: Date.now(),
    namespacesOf,
  };
  if (format !== undefined && asksForJson(format))
    return `${goJson(
      containers.map((one) => psJson(one, options)),
      { indent: '  ', escapesHtml: true },
    )}\n`;
  if (flags.bool('quiet') && format === undefined)
    return containers.map(({ id }) => `${options.noTrunc ? id : id.slice(0, 12)}\n`).join('');
  return renderReport({
    name,
    rows: containers.map((one) => psRow(one, options)),
    ...(format !== undefined && { format: format.replaceAll('.Namespaces.', '.') }),
    columns: columnsOf(flags),
    headers: headersOf(PS_FIELDS, PS_HEADERS),
    hasNoHeading: flags.bool('noheading'),
  });
}

/** docker/cli, formatter/container.go: the newest first, JSON one to a line. */
async function renderAsDocker(
  libpod: Libpod,
  containers: ContainerListEntry[],
  flags: FlagValues,
  name: string,
): Promise<string> {
  const { DOCKER_PS_HEADERS, dockerPsRow } = await import('./docker-ps-rows.ts');
  const given = flags.changed('format') ? flags.string('format')! : undefined;
  const options = { noTrunc: flags.bool('no-trunc'), now: Date.now() };
  const newest = containers.toReversed();
  if (flags.bool('quiet') && given === undefined)
    return newest.map(({ id }) => `${options.noTrunc ? id : id.slice(0, 12)}\n`).join('');
  const rows = await Promise.all(
    newest.map(async (one) => {
      const details = one.mounts.length === 0 ? undefined : await libpod.containers.inspect(one.id);
      return dockerPsRow(one, details?.mountPoints ?? [], options);
    }),
  );
  if (given !== undefined && asksForJson(given))
    return rows.map((row) => `${goJson(row, { escapesHtml: true })}\n`).join('');
  const names = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'];
  if (flags.bool('size')) names.push('Size');
  const format = given === 'table' ? undefined : given;
  return renderReport({
    name,
    rows,
    ...(format !== undefined && { format }),
    columns: names.map((one) => `{{.${one}}}`).join('\t'),
    headers: DOCKER_PS_HEADERS,
    tabs: DOCKER_TABS,
  });
}

function columnsOf(flags: FlagValues): string {
  if (flags.bool('ns'))
    return ['ID', 'Names', 'Pid', 'Cgroup', 'IPC', 'MNT', 'NET', 'PIDNS', 'User', 'UTS']
      .map((name) => `{{.${name}}}`)
      .join('\t');
  const names = ['ID', 'Image', 'Command', 'CreatedHuman', 'Status', 'Ports', 'Names'];
  if (flags.bool('pod')) names.push('Pod', 'PodName');
  if (flags.bool('size')) names.push('Size');
  return names.map((name) => `{{.${name}}}`).join('\t');
}

/** Numbers of a process's namespaces, of /proc/PID/ns. */
function namespacesOf(pid: number): Record<string, string> {
  const files = {
    Cgroup: 'cgroup',
    IPC: 'ipc',
    MNT: 'mnt',
    NET: 'net',
    PIDNS: 'pid',
    UTS: 'uts',
    User: 'user',
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => {
      try {
        return [name, /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${file}`))?.[1] ?? ''];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [name, ''];
        throw error;
      }
    }),
  );
}
