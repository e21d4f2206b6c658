import { randomInt } from 'node:crypto';
import { OrreryError } from '../../base/index.ts';
import type { NetworkHost } from './network-host.ts';

/** The host's side of a network of the kind `bridge`. */
export interface BridgeLink {
  name: string;
  /** Of the bridge itself, with prefix lengths: the gateways. */
  addresses: string[];
  macAddress: string;
  mtu?: number;
  vlan?: number;
}

/** What a container is joined by: an end of a pair on a bridge, or a second face of a link of the host. */
export type LinkUpstream =
  | { kind: 'bridge'; bridge: BridgeLink; hostLink: string }
  | { kind: 'macvlan' | 'ipvlan'; parent: string; mode?: string };

export interface ContainerLink {
  upstream: LinkUpstream;
  namespacePath: string;
  interfaceName: string;
  /** Not with ipvlan, whose links share the parent's. */
  macAddress?: string;
  mtu?: number;
  /** With prefix lengths. */
  addresses: string[];
  routes: { destination: string; gateway: string; metric?: number }[];
}

/** Makes the container's link, one run of ip(8) on the host's side. The bridge is there. */
export async function plugLink(host: NetworkHost, link: ContainerLink): Promise<void> {
  const { upstream } = link;
  await host.run('ip', ['-batch', '-'], plugScript(link));
  if (upstream.kind === 'bridge' && upstream.bridge.vlan !== undefined)
    await host.run(
      'bridge',
      ['-batch', '-'],
      [
        `vlan add dev ${upstream.hostLink} vid ${upstream.bridge.vlan} pvid untagged`,
        `vlan add dev ${upstream.bridge.name} vid ${upstream.bridge.vlan} pvid untagged self`,
      ].join('\n'),
    );
}

/** The container's side: addresses and routes; one run of ip(8) in its namespace. */
export async function configureLink(host: NetworkHost, link: ContainerLink): Promise<void> {
  await host.runInside(link.namespacePath, 'ip', ['-batch', '-'], insideScript(link));
}

/** One that answers on its addresses. No error when it is there already. */
export async function makeBridge(host: NetworkHost, bridge: BridgeLink): Promise<void> {
  const filtering = bridge.vlan === undefined ? '' : ' vlan_filtering 1';
  const make = `link add name ${bridge.name} address ${bridge.macAddress} type bridge${filtering}\n`;
  try {
    await host.run('ip', ['-batch', '-'], make + bridgeScript(bridge));
  } catch (error) {
    // Another process was quicker, or one died before it had done the rest.
    if (!(error instanceof OrreryError) || !/File exists/.test(error.message)) throw error;
    await host.run('ip', ['-batch', '-'], bridgeScript(bridge));
  }
}

function bridgeScript(bridge: BridgeLink): string {
  const mtu = bridge.mtu === undefined ? '' : ` mtu ${bridge.mtu}`;
  return [
    ...bridge.addresses.map((address) => `addr replace ${address}${suffix(address)} dev ${bridge.name}`),
    `link set dev ${bridge.name}${mtu} up`,
    '',
  ].join('\n');
}

export function plugScript(link: ContainerLink): string {
  const { upstream } = link;
  const mtu = link.mtu === undefined ? '' : ` mtu ${link.mtu}`;
  const mac = link.macAddress === undefined ? '' : ` address ${link.macAddress}`;
  // ip(8) takes its batch apart as a shell would.
  const there = `netns "${link.namespacePath}"`;
  if (upstream.kind !== 'bridge') {
    const mode = upstream.mode === undefined ? '' : ` mode ${upstream.mode}`;
    return `link add link ${upstream.parent} name ${link.interfaceName}${mac}${mtu} ${there} type ${upstream.kind}${mode}\n`;
  }
  const { bridge, hostLink } = upstream;
  return [
    // A process may have died between making the bridge and giving it these.
    ...bridgeScript(bridge).split('\n').slice(0, -1),
    `link add name ${hostLink}${mtu} type veth peer name ${link.interfaceName}${mac}${mtu} ${there}`,
    `link set dev ${hostLink} master ${bridge.name} up`,
    // Where bridged packets pass the rules too (br_netfilter), a container asks for its own host port over the bridge.
    `link set dev ${hostLink} type bridge_slave hairpin on`,
    '',
  ].join('\n');
}

export function insideScript(link: ContainerLink): string {
  const name = link.interfaceName;
  return [
    ...link.addresses.map((address) => `addr replace ${address}${suffix(address)} dev ${name}`),
    `link set dev ${name} up`,
    ...link.routes.map((route) => {
      const metric = route.metric === undefined ? '' : ` metric ${route.metric}`;
      return `route replace ${route.destination} via ${route.gateway} dev ${name}${metric}`;
    }),
    '',
  ].join('\n');
}

function suffix(address: string): string {
  return address.includes(':') ? ' nodad' : ' brd +';
}

/**
 * No error when they are gone: a pair goes with its namespace. Several go in one step, as a group of links
 * (ip-link(8)): the kernel waits some 30 ms for each step.
 */
export async function removeLinks(host: NetworkHost, names: readonly string[]): Promise<void> {
  if (names.length > 1) {
    const group = randomInt(1 << 16, 1 << 30);
    const marks = names.map((name) => `link set dev ${name} group ${group}`);
    try {
      await host.run('ip', ['-batch', '-'], [...marks, `link delete group ${group}`, ''].join('\n'));
      return;
    } catch (error) {
      // One of them is gone: the others go one after the other.
      if (!(error instanceof OrreryError)) throw error;
    }
  }
  for (const name of names) {
    try {
      await host.run('ip', ['link', 'delete', 'dev', name]);
    } catch (error) {
      if ((await host.linkNames()).includes(name)) throw error;
    }
  }
}

/**
 * The same, by a process that is not waited for and holds these locks. One step too; what is gone already is passed
 * over.
 */
export async function leaveLinks(
  host: NetworkHost,
  names: readonly string[],
  locks: readonly number[],
): Promise<void> {
  if (names.length === 0) return;
  const group = randomInt(1 << 16, 1 << 30);
  const marks = names.map((name) => `link set dev ${name} group ${group}`);
  const input = [...marks, `link delete group ${group}`, ''].join('\n');
  await host.leave('ip', ['-force', '-batch', '-'], { input, locks });
}

/** Takes a link out of a running container. No error when it, or its namespace, is gone. */
export async function removeInside(host: NetworkHost, namespacePath: string, name: string): Promise<void> {
  try {
    await host.run('nsenter', [`--net=${namespacePath}`, 'ip', 'link', 'delete', 'dev', name]);
  } catch (error) {
    if (
      !(error instanceof OrreryError) ||
      !/Cannot find device|cannot open|Invalid argument/.test(error.message)
    )
      throw error;
  }
}
