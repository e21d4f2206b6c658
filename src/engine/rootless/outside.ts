import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, OrreryError } from '../../base/index.ts';
import { readJson, replaceFile } from '../containers/records.ts';
import { isProcessAlive, processIdentity } from '../system/process-identity.ts';
import { OUTBOUND_ADDRESS, OUTBOUND_DNS, OUTBOUND_GATEWAY, OutboundWay } from './outbound-way.ts';
import { defaultWay, findOutsideProgram, type OutsideProgram, whyNoOutside } from './outside-programs.ts';
import { startPasta } from './pasta.ts';
import type { RelayedPort } from './port-relay.ts';
import { relayable, startPortRelay } from './published-ports.ts';
import { forwardBySlirp, slirpAddresses, slirpOptions, startSlirp } from './slirp4netns.ts';

export interface OutsideRequest {
  containerId: string;
  /** The container's pinned network namespace. */
  namespacePath: string;
  /** `default` takes what this host allows; `none` publishes ports only: a bridge leads outside, or nothing does. */
  mode: 'default' | 'none' | OutsideProgram;
  /** What follows `slirp4netns:` or `pasta:`, at its commas. */
  options: readonly string[];
  ports: readonly { hostIp: string; hostPort: number; containerPort: number; protocol: string }[];
}

export interface OutsideResult {
  program?: OutsideProgram | 'relay';
  /** For resolv.conf. */
  dns?: string;
  /** The container's own. */
  address?: string;
  gateway?: string;
  /** For people, one line each. */
  warnings: string[];
}

interface OutsideRecord {
  ports: RelayedPort[];
  /** `processIdentity` of what runs for the container. */
  processes: string[];
  /** The namespace that has joined the relay. */
  relayed?: string;
}

/**
 * How containers of an ordinary user reach the outside, and are reached: by slirp4netns or pasta where the host
 * has them and lets users open /dev/net/tun, else by the relay of outbound-relay.ts; and by a relay of host ports
 * that needs nothing. The processes live
 * as long as the container; `disconnect` ends them, and `repair` those whose container has gone.
 */
export class RootlessOutside {
  readonly #folder: string;
  readonly #self: readonly string[];
  readonly #outbound: OutboundWay;

  /** @param options.self program and script that start ourselves */
  constructor(options: { directory: string; self: readonly string[] }) {
    this.#folder = join(options.directory, 'outside');
    this.#self = options.self;
    this.#outbound = new OutboundWay(options.self);
  }

  /**
   * @throws OrreryError RootlessUnavailable when a way was asked for by name that this host does not allow
   * @throws OrreryError NetworkFailed for a port that cannot be had
   */
  async connect(request: OutsideRequest): Promise<OutsideResult> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.disconnect(request.containerId);
    const way = chooseWay(request.mode);
    const record: OutsideRecord = { ports: relayable(request.ports), processes: [] };
    await this.#write(request.containerId, record);
    const keep = async (pid: number) => {
      record.processes.push(processIdentity(pid) ?? `${pid}:`);
      await this.#write(request.containerId, record);
    };
    try {
      const result = await this.#begin({ request, record, way, keep });
      return { ...result, ...(way.program && { program: way.program }), warnings: way.warnings };
    } catch (error) {
      await this.disconnect(request.containerId);
      throw error;
    }
  }

  async #begin(work: {
    request: OutsideRequest;
    record: OutsideRecord;
    way: Way;
    keep: (pid: number) => Promise<void>;
  }): Promise<Omit<OutsideResult, 'warnings'>> {
    const { request, record, way, keep } = work;
    const { namespacePath, containerId } = request;
    if (way.program === 'pasta') {
      await keep(
        await startPasta({
          program: findOutsideProgram('pasta')!,
          namespacePath,
          ports: record.ports,
          options: request.mode === 'pasta' ? request.options : [],
          pidFile: join(this.#folder, `${containerId}.pasta`),
        }),
      );
      return {};
    }
    if (way.program === 'relay') {
      record.relayed = namespacePath;
      await this.#write(containerId, record);
      await this.#outbound.join(namespacePath);
    }
    const slirp = way.program === 'slirp4netns' ? slirpOptions(given(request)) : undefined;
    const apiSocket = join(this.#folder, `${containerId.slice(0, 12)}.sock`);
    if (slirp !== undefined)
      await keep(
        await startSlirp(findOutsideProgram('slirp4netns')!, { namespacePath, options: slirp, apiSocket }),
      );
    const addresses = slirp === undefined ? undefined : slirpAddresses(slirp.cidr);
    if (slirp?.portHandler === 'slirp4netns')
      for (const port of record.ports) await forwardBySlirp(apiSocket, port, addresses!.guest);
    else if (record.ports.length > 0) {
      const file = this.#fileOf(containerId);
      await keep(await startPortRelay({ self: this.#self, namespacePath, ports: record.ports, file }));
    }
    if (way.program === 'relay')
      return { dns: OUTBOUND_DNS, address: OUTBOUND_ADDRESS, gateway: OUTBOUND_GATEWAY };
    return addresses === undefined
      ? {}
      : { dns: addresses.dns, address: addresses.guest, gateway: addresses.gateway };
  }

  /** Ends what runs for a container. No error when nothing does. */
  async disconnect(containerId: string): Promise<void> {
    const file = this.#fileOf(containerId);
    const record = await readJson<OutsideRecord>(file);
    for (const identity of record?.processes ?? []) end(identity);
    if (record?.relayed !== undefined) await this.#outbound.leave(record.relayed);
    for (const path of [file, join(this.#folder, `${containerId}.pasta`)]) await rm(path, { force: true });
    await rm(join(this.#folder, `${containerId.slice(0, 12)}.sock`), { force: true });
  }

  /** Ends what runs for containers that run no more: their cleanup was cut off. */
  async repair(isRunning: (containerId: string) => boolean): Promise<void> {
    for (const name of await this.#files()) {
      const id = name.slice(0, -'.json'.length);
      if (!isRunning(id)) await this.disconnect(id);
    }
  }

  async #files(): Promise<string[]> {
    return (await namesIn(this.#folder)).filter((name) => name.endsWith('.json'));
  }

  async #write(containerId: string, record: OutsideRecord): Promise<void> {
    await replaceFile(this.#fileOf(containerId), JSON.stringify(record));
  }

  #fileOf(containerId: string): string {
    return join(this.#folder, `${containerId}.json`);
  }
}

/** For people, in one line. */
export function cutOff(why: string): string {
  return `the container reaches nothing outside, only its published ports are reached: ${why}`;
}

interface Way {
  program?: OutsideProgram | 'relay';
  warnings: string[];
}

function chooseWay(mode: OutsideRequest['mode']): Way {
  if (mode === 'none') return { warnings: [] };
  if (mode === 'default') {
    const found = defaultWay();
    if ('why' in found) return { warnings: [cutOff(found.why)] };
    return { program: found.way, warnings: [] };
  }
  const why = whyNoOutside(mode);
  if (why !== undefined) throw new OrreryError('RootlessUnavailable', `--network ${mode}: ${why}`);
  return { program: mode, warnings: [] };
}

function given({ mode, options }: OutsideRequest): readonly string[] {
  return mode === 'slirp4netns' ? options : [];
}

function end(identity: string): void {
  if (!isProcessAlive(identity)) return;
  try {
    process.kill(Number(identity.split(':')[0]), 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
