import { BadRequest, humanDuration } from '../../../base/index.ts';
import type { PodListEntry } from '../../../libpod/index.ts';
import { type CommandDefinition, type FlagValues, flag, noArgs } from '../../grammar/index.ts';
import { goJson } from '../../templates/go-json.ts';

import { asksForJson, renderReport } from '../../templates/report.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct, NIL_MAP } from '../../templates/values.ts';
import { parseFilters } from '../container-commands/selection.ts';
import type { ToolContext } from '../context.ts';
import { latestPodFlag } from './selection.ts';

const HEADERS = {
  ...{ Id: 'POD ID', ID: 'POD ID', Name: 'NAME', Status: 'STATUS', Labels: 'LABELS', Created: 'CREATED' },
  ...{ NumberOfContainers: '# OF CONTAINERS', InfraID: 'INFRA ID', InfraId: 'INFRA ID', ContainerIds: 'IDS' },
  ...{ ContainerNames: 'NAMES', ContainerStatuses: 'STATUS', Cgroup: 'CGROUP', Namespace: 'NAMESPACES' },
  ...{ Networks: 'NETWORKS', Containers: 'CONTAINERS', Restarts: 'RESTARTS' },
};

const ORDERS: Record<string, (one: PodListEntry, other: PodListEntry) => number> = {
  created: (one, other) => Date.parse(other.createdAt) - Date.parse(one.createdAt),
  id: (one, other) => (one.id < other.id ? -1 : 1),
  name: (one, other) => (one.name < other.name ? -1 : 1),
  number: (one, other) => one.containers.length - other.containers.length,
  status: (one, other) => (one.status < other.status ? -1 : 1),
};

export const ps: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'List all pods on system including their names, ids and current state.',
  flags: [
    flag('bool', 'ctr-names', 'Display the container names'),
    flag('bool', 'ctr-ids', 'Display the container UUIDs. If no-trunc is not set they will be truncated'),
    flag('bool', 'ctr-status', 'Display the container status'),
    flag('strings', 'filter,f', 'Filter output based on conditions given'),
    flag('string', 'format', 'Pretty-print pods to JSON or using a Go template'),
    flag('bool', 'noheading', 'Do not print headers'),
    flag('bool', 'ns', 'Display namespace information of the pod', { aliases: ['namespace'] }),
    flag('bool', 'no-trunc', 'Do not truncate pod and container IDs', { aliases: ['notruncate'] }),
    flag('bool', 'quiet,q', 'Print the numeric IDs of the pods only'),
    flag('string', 'sort', 'Sort output by created, id, name, or number', { default: 'created' }),
    latestPodFlag,
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    const format = flags.changed('format') ? flags.string('format')! : undefined;
    if (flags.bool('quiet') && format !== undefined)
      throw new BadRequest('quiet and format cannot be used together');
    const order = ORDERS[flags.string('sort')!];
    if (order === undefined)
      throw new BadRequest('invalid option for --sort, options are: id, names, or number');
    const found = await (await context.libpod()).pods.list(parseFilters(flags.strings('filter')));
    const pods = (flags.bool('latest') ? found.slice(-1) : found).toSorted(order);
    context.stdout.write(render(pods, flags, format));
    return 0;
  },
};

function render(pods: readonly PodListEntry[], flags: FlagValues, format: string | undefined): string {
  if (format !== undefined && asksForJson(format)) return `${goJson(pods.map(podJson), { indent: '  ' })}\n`;
  const isWhole = flags.bool('no-trunc');
  if (flags.bool('quiet')) return pods.map(({ id }) => `${isWhole ? id : id.slice(0, 12)}\n`).join('');
  return renderReport({
    name: 'ps',
    rows: pods.map((pod) => podRow(pod, isWhole)),
    ...(format !== undefined && { format }),
    columns: columnsOf(flags),
    headers: HEADERS,
    hasNoHeading: flags.bool('noheading'),
  });
}

function columnsOf(flags: FlagValues): string {
  const names = ['Id', 'Name', 'Status', 'Created', 'InfraID'];
  if (flags.bool('ctr-ids')) names.push('ContainerIds');
  if (flags.bool('ctr-names')) names.push('ContainerNames');
  if (flags.bool('ctr-status')) names.push('ContainerStatuses');
  if (flags.bool('ns')) names.push('Cgroup', 'Namespace');
  if (!['ctr-ids', 'ctr-names', 'ctr-status'].some((name) => flags.bool(name)))
    names.push('NumberOfContainers');
  return names.map((name) => `{{.${name}}}`).join('\t');
}

function podRow(pod: PodListEntry, isWhole: boolean): object {
  const short = (id: string | undefined) => (isWhole ? (id ?? '') : (id ?? '').slice(0, 12));
  const all = (what: (one: PodListEntry['containers'][number]) => string) =>
    pod.containers.map(what).join(',');
  return goStruct('pods.ListPodReporter', {
    Cgroup: pod.cgroupParent,
    Containers: pod.containers.map(containerFields),
    Created: `${humanDuration(Date.now() - Date.parse(pod.createdAt))} ago`,
    Id: short(pod.id),
    ID: short(pod.id),
    InfraId: short(pod.infraId),
    InfraID: short(pod.infraId),
    Name: pod.name,
    Namespace: '',
    Networks: pod.networks.join(','),
    Status: pod.status,
    Labels: Object.keys(pod.labels).length === 0 ? NIL_MAP : pod.labels,
    NumberOfContainers: pod.containers.length,
    ContainerIds: all(({ id }) => short(id)),
    ContainerNames: all(({ name }) => name),
    ContainerStatuses: all(({ status }) => status),
  });
}

function podJson(pod: PodListEntry): object {
  return goStruct('entities.ListPodsReport', {
    Cgroup: pod.cgroupParent,
    Containers: pod.containers.map(containerFields),
    Created: new GoTime(pod.createdAt),
    Id: pod.id,
    InfraId: pod.infraId ?? '',
    Name: pod.name,
    Namespace: '',
    Networks: pod.networks,
    Status: pod.status,
    Labels: pod.labels,
  });
}

function containerFields({ id, name, status, restarts }: PodListEntry['containers'][number]): object {
  return goStruct('entities.ListPodContainer', {
    Id: id,
    Names: name,
    Status: status,
    RestartCount: restarts,
  });
}
