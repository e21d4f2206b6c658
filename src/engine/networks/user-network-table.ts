import { Conflict, OrreryError } from '../../base/index.ts';
import type { NetworkHost } from './network-host.ts';

/** A bridge as the rules see it. */
export interface RuledBridge {
  name: string;
  /** Ranges whose packets get the host's address when they leave it. */
  subnets: string[];
  /** Nothing goes in or out but from the host itself. */
  isInternal: boolean;
  /** Other isolated bridges are not reached. */
  isIsolated: boolean;
}

export interface RuledPort {
  /** '' is every address of the host. */
  hostIp: string;
  hostPort: number;
  protocol: 'tcp' | 'udp' | 'sctp';
  /** The container's. */
  address: string;
  containerPort: number;
}

/** The packet mark of what a container sends to this host, which is where host ports are; CNI portmap's own bit. */
const HAIRPIN = '0x00002000';

/** Each bridge leads here, and the kernel deletes no chain that something leads to: so a table in use stays. */
const HELD = 'within_a_bridge';

/**
 * The nftables table of an instance's user networks, `orrery_<instance>_user` (family inet): masquerading,
 * isolation, and host ports by DNAT, which keeps the client's address. Each container adds and takes away
 * elements of its own in one transaction; no rule is ever searched.
 */
export class UserNetworkTable {
  readonly #host: NetworkHost;
  readonly name: string;

  constructor(host: NetworkHost, instance: string) {
    this.#host = host;
    this.name = `orrery_${instance}_user`;
  }

  /** @param everything what is there beside it, for a table that somebody has flushed. @throws Conflict when another container has a port. */
  async add(
    bridges: readonly RuledBridge[],
    ports: readonly RuledPort[],
    everything: () => Promise<{ bridges: RuledBridge[]; ports: RuledPort[] }>,
  ): Promise<void> {
    const own = [...this.#bridgeElements('add', bridges), ...this.#portElements('create', ports)];
    if (own.length === 0) return;
    try {
      await this.#apply(own);
    } catch (error) {
      if (isTaken(error)) throw taken(ports, error);
      if (!isAbsent(error)) throw error;
      const all = await everything();
      const restored = [...this.#bridgeElements('add', all.bridges), ...this.#portElements('add', all.ports)];
      await this.#apply([tableScript(this.name), ...restored, ...own]).catch((again: unknown) => {
        throw isTaken(again) ? taken(ports, again) : again;
      });
    }
  }

  /** Says all of it anew, rules included. */
  async restore(all: { bridges: RuledBridge[]; ports: RuledPort[] }): Promise<void> {
    await this.#apply([
      tableScript(this.name),
      ...this.#bridgeElements('add', all.bridges),
      ...this.#portElements('add', all.ports),
    ]);
  }

  /** Takes away the ports that lead to where these say, and no other's. */
  async removePorts(ports: readonly RuledPort[]): Promise<void> {
    if (ports.length === 0) return;
    // Adding what is there is no error, so that the deletion finds it.
    const both = (port: RuledPort) => [
      ...this.#portElements('add', [port]),
      ...this.#portElements('delete', [port]),
    ];
    try {
      await this.#apply(ports.flatMap(both));
    } catch (error) {
      if (isAbsent(error)) return;
      if (!isTaken(error)) throw error;
      for (const port of ports)
        await this.#apply(both(port)).catch((why: unknown) => {
          // Somebody else's by now.
          if (!isTaken(why) && !isAbsent(why)) throw why;
        });
    }
  }

  /** @param locks absent: it is waited for; else these are held until it is done */
  async removeBridge(bridge: RuledBridge, locks?: readonly number[]): Promise<void> {
    const commands = [...this.#bridgeElements('add', [bridge]), ...this.#bridgeElements('delete', [bridge])];
    if (locks !== undefined) {
      const input = `${commands.join('\n')}\n`;
      return await this.#host.leave('nft', ['-f', '-'], { input, locks });
    }
    try {
      await this.#apply(commands);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  async remove(): Promise<void> {
    try {
      await this.#apply([`delete table inet ${this.name}`]);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** Takes the table away when no bridge is in it: the kernel judges, in the transaction that would delete it. */
  async removeUnused(): Promise<void> {
    try {
      await this.#apply([`delete chain inet ${this.name} ${HELD}`, `delete table inet ${this.name}`]);
    } catch (error) {
      if (!isAbsent(error) && !isBusy(error)) throw error;
    }
  }

  async #apply(commands: readonly string[]): Promise<void> {
    await this.#host.run('nft', ['-f', '-'], `${commands.join('\n')}\n`);
  }

  #bridgeElements(verb: 'add' | 'delete', bridges: readonly RuledBridge[]): string[] {
    return bridges.flatMap((bridge) => {
      const element = (set: string, value: string) => `${verb} element inet ${this.name} ${set} { ${value} }`;
      const quoted = `"${bridge.name}"`;
      return [
        element('bridges', quoted),
        element('within', `${quoted} . ${quoted} : goto ${HELD}`),
        ...(bridge.isInternal ? [element('internal', quoted)] : []),
        ...(bridge.isIsolated ? [element('isolated', quoted)] : []),
        ...bridge.subnets.map((subnet) => element(subnet.includes(':') ? 'sources6' : 'sources4', subnet)),
      ];
    });
  }

  #portElements(verb: 'create' | 'add' | 'delete', ports: readonly RuledPort[]): string[] {
    return ports.map((port) => {
      const family = port.address.includes(':') ? 6 : 4;
      const isEverywhere = ['', '0.0.0.0', '::'].includes(port.hostIp);
      const map = isEverywhere ? `ports${family}` : `host_ports${family}`;
      const key = `${isEverywhere ? '' : `${port.hostIp} . `}${port.protocol} . ${port.hostPort}`;
      return `${verb} element inet ${this.name} ${map} { ${key} : ${port.address} . ${port.containerPort} }`;
    });
  }
}

function tableScript(table: string): string {
  const dnat = [...forFamily(4, 'ip', 'ipv4'), ...forFamily(6, 'ip6', 'ipv6')];
  const chains: Record<string, { head: string; rules: string[] }> = {
    prerouting: {
      head: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: [`iifname @bridges fib daddr type local meta mark set meta mark | ${HAIRPIN}`, ...dnat],
    },
    output: { head: 'type nat hook output priority -100; policy accept;', rules: dnat },
    postrouting: {
      head: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [
        `meta mark & ${HAIRPIN} == ${HAIRPIN} ct status dnat oifname @bridges masquerade`,
        'ip saddr 127.0.0.0/8 oifname @bridges masquerade',
        'ip saddr @sources4 oifname != @bridges ip daddr != 224.0.0.0/4 masquerade',
        'ip6 saddr @sources6 oifname != @bridges ip6 daddr != ff00::/8 masquerade',
      ],
    },
    forward: {
      head: 'type filter hook forward priority filter; policy accept;',
      rules: [
        'iifname . oifname vmap @within',
        'ct state established,related accept',
        'iifname @internal drop',
        'oifname @internal drop',
        // Asked for by the host's own address: as from anywhere.
        'ct status dnat accept',
        'iifname @isolated oifname @isolated drop',
      ],
    },
    [HELD]: { head: '', rules: ['accept'] },
    // Host ports answer on 127.0.0.1; this keeps containers from the host's loopback.
    guard: {
      head: 'type filter hook prerouting priority raw; policy accept;',
      rules: ['iifname @bridges ip daddr 127.0.0.0/8 drop'],
    },
  };
  return [
    `table inet ${table} {`,
    'set bridges { type ifname; }',
    'set internal { type ifname; }',
    'set isolated { type ifname; }',
    'map within { type ifname . ifname : verdict; }',
    'set sources4 { type ipv4_addr; flags interval; }',
    'set sources6 { type ipv6_addr; flags interval; }',
    'map ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }',
    'map ports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }',
    'map host_ports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }',
    'map host_ports6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }',
    ...Object.entries(chains).map(([name, { head }]) => `chain ${name} { ${head} }`),
    '}',
    // Refilled in the same transaction: rules of an older version go.
    ...Object.keys(chains).map((name) => `flush chain inet ${table} ${name}`),
    `table inet ${table} {`,
    ...Object.entries(chains).map(([name, { rules }]) => `chain ${name} {\n${rules.join('\n')}\n}`),
    '}',
  ].join('\n');
}

function forFamily(family: 4 | 6, ip: string, protocol: string): string[] {
  const local = `meta nfproto ${protocol} fib daddr type local dnat ${ip} to`;
  return [
    `${local} ${ip} daddr . meta l4proto . th dport map @host_ports${family}`,
    `${local} meta l4proto . th dport map @ports${family}`,
  ];
}

function isAbsent(error: unknown): boolean {
  return error instanceof OrreryError && /No such file or directory/.test(error.message);
}

function isBusy(error: unknown): boolean {
  return error instanceof OrreryError && /Device or resource busy/.test(error.message);
}

function isTaken(error: unknown): boolean {
  return error instanceof OrreryError && /File exists/.test(error.message);
}

function taken(ports: readonly RuledPort[], cause: unknown): Conflict {
  const names = ports.map((port) => `${port.hostIp || '0.0.0.0'}:${port.hostPort}/${port.protocol}`);
  return new Conflict(`a host port is already in use by another container: ${names.join(', ')}`, { cause });
}
