import { humanDuration } from '../../../base/index.ts';
import type { ContainerListEntry, PublishedPort } from '../../../libpod/index.ts';
import { humanSize } from '../../templates/human-units.ts';
import { GoTime } from '../../templates/times.ts';
import { GoNil, goStruct, NIL_MAP, NIL_SLICE } from '../../templates/values.ts';

export interface PsOptions {
  noTrunc: boolean;
  namespaces: boolean;
  now: number;
  /** Namespace numbers of a process, for `--ns`. */
  namespacesOf: (pid: number) => Record<string, string>;
}

/** Columns and their headers where they are not the field's own name. */
export const PS_HEADERS: Record<string, string> = {
  ...{ Cgroup: 'cgroupns', CreatedHuman: 'created', ID: 'container id', IPC: 'ipc', MNT: 'mnt', NET: 'net' },
  ...{ Networks: 'networks', PIDNS: 'pidns', Pod: 'pod id', PodName: 'podname', RunningFor: 'running for' },
  ...{ UTS: 'uts', User: 'userns' },
};

export const PS_FIELDS = [
  ...[
    'AutoRemove',
    'Command',
    'Created',
    'CreatedAt',
    'Exited',
    'ExitedAt',
    'ExitCode',
    'ID',
    'Image',
    'ImageID',
  ],
  ...[
    'IsInfra',
    'Labels',
    'Mounts',
    'Names',
    'Namespaces',
    'Networks',
    'Pid',
    'Pod',
    'PodName',
    'Ports',
    'Restarts',
  ],
  ...['Size', 'StartedAt', 'State', 'Status'],
];

/** Seconds before 1970 of Go's zero time. */
const NEVER = -62_135_596_800;

/** What a template of `ps --format` sees: Podman's psReporter. */
export function psRow(container: ContainerListEntry, options: PsOptions): object {
  const raw = rawFields(container, options);
  const created = Date.parse(container.createdAt);
  const id = options.noTrunc ? container.id : container.id.slice(0, 12);
  const age = `${humanDuration(options.now - created)} ago`;
  const namespaces = raw.Namespaces as Record<string, string>;
  const command = container.command.join(' ');
  return goStruct('containers.psReporter', {
    ...raw,
    ID: id,
    ImageID: options.noTrunc ? bare(container.imageId) : bare(container.imageId).slice(0, 12),
    Pod: options.noTrunc ? (container.podId ?? '') : (container.podId ?? '').slice(0, 12),
    State: stateText(container, options.now),
    Status: statusText(container, options.now),
    Restarts: container.restarts,
    RunningFor: age,
    CreatedHuman: age,
    CreatedAt: String(new GoTime(container.createdAt)),
    Command: !options.noTrunc && command.length > 17 ? `${command.slice(0, 17)}...` : command,
    Size: container.size === undefined ? '' : sizeText(container.size),
    Names: container.name,
    Networks: container.networks.map(({ name }) => name).join(','),
    Ports: portsText(container.ports),
    Namespaces: goStruct('entities.ListContainerNamespaces', { ...namespaces }),
    ...namespaces,
    Label: (key: string) => container.labels[key] ?? '',
    LocalVolumes: String(container.mounts.length),
  });
}

/** `ps --format json` */
export function psJson(container: ContainerListEntry, options: PsOptions): object {
  const { Created: _, ID, ...raw } = rawFields(container, options);
  const entries = Object.entries(raw).flatMap(([name, value]) =>
    name === 'Image'
      ? [
          ['Id', ID],
          [name, value],
        ]
      : [[name, value]],
  );
  const created = Date.parse(container.createdAt);
  const namespaces = Object.entries(raw.Namespaces as Record<string, string>)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [JSON_NAMESPACES[name] ?? name, value]);
  return goStruct('jsonFormat', {
    ...Object.fromEntries(entries),
    CreatedAt: `${humanDuration(options.now - created)} ago`,
    Namespaces: goStruct('namespaces', Object.fromEntries(namespaces)),
    Status: statusText(container, options.now),
    Created: Math.floor(created / 1000),
  });
}

const JSON_NAMESPACES: Record<string, string> = {
  ...{ MNT: 'Mnt', IPC: 'Ipc', NET: 'Net', PIDNS: 'Pidns', UTS: 'Uts' },
};

function rawFields(container: ContainerListEntry, options: PsOptions): Record<string, unknown> {
  const seconds = (time: string | undefined) =>
    time === undefined || time.startsWith('0001') ? NEVER : Math.floor(Date.parse(time) / 1000);
  return {
    AutoRemove: (container as { autoRemove?: boolean }).autoRemove === true,
    Command: container.command.length === 0 ? NIL_SLICE : container.command,
    Created: new GoTime(container.createdAt),
    CreatedAt: '',
    Exited: container.status === 'exited',
    ExitedAt: seconds(container.finishedAt),
    ExitCode: container.exitCode ?? 0,
    ID: container.id,
    Image: container.image,
    ImageID: bare(container.imageId),
    IsInfra: container.isInfra,
    Labels: Object.keys(container.labels).length === 0 ? NIL_MAP : container.labels,
    Mounts: container.mounts,
    Names: [container.name],
    Namespaces:
      options.namespaces && container.pid
        ? options.namespacesOf(container.pid)
        : { MNT: '', Cgroup: '', IPC: '', NET: '', PIDNS: '', UTS: '', User: '' },
    Networks: container.networks.map(({ name }) => name),
    Pid: container.pid ?? 0,
    Pod: container.podId ?? '',
    PodName: container.podName ?? '',
    Ports: container.ports.length === 0 ? NIL_SLICE : groupPorts(container.ports).map(portFields),
    Size:
      container.size === undefined
        ? new GoNil('pointer', '*define.ContainerSize')
        : goStruct('define.ContainerSize', {
            ...{ rootFsSize: container.size.rootFsBytes, rwSize: container.size.rwBytes },
          }),
    StartedAt: seconds(container.startedAt),
    State: container.status,
    Status: container.health ?? '',
  };
}

function bare(id: string): string {
  return id.replace(/^sha256:/, '');
}

function stateText(container: ContainerListEntry, now: number): string {
  const since = (time: string | undefined) => humanDuration(now - Date.parse(time ?? container.createdAt));
  if (container.status === 'running') return `Up ${since(container.startedAt)} ago`;
  if (container.status === 'exited')
    return `Exited (${container.exitCode ?? 0}) ${since(container.finishedAt)} ago`;
  return container.status[0]!.toUpperCase() + container.status.slice(1);
}

function statusText(container: ContainerListEntry, now: number): string {
  const state = stateText(container, now);
  return container.health === undefined ? state : `${state} (${container.health})`;
}

function sizeText(size: { rwBytes: number; rootFsBytes: number }): string {
  return `${humanSize(size.rwBytes, 3)} (virtual ${humanSize(size.rootFsBytes, 3)})`;
}

interface PortRange extends PublishedPort {
  count: number;
}

/** Ports that follow each other on both sides are one range. */
export function groupPorts(ports: readonly PublishedPort[]): PortRange[] {
  const sorted = ports.toSorted(
    (a, b) =>
      a.hostIp.localeCompare(b.hostIp) ||
      a.protocol.localeCompare(b.protocol) ||
      a.containerPort - b.containerPort,
  );
  const groups: PortRange[] = [];
  for (const port of sorted) {
    const last = groups.at(-1);
    const follows =
      last !== undefined &&
      last.hostIp === port.hostIp &&
      last.protocol === port.protocol &&
      last.containerPort + last.count === port.containerPort &&
      last.hostPort + last.count === port.hostPort;
    if (follows) last.count += 1;
    else groups.push({ ...port, count: 1 });
  }
  return groups;
}

function portFields(port: PortRange): object {
  return goStruct('types.PortMapping', {
    ...{ host_ip: port.hostIp, container_port: port.containerPort, host_port: port.hostPort },
    ...{ range: port.count, protocol: port.protocol },
  });
}

/** `0.0.0.0:8080-8081->80-81/tcp, …` */
export function portsText(ports: readonly PublishedPort[]): string {
  const range = (first: number, count: number) =>
    count > 1 ? `${first}-${first + count - 1}` : String(first);
  return groupPorts(ports)
    .map(
      ({ hostIp, hostPort, containerPort, protocol, count }) =>
        `${hostIp || '0.0.0.0'}:${range(hostPort, count)}->${range(containerPort, count)}/${protocol}`,
    )
    .join(', ');
}
