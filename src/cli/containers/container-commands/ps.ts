import { readlinkSync } from 'node:fs';
import { BadRequest } from '../../../base/index.ts';
import type { ContainerListEntry, Libpod } from '../../../libpod/index.ts';
import { type CommandDefinition, type FlagValues, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { asksForJson, headersOf, renderReport } from '../../templates/report.ts';
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
    check(flags);
    const name = path.split(' ').at(-1)!;
    const libpod = await context.libpod();
    const seconds = flags.number('watch') ?? 0;
    for (;;) {
      const text = render(await containersOf(libpod, flags), flags, name);
      if (seconds > 0) context.stdout.write('\x1b[2J\x1b[1;1H');
      context.stdout.write(text);
      if (seconds === 0) return 0;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  },
};

function check(flags: FlagValues): void {
  const refuse = (message: string): never => {
    throw new BadRequest(message);
  };
  const isLatest = flags.bool('latest');
  if (flags.number('last')! >= 0 && isLatest) refuse('last and latest are mutually exclusive');
  if (flags.bool('quiet') && (flags.bool('size') || flags.bool('ns')))
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

async function containersOf(libpod: Libpod, flags: FlagValues): Promise<ContainerListEntry[]> {
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
    ...(flags.bool('size') && { size: true }),
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
