/**
 * The kinds of values that Docker's create body has (Engine API 1.44, ContainerConfig, HostConfig). What is not in these
 * tables and carries a value is refused where it would change what the container does.
 */
export type FieldKind =
  | 'string'
  | 'bool'
  | 'int'
  | 'strings'
  /** A list of strings, or one string: Go's strslice. */
  | 'words'
  /** string → string */
  | 'map'
  /** string → {} */
  | 'set'
  | 'any'
  | Fields
  | [Fields];

export interface Fields {
  [name: string]: FieldKind;
}

const HEALTH: Fields = {
  ...{ Test: 'strings', Interval: 'int', Timeout: 'int', StartPeriod: 'int' },
  ...{ StartInterval: 'int', Retries: 'int' },
};

export const CONFIG_FIELDS: Fields = {
  ...{ Hostname: 'string', Domainname: 'string', User: 'string' },
  ...{ AttachStdin: 'bool', AttachStdout: 'bool', AttachStderr: 'bool' },
  ...{ ExposedPorts: 'set', Tty: 'bool', OpenStdin: 'bool', StdinOnce: 'bool' },
  ...{ Env: 'strings', Cmd: 'words', Healthcheck: HEALTH, Image: 'string', Volumes: 'set' },
  ...{ WorkingDir: 'string', Entrypoint: 'words', NetworkDisabled: 'bool', MacAddress: 'string' },
  ...{ Labels: 'map', StopSignal: 'string', StopTimeout: 'int', Shell: 'words' },
};

const WEIGHT: [Fields] = [{ Path: 'string', Weight: 'int' }];
const RATE: [Fields] = [{ Path: 'string', Rate: 'int' }];

export const LIMIT_FIELDS: Fields = {
  ...{ CpuShares: 'int', Memory: 'int', NanoCpus: 'int', CgroupParent: 'string', BlkioWeight: 'int' },
  ...{ BlkioWeightDevice: WEIGHT, BlkioDeviceReadBps: RATE, BlkioDeviceWriteBps: RATE },
  ...{ BlkioDeviceReadIOps: RATE, BlkioDeviceWriteIOps: RATE },
  ...{ CpuPeriod: 'int', CpuQuota: 'int', CpuRealtimePeriod: 'int', CpuRealtimeRuntime: 'int' },
  ...{ CpusetCpus: 'string', CpusetMems: 'string' },
  Devices: [{ PathOnHost: 'string', PathInContainer: 'string', CgroupPermissions: 'string' }],
  ...{ DeviceCgroupRules: 'strings', MemoryReservation: 'int', MemorySwap: 'int', MemorySwappiness: 'int' },
  ...{ OomKillDisable: 'bool', Init: 'bool', PidsLimit: 'int' },
  Ulimits: [{ Name: 'string', Soft: 'int', Hard: 'int' }],
};

export const RESTART_POLICY: Fields = { Name: 'string', MaximumRetryCount: 'int' };

const MOUNT: [Fields] = [
  {
    ...{ Type: 'string', Source: 'string', Target: 'string', ReadOnly: 'bool', Consistency: 'string' },
    BindOptions: {
      ...{ Propagation: 'string', NonRecursive: 'bool', CreateMountpoint: 'bool' },
      ReadOnlyNonRecursive: 'bool',
    },
    VolumeOptions: {
      ...{ NoCopy: 'bool', Labels: 'map', Subpath: 'string' },
      DriverConfig: { Name: 'string', Options: 'map' },
    },
    TmpfsOptions: { SizeBytes: 'int', Mode: 'int' },
  },
];

export const HOST_CONFIG_FIELDS: Fields = {
  ...LIMIT_FIELDS,
  ...{ Binds: 'strings', ContainerIDFile: 'string', LogConfig: { Type: 'string', Config: 'map' } },
  ...{ NetworkMode: 'string', PortBindings: 'any', RestartPolicy: RESTART_POLICY, AutoRemove: 'bool' },
  ...{ ConsoleSize: 'any', VolumeDriver: 'string', VolumesFrom: 'strings', Mounts: MOUNT },
  ...{ CapAdd: 'strings', CapDrop: 'strings', CgroupnsMode: 'string', Dns: 'strings' },
  ...{ DnsOptions: 'strings', DnsSearch: 'strings', ExtraHosts: 'strings', GroupAdd: 'strings' },
  ...{ IpcMode: 'string', Cgroup: 'string', Links: 'strings', OomScoreAdj: 'int', PidMode: 'string' },
  ...{ Privileged: 'bool', PublishAllPorts: 'bool', ReadonlyRootfs: 'bool', SecurityOpt: 'strings' },
  ...{ StorageOpt: 'map', Tmpfs: 'map', UTSMode: 'string', UsernsMode: 'string', ShmSize: 'int' },
  ...{ Sysctls: 'map', Runtime: 'string', MaskedPaths: 'strings', ReadonlyPaths: 'strings' },
  Annotations: 'map',
};

export const ENDPOINT_FIELDS: Fields = {
  IPAMConfig: { IPv4Address: 'string', IPv6Address: 'string', LinkLocalIPs: 'strings' },
  ...{ Links: 'strings', Aliases: 'strings', MacAddress: 'string', DriverOpts: 'map' },
};

/** What `inspect` prints of an endpoint, and clients send back; it says nothing of what is wanted. */
export const ENDPOINT_STATE: readonly string[] = [
  ...['NetworkID', 'EndpointID', 'Gateway', 'IPAddress', 'IPPrefixLen', 'IPv6Gateway', 'GlobalIPv6Address'],
  ...['GlobalIPv6PrefixLen', 'DNSNames'],
];

/** Of other systems than Linux, and what Docker itself has long ignored. */
export const IGNORED: readonly string[] = [
  ...['OnBuild', 'ArgsEscaped', 'Isolation', 'CpuCount', 'CpuPercent', 'IOMaximumIOps', 'IOMaximumBandwidth'],
  ...['KernelMemory', 'KernelMemoryTCP', 'LxcConf'],
];
