import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/index.ts';
import { readJson, replaceFile } from '../../engine/index.ts';
import type { NetworkConfig, NetworkEndpoint, NetworkSetUp } from '../libpod.ts';

/** A network as it is kept. */
export interface NetworkDefinition extends NetworkConfig {
  /** Nobody asked for these ranges: while no container has an address they may be chosen anew. */
  hasChosenSubnets?: boolean;
}

/** What a container has on one network. */
export interface KeptEndpoint extends NetworkEndpoint {
  interfaceName: string;
  /** The host's end of its pair; absent with macvlan and ipvlan. */
  hostLink?: string;
  /** Kept with it: the network's definition may be gone when it is taken down. */
  bridge?: string;
  names: string[];
}

/** All that a container has on this host's networks. Written before it is made: what is there is in a record. */
export interface ContainerNetworkRecord {
  request: NetworkSetUp;
  /** After a reboot the same path is another namespace. */
  namespaceInode: number;
  endpoints: Record<string, KeptEndpoint>;
  /** False while it is being made, and after that has been cut off. */
  isComplete: boolean;
  /** Its resolv.conf names the network's own server. */
  usesNameServer: boolean;
}

/** The files of user networks: definitions survive a power failure, what containers have does not need to. */
export class NetworkRecords {
  readonly #definitions: string;
  readonly #containers: string;

  constructor(folder: string) {
    this.#definitions = join(folder, 'definitions');
    this.#containers = join(folder, 'containers');
  }

  async open(): Promise<void> {
    for (const folder of [this.#definitions, this.#containers])
      await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  async definitions(): Promise<NetworkDefinition[]> {
    return await all<NetworkDefinition>(this.#definitions);
  }

  async definition(name: string): Promise<NetworkDefinition | undefined> {
    return await readJson<NetworkDefinition>(this.#definitionOf(name));
  }

  async writeDefinition(definition: NetworkDefinition): Promise<void> {
    await writeFileAtomic(this.#definitionOf(definition.Name), JSON.stringify(definition), { mode: 0o600 });
  }

  async removeDefinition(name: string): Promise<void> {
    await rm(this.#definitionOf(name), { force: true });
  }

  async containers(): Promise<ContainerNetworkRecord[]> {
    return await all<ContainerNetworkRecord>(this.#containers);
  }

  async container(id: string): Promise<ContainerNetworkRecord | undefined> {
    return await readJson<ContainerNetworkRecord>(this.#containerOf(id));
  }

  async writeContainer(record: ContainerNetworkRecord): Promise<void> {
    await replaceFile(this.#containerOf(record.request.containerId), JSON.stringify(record));
  }

  async removeContainer(id: string): Promise<void> {
    await rm(this.#containerOf(id), { force: true });
  }

  #definitionOf(name: string): string {
    return join(this.#definitions, `${name}.json`);
  }

  #containerOf(id: string): string {
    return join(this.#containers, `${id}.json`);
  }
}

async function all<T>(folder: string): Promise<T[]> {
  const found: T[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!name.endsWith('.json')) continue;
    const one = await readJson<T>(join(folder, name));
    if (one !== undefined) found.push(one);
  }
  return found;
}
