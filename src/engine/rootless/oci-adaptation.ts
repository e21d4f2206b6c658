import { existsSync } from 'node:fs';
import { isMapped, type RootlessFacts } from './facts.ts';

interface Mount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** What of an OCI configuration changes for an ordinary user. */
export interface AdaptableConfig {
  mounts: Mount[];
  process: { [field: string]: unknown };
  linux: { [field: string]: unknown };
  [field: string]: unknown;
}

/** The device nodes asked for: where on the host, and where in the container. */
export interface AskedDevice {
  hostPath: string;
  path: string;
}

/** runc binds these by itself, as each container has them (OCI runtime-spec, config-linux.md, "Default Devices"). */
const DEFAULT_DEVICES = new Set(
  ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`),
);
const PLAIN = ['nosuid', 'noexec', 'nodev'];
const PING = 'net.ipv4.ping_group_range';

/**
 * An OCI configuration as it can be had in a user namespace (user_namespaces(7), mount_namespaces(7)): no
 * control group of the host's, no new file system of a namespace that is not ours, device nodes bound from the
 * host instead of made. For the host's root it stays as it is.
 */
export function adaptToUserNamespace<T extends AdaptableConfig>(
  config: T,
  facts: RootlessFacts,
  devices: readonly AskedDevice[] = [],
  hasHostQueues = existsSync('/dev/mqueue'),
): T {
  if (!facts.isInUserNamespace) return config;
  const own = ownNamespaces(config);
  const { apparmorProfile: _, ...process } = config.process;
  return {
    ...config,
    process,
    mounts: [
      ...config.mounts.flatMap((mount) => adaptMount(mount, { own, facts, hasHostQueues })),
      ...deviceMounts(config, devices),
    ],
    linux: adaptLinux(config.linux, own),
  };
}

function ownNamespaces(config: AdaptableConfig): Set<string> {
  const namespaces = config.linux.namespaces as { type: string; path?: string }[];
  return new Set(namespaces.map((one) => one.type));
}

/** Limits and device rules are a control group's; the nodes are mounts by now. */
function adaptLinux(linux: Record<string, unknown>, own: ReadonlySet<string>): Record<string, unknown> {
  const { cgroupsPath: _path, resources: _resources, devices: _devices, ...rest } = linux;
  const sysctl = (rest.sysctl ?? {}) as Record<string, string>;
  // The kernel's own range ends at an id that is none here.
  return own.has('network') ? { ...rest, sysctl: { [PING]: '0 0', ...sysctl } } : rest;
}

function adaptMount(
  mount: Mount,
  about: { own: ReadonlySet<string>; facts: RootlessFacts; hasHostQueues: boolean },
): Mount[] {
  const { own, facts, hasHostQueues } = about;
  const bound = (...more: string[]) => [
    { ...mount, type: 'bind', source: mount.destination, options: ['rbind', 'rslave', ...PLAIN, ...more] },
  ];
  switch (mount.type) {
    case 'devpts':
      // gid=5 is the host's tty group: it must have an id here.
      return [
        {
          ...mount,
          options: mount.options.filter(
            (one) => !one.startsWith('gid=') || isMapped(facts.gidMap, Number(one.slice(4))),
          ),
        },
      ];
    case 'sysfs':
      return own.has('network') ? [mount] : bound(mount.options.includes('rw') ? 'rw' : 'ro');
    case 'proc':
      return own.has('pid') ? [mount] : bound();
    case 'mqueue':
      if (own.has('ipc')) return [mount];
      return hasHostQueues ? bound() : [];
    case 'cgroup':
      return [];
    default:
      return [mount];
  }
}

function deviceMounts(config: AdaptableConfig, asked: readonly AskedDevice[]): Mount[] {
  const renamed = new Map(asked.map((one) => [one.path, one.hostPath]));
  const nodes = (config.linux.devices ?? []) as { path: string }[];
  return nodes
    .filter(({ path }) => !DEFAULT_DEVICES.has(path))
    .map(({ path }) => ({
      destination: path,
      type: 'bind',
      source: renamed.get(path) ?? path,
      options: ['bind', 'rslave', 'nosuid', 'noexec'],
    }));
}

/** Podman's line about limits that an ordinary user cannot give (ours where cgroups are of version 2); undefined when they asked for none. */
export function ignoredLimits(
  resources: object,
  facts: RootlessFacts,
  isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers'),
): string | undefined {
  if (!facts.isRootless) return undefined;
  const isAsked = Object.entries(resources).some(
    ([name, value]) => name !== 'oomScoreAdj' && value !== undefined,
  );
  if (!isAsked) return undefined;
  return isUnified
    ? "Resource limits are not supported and ignored: an ordinary user's containers have no control group"
    : 'Resource limits are not supported and ignored on cgroups V1 rootless systems';
}
