/**
 * What a container is made from: the body of Docker's `POST /containers/create` (Engine API 1.44, schemas
 * ContainerConfig, HostConfig, NetworkingConfig), field for field, and what only Podman has. The command
 * line, the API server and `kube play` all speak it; `inspect` gives it back.
 */
export interface CreateOptions {
  /** Default: two words with an underscore, as Docker makes them up. */
  Name?: string;
  Config: ContainerConfig;
  HostConfig: HostConfig;
  NetworkingConfig?: { EndpointsConfig?: Record<string, EndpointSettings> };
  /** `os/arch[/variant]`. */
  Platform?: string;
  Podman?: PodmanOptions;
}

export interface ContainerConfig {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  /** `80/tcp` → {} */
  ExposedPorts?: Record<string, object>;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  /** `NAME=value`; `NAME` alone removes what the image set. */
  Env?: string[];
  Cmd?: string[];
  Healthcheck?: HealthConfig;
  /** A reference or an id. */
  Image: string;
  /** Anonymous volumes: path → {} */
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  /** `[]` or `['']` takes the image's away. */
  Entrypoint?: string[];
  NetworkDisabled?: boolean;
  Labels?: Record<string, string>;
  StopSignal?: string;
  /** Seconds. */
  StopTimeout?: number;
  Shell?: string[];
}

export interface HealthConfig {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
  Test?: string[];
  /** Nanoseconds; 0 inherits. */
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface HostConfig extends ContainerResourceLimits {
  /** `source:destination[:options]`; a source without `/` is a volume. */
  Binds?: string[];
  ContainerIDFile?: string;
  LogConfig?: { Type?: string; Config?: Record<string, string> };
  /** `default`, `bridge`, `host`, `none`, `private`, `container:<name>`, `ns:<path>`, `slirp4netns[:…]`, `pasta[:…]` or a network's name. */
  NetworkMode?: string;
  PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null>;
  RestartPolicy?: {
    Name?: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure';
    MaximumRetryCount?: number;
  };
  AutoRemove?: boolean;
  ConsoleSize?: [number, number];
  VolumeDriver?: string;
  VolumesFrom?: string[];
  Mounts?: Mount[];
  CapAdd?: string[];
  CapDrop?: string[];
  CgroupnsMode?: string;
  Dns?: string[];
  DnsOptions?: string[];
  DnsSearch?: string[];
  ExtraHosts?: string[];
  GroupAdd?: string[];
  /** `none`, `private`, `shareable`, `host`, `container:<name>`, `ns:<path>` */
  IpcMode?: string;
  Cgroup?: string;
  Links?: string[];
  OomScoreAdj?: number;
  PidMode?: string;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyRootfs?: boolean;
  SecurityOpt?: string[];
  StorageOpt?: Record<string, string>;
  /** path → options */
  Tmpfs?: Record<string, string>;
  UTSMode?: string;
  /** ``, `host`, `auto[:…]`, `keep-id[:…]`, `nomap`, `container:<name>`, `ns:<path>` */
  UsernsMode?: string;
  ShmSize?: number;
  Sysctls?: Record<string, string>;
  Runtime?: string;
  MaskedPaths?: string[];
  ReadonlyPaths?: string[];
  Annotations?: Record<string, string>;
}

/** Docker's `Resources`: what `update` can change of a running container. */
export interface ContainerResourceLimits {
  CpuShares?: number;
  Memory?: number;
  NanoCpus?: number;
  CgroupParent?: string;
  BlkioWeight?: number;
  BlkioWeightDevice?: { Path: string; Weight: number }[];
  BlkioDeviceReadBps?: { Path: string; Rate: number }[];
  BlkioDeviceWriteBps?: { Path: string; Rate: number }[];
  BlkioDeviceReadIOps?: { Path: string; Rate: number }[];
  BlkioDeviceWriteIOps?: { Path: string; Rate: number }[];
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Devices?: { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[];
  DeviceCgroupRules?: string[];
  MemoryReservation?: number;
  /** -1: no limit. */
  MemorySwap?: number;
  MemorySwappiness?: number;
  OomKillDisable?: boolean;
  Init?: boolean;
  PidsLimit?: number | null;
  Ulimits?: { Name: string; Soft: number; Hard: number }[];
}

export interface Mount {
  Type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'devpts';
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
    Subpath?: string;
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
  /** Podman's further mount options, as given: `U`, `z`, `Z`, `noexec`, `idmap`, `O`, … */
  Options?: string[];
}

export interface EndpointSettings {
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
  Links?: string[];
  Aliases?: string[];
  MacAddress?: string;
  DriverOpts?: Record<string, string>;
  /** Podman: name of the interface in the container. */
  InterfaceName?: string;
}

/** What Docker has no word for. */
export interface PodmanOptions {
  /** Name or id of the pod it joins. */
  Pod?: string;
  /** This is the container that holds the pod's namespaces. */
  IsInfra?: boolean;
  /** It lives as long as one of the pods that were played with it. */
  IsService?: boolean;
  InitContainerType?: 'always' | 'once';
  Secrets?: {
    Source: string;
    Type: 'mount' | 'env';
    /** A path, or the variable's name. Default: `/run/secrets/<source>`, the secret's name. */
    Target?: string;
    Uid?: number;
    Gid?: number;
    Mode?: number;
  }[];
  /** `NAME=value`, beneath the image's own (containers.conf env). */
  DefaultEnv?: string[];
  /** Instead of Podman's own default set (containers.conf default_capabilities). */
  DefaultCapabilities?: string[];
  /** The program of `Init`; default: what the host has. */
  InitPath?: string;
  /** Where its hosts file begins: a path, `image` or `none`; default /etc/hosts (containers.conf base_hosts_file). */
  BaseHostsFile?: string;
  /** The address of host.containers.internal, or `none`; default the gateway's. */
  HostContainersInternalIp?: string;
  /** Give it the caller's environment first. */
  EnvHost?: boolean;
  HttpProxy?: boolean;
  UnsetEnv?: string[];
  UnsetEnvAll?: boolean;
  NoHosts?: boolean;
  NoHostname?: boolean;
  Umask?: string;
  Timezone?: string;
  /** Seconds after which it is stopped; 0: never. */
  Timeout?: number;
  /** `always`, `true`, `false` */
  Systemd?: string;
  SdNotifyMode?: string;
  /** Names of containers that are started before it. */
  Requires?: string[];
  /** `bind`, `tmpfs`, `ignore`: what the image's VOLUMEs become. */
  ImageVolumes?: string;
  ReadWriteTmpfs?: boolean;
  Rootfs?: string;
  PreserveFds?: number;
  CgroupsMode?: string;
  UidMaps?: string[];
  GidMaps?: string[];
  SubUidName?: string;
  SubGidName?: string;
  Personality?: string;
  Passwd?: boolean;
  PasswdEntry?: string;
  /** Names or ids of users of the host that the container's /etc/passwd is to have. */
  HostUsers?: string[];
  GroupEntry?: string;
  HealthOnFailure?: 'none' | 'kill' | 'restart' | 'stop';
  /** The command line it was made with: `inspect`'s Config.CreateCommand. */
  CreateCommand?: string[];
  /** Ends when this other container does. */
  ConmonPidFile?: string;
  PidFile?: string;
}
