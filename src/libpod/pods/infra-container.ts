import { BadRequest } from '../../base/index.ts';
import type { CreateOptions } from '../create-options.ts';
import type { CreatePod } from '../libpod.ts';

const NAMESPACES = ['cgroup', 'ipc', 'net', 'pid', 'user', 'uts'];
const DEFAULT_SHARED = ['ipc', 'net', 'uts'];

/** Which namespaces a pod shares: `--share`, where a leading `+` adds to the default. @throws BadRequest */
export function sharedNamespaces(options: Pick<CreatePod, 'share' | 'infra'>): string[] {
  if (options.infra === false) return [];
  const given = options.share ?? DEFAULT_SHARED;
  const shared = new Set<string>();
  for (const [index, word] of given.entries()) {
    if (index === 0 && word.startsWith('+')) for (const one of DEFAULT_SHARED) shared.add(one);
    const name = index === 0 ? word.replace(/^\+/, '') : word;
    if (name === 'none' || name === '') continue;
    if (!NAMESPACES.includes(name))
      throw new BadRequest(
        `invalid kernel namespace to share: ${name}. Options are: cgroup, ipc, net, pid, uts or none`,
      );
    shared.add(name);
  }
  return [...shared].sort();
}

export interface InfraFacts {
  podId: string;
  podName: string;
  shared: readonly string[];
  image: string;
  cgroupParent: string;
}

/** The container that holds a pod's namespaces, its ports and its name service. */
export function infraContainer(options: CreatePod, facts: InfraFacts): CreateOptions {
  const host = options.hostConfig ?? {};
  const sharesNetwork = facts.shared.includes('net');
  const network = host.NetworkMode ?? (sharesNetwork ? undefined : 'none');
  const usesHostNames = network === 'host' || host.UTSMode === 'host';
  const hostname = options.hostname ?? (facts.shared.includes('uts') ? facts.podName : undefined);
  return {
    Name: options.infraName ?? `${facts.podId.slice(0, 12)}-infra`,
    Config: {
      Image: facts.image,
      ...(hostname !== undefined && !usesHostNames && { Hostname: hostname }),
      ...(options.infraCommand !== undefined && { Entrypoint: options.infraCommand, Cmd: [] }),
      ExposedPorts: Object.fromEntries(Object.keys(host.PortBindings ?? {}).map((port) => [port, {}])),
    },
    HostConfig: {
      ...host,
      ...(network !== undefined && { NetworkMode: network }),
      ...(facts.shared.includes('ipc') && host.IpcMode === undefined && { IpcMode: 'shareable' }),
      ...(facts.cgroupParent !== '' && { CgroupParent: facts.cgroupParent }),
    },
    ...(options.networkingConfig && { NetworkingConfig: options.networkingConfig }),
    Podman: {
      Pod: facts.podId,
      IsInfra: true,
      ...(options.noHosts && { NoHosts: true }),
      ...(options.infraConmonPidFile && { ConmonPidFile: options.infraConmonPidFile }),
    },
  };
}
