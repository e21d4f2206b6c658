import { BadRequest, Conflict } from '../../base/index.ts';
import type { HostConfig } from '../create-options.ts';
import type { ContainerStore } from './container-store.ts';
import type { StoredContainer } from './stored-container.ts';

const MODES = ['NetworkMode', 'PidMode', 'IpcMode', 'UTSMode', 'UsernsMode', 'CgroupnsMode'] as const;

/** The containers whose namespaces it joins, as they were named. */
export function joinedContainers(host: HostConfig): string[] {
  return MODES.flatMap((field) => {
    const mode = host[field] ?? '';
    return mode.startsWith('container:') ? [mode.slice('container:'.length)] : [];
  });
}

type Kind = 'pid' | 'ipc' | 'uts' | 'cgroup' | 'net' | 'user';

const FIELDS: Record<Kind, (typeof MODES)[number]> = {
  pid: 'PidMode',
  ipc: 'IpcMode',
  uts: 'UTSMode',
  cgroup: 'CgroupnsMode',
  net: 'NetworkMode',
  user: 'UsernsMode',
};

/**
 * What a namespace of a container is to be now: `private`, `host` or a path; undefined for the default. Those of
 * other containers are found by their first process, which is another after each of their starts.
 */
export async function namespaceFor(
  kind: Kind,
  stored: StoredContainer,
  store: ContainerStore,
  pod: { infraId?: string; sharedNamespaces: string[] } | undefined,
): Promise<string | undefined> {
  const mode = stored.hostConfig[FIELDS[kind]] ?? '';
  if (mode.startsWith('container:')) return await pathIn(store, mode.slice('container:'.length), kind);
  if (mode.startsWith('ns:')) return mode.slice('ns:'.length);
  if (mode === 'host') return 'host';
  if (['private', 'none', 'shareable'].includes(mode)) return 'private';
  const isShared = pod?.infraId !== undefined && !stored.isInfra && pod.sharedNamespaces.includes(kind);
  if (isShared && (mode === '' || mode === 'pod')) return await pathIn(store, pod.infraId!, kind);
  if (mode === '' || mode === 'pod') return undefined;
  if (kind === 'net' || kind === 'user') return undefined;
  throw new BadRequest(`unrecognized namespace mode ${mode} passed`);
}

async function pathIn(store: ContainerStore, name: string, kind: Kind): Promise<string> {
  const other = await store.find(name);
  // Said as what it is: an ordinary user may set less there than in a namespace of the other's own.
  if (other.stored.hostConfig[FIELDS[kind]] === 'host') return 'host';
  if (other.state.pid === undefined)
    throw new Conflict(
      `cannot join the ${kind} namespace of container ${other.id}: it is not running: container state improper`,
    );
  return `/proc/${other.state.pid}/ns/${kind}`;
}
