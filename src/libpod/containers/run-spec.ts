import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BadRequest } from '../../base/index.ts';
import type {
  ContainerMonitor,
  ContainerMount,
  ContainerSecurity,
  ContainerSpec,
} from '../../engine/index.ts';
import type { HostConfig } from '../create-options.ts';
import { resourcesOf } from './limits.ts';
import { bindOptions, tmpfsOptions } from './mounts.ts';
import type { Container, StoredMount } from './stored-container.ts';
import { isSystemd } from './systemd-mode.ts';
import { splitSecurity } from './validation.ts';

/** Podman's default set (containers.conf(5), default_capabilities). */
const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID'],
  ...['SETPCAP', 'SETUID', 'SYS_CHROOT'],
].map((name) => `CAP_${name}`);

const SECCOMP_PROFILE = '/usr/share/containers/seccomp.json';
const INITS = [
  '/usr/libexec/podman/catatonit',
  '/usr/bin/catatonit',
  '/usr/bin/tini',
  '/usr/bin/docker-init',
];
const INIT_PATH = '/run/podman-init';
const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy'];

export interface RunFacts {
  container: Container;
  hostname: string;
  namespaces: Partial<Record<'pid' | 'ipc' | 'uts' | 'cgroup' | 'user', string>>;
  network: string;
  /** Of the image: `NAME=value`. */
  imageEnv: string[];
  callerEnv: Readonly<Record<string, string | undefined>>;
  /** Already on the host: files, volumes, secrets. */
  mounts: ContainerMount[];
  secretEnv: string[];
  logPath: string;
  cgroupParent: string;
}

/** How a container is to run now: what was asked for when it was created, with what is true at this start. */
export function runSpec(facts: RunFacts): ContainerSpec {
  const { id, name, stored, state } = facts.container;
  const { config, hostConfig: host } = stored;
  const podman = stored.options.Podman ?? {};
  const init = host.Init ? (podman.InitPath ?? initProgram()) : undefined;
  const groups = host.GroupAdd ?? [];
  return {
    ...{ id, name, image: state.imageId, deferred: true, env: {}, labels: state.labels },
    process: {
      args: init === undefined ? stored.command : [INIT_PATH, '--', ...stored.command],
      env: environmentOf(facts),
      umask: Number.parseInt(podman.Umask ?? '0022', 8),
    },
    workingDir: config.WorkingDir || '/',
    user: config.User ?? '',
    groupAdd: groups,
    ...(facts.namespaces.uts !== 'host' &&
      !facts.namespaces.uts?.startsWith('/') && { hostname: facts.hostname }),
    mounts: [
      ...facts.mounts,
      ...(init === undefined
        ? []
        : [
            {
              type: 'bind' as const,
              source: init,
              destination: INIT_PATH,
              options: ['bind', 'ro', 'rprivate'],
            },
          ]),
    ],
    network: facts.network,
    namespaces: facts.namespaces,
    tty: config.Tty === true,
    ...(host.ConsoleSize && {
      terminalSize: { columns: host.ConsoleSize[1], rows: host.ConsoleSize[0] },
    }),
    stdin: config.OpenStdin === true,
    ...(config.StdinOnce && { stdinOnce: true }),
    resources: resourcesOf(host),
    security: securityOf(host, podman.DefaultCapabilities),
    // Of its own UTS namespace; runtimes know the field `domainname` from OCI 1.1 on only.
    sysctls: { ...(config.Domainname && { 'kernel.domainname': config.Domainname }), ...host.Sysctls },
    rlimits: (host.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
    devices: (host.Devices ?? []).map((one) => ({
      hostPath: one.PathOnHost,
      path: one.PathInContainer || one.PathOnHost,
      permissions: one.CgroupPermissions || 'rwm',
    })),
    deviceRules: host.DeviceCgroupRules ?? [],
    ...(host.ShmSize ? { shmSizeBytes: host.ShmSize } : {}),
    ...(host.IpcMode === 'none' && { shmSizeBytes: 0 }),
    ...(isSystemd(stored.options, stored.command) && { hidesTerminals: true }),
    ...(host.Annotations && { annotations: host.Annotations }),
    cgroupParent: facts.cgroupParent,
    logPath: facts.logPath,
    ...(podman.ConmonPidFile && { conmonPidFile: podman.ConmonPidFile }),
    ...(podman.PidFile && { pidFile: podman.PidFile }),
    stopSignal: config.StopSignal ?? 'SIGTERM',
  };
}

/** How its conmon is to hold it. */
export function monitorOf({ stored }: Container, exitCommand: string[]): ContainerMonitor {
  const podman = stored.options.Podman ?? {};
  return {
    log: logOf(stored.hostConfig),
    exitCommand,
    ...(podman.Timeout ? { timeoutSeconds: podman.Timeout } : {}),
    ...(podman.PreserveFds ? { preserveFds: podman.PreserveFds } : {}),
  };
}

function initProgram(): string {
  const found = INITS.find((path) => existsSync(path));
  if (found === undefined)
    throw new BadRequest(
      '--init needs an init program: none of catatonit, tini and docker-init is installed',
      {
        hint: 'apt-get install catatonit',
      },
    );
  return found;
}

function logOf(host: HostConfig): NonNullable<ContainerSpec['log']> {
  const driver = host.LogConfig?.Type ?? '';
  const size = host.LogConfig?.Config?.['max-size'];
  return {
    driver: driver === 'none' || driver === 'passthrough' ? driver : 'k8s-file',
    ...(size !== undefined && { maxSizeBytes: parseSize(size) }),
  };
}

/** `10m`, `512k`, `1g`; Docker's units of 1024. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) throw new BadRequest(`invalid size: '${text}'`);
  return Math.floor(
    Number(match[1]) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase().replace('b', '')),
  );
}

/** The image's, then the caller's own words; later ones win. */
function environmentOf(facts: RunFacts): string[] {
  const { stored } = facts.container;
  const podman = stored.options.Podman ?? {};
  const env = new Map<string, string>();
  const add = (line: string) => {
    const at = line.indexOf('=');
    if (at > 0) env.set(line.slice(0, at), line.slice(at + 1));
  };
  if (podman.EnvHost)
    for (const [name, value] of Object.entries(facts.callerEnv))
      if (value !== undefined) env.set(name, value);
  if (podman.HttpProxy !== false)
    for (const name of PROXIES.flatMap((one) => [one, one.toUpperCase()]))
      if (facts.callerEnv[name] !== undefined) env.set(name, facts.callerEnv[name]);
  env.set('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
  env.set('TERM', 'xterm');
  env.set('container', 'podman');
  for (const line of [...(podman.DefaultEnv ?? []), ...facts.imageEnv]) add(line);
  if (podman.UnsetEnvAll) env.clear();
  for (const name of podman.UnsetEnv ?? []) env.delete(name);
  for (const line of stored.config.Env ?? [])
    if (line.includes('=')) add(line);
    else env.delete(line);
  for (const line of facts.secretEnv) add(line);
  // systemd's machine id (its container interface).
  if (isSystemd(stored.options, stored.command)) env.set('container_uuid', facts.container.id.slice(0, 32));
  if (!env.has('HOSTNAME')) env.set('HOSTNAME', facts.hostname);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

function securityOf(host: HostConfig, defaultCapabilities?: readonly string[]): ContainerSecurity {
  const security: ContainerSecurity = {
    privileged: host.Privileged === true,
    readOnlyRootFilesystem: host.ReadonlyRootfs === true,
    defaultCapabilities:
      defaultCapabilities?.map((name) => `CAP_${name.toUpperCase().replace(/^CAP_/, '')}`) ?? CAPABILITIES,
    noneForUsers: true,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
  };
  let masked = host.MaskedPaths;
  let readonly = host.ReadonlyPaths;
  for (const option of host.SecurityOpt ?? []) {
    const { name, value } = splitSecurity(option);
    if (name === 'no-new-privileges') security.noNewPrivileges = value !== 'false';
    else if (name === 'seccomp' && value === 'unconfined') security.seccomp = 'unconfined';
    else if (name === 'seccomp') security.seccompTemplate = value;
    else if (name === 'apparmor' && value !== 'unconfined') security.apparmorProfile = value;
    else if (name === 'mask') masked = [...(masked ?? MASKED), ...value.split(':')];
    else if (name === 'unmask' || name === 'systempaths') {
      const isOpen = openedBy(value);
      masked = (masked ?? MASKED).filter((path) => !isOpen(path));
      readonly = (readonly ?? READ_ONLY).filter((path) => !isOpen(path));
    }
  }
  if (security.seccomp === undefined && security.seccompTemplate === undefined && !security.privileged)
    if (existsSync(SECCOMP_PROFILE)) security.seccompTemplate = SECCOMP_PROFILE;
  return {
    ...security,
    maskedPaths: masked ?? MASKED,
    readonlyPaths: readonly ?? READ_ONLY,
  };
}

/** `ALL`, Docker's `unconfined`, or paths with shell patterns. */
function openedBy(value: string): (path: string) => boolean {
  if (value === 'ALL' || value === 'unconfined') return () => true;
  const patterns = value
    .split(':')
    .map((one) => new RegExp(`^${one.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '[^/]*')}$`));
  return (path) => patterns.some((one) => one.test(path));
}

/** As Podman masks them (containers/common, pkg/config). */
const MASKED = [
  ...[
    '/proc/acpi',
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/timer_list',
    '/proc/timer_stats',
  ],
  ...['/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/fs/selinux', '/sys/dev/block'],
];
const READ_ONLY = [
  ...['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
];

/** What a stored mount is to the engine, once its source is known. */
export function engineMount(mount: StoredMount, source: string): ContainerMount {
  const { destination } = mount;
  if (mount.type === 'tmpfs')
    return { type: 'tmpfs', source: 'tmpfs', destination, options: tmpfsOptions(mount.options) };
  if (mount.type === 'devpts')
    return { type: 'devpts', source: 'devpts', destination, options: mount.options };
  return { type: 'bind', source, destination, options: bindOptions(mount.options) };
}

/** `--timezone`: the file of the host's zone data, `local` the host's own. */
export async function timezoneFile(zone: string): Promise<string> {
  const path = zone === 'local' ? '/etc/localtime' : `/usr/share/zoneinfo/${zone}`;
  if (zone.includes('..'))
    throw new BadRequest(`error running container create option: unrecognised timezone ${zone}`);
  try {
    await readFile(path);
    return path;
  } catch (cause) {
    throw new BadRequest(
      `running container create option: finding timezone for container: stat ${path}: no such file or directory`,
      { cause },
    );
  }
}
