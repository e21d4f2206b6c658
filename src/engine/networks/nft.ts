import { BadRequest, CommandFailed, OrreryError, runCommand } from '../../base/index.ts';
import type { NetworkAttachment } from '../engine.ts';

interface Concat {
  concat: (string | number)[];
}

type PortMapping = NonNullable<NetworkAttachment['portMappings']>[number];

/** The packet mark of what a container sends to this host, which is where host ports are; CNI portmap's own bit. */
const HAIRPIN_MARK = '0x00002000';

/**
 * The engine's own nftables table, `orrery_<instance>_net`: masquerading of what leaves the subnet, and host
 * ports. One table of ours, so that taking it away leaves nothing behind and touches nobody else's rules.
 */
export class NetworkTable {
  readonly #table: string;
  readonly #subnet: string;
  readonly #bridge: string;
  #isMade = false;

  constructor(options: { instance: string; subnet: string; bridge: string }) {
    this.#table = `orrery_${options.instance}_net`;
    this.#subnet = options.subnet;
    this.#bridge = options.bridge;
  }

  /** Idempotent, and safe between processes: declaring what is there changes nothing; the chains are refilled in one transaction. */
  async make(): Promise<void> {
    if (this.#isMade) return;
    const ports = 'fib daddr type local dnat ip to';
    await nft(`
      table ip ${this.#table} {
        map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
        map address_ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
        chain prerouting { type nat hook prerouting priority dstnat; policy accept; }
        chain output { type nat hook output priority -100; policy accept; }
        chain postrouting { type nat hook postrouting priority srcnat; policy accept; }
        chain guard { type filter hook prerouting priority raw; policy accept; }
      }
      flush chain ip ${this.#table} prerouting
      flush chain ip ${this.#table} output
      flush chain ip ${this.#table} postrouting
      flush chain ip ${this.#table} guard
      table ip ${this.#table} {
        chain prerouting {
          iifname "${this.#bridge}" fib daddr type local meta mark set meta mark | ${HAIRPIN_MARK}
          ${ports} ip daddr . meta l4proto . th dport map @address_ports
          ${ports} meta l4proto . th dport map @ports
        }
        chain output {
          ${ports} ip daddr . meta l4proto . th dport map @address_ports
          ${ports} meta l4proto . th dport map @ports
        }
        chain postrouting {
          ip saddr ${this.#subnet} ip daddr != ${this.#subnet} ip daddr != 224.0.0.0/4 masquerade
          ip saddr 127.0.0.0/8 oifname "${this.#bridge}" masquerade
          meta mark & ${HAIRPIN_MARK} == ${HAIRPIN_MARK} ip daddr ${this.#subnet} ct status dnat masquerade
        }
        chain guard {
          iifname "${this.#bridge}" ip daddr 127.0.0.0/8 drop
        }
      }`);
    this.#isMade = true;
  }

  /** @throws BadRequest when another container has the port. */
  async addPorts(address: string, mappings: readonly PortMapping[]): Promise<void> {
    if (mappings.length === 0) return;
    await this.make();
    try {
      await nft(
        mappings.map((one) => `create element ip ${this.#table} ${this.#element(one, address)}`).join('\n'),
      );
    } catch (error) {
      if (error instanceof NftFailed && /File exists/.test(error.message))
        throw new BadRequest(
          `a host port of ${mappings.map((one) => one.hostPort).join(', ')} is already in use`,
          {
            cause: error,
          },
        );
      throw error;
    }
  }

  /** Takes away the host ports that lead to `address`, and no other's. */
  async removePorts(address: string): Promise<void> {
    for (const map of ['ports', 'address_ports']) {
      const keys = (await this.#elements(map)).filter((one) => one.to === address).map((one) => one.key);
      for (const key of keys)
        await unlessAbsent(() => nft(`delete element ip ${this.#table} ${map} { ${key} }`));
    }
  }

  async #elements(map: string): Promise<{ key: string; to: string }[]> {
    try {
      const { stdout } = await runCommand('nft', ['-j', 'list', 'map', 'ip', this.#table, map]);
      const { nftables } = JSON.parse(stdout) as { nftables: { map?: { elem?: [Concat, Concat][] } }[] };
      const elements = nftables.flatMap((one) => one.map?.elem ?? []);
      return elements.map(([key, value]) => ({ key: key.concat.join(' . '), to: String(value.concat[0]) }));
    } catch (error) {
      if (error instanceof CommandFailed && /No such file or directory/.test(error.stderr)) return [];
      throw error;
    }
  }

  async remove(): Promise<void> {
    this.#isMade = false;
    await unlessAbsent(() => nft(`delete table ip ${this.#table}`));
  }

  #element(one: PortMapping, address: string): string {
    const to = `${address} . ${one.containerPort}`;
    if (one.hostIP === undefined || one.hostIP === '' || one.hostIP === '0.0.0.0')
      return `ports { ${one.protocol} . ${one.hostPort} : ${to} }`;
    if (one.hostIP.includes(':'))
      throw new BadRequest(`the host address ${one.hostIP} is not IPv4: not supported`);
    return `address_ports { ${one.hostIP} . ${one.protocol} . ${one.hostPort} : ${to} }`;
  }
}

class NftFailed extends OrreryError {
  constructor(cause: CommandFailed) {
    // Its last line only points with carets at a place in the script.
    super('NetworkFailed', `nft: ${cause.stderr.split('\n')[0] || cause.message}`, { cause });
  }
}

async function nft(script: string): Promise<void> {
  try {
    await runCommand('nft', ['-f', '-'], { input: script });
  } catch (error) {
    throw error instanceof CommandFailed ? new NftFailed(error) : error;
  }
}

async function unlessAbsent(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof NftFailed) || !/No such file or directory/.test(error.message)) throw error;
  }
}
