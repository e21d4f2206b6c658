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
  readonly images: ImageLibrary;
  readonly networks: Networks;

  /** Makes the root file system, `config.json` and the record; the process is not started. @returns the id (64 hex digits). */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /**
   * Makes the runtime's container of one that was created (`deferred`) or has ended: its root is mounted, namespaces
   * and mounts are made, its process is not started. `spec` replaces what it was created with.
   * @throws Conflict when it runs or is made already
   */
  init(id: string, spec: ContainerSpec): Promise<void>;
  /** Gives back what an ended container holds of the host: root mount, runtime state, control group. Idempotent. */
  /**
   * Starts the conmon that the next `init` of this container in this process takes: its way into a control group takes
   * the kernel 10 ms and more, and meanwhile other things can be made ready.
   */
  startMonitor(id: string, monitor: ContainerMonitor): Promise<void>;
  /** Ends one that no `init` has taken. */
  dismissMonitor(id: string): void;
  cleanup(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  /** @throws AlreadyExists */
  rename(id: string, name: string): Promise<void>;
  /** Replaces `details`; durable as the container is. */
  writeDetails(id: string, details: unknown): Promise<void>;
  /** Mounts its root on the host if it is not. @returns where. */
  mountRoot(id: string): Promise<string>;
  /** False when it was not mounted. */
  unmountRoot(id: string): Promise<boolean>;
  /** Where things of a container are on the host. */
  pathsOf(id: string): Promise<ContainerPaths>;
  /** Ids of those whose name or id this is, else whose id begins so. */
  find(nameOrBeginning: string): Promise<string[]>;
  /**
   * Resolves as soon as it has ended.
   * @throws NotFound when it is removed before, or before that was seen; the reason of `signal` when that fires
   */
  ended(id: string, signal?: AbortSignal): Promise<ContainerState>;
  /** Of the host's numbering. */
  processesOf(id: string): Promise<number[]>;
  /** Everything its cgroup counts; undefined when it does not run. */
  statistics(id: string): Promise<ContainerStatistics | undefined>;
  /** Made for a container's start; `end` it when that is done. @throws BadRequest */
  userNamespace(mappings: IdMappings): Promise<UserNamespace>;
  /** One at a time between all processes, reentrant within none. */
  locked<T>(id: string, work: () => Promise<T>): Promise<T>;
  /** The stop signal, then SIGKILL after `timeoutSeconds`; returns when the container has ended. @returns whether it had to be killed */
  stop(id: string, timeoutSeconds: number, signal?: string): Promise<boolean>;
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
  /** Without streams: it goes on when this process ends. @throws OrreryError ContainerStartFailed */
  execDetached(id: string, options: ExecOptions, session: DetachedSession): Promise<void>;
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

export interface ContainerPaths {
  /** The container's own folder; files of the caller's go into `<folder>/user`. */
  folder: string;
  config: string;
  root: string;
  /** Absent with a root file system of the host's. */
  upper?: string;
  work?: string;
  /** The folders of its layers, top first. */
  lowers: string[];
  cgroup: string;
}

/** How conmon is to hold a container. */
export interface ContainerMonitor {
  log?: { driver: 'k8s-file' | 'none' | 'passthrough'; maxSizeBytes?: number };
  /** Run by conmon when the container has ended. */
  exitCommand?: string[];
  /** Seconds after which conmon ends it. */
  timeoutSeconds?: number;
  /** Descriptors from 3 on that the process keeps. */
  preserveFds?: number;
  /** Descriptors of ours that conmon holds as long as it lives, and no process of the container has: host ports. */
  heldDescriptors?: readonly number[];
}

export interface ContainerSpec extends ContainerMonitor {
  /** Unique within the engine; for people. */
  name: string;
  /** 64 hex digits; default: random ones. */
  id?: string;
  /** `create` makes the record only; `init` does the rest. */
  deferred?: boolean;
  /** The record survives a power failure. */
  durable?: boolean;
  /** What it writes to its root is gone with it, and may be after a power failure. */
  isVolatile?: boolean;
  /** Whatever the caller keeps with it (JSON). */
  details?: unknown;
  /** This folder of the host is its root, instead of an image's layers. */
  rootfs?: string;
  /** That folder stays as it is: what the container writes lies above it, and goes with the container. */
  overlaysRootfs?: boolean;
  /** The whole command line and environment; then `command`, `args`, `env` and the image's are not asked. */
  process?: { args: string[]; env: string[]; umask?: number };
  domainname?: string;
  namespaces?: ContainerNamespaces;
  /** Of its user namespace; its layers are seen with these owners. Given to `create`, and with `namespaces.user` to `init`. */
  idMappings?: IdMappings;
  /** Names or numbers, looked up in the image's group file. */
  groupAdd?: string[];
  rlimits?: { name: string; soft: number; hard: number }[];
  devices?: { hostPath: string; path: string; permissions: string }[];
  /** `c 1:3 rwm` */
  deviceRules?: string[];
  /** A privileged one has all devices of the host but its virtual terminals: systemd would take them. */
  hidesTerminals?: boolean;
  /** 0 is no /dev/shm at all. */
  shmSizeBytes?: number;
  annotations?: Record<string, string>;
  conmonPidFile?: string;
  pidFile?: string;
  /** No control group of its own. */
  withoutCgroup?: boolean;
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
  /** Path of a pinned network namespace, `host`, or `private`: one of its own with nothing but `lo`. */
  network: string;
  /** Share these with the host. */
  hostPid?: boolean;
  hostIpc?: boolean;
  /** The id of a running container whose processes this one sees, and is seen by. */
  pidNamespaceOf?: string;
  tty: boolean;
  /** What the terminal begins with. */
  terminalSize?: { columns: number; rows: number };
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

/** `private`, `host`, or the path of one. What is absent is as without this field. */
export interface ContainerNamespaces {
  pid?: string;
  ipc?: string;
  uts?: string;
  cgroup?: string;
  user?: string;
}

export interface IdMappings {
  uids: IdMapping[];
  gids: IdMapping[];
}

/** Held by a process of ours: paths below /proc. */
export interface UserNamespace {
  path: string;
  /** A network namespace that belongs to it. */
  networkPath: string;
  end(): void;
}

export interface IdMapping {
  containerId: number;
  hostId: number;
  size: number;
}

export interface ContainerMount {
  type: 'bind' | 'tmpfs' | 'devpts' | 'mqueue' | 'overlay' | 'cgroup';
  /** Exactly these mount options; the fields below are not asked. */
  options?: string[];
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
  memoryReservationBytes?: number;
  /** Memory and swap together; -1: no limit. */
  memorySwapBytes?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  cpuRealtimeRuntimeUs?: number;
  cpuRealtimePeriodUs?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  blkioWeight?: number;
  blkioWeightDevices?: BlkioDevice[];
  blkioReadBps?: BlkioDevice[];
  blkioWriteBps?: BlkioDevice[];
  blkioReadIops?: BlkioDevice[];
  blkioWriteIops?: BlkioDevice[];
}

/** `value` is a weight, or a rate in bytes or operations a second. */
export interface BlkioDevice {
  path: string;
  value: number;
}

/** What can be changed while a container runs. */
export type ContainerLimits = Pick<
  ContainerResources,
  | 'memoryLimitBytes'
  | 'memoryReservationBytes'
  | 'memorySwapBytes'
  | 'memorySwappiness'
  | 'cpuShares'
  | 'cpuQuotaUs'
  | 'cpuPeriodUs'
  | 'cpuRealtimeRuntimeUs'
  | 'cpuRealtimePeriodUs'
  | 'cpusetCpus'
  | 'cpusetMems'
  | 'pidsLimit'
  | 'blkioWeight'
  | 'blkioWeightDevices'
  | 'blkioReadBps'
  | 'blkioWriteBps'
  | 'blkioReadIops'
  | 'blkioWriteIops'
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
  /** Instead of Docker's default set. */
  defaultCapabilities?: string[];
  /** A user other than root has only what `capAdd` names, and hands it on (ambient), as in Podman. */
  noneForUsers?: boolean;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  apparmorProfile?: string;
  selinuxLabel?: string;
  /** Instead of the engine's own default: Docker's template format. */
  seccompTemplate?: string;
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
  /** The runtime's container is made and waits for `start`. */
  isInitialized?: boolean;
  isPaused?: boolean;
  conmonPid?: number;
  details?: unknown;
}

export interface ExecOptions {
  command: string[];
  tty: boolean;
  stdin: boolean;
  env?: Record<string, string>;
  timeoutMs?: number;
  /** As `ContainerSpec.user`; default: the container's. */
  user?: string;
  workingDir?: string;
  privileged?: boolean;
  /** Where the process id is written. */
  pidFile?: string;
  preserveFds?: number;
  /** The terminal's size from its first instant; `resize` may come too late for a process that asks at once. */
  terminalSize?: { columns: number; rows: number };
}

/** Where conmon keeps a process that nobody is attached to. */
export interface DetachedSession {
  /** Not the container's. */
  id: string;
  /** Of its own, made when it is not there; what it holds afterwards, `readDetachedExec` tells. */
  folder: string;
  /** What conmon has called at its end. */
  exitCommand: string[];
}

export interface DetachedExec {
  /** Its conmon lives: it runs, or has just ended. */
  isHeld: boolean;
  exitCode?: number;
  /** On the host. */
  pid?: number;
}

export interface ExecSession {
  stdin?: Writable;
  stdout: Readable;
  /** Absent with a terminal: both come through stdout. */
  stderr?: Readable;
  /** The terminal that this process holds, by which others may resize it: `/dev/pts/3`. */
  terminalPath?: string;
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

export interface ContainerStatistics {
  cpuUsageNs: number;
  cpuSystemNs: number;
  memoryUsageBytes: number;
  /** The host's memory when it has no limit. */
  memoryLimitBytes: number;
  memoryStats: Record<string, number>;
  blockReadBytes: number;
  blockWriteBytes: number;
  pids: number;
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
  /** By reference (as Podman: the name as it is, in localhost, on docker.io, or at the end of one), digest or id (3 digits or more). */
  resolve(reference: string): Promise<Image | undefined>;
  remove(reference: string): Promise<void>;
  /** Digests of every blob against its bytes, and every reference against its manifest. */
  check(): Promise<string[]>;
}

/**
 * What a registry, a builder and a tool for people need beside `ImageStore`; on the same directory.
 * References are as people write them; see `images/short-names.ts` for what they may stand for.
 */
export interface ImageLibrary extends ImageStore {
  readonly manifestLists: ManifestLists;
  /**
   * Fetches what is not there yet, several layers at once, verifying digest and size while streaming.
   * @throws OrreryError ImagePullFailed, Unauthorized, NotFound
   */
  pull(reference: string, options?: PullOptions): Promise<LoadedImage & { pulled: boolean }>;
  /** @param destination default: the image's own name. */
  push(reference: string, options?: PushOptions): Promise<PushedImage>;
  /** One more name; the name leaves the image it had. */
  tag(reference: string, name: string): Promise<void>;
  /** Without names: takes all of them away; the image stays, without a name. @returns the names it lost */
  untag(reference: string, names?: string[]): Promise<string[]>;
  save(references: string[], options: SaveOptions): Promise<Readable>;
  /** A root file system (tar, also compressed) becomes an image of one layer. */
  importRootfs(tar: Readable, options: ImportOptions): Promise<LoadedImage>;
  /** Newest first. */
  history(reference: string): Promise<ImageHistoryEntry[]>;
  search(term: string, options?: SearchOptions): Promise<SearchResult[]>;
  /** Adds an image that was put together here: by a build, a commit. */
  add(image: NewImage): Promise<LoadedImage>;
  /** A layer's tar becomes a blob and an unpacked folder, kept at least until `add` names it or an hour has passed. */
  addLayer(tar: Readable): Promise<NewLayer>;
  /** Deletes all that no image leads to, also the finished steps of a build that was cut off. */
  sweep(): Promise<void>;
  /** The manifest as it came, and the config blob, byte for byte. */
  raw(reference: string): Promise<{ manifest: Buffer; config: Buffer }>;
  /** Every image with what people are told of it, newest first. */
  describe(): Promise<ImageDetails[]>;
  /** @throws NotFound */
  inspect(reference: string): Promise<ImageDetails>;
  /**
   * What `rmi` does: a name goes alone while the image has others; with the image go its unnamed parents. An id
   * with several names wants `allNames` or `force`, which also unmounts it.
   * @throws NotFound @throws Conflict with the `containers` (ids) that use it in its details
   */
  removeImage(
    reference: string,
    options?: { force?: boolean; noPrune?: boolean; allNames?: boolean },
  ): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Forgets images that cannot be read any more: the one named, or all. @returns digests of their manifests. */
  removeDamaged(reference?: string): Promise<string[]>;
  /** Removes images without names, or with `all` those no container uses. @returns ids and what they took. */
  prune(options?: {
    all?: boolean;
    filters?: Record<string, string[]>;
  }): Promise<{ deleted: string[]; untagged: string[]; reclaimedBytes: number }>;
  /** An archive, or a folder in the layout of OCI or of containers' `dir:` transport. @throws BadRequest */
  loadFrom(source: Readable | { folder: string }, options?: LoadOptions): Promise<LoadedImage[]>;
  /** Writes `oci-dir` and `docker-dir`. */
  saveToFolder(reference: string, folder: string, options: SaveOptions): Promise<void>;
  /** Mounts its root file system on the host, read-only. @returns where @throws NotFound */
  mountImage(reference: string): Promise<string>;
  /**
   * The same, and writable, for one container, the `holder`: what it writes is kept in `folder`. Unmounted by
   * `detachMount` of what is returned; that people see it ends with `releaseImage`.
   */
  mountImageIn(reference: string, folder: string, holder: string): Promise<string>;
  /** Idempotent. */
  releaseImage(reference: string, holder: string): Promise<void>;
  unmountImage(reference: string): Promise<{ id: string; wasMounted: boolean }>;
  mountedImages(): Promise<{ id: string; path: string }[]>;
  /** Folders of its unpacked layers, top first, for an overlay. @throws NotFound */
  layerFolders(image: Image): Promise<{ diffIds: string[]; names: string[] }>;
  /** What a registry has under a full name; nothing is kept. @throws NotFound */
  lookUpManifest(name: string, options?: RegistryAccess & { signal?: AbortSignal }): Promise<RemoteManifest>;
  login(
    registry: string,
    credentials: { username: string; password: string },
    options?: RegistryAccess,
  ): Promise<void>;
  logout(registry: string | undefined, options?: RegistryAccess): Promise<string[]>;
}

/** Of a manifest or a list of them. */
export interface RemoteManifest {
  mediaType: string;
  digest: string;
  size: number;
  platforms: { os: string; architecture: string; variant?: string }[];
}

/** How to come to a registry; what is absent is as in registries.conf, containers' auth.json and certs.d. */
export interface RegistryAccess {
  authFile?: string;
  certDir?: string;
  credentials?: { username: string; password: string };
  /** False also allows plain HTTP. */
  tlsVerify?: boolean;
  /** As containerd and dockerd have it: a registry on a loopback address need not have TLS. */
  insecureLoopback?: boolean;
  /** registries.conf; files of `<it>.d` are read too. */
  registriesConf?: string;
  /** policy.json. */
  signaturePolicy?: string;
  /** Where credentials are looked for that `authFile` has not: Docker's config.json. */
  fallbackAuthFiles?: string[];
  /** Folders with one folder a registry: `/etc/containers/certs.d`. The first that has one is used. */
  certificateFolders?: string[];
  /** To whom an unqualified name belongs; without it, registries.conf says. */
  defaultDomain?: 'docker.io';
}

export interface TransferProgress {
  /** A digest, or '' for a line about the whole. */
  id: string;
  /** Docker's words: `Pulling fs layer`, `Downloading`, `Verifying Checksum`, `Download complete`, `Extracting`, `Pull complete`, `Already exists`, `Pushing`, `Pushed`, … */
  status: string;
  current?: number;
  total?: number;
}

export interface PullOptions extends RegistryAccess {
  /** Default `always`. */
  policy?: 'always' | 'missing' | 'never' | 'newer';
  platform?: { os?: string; architecture?: string; variant?: string };
  allTags?: boolean;
  onProgress?: (progress: TransferProgress) => void;
  signal?: AbortSignal;
  retries?: number;
}

export interface PushOptions extends RegistryAccess {
  destination?: string;
  compression?: 'gzip' | 'zstd';
  format?: 'oci' | 'docker';
  /** Under its digest only, no tag. */
  byDigest?: boolean;
  onProgress?: (progress: TransferProgress) => void;
  signal?: AbortSignal;
}

/** What the registry has now; without size and type where it went into a file. */
export interface PushedImage {
  digest: string;
  sizeBytes?: number;
  mediaType?: string;
}

/** Image indexes that are put together here; each by its name or id. @throws NotFound */
export interface ManifestLists {
  /** @returns its id @throws AlreadyExists unless `amend` */
  create(name: string, options?: { amend?: boolean }): Promise<string>;
  /** An image that is not here is pulled. @returns the list's id, as those below */
  add(
    list: string,
    image: string,
    options?: { platform?: ManifestListPlatform; all?: boolean; access?: RegistryAccess },
  ): Promise<string>;
  annotate(list: string, digest: string, platform: ManifestListPlatform): Promise<string>;
  removeEntry(list: string, digest: string): Promise<string>;
  remove(list: string): Promise<{ untagged: string[]; deleted: string[] }>;
  exists(list: string): Promise<boolean>;
  /** As Podman shows it: Docker's manifest list. */
  inspect(list: string): Promise<object>;
  push(list: string, destination: string, options?: ManifestListPush): Promise<{ digest: string }>;
}

/** For whom an entry of a list is, where the image itself does not say so. */
export interface ManifestListPlatform {
  os?: string;
  architecture?: string;
  variant?: string;
  osVersion?: string;
  osFeatures?: string[];
  features?: string[];
  annotations?: Record<string, string>;
}

export interface ManifestListPush {
  /** Default true: its images too. */
  all?: boolean;
  format?: 'oci' | 'docker';
  compression?: 'gzip' | 'zstd';
  access?: RegistryAccess;
  onProgress?: (progress: TransferProgress) => void;
}

export interface LoadOptions {
  /** To whom an unqualified name in the archive belongs: Podman's own is `localhost`. Default docker.io. */
  defaultDomain?: 'localhost' | 'docker.io';
  /** For an image that has none. */
  reference?: string;
  /** What people call the source: told in the event. */
  origin?: string;
}

export interface SaveOptions {
  format: 'docker-archive' | 'oci-archive' | 'oci-dir' | 'docker-dir';
  uncompressed?: boolean;
  /** Names that are only the archive's, for the one image in it. */
  furtherNames?: string[];
  /** The file it is written to: told in the event. */
  destination?: string;
}

/** What was done with an image, in Podman's words (podman-events(1)). */
export interface ImageEvent {
  status: 'build' | 'import' | 'loadfromarchive' | 'pull' | 'push' | 'remove' | 'save' | 'tag' | 'untag';
  /** Without `sha256:`; '' where Podman tells none. */
  id: string;
  /** As it was given. */
  name: string;
}

export interface ImportOptions {
  reference?: string;
  /** Dockerfile instructions. */
  changes?: string[];
  message?: string;
  os?: string;
  architecture?: string;
  variant?: string;
}

export interface ImageHistoryEntry {
  id: string;
  createdAt: string;
  createdBy: string;
  sizeBytes: number;
  comment: string;
  tags: string[];
  emptyLayer: boolean;
}

export interface SearchOptions extends RegistryAccess {
  limit?: number;
  listTags?: boolean;
  filters?: Record<string, string[]>;
}

export interface SearchResult {
  index: string;
  name: string;
  description: string;
  stars: number;
  official: string;
  automated: string;
  tag?: string;
}

/** A layer that `addLayer` took. */
export interface NewLayer {
  /** Of the compressed blob. */
  digest: string;
  diffId: string;
  sizeBytes: number;
  mediaType: string;
}

export interface NewImage {
  reference?: string;
  /** All of the layers, bottom first; those of a base image by its descriptors. */
  layers: NewLayer[];
  config: ImageConfig;
  architecture: string;
  os: string;
  variant?: string;
  /** RFC 3339. */
  createdAt: string;
  author?: string;
  history: {
    created?: string;
    created_by?: string;
    author?: string;
    comment?: string;
    empty_layer?: boolean;
  }[];
  format?: 'oci' | 'docker';
  annotations?: Record<string, string>;
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
  architecture?: string;
  os?: string;
  variant?: string;
  author?: string;
  config: ImageConfig;
  /** Digests of the compressed layers, bottom first. */
  layers: string[];
  /** A registry has it: it was pulled, not loaded or made here. */
  fromRegistry: boolean;
}

/** An image with all that `inspect`, `images` and `history` tell of it; `sizeBytes` is of its unpacked layers. */
export interface ImageDetails extends Image {
  /** `name@digest` of each of its names. */
  repoDigests: string[];
  /** The image it was made from, as far as it is here. */
  parentId?: string;
  hasChildren: boolean;
  /** Of containers made from it. */
  users: { id: string; name: string }[];
  diffIds: string[];
  /** Unpacked size of each layer, bottom first. */
  layerSizes: number[];
  /** Its names, then those it had. */
  namesHistory: string[];
  /** Oldest first. */
  history: NewImage['history'];
  /** Its manifest's. */
  mediaType: string;
  annotations: Record<string, string>;
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
  /** Docker's additions to OCI's configuration. */
  Healthcheck?: {
    Test?: string[];
    /** Nanoseconds. */
    Interval?: number;
    Timeout?: number;
    StartPeriod?: number;
    StartInterval?: number;
    Retries?: number;
  };
  Shell?: string[];
  OnBuild?: string[];
  ArgsEscaped?: boolean;
}

export interface Networks {
  /**
   * Makes a network namespace with `lo` up, pinned by a bind mount, or pins the one at `existing`.
   * @returns its path. Idempotent.
   */
  createNamespace(name: string, existing?: string): Promise<string>;
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
  /** Images and layers are here instead, shared with the engine whose directory it is. */
  imagesDirectory?: string;
  /** How much one layer may unpack to; default: what the disk has room for. */
  layerLimitBytes?: number;
  /** Six hex digits that keep two engines on one host apart: in names of bridges, cgroups, namespaces, mounts. */
  instance: string;
  /** The range containers get their addresses from, and its bridge: `10.42.0.0/24`. */
  subnet: string;
}
