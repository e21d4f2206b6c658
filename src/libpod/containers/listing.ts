import { stat } from 'node:fs/promises';
import type { Engine } from '../../engine/index.ts';
import type { ContainerListEntry, ListOptions } from '../libpod.ts';
import { containerFilter } from './container-filters.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerParts, Endpoints } from './parts.ts';
import { statusOf } from './status.ts';
import type { Container } from './stored-container.ts';
import { treeBytes } from './tree-size.ts';

export interface ListingOptions {
  engine: Engine;
  store: ContainerStore;
  parts: ContainerParts;
  now: () => number;
}

/** What `ps` shows. */
export class Listing {
  readonly #options: ListingOptions;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  async list(options: ListOptions = {}): Promise<ContainerListEntry[]> {
    const all = (await this.#options.store.list()).sort(
      (a, b) => Date.parse(b.state.createdAt) - Date.parse(a.state.createdAt),
    );
    const filters = options.filters ?? {};
    const limit = options.latest ? 1 : (options.last ?? 0);
    const isAll = options.all === true || limit > 0 || (filters.status ?? []).length > 0;
    const matches = await containerFilter(filters, { ...this.#options, containers: all });
    const entries: ContainerListEntry[] = [];
    for (const container of all) {
      if (!isAll && container.state.status !== 'running') continue;
      const entry = await this.entry(container);
      if (!matches(entry, container)) continue;
      if (options.size) entry.size = await this.size(container);
      entries.push(entry);
    }
    return limit > 0 ? entries.slice(0, limit) : entries;
  }

  async entry(container: Container): Promise<ContainerListEntry> {
    const { id, name, state, stored } = container;
    const { parts, store } = this.#options;
    const none: Endpoints = {};
    const [facts, run, endpoints] = await Promise.all([
      parts.lifecycle?.facts(id),
      state.status === 'running' ? store.readRun(id) : undefined,
      parts.networks?.endpointsOf(id) ?? none,
    ]);
    const status = facts?.isWaiting ? 'restarting' : run?.stoppedByUser ? 'stopping' : statusOf(state);
    return {
      ...{ id, name, image: stored.image, imageId: state.imageId.replace(/^sha256:/, '') },
      command: stored.command,
      createdAt: state.createdAt,
      ...(state.startedAt !== undefined && { startedAt: state.startedAt }),
      ...(state.finishedAt !== undefined && { finishedAt: state.finishedAt }),
      status,
      ...(state.exitCode !== undefined && { exitCode: state.exitCode }),
      ...(state.pid !== undefined && { pid: state.pid }),
      ...(facts?.health !== undefined && { health: facts.health }),
      restarts: facts?.restarts ?? 0,
      labels: state.labels,
      ports: stored.ports,
      mounts: stored.mounts.map((one) => one.destination),
      networks: Object.entries(stored.networks).map(([network, settings]) => {
        const endpoint = endpoints[network];
        return {
          name: network,
          addresses: endpoint?.addresses ?? [],
          aliases: settings.Aliases ?? [],
          ...(endpoint?.macAddress && { macAddress: endpoint.macAddress }),
        };
      }),
      ...(stored.podId !== undefined && { podId: stored.podId }),
      ...(stored.podName !== undefined && { podName: stored.podName }),
      isInfra: stored.isInfra,
      networkMode: stored.hostConfig.NetworkMode ?? '',
    };
  }

  async size({ id, state }: Container): Promise<{ rwBytes: number; rootFsBytes: number }> {
    const { engine } = this.#options;
    const { upper, root } = await engine.pathsOf(id);
    const rwBytes = upper === undefined ? 0 : await ifThere(upper);
    const image = state.imageId === '' ? undefined : await engine.images.resolve(state.imageId);
    const below = image === undefined ? await ifThere(root) : image.sizeBytes;
    return { rwBytes, rootFsBytes: below + rwBytes };
  }
}

async function ifThere(folder: string): Promise<number> {
  try {
    await stat(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  return await treeBytes(folder);
}
