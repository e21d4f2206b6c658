import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount } from '../../engine/index.ts';
import type { ContainerNameFiles } from '../libpod.ts';
import type { Container, StoredMount } from './stored-container.ts';

/** Of the Podman whose commands and words we speak. */
const PODMAN_VERSION = '4.3.1';

export interface EtcFacts {
  container: Container;
  hostname: string;
  isRootless: boolean;
  /** Of the container whose network it shares: its files are shared too. */
  sharedFolder?: string;
}

/** Whether a destination is not a mount of the caller's own. */
function isFree({ stored }: Container, destination: string): boolean {
  return !stored.mounts.some((one: StoredMount) => one.destination === destination);
}

/** What the networks are to write into its /etc/hosts and /etc/resolv.conf, which are in `folder`. */
export function nameFilesOf(folder: string, container: Container, imageHostsPath = ''): ContainerNameFiles {
  const { hostConfig, options } = container.stored;
  const hasHosts = options.Podman?.NoHosts !== true && isFree(container, '/etc/hosts');
  const { BaseHostsFile, HostContainersInternalIp } = options.Podman ?? {};
  return {
    ...(hasHosts && { hostsPath: join(folder, 'hosts') }),
    ...(isFree(container, '/etc/resolv.conf') && { resolvConfPath: join(folder, 'resolv.conf') }),
    ...(BaseHostsFile && {
      baseHostsPath:
        BaseHostsFile === 'none' ? '' : BaseHostsFile === 'image' ? imageHostsPath : BaseHostsFile,
    }),
    ...(HostContainersInternalIp && {
      hostContainersInternal: HostContainersInternalIp === 'none' ? '' : HostContainersInternalIp,
    }),
    extraHosts: hostConfig.ExtraHosts ?? [],
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
  };
}

/** Writes /etc/hostname and /run/.containerenv of a container; they are bound into it, and what the networks write. */
export async function writeEtcFiles(folder: string, facts: EtcFacts): Promise<ContainerMount[]> {
  const { NoHosts, NoHostname } = facts.container.stored.options.Podman ?? {};
  const files: { name: string; destination: string; content?: string }[] = [
    { name: 'containerenv', destination: '/run/.containerenv', content: containerEnv(facts) },
    { name: 'resolv.conf', destination: '/etc/resolv.conf' },
  ];
  if (!NoHosts) files.push({ name: 'hosts', destination: '/etc/hosts' });
  if (!NoHostname)
    files.push({ name: 'hostname', destination: '/etc/hostname', content: `${facts.hostname}\n` });
  const mounts: ContainerMount[] = [];
  for (const { name, destination, content } of files) {
    if (!isFree(facts.container, destination)) continue;
    const source = join(content === undefined ? (facts.sharedFolder ?? folder) : folder, name);
    if (content !== undefined) await writeFile(source, content, { mode: 0o644 });
    mounts.push({ type: 'bind', source, destination, options: ['bind', 'rprivate', 'rw'] });
  }
  return mounts;
}

function containerEnv({ container, isRootless }: EtcFacts): string {
  const { hostConfig, image } = container.stored;
  if (!hostConfig.Privileged) return '';
  return (
    // What looks for a container of Podman's looks for its name here (podman-run(1)).
    `engine="podman-${PODMAN_VERSION}"\nname="${container.name}"\nid="${container.id}"\nimage="${image}"\n` +
    `imageid="${container.state.imageId.replace(/^sha256:/, '')}"\nrootless=${isRootless ? 1 : 0}\n`
  );
}
