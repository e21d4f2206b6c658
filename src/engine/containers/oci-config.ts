import { BadRequest } from '../../base/index.ts';
import type { ContainerSpec, IdMapping, ImageConfig } from '../engine.ts';
import { mappedMounts, mountsOf, type OciMount, rootPropagation } from './oci-mounts.ts';
import { devicesOf, resourcesOf } from './oci-resources.ts';
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
  /** /proc/self/limits. */
  limits?: string;
  /** CAP_SYS_RESOURCE. */
  canRaiseLimits?: boolean;
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
  /** What a user other than root has of them; default: all. */
  userCapabilities?: string[];
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
  consoleSize?: { height: number; width: number };
  user: { uid: number; gid: number; umask: number; additionalGids?: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: {
    bounding: string[];
    effective: string[];
    permitted: string[];
    inheritable?: string[];
    ambient?: string[];
  };
  [field: string]: unknown;
}

export interface OciConfig {
  ociVersion: string;
  root: { path: string; readonly: boolean };
  process: OciProcess;
  mounts: OciMount[];
  linux: Record<string, unknown>;
  [field: string]: unknown;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
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
  const { security } = spec;
  const privileged = security.privileged === true;
  const devices = devicesOf(spec);
  const nodes = privileged
    ? host.devices
        .filter(({ path }) => !spec.hidesTerminals || !/^\/dev\/tty\w+$/.test(path))
        .map(({ mode, ...device }) => ({ ...device, fileMode: mode }))
    : [];
  return {
    ociVersion: '1.0.2',
    root: { path: input.rootPath, readonly: security.readOnlyRootFilesystem === true },
    ...(spec.hostname && hasOwnUts(spec) && { hostname: spec.hostname }),
    process: processOf(input),
    mounts: spec.idMappings === undefined ? mountsOf(spec, privileged) : mappedMounts(spec, privileged),
    annotations: spec.annotations ?? {},
    linux: {
      namespaces: namespacesOf(input),
      ...(spec.idMappings && {
        uidMappings: ociMappings(spec.idMappings.uids),
        gidMappings: ociMappings(spec.idMappings.gids),
      }),
      ...(spec.withoutCgroup ? {} : { cgroupsPath: input.cgroupPath }),
      resources: resourcesOf(spec, host, devices),
      ...((privileged || devices.length > 0) && { devices: [...nodes, ...devices] }),
      ...(spec.sysctls && { sysctl: checkedSysctls(spec) }),
      ...(!privileged &&
        !security.unmaskProc && {
          maskedPaths: security.maskedPaths ?? MASKED,
          readonlyPaths: security.readonlyPaths ?? READ_ONLY,
        }),
      ...seccompOf(input, privileged),
      rootfsPropagation: rootPropagation(spec.mounts),
      ...(security.selinuxLabel && { mountLabel: security.selinuxLabel }),
    },
  };
}

function ociMappings(mappings: readonly IdMapping[]) {
  return mappings.map(({ containerId, hostId, size }) => ({
    containerID: containerId,
    hostID: hostId,
    size,
  }));
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
  const { spec, image, user, host } = input;
  const adjusted = Math.max(spec.resources.oomScoreAdj ?? 0, host.oomScoreAdjFloor);
  return {
    terminal: spec.tty,
    ...(spec.tty &&
      spec.terminalSize && {
        consoleSize: { height: spec.terminalSize.rows, width: spec.terminalSize.columns },
      }),
    user: {
      uid: user.uid,
      gid: user.gid,
      umask: spec.process?.umask ?? 0o022,
      ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
    },
    args: spec.process?.args ?? commandLine(spec, image),
    env: spec.process === undefined ? environment(spec, image, user.home) : withHome(spec.process, user),
    cwd: spec.workingDir || image.WorkingDir || '/',
    capabilities: ociCapabilities(input),
    rlimits: rlimitsOf(spec, host),
    noNewPrivileges: spec.security.noNewPrivileges === true,
    ...(spec.security.apparmorProfile && { apparmorProfile: spec.security.apparmorProfile }),
    ...(spec.security.selinuxLabel && { selinuxLabel: spec.security.selinuxLabel }),
    oomScoreAdj: Math.min(adjusted, 1000),
  };
}

function withHome({ env }: { env: string[] }, user: ProcessUser): string[] {
  return env.some((line) => line.startsWith('HOME=')) ? env : [...env, `HOME=${user.home || '/'}`];
}

function ociCapabilities({ capabilities: bounding, userCapabilities }: OciConfigInput) {
  const own = userCapabilities ?? bounding;
  return {
    bounding,
    effective: own,
    permitted: own,
    ...(userCapabilities !== undefined && { inheritable: own, ambient: own }),
  };
}

/** Never above the caller's hard limits, which only CAP_SYS_RESOURCE could raise. */
function rlimitsOf(spec: ContainerSpec, host: HostFacts) {
  const { openFiles, processes } = host.hardLimits;
  const most = Math.min(openFiles, DEFAULT_OPEN_FILES);
  const limits = new Map<string, { hard: number; soft: number }>([['NOFILE', { hard: most, soft: most }]]);
  if (Number.isFinite(processes)) limits.set('NPROC', { hard: processes, soft: processes });
  for (const { name, soft, hard } of spec.rlimits ?? []) {
    const type = name.toUpperCase().replace(/^RLIMIT_/, '');
    const line = LIMIT_LINES[type];
    if (line === undefined) throw new BadRequest(`invalid ulimit type: ${name}`);
    const ceiling = host.canRaiseLimits ? Number.POSITIVE_INFINITY : hardLimit(host.limits ?? '', line);
    const clamp = (value: number) => Math.min(value < 0 ? Number.POSITIVE_INFINITY : value, ceiling);
    limits.set(type, { hard: clamp(hard), soft: clamp(soft) });
  }
  // The number that the kernel reads as "none"; JSON has no larger one that is exact.
  const number = (value: number) => (Number.isFinite(value) ? value : RLIM_INFINITY);
  return [...limits].map(([type, { hard, soft }]) => ({
    type: `RLIMIT_${type}`,
    hard: number(hard),
    soft: number(soft),
  }));
}

const RLIM_INFINITY = 2 ** 64;

/** As JSON that Go reads: RLIM_INFINITY is 2^64-1, which no double is. */
export function ociText(config: unknown): string {
  return JSON.stringify(config).replaceAll(/(:)18446744073709552000\b/g, '$118446744073709551615');
}

/** Names of getrlimit(2) as /proc/<pid>/limits calls them. */
const LIMIT_LINES: Record<string, string> = {
  CORE: 'Max core file size',
  CPU: 'Max cpu time',
  DATA: 'Max data size',
  FSIZE: 'Max file size',
  LOCKS: 'Max file locks',
  MEMLOCK: 'Max locked memory',
  MSGQUEUE: 'Max msgqueue size',
  NICE: 'Max nice priority',
  NOFILE: 'Max open files',
  NPROC: 'Max processes',
  RSS: 'Max resident set',
  RTPRIO: 'Max realtime priority',
  RTTIME: 'Max realtime timeout',
  SIGPENDING: 'Max pending signals',
  STACK: 'Max stack size',
};

function hasOwnUts(spec: ContainerSpec): boolean {
  const asked = spec.namespaces?.uts;
  if (asked !== undefined) return asked === 'private';
  return spec.network !== 'host' || spec.hostname !== undefined;
}

function namespacesOf(input: OciConfigInput): { type: string; path?: string }[] {
  const { spec, host, pidNamespacePath } = input;
  const { pid, ipc, uts, cgroup, user } = spec.namespaces ?? {};
  const one = (type: string, asked: string | undefined, byDefault: boolean) => {
    if (asked === undefined ? !byDefault : asked === 'host') return [];
    return [{ type, ...(asked !== undefined && asked !== 'private' && { path: asked }) }];
  };
  return [
    { type: 'mount' },
    ...one('uts', uts, hasOwnUts(spec)),
    ...one('pid', pid ?? pidNamespacePath, !spec.hostPid),
    ...one('ipc', ipc, !spec.hostIpc),
    ...one('network', spec.network, true),
    ...one('cgroup', cgroup, host.isUnified),
    ...one('user', user, false),
  ];
}

/** The hard limit in /proc/self/limits: `Max open files  1024  4096  files`; `Infinity` for none. */
export function hardLimit(text: string, name: string): number {
  const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text)?.[1];
  return value === undefined || value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
}

function seccompOf(input: OciConfigInput, privileged: boolean): { seccomp?: SeccompProfile } {
  if (input.seccompProfile !== undefined) return { seccomp: input.seccompProfile };
  if (privileged || input.spec.security.seccomp === 'unconfined') return {};
  return { seccomp: defaultSeccompProfile(input.capabilities, input.host.architecture) };
}

const UTS_NAMES = new Set(['kernel.hostname', 'kernel.domainname']);
const NAMESPACED_IPC = /^(?:kernel\.(?:shm|msg|sem)|fs\.mqueue\.)/;

function checkedSysctls(spec: ContainerSpec): Record<string, string> {
  const isHostIpc = spec.hostIpc === true || spec.namespaces?.ipc === 'host';
  for (const name of Object.keys(spec.sysctls ?? {})) {
    if (name.startsWith('net.') ? spec.network !== 'host' : NAMESPACED_IPC.test(name) ? !isHostIpc : false)
      continue;
    if (UTS_NAMES.has(name) && hasOwnUts(spec)) continue;
    throw new BadRequest(
      `the sysctl ${name} is not allowed: it is not namespaced, or its namespace is the host's`,
    );
  }
  return spec.sysctls ?? {};
}
