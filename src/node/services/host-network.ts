import { readFile, writeFile } from 'node:fs/promises';
import { CommandFailed, runCommand } from '../../base/index.ts';
import type { TableNames } from './table-plan.ts';

/** The part of a host's network that service rules read and write. */
export interface HostNetwork {
  /** Runs a script as one transaction. @throws CommandFailed; then nothing has changed. */
  nft(script: string): Promise<void>;
  hasTable(table: string): Promise<boolean>;
  /** Lists the whole table: slow for a large one. @returns undefined when there is no such table. */
  namesIn(table: string): Promise<TableNames | undefined>;
  listeners(): Promise<Listeners>;
  /** @returns false when there is no such link yet. */
  setRouteLocalnet(link: string, on: boolean): Promise<boolean>;
  /** Routes the range to the loopback under a metric of our own, which is what tells it from others'. Idempotent. */
  addLoopbackRoute(range: string, metric: number): Promise<void>;
  /** Takes away every such route with the metric. */
  removeLoopbackRoutes(metric: number): Promise<void>;
  /** net.bridge.bridge-nf-call-iptables; false when the kernel's br_netfilter is not loaded. */
  bridgeNetfilter(): Promise<boolean>;
  /** Forgets UDP flows to an address that were sent to an endpoint that is gone. @returns false without the conntrack tool. */
  forgetUdp(flow: { destination: string; port: number; endpoint: string }): Promise<boolean>;
}

/** What processes of the host listen on. */
export interface Listeners {
  has(protocol: 'tcp' | 'udp', ip: string, port: number): boolean;
}

/**
 * This host's network, or that of the network namespace whose entry command is given
 * (`['ip', 'netns', 'exec', 'x']`).
 */
export class LinuxHostNetwork implements HostNetwork {
  readonly #enter: readonly string[];

  constructor(options: { enter?: readonly string[] } = {}) {
    this.#enter = options.enter ?? [];
  }

  async nft(script: string): Promise<void> {
    await this.#run(['nft', '-f', '-'], script);
  }

  async hasTable(table: string): Promise<boolean> {
    const tables = await this.#run(['nft', 'list', 'tables']);
    return tables.split('\n').includes(`table ${table}`);
  }

  async namesIn(table: string): Promise<TableNames | undefined> {
    let json: string;
    try {
      json = await this.#run(['nft', '-j', '-t', 'list', 'table', ...table.split(' ')]);
    } catch (error) {
      if (error instanceof CommandFailed && error.stderr.includes('No such file or directory'))
        return undefined;
      throw error;
    }
    const { nftables } = JSON.parse(json) as { nftables: Record<string, { name?: string }>[] };
    const names = (kind: string) => nftables.flatMap((entry) => entry[kind]?.name ?? []);
    return { chains: names('chain'), sets: names('set'), maps: names('map') };
  }

  async listeners(): Promise<Listeners> {
    const [tcp, tcp6, udp, udp6] = await Promise.all(
      ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => this.#read(`/proc/net/${name}`)),
    );
    return new ProcListeners({ tcp: [tcp ?? '', tcp6 ?? ''], udp: [udp ?? '', udp6 ?? ''] });
  }

  async setRouteLocalnet(link: string, on: boolean): Promise<boolean> {
    const path = `/proc/sys/net/ipv4/conf/${link}/route_localnet`;
    const value = on ? '1' : '0';
    const now = await this.#read(path);
    if (now === undefined) return false;
    if (now.trim() === value) return true;
    if (this.#enter.length === 0) await writeFile(path, value);
    else await this.#run(['tee', path], value);
    return true;
  }

  async addLoopbackRoute(range: string, metric: number): Promise<void> {
    await this.#run(['ip', 'route', 'replace', range, 'dev', 'lo', 'metric', String(metric)]);
  }

  async removeLoopbackRoutes(metric: number): Promise<void> {
    const routes = await this.#run(['ip', 'route', 'show', 'dev', 'lo', 'metric', String(metric)]);
    for (const line of routes.split('\n').filter((text) => text !== ''))
      await this.#run(['ip', 'route', 'delete', line.split(' ')[0]!, 'dev', 'lo', 'metric', String(metric)]);
  }

  async bridgeNetfilter(): Promise<boolean> {
    return (await this.#read('/proc/sys/net/bridge/bridge-nf-call-iptables'))?.trim() === '1';
  }

  async forgetUdp(flow: { destination: string; port: number; endpoint: string }): Promise<boolean> {
    const match = [
      '--orig-dst',
      flow.destination,
      '--orig-port-dst',
      `${flow.port}`,
      '--dst-nat',
      flow.endpoint,
    ];
    try {
      await this.#run(['conntrack', '-D', '-p', 'udp', ...match]);
      return true;
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // 1 is also "no such flow".
      return error.exitCode === 1;
    }
  }

  /** @returns undefined when there is no such file. */
  async #read(path: string): Promise<string | undefined> {
    try {
      return await (this.#enter.length === 0 ? readFile(path, 'utf8') : this.#run(['cat', path]));
    } catch (error) {
      const missing =
        error instanceof CommandFailed
          ? error.exitCode === 1
          : (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (missing) return undefined;
      throw error;
    }
  }

  async #run(command: readonly string[], input?: string): Promise<string> {
    const [file = '', ...args] = [...this.#enter, ...command];
    const { stdout } = await runCommand(file, args, input === undefined ? {} : { input });
    return stdout;
  }
}

const LISTEN = '0A';
/** /proc/net/udp: a socket that is bound but not connected. */
const UNCONNECTED = '07';

/** Reads /proc/net/{tcp,tcp6,udp,udp6} (proc(5)): `sl local_address rem_address st …`, addresses in hexadecimal. */
export class ProcListeners implements Listeners {
  readonly #bound = new Set<string>();

  constructor(files: { tcp: string[]; udp: string[] }) {
    for (const text of files.tcp) this.#readFile('tcp', text, LISTEN);
    for (const text of files.udp) this.#readFile('udp', text, UNCONNECTED);
  }

  has(protocol: 'tcp' | 'udp', ip: string, port: number): boolean {
    return this.#bound.has(`${protocol} * ${port}`) || this.#bound.has(`${protocol} ${ip} ${port}`);
  }

  #readFile(protocol: string, text: string, wanted: string): void {
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\s+/);
      if (state !== wanted) continue;
      const [address = '', port = ''] = local.split(':');
      this.#bound.add(`${protocol} ${readAddress(address)} ${Number.parseInt(port, 16)}`);
    }
  }
}

/** Each 32 bits in host byte order; `*` for any address; an IPv4 address inside IPv6 as itself. */
function readAddress(hex: string): string {
  if (/^0+$/.test(hex)) return '*';
  const mapped = hex.length === 32 && hex.startsWith('0000000000000000FFFF0000');
  if (hex.length !== 8 && !mapped) return hex;
  const bytes = Buffer.from(hex.slice(-8), 'hex').reverse();
  return /^0+$/.test(hex.slice(-8)) ? '*' : [...bytes].join('.');
}
