import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerMount } from '../../engine/index.ts';
import type { NetworkEndpoint } from '../libpod.ts';
import type { Container, StoredMount } from './stored-container.ts';

export interface EtcFacts {
  container: Container;
  hostname: string;
  /** `host`, `private` or a path. */
  network: string;
  endpoints: Record<string, NetworkEndpoint>;
  /** The address under which the host is reached. */
  hostAddress?: string;
  isRootless: boolean;
  /** Where no network of ours gave it one. */
  ownAddress?: string;
  /** Of the container whose network it shares: its files are shared too. */
  sharedFolder?: string;
  /** Servers of the networks it is in. */
  dnsServers: string[];
}

/** Where a destination is not a mount of the caller's own. */
type IsFree = (destination: string) => boolean;

/** Writes /etc/hosts, /etc/hostname, /etc/resolv.conf and /run/.containerenv of a container; they are bound into it. */
export async function writeEtcFiles(folder: string, facts: EtcFacts): Promise<ContainerMount[]> {
  const { stored } = facts.container;
  const podman = stored.options.Podman ?? {};
  const isFree: IsFree = (destination) =>
    !stored.mounts.some((one: StoredMount) => one.destination === destination);
  const files: [name: string, path: string, content: () => Promise<string>][] = [
    ['containerenv', '/run/.containerenv', async () => containerEnv(facts)],
  ];
  if (!podman.NoHosts) files.push(['hosts', '/etc/hosts', () => hosts(facts)]);
  if (!podman.NoHostname) files.push(['hostname', '/etc/hostname', async () => `${facts.hostname}\n`]);
  files.push(['resolv.conf', '/etc/resolv.conf', () => resolvConf(facts)]);
  const shared = new Set(['hosts', 'resolv.conf']);
  const mounts: ContainerMount[] = [];
  for (const [name, destination, content] of files) {
    if (!isFree(destination)) continue;
    const isShared = facts.sharedFolder !== undefined && shared.has(name);
    const source = join(isShared ? facts.sharedFolder! : folder, name);
    if (!isShared) await writeFile(source, await content(), { mode: 0o644 });
    mounts.push({ type: 'bind', source, destination, options: ['bind', 'rprivate', 'rw'] });
  }
  return mounts;
}

function containerEnv({ container, isRootless }: EtcFacts): string {
  const { hostConfig, image } = container.stored;
  if (!hostConfig.Privileged) return '';
  return (
    `engine="orrery"\nname="${container.name}"\nid="${container.id}"\nimage="${image}"\n` +
    `imageid="${container.state.imageId.replace(/^sha256:/, '')}"\nrootless=${isRootless ? 1 : 0}\n`
  );
}

async function hosts(facts: EtcFacts): Promise<string> {
  const { hostConfig } = facts.container.stored;
  const lines: string[] = [];
  for (const entry of hostConfig.ExtraHosts ?? []) {
    const at = entry.indexOf(':');
    const address = entry.slice(at + 1);
    const host = address === 'host-gateway' ? facts.hostAddress : address;
    if (host !== undefined) lines.push(`${host}\t${entry.slice(0, at).replaceAll(';', ' ')}`);
  }
  const own = [facts.hostname, facts.container.name].join(' ');
  if (facts.network === 'host') {
    const host = await readFile('/etc/hosts', 'utf8').catch(() => LOCALHOST);
    return `${lines.map((line) => `${line}\n`).join('')}${host.endsWith('\n') ? host : `${host}\n`}`;
  }
  lines.push('127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback');
  const addresses = Object.values(facts.endpoints).flatMap((one) => one.addresses);
  if (facts.ownAddress !== undefined) addresses.push(facts.ownAddress);
  if (facts.hostAddress !== undefined) lines.push(`${facts.hostAddress}\thost.containers.internal`);
  if (addresses.length === 0) lines.push(`127.0.1.1\t${own}`);
  else for (const address of addresses) lines.push(`${address}\t${own}`);
  return `${lines.join('\n')}\n`;
}

const LOCALHOST = '127.0.0.1\tlocalhost\n::1\tlocalhost\n';

/** resolv.conf(5) of the host, without servers that only the host reaches; the caller's own words win. */
async function resolvConf(facts: EtcFacts): Promise<string> {
  const host = facts.container.stored.hostConfig;
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const found = (word: string) =>
    text
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([first]) => first === word)
      .flatMap(([, ...rest]) => rest);
  const isReachable = (server: string) => facts.network === 'host' || !/^(?:127\.|::1$)/.test(server);
  const servers = host.Dns?.length
    ? [...facts.dnsServers, ...host.Dns]
    : facts.dnsServers.length > 0
      ? facts.dnsServers
      : found('nameserver').filter(isReachable);
  const search = host.DnsSearch?.length ? host.DnsSearch.filter((one) => one !== '.') : found('search');
  const options = host.DnsOptions?.length ? host.DnsOptions : found('options');
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...servers.map((one) => `nameserver ${one}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}
