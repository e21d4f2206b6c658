import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import type { CreateOptions, HostConfig, PodmanOptions } from '../../../libpod/index.ts';
import { parseDevices } from '../create/resources.ts';
import type { ContainersConf } from './containers-conf.ts';

type Container = ContainersConf['containers'];

/** Of Podman's drivers ours are these; a host's file may ask for journald, which is for its other containers. */
const LOG_DRIVERS = ['k8s-file', 'json-file', 'none', 'passthrough'];

/** Values of `run` and `create`'s flags where containers.conf sets them. */
export function configuredFlags(
  { containers, engine }: ContainersConf,
  isInPod = false,
): ReadonlyMap<string, readonly string[]> {
  const one = (value: string | number | boolean | undefined) =>
    value === undefined || value === '' ? undefined : [String(value)];
  const mode = (value: string | undefined) => (isInPod ? undefined : one(value));
  const driver = containers.log_driver ?? '';
  const values: Record<string, readonly string[] | undefined> = {
    ...{ cgroupns: one(containers.cgroupns), cgroups: one(containers.cgroups), init: one(containers.init) },
    'env-host': one(containers.env_host),
    'http-proxy': one(containers.http_proxy),
    'no-hosts': one(containers.no_hosts),
    ...{ ipc: mode(containers.ipcns), uts: mode(containers.utsns), pid: one(containers.pidns) },
    userns: containers.userns === 'host' ? undefined : mode(containers.userns),
    network: containers.netns === 'private' ? undefined : mode(containers.netns),
    'log-driver': LOG_DRIVERS.includes(driver) ? [driver] : undefined,
    'shm-size': one(containers.shm_size),
    ...{ tz: one(containers.tz), umask: one(containers.umask), ulimit: containers.default_ulimits },
    'image-volume': one(engine.image_volume_mode),
    pull: one(engine.pull_policy),
    'detach-keys': engine.detach_keys === undefined ? undefined : [engine.detach_keys],
  };
  return new Map(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** What containers.conf adds to a container beside its flags; what was asked for wins. @throws BadRequest */
export function withConfigured(options: CreateOptions, conf: ContainersConf): CreateOptions {
  const { containers, engine } = conf;
  const asked = options.HostConfig;
  const host: HostConfig = {
    ...asked,
    ...limits(asked, containers),
    ...sysctls(inPod(options), containers),
    ...names(asked, options.Podman?.Pod !== undefined, containers),
    ...security(asked, containers),
    ...log(asked, containers),
  };
  if (containers.devices?.length && !asked.Privileged)
    host.Devices = [...(asked.Devices ?? []), ...parseDevices(containers.devices)];
  const volumes = volumesBeside(options, containers.volumes ?? []);
  if (volumes.length > 0) host.Binds = [...(asked.Binds ?? []), ...volumes];
  const annotations = record(containers.annotations ?? [], 'annotations');
  if (annotations !== undefined) host.Annotations = { ...annotations, ...asked.Annotations };
  const stopTimeout = options.Config.StopTimeout ?? engine.stop_timeout;
  return {
    ...options,
    Config: { ...options.Config, ...(stopTimeout !== undefined && { StopTimeout: stopTimeout }) },
    HostConfig: host,
    Podman: { ...options.Podman, ...podmanOptions(options.Podman ?? {}, conf) },
  };
}

/** What a pod's own container has of it: names' servers and the kernel's settings. */
export function configuredNetwork(asked: HostConfig, { containers }: ContainersConf): HostConfig {
  return { ...names(asked, false, containers), ...sysctls(asked, containers) };
}

function limits(asked: HostConfig, { pids_limit }: Container): HostConfig {
  if (pids_limit === undefined || asked.PidsLimit !== undefined) return {};
  return { PidsLimit: Math.max(0, pids_limit) };
}

/** A pod's members have its network, and the settings that its own container was given. */
function inPod({ HostConfig: asked, Podman: podman }: CreateOptions): HostConfig {
  const isMember = podman?.Pod !== undefined && !podman.IsInfra && !asked.NetworkMode;
  return isMember ? { ...asked, NetworkMode: 'container:pod' } : asked;
}

function sysctls(asked: HostConfig, { default_sysctls }: Container): HostConfig {
  const own = Object.fromEntries(
    Object.entries(record(default_sysctls ?? [], 'default_sysctls') ?? {}).filter(
      ([name]) => !isOfSharedNamespace(name, asked),
    ),
  );
  return Object.keys(own).length === 0 ? {} : { Sysctls: { ...own, ...asked.Sysctls } };
}

/** The kernel's setting would be the host's, or another container's. */
function isOfSharedNamespace(sysctl: string, { NetworkMode, IpcMode, UTSMode }: HostConfig): boolean {
  const isShared = (mode = '') => mode === 'host' || /^(?:container|ns):/.test(mode);
  if (sysctl.startsWith('net.')) return isShared(NetworkMode);
  if (sysctl.startsWith('fs.mqueue.')) return isShared(IpcMode);
  return /^kernel\.(?:domain|host)name$/.test(sysctl) && isShared(UTSMode);
}

/** Servers, search domains and options of the configuration stand before the container's own. */
function names(asked: HostConfig, isInPod: boolean, containers: Container): HostConfig {
  if (isInPod || asked.NetworkMode?.startsWith('container:') || asked.Dns?.includes('none')) return {};
  const together = (own: string[] = [], given: string[] = []) =>
    own.length === 0 ? undefined : [...own, ...given.filter((one) => !own.includes(one))];
  const servers = together(containers.dns_servers, asked.Dns);
  const searches = together(containers.dns_searches, asked.DnsSearch);
  const options = together(containers.dns_options, asked.DnsOptions);
  return {
    ...(servers && { Dns: servers }),
    ...(searches && { DnsSearch: searches }),
    ...(options && { DnsOptions: options }),
  };
}

function security(asked: HostConfig, { seccomp_profile, apparmor_profile }: Container): HostConfig {
  const has = (name: string) => asked.SecurityOpt?.some((one) => one.startsWith(`${name}=`));
  const added: string[] = [];
  if (seccomp_profile && !asked.Privileged && !has('seccomp')) added.push(`seccomp=${seccomp_profile}`);
  if (apparmor_profile && !asked.Privileged && !has('apparmor')) added.push(`apparmor=${apparmor_profile}`);
  return added.length === 0 ? {} : { SecurityOpt: [...(asked.SecurityOpt ?? []), ...added] };
}

function log({ LogConfig }: HostConfig, { log_size_max }: Container): HostConfig {
  if (log_size_max === undefined || log_size_max < 0 || LogConfig?.Config?.['max-size'] !== undefined)
    return {};
  return { LogConfig: { ...LogConfig, Config: { ...LogConfig?.Config, 'max-size': String(log_size_max) } } };
}

function volumesBeside({ HostConfig, Config }: CreateOptions, volumes: readonly string[]): string[] {
  const taken = new Set([
    ...(HostConfig.Binds ?? []).map((bind) => bind.split(':')[1]!),
    ...(HostConfig.Mounts ?? []).map((mount) => mount.Target),
    ...Object.keys({ ...HostConfig.Tmpfs, ...Config.Volumes }),
  ]);
  return volumes.filter((volume) => {
    const destination = volume.split(':')[1] ?? '';
    if (!destination.startsWith('/'))
      throw new BadRequest(`containers.conf: volumes: ${volume} is not SOURCE:DESTINATION`);
    return !taken.has(destination);
  });
}

function podmanOptions(asked: PodmanOptions, { containers, engine }: ContainersConf): Partial<PodmanOptions> {
  const helper = (name: string) =>
    engine.helper_binaries_dir?.map((folder) => join(folder, name)).find((path) => existsSync(path));
  const initPath = asked.InitPath ?? containers.init_path ?? engine.init_path ?? helper('catatonit');
  return {
    ...(containers.env && { DefaultEnv: containers.env }),
    ...(containers.default_capabilities && { DefaultCapabilities: containers.default_capabilities }),
    ...(initPath && { InitPath: initPath }),
    ...(containers.base_hosts_file && { BaseHostsFile: containers.base_hosts_file }),
    ...(containers.host_containers_internal_ip && {
      HostContainersInternalIp: containers.host_containers_internal_ip,
    }),
  };
}

function record(values: readonly string[], setting: string): Record<string, string> | undefined {
  if (values.length === 0) return undefined;
  return Object.fromEntries(
    values.map((text) => {
      const equals = text.indexOf('=');
      if (equals < 0) throw new BadRequest(`containers.conf: ${setting}: ${text} is not KEY=VALUE`);
      return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
    }),
  );
}
