import type { Duplex, Readable, Writable } from 'node:stream';

/**
 * What the rest of the house sees of the container engine. It knows images, containers, network
 * namespaces and networks; it has never heard of a Pod.
 *
 * There is no daemon: all state is in files under the engine's directory, so several processes may hold an
 * `Engine` over one directory at once, and a new one sees what a dead one left. Each running container is
 * held by its own conmon.
 */
export interface Engine {
  readonly images: ImageStore;
  readonly networks: Networks;

  /** Makes the root file system, `config.json` and the record; the process is not started. @returns the id (64 hex digits). */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** The stop signal, then SIGKILL after `timeoutSeconds`; returns when the container has ended. */
  stop(id: string, timeoutSeconds: number): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  /** Unmounts and forgets. Refuses a running container unless `force`. No error when it is already gone. */
  remove(id: string, options?: { force?: boolean }): Promise<void>;
  /** @throws NotFound */
  inspect(id: string): Promise<ContainerState>;
  /** Those that carry all the labels given. */
  list(filter?: { labels?: Record<string, string> }): Promise<ContainerState[]>;
  /** The container's state each time it may have changed (start, exit, OOM), and once for each at the beginning. */
  watch(signal: AbortSignal): AsyncIterable<ContainerState>;
  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /**
   * What the first process writes from now on, and, if it was made with `stdin`, its input.
   * @throws NotFound @throws Conflict when it does not run
   */
  attach(id: string): Promise<AttachSession>;
  /**
   * Goes on writing to a new file at `logPath` after the old one was renamed; resolves when it does.
   * @throws NotFound @throws Conflict when the container has ended
   */
  reopenLog(id: string): Promise<void>;
  /**
   * Gives a running container other limits; what is left out stays as it is.
   * @throws NotFound @throws Conflict when it does not run
   */
  update(id: string, resources: ContainerLimits): Promise<void>;
  /** What its cgroup counts; undefined when it does not run. */
  usage(id: string): Promise<ContainerUsage | undefined>;

  /** Everything the engine holds on the host now: for leak checks and `orrery down --all`. */
  holdings(): Promise<Holdings>;
  /** Ends and removes all containers, namespaces, mounts, addresses and cgroups of this engine. */
  reset(): Promise<void>;
}

export interface ContainerSpec {
  /** Unique within the engine; for people. */
  name: string;
  /** A reference or an image id that `images.resolve` knows. */
  image: string;
  /** Replaces the image's Entrypoint (and its Cmd). */
  command?: string[];
  /** Replaces the image's Cmd. */
  args?: string[];
  /** Added to, and winning over, the image's Env. */
  env: Record<string, string>;
  workingDir?: string;
  /** `uid[:gid]` or names looked up in the image's passwd and group files. Default: the image's User. */
  user?: string;
  supplementalGroups?: number[];
  hostname?: string;
  mounts: ContainerMount[];
  /** Path of a pinned network namespace, or 'host'. */
  network: string;
  /** Share these with the host. */
  hostPid?: boolean;
  hostIpc?: boolean;
  /** The id of a running container whose processes this one sees, and is seen by. */
  pidNamespaceOf?: string;
  tty: boolean;
  stdin: boolean;
  /** Its input ends with the first who attached and ended theirs; else it stays open for the next. */
  stdinOnce?: boolean;
  labels: Record<string, string>;
  resources: ContainerResources;
  security: ContainerSecurity;
  sysctls?: Record<string, string>;
  /** A path under the controllers' root, made by the engine: `/orrery-1a2b3c/pod-…`. */
  cgroupParent: string;
  /** The log file, in CRI's format (`<RFC3339Nano> stdout|stderr P|F <text>`), written by conmon. */
  logPath: string;
  stopSignal?: string;
}

export interface ContainerMount {
  type: 'bind' | 'tmpfs';
  /** Host path of a bind. */
  source?: string;
  destination: string;
  readOnly?: boolean;
  sizeBytes?: number;
  /** Mount propagation of a bind; default 'private'. */
  propagation?: 'private' | 'rslave' | 'rshared';
}

export interface ContainerResources {
  memoryLimitBytes?: number;
  /** cgroup v1 cpu.shares; translated to cpu.weight on v2. */
  cpuShares?: number;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  pidsLimit?: number;
  oomScoreAdj?: number;
}

/** What can be changed while a container runs. */
export type ContainerLimits = Pick<
  ContainerResources,
  'memoryLimitBytes' | 'cpuShares' | 'cpuQuotaUs' | 'cpuPeriodUs'
>;

export interface ContainerSecurity {
  privileged?: boolean;
  readOnlyRootFilesystem?: boolean;
  noNewPrivileges?: boolean;
  capAdd?: string[];
  capDrop?: string[];
  /** 'default' is the engine's own profile (Docker's and Podman's list). */
  seccomp?: 'default' | 'unconfined' | { profilePath: string };
  unmaskProc?: boolean;
}

export interface ContainerState {
  id: string;
  name: string;
  labels: Record<string, string>;
  /** The reference it was created from. */
  image: string;
  /** `sha256:…` of the image's config. */
  imageId: string;
  status: 'created' | 'running' | 'exited';
  pid?: number;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  /** 128 + signal when a signal ended it. */
  exitCode?: number;
  oomKilled: boolean;
  /** Why the start failed, when it did. */
  error?: string;
  logPath: string;
  /** As last given; absent for a container of an older engine. */
  resources?: ContainerResources;
}

export interface ExecOptions {
  command: string[];
  tty: boolean;
  stdin: boolean;
  env?: Record<string, string>;
  timeoutMs?: number;
  /** The terminal's size from its first instant; `resize` may come too late for a process that asks at once. */
  terminalSize?: { columns: number; rows: number };
}

export interface ExecSession {
  stdin?: Writable;
  stdout: Readable;
  /** Absent with a terminal: both come through stdout. */
  stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** The exit code; 128 + signal when a signal ended it. */
  readonly exit: Promise<number>;
  kill(): void;
}

export interface AttachSession {
  /** Absent when the container has no input. */
  stdin?: Writable;
  stdout: Readable;
  /** Absent with a terminal: both come through stdout. */
  stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** Resolves when the container has ended, or `close` was called. */
  readonly ended: Promise<void>;
  /** Leaves the container alone. */
  close(): void;
}

export interface ContainerUsage {
  cpuUsageNs: number;
  memoryBytes: number;
  /** Without what the kernel can drop at once (page cache that is inactive). */
  memoryWorkingSetBytes: number;
  pids: number;
}

export interface ImageStore {
  /** Reads a docker-archive or an OCI archive (either may be gzipped). @returns what was loaded. @throws BadRequest */
  load(archive: Readable): Promise<LoadedImage[]>;
  /** Makes a one-layer image from programs of this host and the shared libraries they need. */
  pack(options: PackOptions): Promise<LoadedImage>;
  list(): Promise<ImageSummary[]>;
  /** By reference (`nginx` is `docker.io/library/nginx:latest`), digest or id (12 digits or more). */
  resolve(reference: string): Promise<Image | undefined>;
  remove(reference: string): Promise<void>;
  /** Digests of every blob against its bytes, and every reference against its manifest. */
  check(): Promise<string[]>;
}

export interface PackOptions {
  reference: string;
  /** Paths on the host, or names on PATH; each is put at /usr/local/bin/<base name>, its libraries at their own paths. */
  binaries: string[];
  /** Further files: host path → path in the image. */
  files?: { source: string; destination: string }[];
  /** Default: the first binary. */
  entrypoint?: string[];
  cmd?: string[];
  env?: Record<string, string>;
  workingDir?: string;
  exposedPorts?: string[];
  user?: string;
}

export interface LoadedImage {
  reference: string | undefined;
  id: string;
}

export interface ImageSummary {
  /** Empty for an image without a name. */
  references: string[];
  id: string;
  digest: string;
  createdAt: string;
  sizeBytes: number;
}

export interface Image extends ImageSummary {
  config: ImageConfig;
  /** Digests of the compressed layers, bottom first. */
  layers: string[];
}

/** OCI image-spec, config.md. */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
}

export interface Networks {
  /** Makes a network namespace with `lo` up, pinned by a bind mount. @returns its path. Idempotent. */
  createNamespace(name: string): Promise<string>;
  /** Removes the pin; the namespace goes with its last process. No error when it is already gone. */
  removeNamespace(name: string): Promise<void>;
  /** Names of pins, also of those that lead nowhere since the host was started anew. */
  listNamespaces(): Promise<string[]>;
  /** Whether the namespace is there: a pin alone may be of the time before a reboot. */
  hasNamespace(name: string): Promise<boolean>;
  /** CNI ADD of the engine's network (bridge + host-local [+ portmap]). */
  attach(attachment: NetworkAttachment): Promise<NetworkResult>;
  /** CNI DEL; no error when it is already gone. */
  detach(attachment: NetworkAttachment): Promise<void>;
  /** Opens a TCP connection to `port` on the loopback of a network namespace. */
  connect(namespacePath: string, port: number): Promise<Duplex>;
}

export interface NetworkAttachment {
  /** CNI_CONTAINERID. */
  containerId: string;
  /** Pinned namespace (a name given to createNamespace). */
  namespace: string;
  portMappings?: { hostPort: number; containerPort: number; protocol: 'tcp' | 'udp'; hostIP?: string }[];
}

export interface NetworkResult {
  /** Addresses without prefix length, IPv4 first. */
  addresses: string[];
  gateway?: string;
}

export interface Holdings {
  containers: string[];
  mounts: string[];
  namespaces: string[];
  cgroups: string[];
  addresses: string[];
  links: string[];
}

export interface EngineOptions {
  /** Everything the engine owns on disk. */
  directory: string;
  /** Six hex digits that keep two engines on one host apart: in names of bridges, cgroups, namespaces, mounts. */
  instance: string;
  /** The range containers get their addresses from, and its bridge: `10.42.0.0/24`. */
  subnet: string;
}
