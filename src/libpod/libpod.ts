import type { Readable, Writable } from 'node:stream';
import type { Clock, Log } from '../base/index.ts';
import type { AttachSession, Engine, ExecSession, IdMappings, ImageLibrary } from '../engine/index.ts';
import type {
  ContainerConfig,
  ContainerResourceLimits,
  CreateOptions,
  EndpointSettings,
  HostConfig,
} from './create-options.ts';

/**
 * What users of Docker and Podman have: containers by name with all of their settings, pods, volumes,
 * networks, secrets and events, over one engine directory. No daemon: every process that opens it sees the
 * same, and what a dead one left is repaired by the next.
 */
export interface Libpod {
  readonly engine: Engine;
  readonly images: ImageLibrary;
  readonly containers: Containers;
  readonly networks: UserNetworks;
  readonly volumes: Volumes;
  readonly secrets: Secrets;
  readonly pods: Pods;
  readonly events: Events;
  readonly system: LibpodSystem;
}

/** `key` → values; any of the values of one key, all of the keys. Docker's and Podman's `--filter`. */
export type Filters = Record<string, string[]>;

/** Everywhere `container` is a name, an id, or a beginning of an id that only one has. @throws NotFound */
export interface Containers {
  /** Pulls nothing: the image must be there. @returns the id, and warnings for people. @throws AlreadyExists NotFound BadRequest */
  create(options: CreateOptions): Promise<{ id: string; warnings: string[] }>;
  /** Starts it, also one that has ended before. No error when it runs already. */
  start(container: string): Promise<void>;
  /** What `init` does: namespaces, mounts and the runtime's container are made, its process is not started. */
  init(container: string): Promise<void>;
  /** `warnings` are for people: that it did not end by its signal. */
  stop(
    container: string,
    options?: { timeoutSeconds?: number; signal?: string },
  ): Promise<{ warnings: string[] }>;
  restart(container: string, options?: { timeoutSeconds?: number; signal?: string }): Promise<void>;
  kill(container: string, signal?: string): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  /** Resolves with its exit code as soon as the condition holds; rejects with the signal's reason. */
  wait(container: string, condition?: WaitCondition, signal?: AbortSignal): Promise<number>;
  remove(container: string, options?: RemoveOptions): Promise<void>;
  rename(container: string, name: string): Promise<void>;
  update(
    container: string,
    limits: ContainerResourceLimits & Pick<HostConfig, 'RestartPolicy'>,
  ): Promise<void>;
  /** The id of exactly one container. @throws NotFound @throws Conflict when a beginning fits several */
  idOf(container: string): Promise<string>;
  exists(container: string): Promise<boolean>;
  list(options?: ListOptions): Promise<ContainerListEntry[]>;
  inspect(container: string, options?: { size?: boolean }): Promise<ContainerInspect>;
  /** Of a container that was made and not yet started too: then from its first byte on. */
  attach(container: string): Promise<AttachSession>;
  exec: Execs;
  logs(container: string, options: LogsOptions): AsyncIterable<LogLine>;
  top(container: string, psOptions?: string[]): Promise<{ titles: string[]; processes: string[][] }>;
  stats(container: string): Promise<ContainerStats>;
  /** A tar of `path` (file or folder), symlinks resolved inside the container. */
  copyOut(container: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  copyIn(
    container: string,
    folder: string,
    tar: Readable,
    options?: { noOverwriteDirNonDir?: boolean; chown?: boolean },
  ): Promise<void>;
  statPath(container: string, path: string): Promise<PathStat>;
  diff(container: string): Promise<{ path: string; kind: 'C' | 'A' | 'D' }[]>;
  commit(container: string, options: CommitOptions): Promise<string>;
  /** The container's whole root file system as a tar. */
  export(container: string): Promise<Readable>;
  prune(filters?: Filters): Promise<{ deleted: string[]; reclaimedBytes: number }>;
  /** Mounts its root on the host. @returns where. */
  mount(container: string): Promise<string>;
  unmount(container: string, options?: { force?: boolean }): Promise<boolean>;
  /** Runs its health check once, now. */
  checkHealth(container: string): Promise<{ status: string; exitCode: number }>;
  /** What conmon has called when a container ended: networks, mounts, restart policy, auto-remove, events. */
  cleanup(container: string, options?: { remove?: boolean }): Promise<void>;
}

export type WaitCondition =
  | 'configured'
  | 'created'
  | 'running'
  | 'paused'
  | 'stopped'
  | 'exited'
  | 'removed'
  | 'not-running'
  | 'next-exit';

export interface RemoveOptions {
  force?: boolean;
  /** Its anonymous volumes too. */
  volumes?: boolean;
  /** Containers that depend on it too. */
  depend?: boolean;
  timeoutSeconds?: number;
  /** Its pod is being removed: also where it is the pod's infra or service container. */
  ofPod?: boolean;
}

export interface ListOptions {
  all?: boolean;
  last?: number;
  latest?: boolean;
  size?: boolean;
  filters?: Filters;
}

/** Podman's states; Docker's words differ in `initialized` (created), `stopped` and `stopping`. */
export type ContainerStatus =
  | 'created'
  | 'initialized'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'stopping'
  | 'exited'
  | 'removing';

export interface ContainerListEntry {
  id: string;
  name: string;
  image: string;
  imageId: string;
  command: string[];
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  status: ContainerStatus;
  exitCode?: number;
  pid?: number;
  health?: 'starting' | 'healthy' | 'unhealthy';
  restarts: number;
  labels: Record<string, string>;
  ports: PublishedPort[];
  mounts: string[];
  networks: { name: string; addresses: string[]; aliases: string[]; macAddress?: string }[];
  podId?: string;
  podName?: string;
  isInfra: boolean;
  size?: { rwBytes: number; rootFsBytes: number };
  networkMode: string;
}

export interface PublishedPort {
  hostIp: string;
  hostPort: number;
  containerPort: number;
  protocol: 'tcp' | 'udp' | 'sctp';
}

/**
 * Everything there is to know, in one neutral shape; the command line prints Podman's `inspect` from it, the
 * API server Docker's.
 */
export interface ContainerInspect extends ContainerListEntry {
  config: ContainerConfig;
  hostConfig: HostConfig;
  options: CreateOptions;
  path: string;
  args: string[];
  ociConfigPath: string;
  rootPath: string;
  logPath: string;
  conmonPid?: number;
  oomKilled: boolean;
  error: string;
  healthLog?: HealthState;
  mountPoints: {
    type: 'bind' | 'volume' | 'tmpfs' | 'image';
    name?: string;
    source: string;
    destination: string;
    driver?: string;
    readWrite: boolean;
    propagation: string;
    options: string[];
  }[];
  /** Its root is on the host now: it runs, or `mount` put it there. */
  isMounted: boolean;
  graphDriver: { lowerDir: string; upperDir: string; workDir: string; mergedDir: string };
  namespacePath?: string;
  endpoints: Record<string, NetworkEndpoint>;
  execIds: string[];
  effectiveCapabilities: string[];
  boundingCapabilities: string[];
  resolvConfPath: string;
  hostnamePath: string;
  hostsPath: string;
  dependencies: string[];
  /** Of its user namespace. */
  idMappings?: IdMappings;
}

export interface NetworkEndpoint {
  networkId: string;
  settings: EndpointSettings;
  addresses: string[];
  prefixLengths: number[];
  gateways: string[];
  macAddress: string;
}

export interface HealthState {
  Status: 'starting' | 'healthy' | 'unhealthy';
  FailingStreak: number;
  /** The last five. */
  Log: { Start: string; End: string; ExitCode: number; Output: string }[];
}

export interface Execs {
  /** @returns the exec's id. */
  create(container: string, options: ExecCreateOptions): Promise<string>;
  /** One that is detached resolves with undefined. */
  start(
    execId: string,
    options?: {
      /** Nobody is attached to it, and it goes on when this process ends. */
      detach?: boolean;
      terminalSize?: { columns: number; rows: number };
    },
  ): Promise<ExecSession | undefined>;
  inspect(execId: string): Promise<ExecInspect>;
  /** Another process may hold the session. @throws Conflict when it does not run, or has no terminal */
  resize(execId: string, columns: number, rows: number): Promise<void>;
  /** After the end of a detached one: its exit code is kept, its end told. @throws NotFound */
  cleanup(execId: string): Promise<void>;
}

export interface ExecCreateOptions {
  Cmd: string[];
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Tty?: boolean;
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  Privileged?: boolean;
  DetachKeys?: string;
  PreserveFds?: number;
}

export interface ExecInspect extends ExecCreateOptions {
  id: string;
  containerId: string;
  running: boolean;
  exitCode?: number;
  pid?: number;
}

export interface LogsOptions {
  follow?: boolean;
  /** RFC 3339, seconds since 1970, or a duration back from now, already made a time in ms. */
  sinceMs?: number;
  untilMs?: number;
  /** Lines from the end; all when absent. */
  tail?: number;
  signal?: AbortSignal;
}

export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** Without its newline, when it had one. */
  text: Buffer;
  /** The process has not ended the line with a newline. */
  isPartial: boolean;
}

export interface ContainerStats {
  id: string;
  name: string;
  readAt: string;
  cpuUsageNs: number;
  cpuSystemNs: number;
  systemCpuNs: number;
  onlineCpus: number;
  memoryUsageBytes: number;
  memoryLimitBytes: number;
  memoryStats: Record<string, number>;
  networks: Record<
    string,
    {
      rxBytes: number;
      txBytes: number;
      rxPackets: number;
      txPackets: number;
      rxErrors: number;
      txErrors: number;
      rxDropped: number;
      txDropped: number;
    }
  >;
  blockReadBytes: number;
  blockWriteBytes: number;
  pids: number;
  startedAt: string;
}

export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode, as Docker's X-Docker-Container-Path-Stat has it. */
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface CommitOptions {
  reference?: string;
  author?: string;
  message?: string;
  /** Dockerfile instructions: `CMD …`, `ENV …`. */
  changes?: string[];
  pause?: boolean;
  /** Of this form instead of the container's own. */
  config?: Partial<ContainerConfig>;
  includeVolumes?: boolean;
  squash?: boolean;
  format?: 'oci' | 'docker';
}

/** Docker's Network schema, in its own words. */
export interface NetworkConfig {
  Name: string;
  Id: string;
  Created: string;
  Driver: string;
  EnableIPv6: boolean;
  Internal: boolean;
  /** Containers find each other by name. */
  DnsEnabled: boolean;
  DnsServers: string[];
  Interface: string;
  IPAM: {
    Driver: string;
    Options: Record<string, string>;
    Config: {
      Subnet: string;
      Gateway?: string;
      IPRange?: string;
      LeaseRange?: { Start: string; End: string };
    }[];
  };
  Options: Record<string, string>;
  Labels: Record<string, string>;
  /** Static routes given to every container on it. */
  Routes: NetworkRoute[];
}

export interface NetworkRoute {
  Destination: string;
  Gateway: string;
  Metric?: number;
}

export interface CreateNetwork {
  Name?: string;
  Driver?: string;
  EnableIPv6?: boolean;
  Internal?: boolean;
  DisableDns?: boolean;
  DnsServers?: string[];
  IPAM?: {
    Driver?: string;
    Options?: Record<string, string>;
    Config?: { Subnet?: string; Gateway?: string; IPRange?: string }[];
  };
  Options?: Record<string, string>;
  Labels?: Record<string, string>;
  Interface?: string;
  Routes?: NetworkRoute[];
  /** No error when it is there already: that one is given back. */
  ignore?: boolean;
}

export interface UserNetworks {
  /** @throws AlreadyExists BadRequest */
  create(options: CreateNetwork): Promise<NetworkConfig>;
  list(filters?: Filters): Promise<NetworkConfig[]>;
  /** By name, id or a beginning of the id. The default network (`podman`, also called `bridge`) is always there. @throws NotFound */
  inspect(network: string): Promise<NetworkConfig>;
  exists(network: string): Promise<boolean>;
  /** @throws Conflict while containers use it, unless `force` (then they go too) */
  remove(network: string, options?: { force?: boolean; timeoutSeconds?: number }): Promise<void>;
  connect(network: string, container: string, settings?: EndpointSettings): Promise<void>;
  disconnect(network: string, container: string, options?: { force?: boolean }): Promise<void>;
  prune(filters?: Filters): Promise<string[]>;
  /** Sets up all networks of a container in its pinned namespace, name service and published ports with them. */
  setUp(request: NetworkSetUp): Promise<Record<string, NetworkEndpoint>>;
  /** Puts rules and links of a container that runs back as they were; addresses stay. */
  reload(containerId: string): Promise<void>;
  /**
   * Keeps host ports from any other process of the host for as long as someone holds the descriptors open:
   * conmon inherits them. @throws Conflict when one is taken
   */
  reservePorts(ports: readonly PublishedPort[]): Promise<PortReservation>;
  /** Writes /etc/hosts and /etc/resolv.conf of a container without networks of its own (`host`, `none`); `setUp` does for the others. */
  writeNameFiles(files: ContainerNameFiles): Promise<void>;
  /** Names of a container in the hosts file of the one whose network it shares, which is there or is not any more. */
  shareHostsFile(hostsPath: string, names: string[], isThere: boolean): Promise<void>;
  /** Takes all of it back. No error when it is already gone. */
  tearDown(containerId: string): Promise<void>;
  /** What `setUp` gave it last, for `inspect`. */
  endpointsOf(containerId: string): Promise<Record<string, NetworkEndpoint>>;
}

export interface NetworkSetUp {
  containerId: string;
  containerName: string;
  /** Path of the pinned network namespace. */
  namespacePath: string;
  hostname: string;
  /** In the order of eth0, eth1, … */
  networks: Record<string, EndpointSettings>;
  ports: PublishedPort[];
  /** `reservePorts` has been called for them, and is still held. */
  portsReserved?: boolean;
  /** Written by `setUp` and kept up to date in place; the files may be bind-mounted already. */
  nameFiles?: ContainerNameFiles;
}

export interface PortReservation {
  /** For conmon to inherit. */
  descriptors: number[];
  /** Ours; what a child has inherited stays open there. */
  close(): void;
}

/** What becomes of a container's /etc/hosts and /etc/resolv.conf. */
export interface ContainerNameFiles {
  /** Absent: left alone (`--no-hosts`). */
  hostsPath?: string;
  /** Absent: left alone (`--dns none`). */
  resolvConfPath?: string;
  /** The host's network: its file of resolvers is taken as it is. */
  isHostNetwork?: boolean;
  /** `--add-host`: `name:address`, `name:host-gateway`. */
  extraHosts: string[];
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  /** Resolvers of its way out, instead of the host's. */
  wayOutServers?: string[];
  /** Of its own, beside its addresses on networks: `127.0.0.1 hostname name` without a network, a pod's members. */
  entries?: { address: string; names: string[] }[];
  /** Where entries are taken from first; default the host's /etc/hosts, '' for none (containers.conf base_hosts_file). */
  baseHostsPath?: string;
  /** containers.conf host_containers_internal_ip; default the gateway's, '' for none. */
  hostContainersInternal?: string;
}

/** Docker's Volume schema. */
export interface VolumeConfig {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt: string;
  Labels: Record<string, string>;
  Scope: 'local';
  Options: Record<string, string>;
  /** Made for one container without a name being asked for. */
  Anonymous: boolean;
  UID?: number;
  GID?: number;
  /** Uses at this moment. */
  MountCount: number;
  /** Nothing has been copied into it yet. */
  NeedsCopyUp: boolean;
  /** No container has used it yet, so its owner is still to be set. */
  NeedsChown: boolean;
}

export interface Volumes {
  /** @throws AlreadyExists unless `ignore` or the same driver and options */
  create(options: {
    Name?: string;
    Driver?: string;
    DriverOpts?: Record<string, string>;
    Labels?: Record<string, string>;
    Anonymous?: boolean;
    ignore?: boolean;
  }): Promise<VolumeConfig>;
  list(filters?: Filters): Promise<VolumeConfig[]>;
  /** By name, or a beginning that only one has. @throws NotFound */
  inspect(volume: string): Promise<VolumeConfig>;
  exists(volume: string): Promise<boolean>;
  /** @throws Conflict while a container uses it, unless `force` (then the containers go too) */
  remove(volume: string, options?: { force?: boolean; timeoutSeconds?: number }): Promise<void>;
  prune(filters?: Filters): Promise<{ deleted: string[]; reclaimedBytes: number }>;
  export(volume: string): Promise<Readable>;
  import(volume: string, tar: Readable): Promise<void>;
  /** Counts a use and mounts what its driver options ask for. @returns the folder to bind. */
  mount(volume: string, containerId: string): Promise<string>;
  unmount(volume: string, containerId: string): Promise<void>;
  /**
   * To be called before a container's process starts, with the volume mounted: an empty volume that was never
   * filled takes the image's content at the mount point, with owners and modes; a volume never used before
   * belongs to the container's user, or to whom the image's folder belongs.
   */
  prepare(
    volume: string,
    options: { imageFolder?: string; noCopy?: boolean; uid: number; gid: number },
  ): Promise<void>;
  /** Names or ids of the containers that use it. */
  usersOf(volume: string): Promise<string[]>;
}

export interface SecretConfig {
  ID: string;
  CreatedAt: string;
  UpdatedAt: string;
  Spec: {
    Name: string;
    Driver: { Name: string; Options: Record<string, string> };
    Labels: Record<string, string>;
  };
}

export interface Secrets {
  create(
    name: string,
    data: Buffer,
    options?: {
      driver?: string;
      driverOpts?: Record<string, string>;
      labels?: Record<string, string>;
      replace?: boolean;
    },
  ): Promise<string>;
  list(filters?: Filters): Promise<SecretConfig[]>;
  inspect(secret: string): Promise<SecretConfig>;
  exists(secret: string): Promise<boolean>;
  remove(secret: string): Promise<string>;
  read(secret: string): Promise<Buffer>;
}

export interface PodConfig {
  id: string;
  name: string;
  createdAt: string;
  hostname: string;
  labels: Record<string, string>;
  /** Of `net`, `ipc`, `uts`, `pid`, `user`, `cgroup`. */
  sharedNamespaces: string[];
  infraId?: string;
  /** It runs while this pod, or another that was played with it, does; it goes with the last of them. */
  serviceId?: string;
  cgroupParent: string;
  exitPolicy: 'continue' | 'stop';
  restartPolicy?: string;
  /** With which the infra container was made. */
  options: CreatePod;
}

export interface CreatePod {
  name?: string;
  hostname?: string;
  labels?: Record<string, string>;
  infra?: boolean;
  infraImage?: string;
  infraCommand?: string[];
  infraName?: string;
  share?: string[];
  shareParent?: boolean;
  exitPolicy?: 'continue' | 'stop';
  /** Network, ports, hosts, dns, user namespace, volumes, sysctls, security of the infra container. */
  hostConfig?: HostConfig;
  networkingConfig?: CreateOptions['NetworkingConfig'];
  noHosts?: boolean;
  podIdFile?: string;
  infraConmonPidFile?: string;
  replace?: boolean;
  createCommand?: string[];
  serviceId?: string;
}

export type PodStatus = 'Created' | 'Running' | 'Degraded' | 'Paused' | 'Stopped' | 'Exited' | 'Dead';

export interface PodListEntry extends PodConfig {
  status: PodStatus;
  containers: { id: string; name: string; status: ContainerStatus; restarts: number }[];
  networks: string[];
}

export interface Pods {
  /** A container for pods to come, which name it as their `serviceId`. @returns its id */
  createService(name: string): Promise<string>;
  create(options: CreatePod): Promise<string>;
  start(pod: string): Promise<string>;
  stop(pod: string, options?: { timeoutSeconds?: number }): Promise<string>;
  restart(pod: string): Promise<string>;
  kill(pod: string, signal?: string): Promise<string>;
  pause(pod: string): Promise<string>;
  unpause(pod: string): Promise<string>;
  remove(pod: string, options?: { force?: boolean; timeoutSeconds?: number }): Promise<string>;
  list(filters?: Filters): Promise<PodListEntry[]>;
  inspect(pod: string): Promise<PodListEntry>;
  exists(pod: string): Promise<boolean>;
  idOf(pod: string): Promise<string>;
  prune(): Promise<string[]>;
  /** A container of it has ended: with the exit policy `stop` the pod does too, when it was the last. */
  containerEnded(pod: string): Promise<void>;
}

/** One line of the event log. */
export interface LibpodEvent {
  /** `container`, `image`, `network`, `pod`, `volume`, `secret`, `system` */
  Type: string;
  /** Podman's word: `create`, `init`, `start`, `died`, `cleanup`, `remove`, `pull`, … */
  Status: string;
  ID: string;
  Name: string;
  Image?: string;
  Network?: string;
  /** RFC 3339 with nanoseconds. */
  Time: string;
  Attributes?: Record<string, string>;
  ContainerExitCode?: number;
  PodID?: string;
  HealthStatus?: string;
}

export interface Events {
  append(event: Omit<LibpodEvent, 'Time'>): Promise<void>;
  read(options: {
    sinceMs?: number;
    untilMs?: number;
    filters?: Filters;
    follow?: boolean;
    signal?: AbortSignal;
  }): AsyncIterable<LibpodEvent>;
}

export interface LibpodSystem {
  df(): Promise<SystemUsage>;
  prune(options: { all?: boolean; volumes?: boolean; filters?: Filters }): Promise<PruneReport>;
  /** Repairs what a dead process left; each problem found and what was done about it. */
  check(): Promise<string[]>;
  /** Ends and removes everything: containers, pods, networks, volumes, secrets, images. */
  reset(): Promise<void>;
  /** Brings back what is to run after a reboot (`--restart=always`). */
  boot(): Promise<string[]>;
  /** Starts again what a process that was killed waited to start. @returns the ids */
  resume(): Promise<string[]>;
}

export interface SystemUsage {
  images: {
    id: string;
    repository: string;
    tag: string;
    createdAt: string;
    sizeBytes: number;
    sharedBytes: number;
    uniqueBytes: number;
    containers: number;
  }[];
  containers: {
    id: string;
    name: string;
    image: string;
    command: string[];
    localVolumes: number;
    rwBytes: number;
    sizeBytes: number;
    createdAt: string;
    status: ContainerStatus;
  }[];
  volumes: { name: string; links: number; sizeBytes: number }[];
  buildCacheBytes: number;
}

export interface PruneReport {
  containers: string[];
  pods: string[];
  images: string[];
  volumes: string[];
  networks: string[];
  reclaimedBytes: number;
}

/** Writes as people are told of a long work. */
export type Progress = (line: string) => void;
export type { Readable, Writable };

/** Where events are kept. */
export interface EventOptions {
  /** Default: in libpod's directory. */
  path?: string;
  /** Past this size the older half goes; 0: never. Default 10 MiB. */
  limitBytes?: number;
  /** `none`: nothing is written, and nothing can be read. Default `file`. */
  backend?: 'file' | 'none';
}

/** How `openLibpod` is opened; the command line and the API server make it (src/cli/containers/context.ts). */
export interface LibpodOptions {
  /** Of libpod's own: containers, pods, networks, volumes, secrets, events. */
  directory: string;
  /** Of images and layers, shared with the cloud. */
  imagesDirectory: string;
  log: Log;
  clock?: Clock;
  /**
   * The program and first arguments that start ourselves on the same directories (`[node, orrery.mjs, '--root', D]`):
   * conmon's exit command is this plus `container cleanup <id>`, the health monitor its first two (Node, our file) plus `role health-monitor`.
   */
  self: readonly string[];
  /** Paths of the OCI runtime and of conmon, when not the host's own. */
  runtime?: string;
  conmon?: string;
  /** Global flags of the runtime: `--log-format=json`. */
  runtimeFlags?: readonly string[];
  /** What conmon and what it calls have of the caller's environment: where our configuration is. */
  conmonEnvironment?: Readonly<Record<string, string>>;
  /** How much one layer of an image may unpack to; default: what the disk has room for. */
  layerLimitBytes?: number;
  /** Of volumes; default `volumes` in `directory`. */
  volumesDirectory?: string;
  /** An ordinary user's, in a user namespace. */
  rootless?: { uid: number; gid: number };
  /** containers.conf: events_logger, events_logfile_path, events_logfile_max_size. */
  events?: EventOptions;
  /** What the image of pods' infra containers is called, when not `localhost/podman-pause:latest`. */
  pauseImage?: string;
  /** The caller's environment, for `--env-host`, `-e NAME` and proxies. */
  environment: Readonly<Record<string, string | undefined>>;
}
