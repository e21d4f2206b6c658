import {
  type ContainerInspect,
  type ContainerListEntry,
  type ContainerStatus,
  dockerStatus,
  type HealthState,
  statusText,
} from '../../libpod/index.ts';
import { NO_TIME, unixSeconds, utcTime } from '../http/times.ts';
import { familiarName } from '../names.ts';
import { dockerNetworkName, endpointSettings, portList, portMap } from './network-shape.ts';

/** One entry of `GET /containers/json` (Engine API 1.44, ContainerSummary). */
export function containerSummary(
  entry: ContainerListEntry,
  details: ContainerInspect | undefined,
  nowMs: number,
): Record<string, unknown> {
  return {
    Id: entry.id,
    Names: [`/${entry.name}`],
    Image: familiarName(entry.image),
    ImageID: imageId(entry.imageId),
    Command: entry.command.join(' '),
    Created: unixSeconds(entry.createdAt),
    Ports: portList(entry.ports, Object.keys(details?.config.ExposedPorts ?? {})),
    ...(entry.size !== undefined && { SizeRw: entry.size.rwBytes, SizeRootFs: entry.size.rootFsBytes }),
    Labels: entry.labels,
    State: dockerStatus(entry.status),
    Status: statusText(entry, nowMs),
    HostConfig: { NetworkMode: networkMode(entry.networkMode) },
    NetworkSettings: { Networks: networksOf(entry, details?.endpoints ?? {}) },
    Mounts: (details?.mountPoints ?? []).map(mountPoint),
  };
}

/** `GET /containers/{id}/json` (Engine API 1.44, ContainerInspectResponse). */
export function containerDetails(one: ContainerInspect): Record<string, unknown> {
  const ports = portMap(isRunning(one.status) ? one.ports : [], Object.keys(one.config.ExposedPorts ?? {}));
  return {
    Id: one.id,
    Created: utcTime(one.createdAt),
    Path: one.path,
    Args: one.args,
    State: stateOf(one),
    Image: imageId(one.imageId),
    ResolvConfPath: one.resolvConfPath,
    HostnamePath: one.hostnamePath,
    HostsPath: one.hostsPath,
    LogPath: one.logPath,
    Name: `/${one.name}`,
    RestartCount: one.restarts,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: one.execIds.length === 0 ? null : one.execIds,
    HostConfig: hostConfigOf(one),
    GraphDriver: {
      Name: 'overlay2',
      Data: {
        LowerDir: one.graphDriver.lowerDir,
        MergedDir: one.graphDriver.mergedDir,
        UpperDir: one.graphDriver.upperDir,
        WorkDir: one.graphDriver.workDir,
      },
    },
    ...(one.size !== undefined && { SizeRw: one.size.rwBytes, SizeRootFs: one.size.rootFsBytes }),
    Mounts: one.mountPoints.map(mountPoint),
    Config: configOf(one),
    NetworkSettings: networkSettings(one, ports),
  };
}

function stateOf(one: ContainerInspect): Record<string, unknown> {
  const status = dockerStatus(one.status);
  return {
    Status: status,
    // Docker counts one that is paused or waits for its restart as running.
    Running: isRunning(one.status),
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: one.oomKilled,
    Dead: false,
    Pid: one.pid ?? 0,
    ExitCode: one.exitCode ?? 0,
    Error: one.error,
    StartedAt: one.startedAt === undefined ? NO_TIME : utcTime(one.startedAt),
    FinishedAt: one.finishedAt === undefined ? NO_TIME : utcTime(one.finishedAt),
    ...(one.healthLog !== undefined && { Health: healthOf(one.healthLog) }),
  };
}

function healthOf(health: HealthState): HealthState {
  return {
    ...health,
    Log: health.Log.map((entry) => ({ ...entry, Start: utcTime(entry.Start), End: utcTime(entry.End) })),
  };
}

export function isRunning(status: ContainerStatus): boolean {
  return ['running', 'paused', 'restarting'].includes(dockerStatus(status));
}

/** Docker's HostConfig has every field; null is its word for an empty list. */
function hostConfigOf(one: ContainerInspect): Record<string, unknown> {
  const given = one.hostConfig;
  return {
    ...{ Binds: null, ContainerIDFile: '', PortBindings: {}, VolumeDriver: '', VolumesFrom: null },
    ...{ AutoRemove: false, ConsoleSize: [0, 0], CapAdd: null, CapDrop: null, CgroupnsMode: 'private' },
    ...{ Dns: [], DnsOptions: [], DnsSearch: [], ExtraHosts: null, GroupAdd: null, IpcMode: 'private' },
    ...{ Cgroup: '', Links: null, OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false },
    ...{ ReadonlyRootfs: false, SecurityOpt: null, UTSMode: '', UsernsMode: '', ShmSize: 67_108_864 },
    ...{ Runtime: 'runc', Isolation: '', CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '' },
    ...{ BlkioWeight: 0, BlkioWeightDevice: null, BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null },
    ...{ BlkioDeviceReadIOps: null, BlkioDeviceWriteIOps: null, CpuPeriod: 0, CpuQuota: 0 },
    ...{ CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null },
    ...{ DeviceCgroupRules: null, DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0 },
    ...{ MemorySwappiness: null, OomKillDisable: false, PidsLimit: null, Ulimits: null, CpuCount: 0 },
    ...{ CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: [], ReadonlyPaths: [] },
    ...given,
    LogConfig: { Type: dockerLogDriver(given.LogConfig?.Type), Config: given.LogConfig?.Config ?? {} },
    NetworkMode: networkMode(given.NetworkMode ?? one.networkMode),
    RestartPolicy: {
      Name: given.RestartPolicy?.Name || 'no',
      MaximumRetryCount: given.RestartPolicy?.MaximumRetryCount ?? 0,
    },
  };
}

/** Podman's files of lines have another name than Docker's. */
function dockerLogDriver(driver: string | undefined): string {
  return driver === undefined || driver === '' || driver === 'k8s-file' ? 'json-file' : driver;
}

function networkMode(mode: string): string {
  return ['', 'default', 'podman', 'private'].includes(mode) ? 'bridge' : mode;
}

function configOf(one: ContainerInspect): Record<string, unknown> {
  const { config } = one;
  return {
    ...{ Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false },
    ...{ AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false, Env: [], Cmd: null },
    ...{ Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null },
    ...config,
    Image: familiarName(config.Image),
    Labels: config.Labels ?? {},
  };
}

function networkSettings(one: ContainerInspect, ports: object): Record<string, unknown> {
  const networks = networksOf(one, one.endpoints);
  const main = networks.bridge ?? {};
  const part = (key: string, fallback: unknown): unknown => main[key] ?? fallback;
  return {
    Bridge: '',
    SandboxID: one.namespacePath === undefined ? '' : one.id,
    SandboxKey: one.namespacePath ?? '',
    Ports: ports,
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: part('EndpointID', ''),
    Gateway: part('Gateway', ''),
    GlobalIPv6Address: part('GlobalIPv6Address', ''),
    GlobalIPv6PrefixLen: part('GlobalIPv6PrefixLen', 0),
    IPAddress: part('IPAddress', ''),
    IPPrefixLen: part('IPPrefixLen', 0),
    IPv6Gateway: part('IPv6Gateway', ''),
    MacAddress: part('MacAddress', ''),
    Networks: networks,
  };
}

/** Those that it is on, and while it does not run those that it will be on: docker-compose compares them with its file. */
function networksOf(
  one: ContainerListEntry,
  endpoints: ContainerInspect['endpoints'],
): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    one.networks.map(({ name, aliases }) => [
      dockerNetworkName(name),
      endpointSettings(endpoints[name], { aliases, containerId: one.id, containerName: one.name }),
    ]),
  );
}

function mountPoint(mount: ContainerInspect['mountPoints'][number]): Record<string, unknown> {
  return {
    Type: mount.type,
    ...(mount.name !== undefined && { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.type === 'volume' && { Driver: mount.driver ?? 'local' }),
    Mode: mount.options.filter((one) => ['z', 'Z', 'ro', 'rw'].includes(one)).join(','),
    RW: mount.readWrite,
    Propagation: mount.type === 'bind' ? mount.propagation : '',
  };
}

/** With its algorithm before it, as Docker has it everywhere. */
function imageId(id: string): string {
  return id === '' || id.startsWith('sha256:') ? id : `sha256:${id}`;
}
