import { BadRequest } from '../../base/index.ts';
import type { ContainerMount, ContainerSpec, ImageConfig } from '../engine.ts';
import { defaultSeccompProfile, type SeccompProfile } from './seccomp.ts';
import type { ProcessUser } from './users.ts';

/** What the host allows and how it keeps control groups. */
export interface HostFacts {
  architecture: string;
  isUnified: boolean;
  /** memory.memsw / memory.swap exist. */
  hasSwapAccounting: boolean;
  /** Hard limits of this process; a container never gets more. `Infinity` for none. */
  hardLimits: { openFiles: number; processes: number };
  /** The lowest oom_score_adj a child may get. */
  oomScoreAdjFloor: number;
  /** Device nodes of the host's /dev, for privileged containers. */
  devices: {
    path: string;
    type: 'c' | 'b';
    major: number;
    minor: number;
    mode: number;
    uid: number;
    gid: number;
  }[];
}

export interface OciConfigInput {
  spec: ContainerSpec;
  image: ImageConfig;
  rootPath: string;
  user: ProcessUser;
  capabilities: string[];
  cgroupPath: string;
  host: HostFacts;
  /** Of the container whose processes this one shares. */
  pidNamespacePath?: string;
  /** A parsed profile of the caller's, when `security.seccomp` names a file. */
  seccompProfile?: SeccompProfile;
}

/** The part of an OCI runtime configuration that `exec` needs again. */
export interface OciProcess {
  terminal: boolean;
  user: { uid: number; gid: number; umask: number; additionalGids?: number[] };
  args: string[];
  env: string[];
  cwd: string;
  [field: string]: unknown;
}

export interface OciConfig {
  ociVersion: string;
  process: OciProcess;
  mounts: OciMount[];
  linux: Record<string, unknown>;
  [field: string]: unknown;
}

interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_SHM_BYTES = 64 << 20;
const DEFAULT_OPEN_FILES = 1_048_576;

/** As Docker masks them. */
const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/**
 * The `config.json` of a container (OCI runtime-spec 1.0, config.md and config-linux.md).
 *
 * @throws BadRequest when there is no command, or a field contradicts another.
 */
export function ociConfig(input: OciConfigInput): OciConfig {
  const { spec, host } = input;
  const privileged = spec.security.privileged === true;
  return {
    ociVersion: '1.0.2',
    root: { path: input.rootPath, readonly: spec.security.readOnlyRootFilesystem === true },
    ...(spec.hostname && hasOwnUts(spec) && { hostname: spec.hostname }),
    process: processOf(input),
    mounts: mountsOf(spec, privileged),
    annotations: {},
    linux: {
      namespaces: namespacesOf(input),
      cgroupsPath: input.cgroupPath,
      resources: resourcesOf(input, privileged),
      ...(privileged && {
        devices: host.devices.map(({ mode, ...device }) => ({ ...device, fileMode: mode })),
      }),
      ...(spec.sysctls && { sysctl: checkedSysctls(spec) }),
      ...(!privileged && !spec.security.unmaskProc && { maskedPaths: MASKED, readonlyPaths: READ_ONLY }),
      ...seccompOf(input, privileged),
      rootfsPropagation: rootPropagation(spec.mounts),
    },
  };
}

/** The command line: the spec's over the image's, as in Kubernetes' table of command and args. */
export function commandLine(spec: Pick<ContainerSpec, 'command' | 'args'>, image: ImageConfig): string[] {
  const line =
    spec.command !== undefined && spec.command.length > 0
      ? [...spec.command, ...(spec.args ?? [])]
      : [
          ...(image.Entrypoint ?? []),
          ...(spec.args !== undefined && spec.args.length > 0 ? spec.args : (image.Cmd ?? [])),
        ];
  if (line.length === 0) throw new BadRequest('no command specified');
  return line;
}

export function environment(spec: ContainerSpec, image: ImageConfig, home: string | undefined): string[] {
  const env = new Map<string, string>();
  for (const line of image.Env ?? []) {
    const equals = line.indexOf('=');
    env.set(equals < 0 ? line : line.slice(0, equals), equals < 0 ? '' : line.slice(equals + 1));
  }
  if (!env.has('PATH')) env.set('PATH', DEFAULT_PATH);
  if (spec.hostname) env.set('HOSTNAME', spec.hostname);
  if (spec.tty) env.set('TERM', 'xterm');
  if (home && !env.has('HOME')) env.set('HOME', home);
  for (const [name, value] of Object.entries(spec.env)) env.set(name, value);
  for (const [name, value] of env)
    if (name === '' || name.includes('=') || `${name}${value}`.includes('\0'))
      throw new BadRequest(`invalid environment variable ${JSON.stringify(name)}`);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

function processOf(input: OciConfigInput): OciProcess {
  const { spec, image, user, capabilities, host } = input;
  const { openFiles, processes } = host.hardLimits;
  const rlimits = [
    {
      type: 'RLIMIT_NOFILE',
      hard: Math.min(openFiles, DEFAULT_OPEN_FILES),
      soft: Math.min(openFiles, DEFAULT_OPEN_FILES),
    },
    ...(Number.isFinite(processes) ? [{ type: 'RLIMIT_NPROC', hard: processes, soft: processes }] : []),
  ];
  const adjusted = Math.max(spec.resources.oomScoreAdj ?? 0, host.oomScoreAdjFloor);
  return {
    terminal: spec.tty,
    user: {
      uid: user.uid,
      gid: user.gid,
      umask: 0o022,
      ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
    },
    args: commandLine(spec, image),
    env: environment(spec, image, user.home),
    cwd: spec.workingDir || image.WorkingDir || '/',
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    },
    rlimits,
    noNewPrivileges: spec.security.noNewPrivileges === true,
    oomScoreAdj: Math.min(adjusted, 1000),
  };
}

function hasOwnUts(spec: ContainerSpec): boolean {
  return spec.network !== 'host' || spec.hostname !== undefined;
}

function namespacesOf(input: OciConfigInput): { type: string; path?: string }[] {
  const { spec, host, pidNamespacePath: path } = input;
  return [
    { type: 'mount' },
    ...(hasOwnUts(spec) ? [{ type: 'uts' }] : []),
    ...(spec.hostPid ? [] : [{ type: 'pid', ...(path !== undefined && { path }) }]),
    ...(spec.hostIpc ? [] : [{ type: 'ipc' }]),
    ...(spec.network === 'host' ? [] : [{ type: 'network', path: spec.network }]),
    ...(host.isUnified ? [{ type: 'cgroup' }] : []),
  ];
}

function mountsOf(spec: ContainerSpec, privileged: boolean): OciMount[] {
  const mode = privileged ? 'rw' : 'ro';
  const mount = (destination: string, type: string, ...options: string[]): OciMount => ({
    destination,
    type,
    source: type,
    options,
  });
  const defaults: OciMount[] = [
    mount('/proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    mount('/dev', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    mount('/dev/pts', 'devpts', 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
    mount('/dev/mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
    mount('/sys', 'sysfs', 'nosuid', 'noexec', 'nodev', mode),
    mount('/sys/fs/cgroup', 'cgroup', 'nosuid', 'noexec', 'nodev', 'relatime', mode),
    spec.hostIpc
      ? {
          destination: '/dev/shm',
          type: 'bind',
          source: '/dev/shm',
          options: ['rbind', 'nosuid', 'noexec', 'nodev'],
        }
      : mount('/dev/shm', 'tmpfs', 'nosuid', 'noexec', 'nodev', 'mode=1777', `size=${DEFAULT_SHM_BYTES}`),
  ];
  const asked = new Set(spec.mounts.map((one) => one.destination.replace(/(.)\/+$/, '$1')));
  return [...defaults.filter((one) => !asked.has(one.destination)), ...spec.mounts.map(askedMount)];
}

function askedMount(mount: ContainerMount): OciMount {
  const { destination, source } = mount;
  if (!destination.startsWith('/'))
    throw new BadRequest(`the mount destination ${destination} is not an absolute path`);
  if (mount.type === 'tmpfs')
    return {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: [
        'nosuid',
        'nodev',
        'mode=1777',
        ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
        mount.readOnly ? 'ro' : 'rw',
      ],
    };
  if (source === undefined || !source.startsWith('/'))
    throw new BadRequest(
      `the bind mount on ${destination} needs an absolute source, not ${source ?? 'none'}`,
    );
  const propagation =
    mount.propagation === undefined || mount.propagation === 'private' ? 'rprivate' : mount.propagation;
  return { destination, type: 'bind', source, options: ['rbind', propagation, mount.readOnly ? 'ro' : 'rw'] };
}

/** A bind that is to see or show later mounts needs a root that passes them on. */
function rootPropagation(mounts: readonly ContainerMount[]): string {
  if (mounts.some((mount) => mount.propagation === 'rshared')) return 'shared';
  return mounts.some((mount) => mount.propagation === 'rslave') ? 'slave' : 'private';
}

function resourcesOf(input: OciConfigInput, privileged: boolean): Record<string, unknown> {
  const { memoryLimitBytes, cpuShares, cpuQuotaUs, cpuPeriodUs, pidsLimit } = input.spec.resources;
  const cpu = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpuQuotaUs !== undefined && { quota: cpuQuotaUs, period: cpuPeriodUs ?? 100_000 }),
  };
  return {
    devices: [{ allow: privileged, access: 'rwm' }],
    ...(memoryLimitBytes !== undefined && {
      memory: { limit: memoryLimitBytes, ...(input.host.hasSwapAccounting && { swap: memoryLimitBytes }) },
    }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(pidsLimit !== undefined && { pids: { limit: pidsLimit } }),
  };
}

function seccompOf(input: OciConfigInput, privileged: boolean): { seccomp?: SeccompProfile } {
  if (input.seccompProfile !== undefined) return { seccomp: input.seccompProfile };
  if (privileged || input.spec.security.seccomp === 'unconfined') return {};
  return { seccomp: defaultSeccompProfile(input.capabilities, input.host.architecture) };
}

const NAMESPACED_IPC = /^(?:kernel\.(?:shm|msg|sem)|fs\.mqueue\.)/;

function checkedSysctls(spec: ContainerSpec): Record<string, string> {
  for (const name of Object.keys(spec.sysctls ?? {})) {
    if (name.startsWith('net.') ? spec.network !== 'host' : NAMESPACED_IPC.test(name) ? !spec.hostIpc : false)
      continue;
    throw new BadRequest(
      `the sysctl ${name} is not allowed: it is not namespaced, or its namespace is the host's`,
    );
  }
  return spec.sysctls ?? {};
}
