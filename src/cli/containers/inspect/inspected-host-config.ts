import type { ContainerInspect } from '../../../libpod/index.ts';
import { humanSize } from '../../templates/human-units.ts';
import { goStruct, NIL_MAP, NIL_SLICE } from '../../templates/values.ts';

/** Podman's InspectContainerHostConfig. */
export function inspectedHostConfig(container: ContainerInspect): object {
  const { hostConfig: host, options } = container;
  const podman = options.Podman ?? {};
  return goStruct('*define.InspectContainerHostConfig', {
    Binds: bindsOf(container),
    CgroupManager: 'cgroupfs',
    CgroupMode: host.CgroupnsMode || 'private',
    ContainerIDFile: host.ContainerIDFile ?? '',
    LogConfig: logConfigOf(container),
    NetworkMode: networkModeOf(container),
    PortBindings: portBindingsOf(container),
    RestartPolicy: goStruct('*define.InspectRestartPolicy', {
      Name: host.RestartPolicy?.Name ?? '',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    }),
    AutoRemove: host.AutoRemove === true,
    VolumeDriver: '',
    VolumesFrom: host.VolumesFrom?.length ? host.VolumesFrom : NIL_SLICE,
    CapAdd: host.CapAdd ?? [],
    CapDrop: host.CapDrop ?? [],
    Dns: host.Dns ?? [],
    DnsOptions: host.DnsOptions ?? [],
    DnsSearch: host.DnsSearch ?? [],
    ExtraHosts: host.ExtraHosts ?? [],
    GroupAdd: host.GroupAdd ?? [],
    IpcMode: host.IpcMode || 'shareable',
    Cgroup: '',
    Cgroups: podman.CgroupsMode === 'disabled' ? 'disabled' : 'default',
    Links: NIL_SLICE,
    OomScoreAdj: host.OomScoreAdj ?? 0,
    PidMode: host.PidMode || 'private',
    Privileged: host.Privileged === true,
    PublishAllPorts: host.PublishAllPorts === true,
    ReadonlyRootfs: host.ReadonlyRootfs === true,
    SecurityOpt: host.SecurityOpt ?? [],
    Tmpfs: host.Tmpfs ?? {},
    UTSMode: host.UTSMode || 'private',
    UsernsMode: container.idMappings ? 'private' : host.UsernsMode === 'host' ? '' : (host.UsernsMode ?? ''),
    ...idMappings(container.idMappings),
    ShmSize: host.ShmSize ?? 65_536_000,
    Runtime: 'oci',
    ConsoleSize: [0, 0],
    Isolation: '',
    ...limitsOf(container),
  });
}

function limitsOf({ hostConfig: host }: ContainerInspect): Record<string, unknown> {
  const list = (values: object[] | undefined, type: string) =>
    values?.length ? values.map((one) => goStruct(type, { ...one })) : NIL_SLICE;
  const throttle = 'define.InspectBlkioThrottleDevice';
  return {
    CpuShares: host.CpuShares ?? 0,
    Memory: host.Memory ?? 0,
    NanoCpus: host.NanoCpus ?? 0,
    CgroupParent: host.CgroupParent ?? '',
    BlkioWeight: host.BlkioWeight ?? 0,
    BlkioWeightDevice: list(host.BlkioWeightDevice, 'define.InspectBlkioWeightDevice'),
    BlkioDeviceReadBps: list(host.BlkioDeviceReadBps, throttle),
    BlkioDeviceWriteBps: list(host.BlkioDeviceWriteBps, throttle),
    BlkioDeviceReadIOps: list(host.BlkioDeviceReadIOps, throttle),
    BlkioDeviceWriteIOps: list(host.BlkioDeviceWriteIOps, throttle),
    // Podman keeps `--cpus` as a quota of a period of a tenth of a second.
    CpuPeriod: host.CpuPeriod ?? (host.NanoCpus ? 100_000 : 0),
    CpuQuota: host.CpuQuota ?? (host.NanoCpus ? Math.round(host.NanoCpus / 10_000) : 0),
    CpuRealtimePeriod: host.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: host.CpuRealtimeRuntime ?? 0,
    CpusetCpus: host.CpusetCpus ?? '',
    CpusetMems: host.CpusetMems ?? '',
    Devices: (host.Devices ?? []).map((one) => goStruct('define.InspectDevice', { ...one })),
    DiskQuota: 0,
    KernelMemory: 0,
    MemoryReservation: host.MemoryReservation ?? 0,
    MemorySwap: host.MemorySwap ?? 0,
    MemorySwappiness: host.MemorySwappiness ?? 0,
    OomKillDisable: host.OomKillDisable === true,
    ...(host.Init && { Init: true }),
    PidsLimit: host.PidsLimit ?? 2048,
    Ulimits: (host.Ulimits ?? []).map(({ Name, Soft, Hard }) =>
      goStruct('define.InspectUlimit', { Name: `RLIMIT_${Name.toUpperCase()}`, Soft, Hard }),
    ),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    CgroupConf: NIL_MAP,
  };
}

function bindsOf({ mountPoints }: ContainerInspect): string[] {
  return mountPoints
    .filter(({ type }) => type === 'bind' || type === 'volume')
    .map((mount) => {
      const options = mount.options.length > 0 ? mount.options : [mount.readWrite ? 'rw' : 'ro'];
      return `${mount.name || mount.source}:${mount.destination}:${options.join(',')}`;
    });
}

function logConfigOf({ hostConfig, logPath }: ContainerInspect): object {
  const { 'max-size': size, path: _, tag, ...config } = hostConfig.LogConfig?.Config ?? {};
  return goStruct('*define.InspectLogConfig', {
    Type: hostConfig.LogConfig?.Type || 'k8s-file',
    Config: Object.keys(config).length === 0 ? NIL_MAP : config,
    Path: ['none', 'journald'].includes(hostConfig.LogConfig?.Type ?? '') ? '' : logPath,
    Tag: tag ?? '',
    Size: humanSize(Number(size ?? 0)),
  });
}

function networkModeOf({ hostConfig, networkMode }: ContainerInspect): string {
  const mode = networkMode || hostConfig.NetworkMode || 'bridge';
  // Podman keeps the options of these for itself.
  if (/^(?:slirp4netns|pasta)(?::|$)/.test(mode)) return mode.split(':')[0]!;
  if (/^(?:bridge|host|none|container:|ns:)/.test(mode)) return mode;
  return 'bridge';
}

function portBindingsOf({ ports }: ContainerInspect): Record<string, object[]> {
  const bindings: Record<string, object[]> = {};
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    bindings[key] = [
      ...(bindings[key] ?? []),
      goStruct('define.InspectHostPort', { HostIp: hostIp, HostPort: String(hostPort) }),
    ];
  }
  return bindings;
}

function idMappings(mappings: ContainerInspect['idMappings']): object {
  if (mappings === undefined) return {};
  const text = (map: typeof mappings.uids) =>
    map.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`);
  const maps = { UidMap: text(mappings.uids), GidMap: text(mappings.gids) };
  return { IDMappings: goStruct('*define.InspectIDMappings', maps) };
}
