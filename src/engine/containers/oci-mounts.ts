import { BadRequest } from '../../base/index.ts';
import type { ContainerMount, ContainerSpec } from '../engine.ts';

export interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

const DEFAULT_SHM_BYTES = 64 << 20;

/** What every container has, but where it asks for something of its own at the same place; then what it asks for. */
export function mountsOf(spec: ContainerSpec, privileged: boolean): OciMount[] {
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
    ...shmOf(spec),
  ];
  const asked = new Set(spec.mounts.map((one) => one.destination.replace(/(.)\/+$/, '$1')));
  return [...defaults.filter((one) => !asked.has(one.destination)), ...spec.mounts.map(askedMount)];
}

function shmOf(spec: ContainerSpec): OciMount[] {
  const destination = '/dev/shm';
  if (spec.hostIpc || spec.namespaces?.ipc === 'host')
    return [
      { destination, type: 'bind', source: destination, options: ['rbind', 'nosuid', 'noexec', 'nodev'] },
    ];
  if (spec.shmSizeBytes === 0) return [];
  const size = `size=${spec.shmSizeBytes ?? DEFAULT_SHM_BYTES}`;
  return [
    {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', size],
    },
  ];
}

/** In a user namespace: a file system about a namespace that is the host's can only be bound (mount_namespaces(7)). */
export function mappedMounts(spec: ContainerSpec, privileged: boolean): OciMount[] {
  const { pid, ipc } = spec.namespaces ?? {};
  const ofHost = new Set([
    ...(spec.network === 'host' ? ['sysfs'] : []),
    ...(spec.hostPid || pid === 'host' ? ['proc'] : []),
    ...(spec.hostIpc || ipc === 'host' ? ['mqueue'] : []),
  ]);
  return mountsOf(spec, privileged).map((mount) =>
    ofHost.has(mount.type)
      ? {
          ...mount,
          type: 'bind',
          source: mount.destination,
          options: ['rbind', 'rslave', 'nosuid', 'noexec', 'nodev', 'ro'],
        }
      : mount,
  );
}

function askedMount(mount: ContainerMount): OciMount {
  const { destination, source, options } = mount;
  if (!destination.startsWith('/'))
    throw new BadRequest(`the mount destination ${destination} is not an absolute path`);
  if (options !== undefined) return { destination, type: mount.type, source: source ?? mount.type, options };
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
export function rootPropagation(mounts: readonly ContainerMount[]): string {
  const has = (word: string) =>
    mounts.some(
      (mount) =>
        mount.propagation === `r${word}` ||
        mount.options?.some((one) => one === word || one === `r${word}`) === true,
    );
  if (has('shared')) return 'shared';
  return has('slave') ? 'slave' : 'private';
}
