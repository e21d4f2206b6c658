import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../engine/index.ts';
import type { ContainerInspect } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { ExecSessions } from './execs.ts';
import type { Listing } from './listing.ts';
import { bindOptions, tmpfsOptions } from './mounts.ts';
import type { ContainerParts } from './parts.ts';
import type { StoredMount } from './stored-container.ts';

export interface InspectionOptions {
  engine: Engine;
  store: ContainerStore;
  parts: ContainerParts;
  listing: Listing;
  execs: ExecSessions;
}

/** Everything there is to know about one container. */
export class Inspection {
  readonly #options: InspectionOptions;

  constructor(options: InspectionOptions) {
    this.#options = options;
  }

  async inspect(text: string, options: { size?: boolean } = {}): Promise<ContainerInspect> {
    const { engine, store, parts, listing, execs } = this.#options;
    const container = await store.find(text);
    const { id, state, stored } = container;
    const [entry, paths, run, endpoints, execIds] = await Promise.all([
      listing.entry(container),
      engine.pathsOf(id),
      store.readRun(id),
      parts.networks?.endpointsOf(id) ?? {},
      execs.idsOf(id),
    ]);
    const folder = store.userFolder(id);
    const oci = await readOci(paths.config);
    const healthLog = await parts.lifecycle?.healthLog?.(id);
    return {
      ...entry,
      ...(options.size && { size: await listing.size(container) }),
      config: stored.config,
      hostConfig: stored.hostConfig,
      options: stored.options,
      path: stored.command[0] ?? '',
      args: stored.command.slice(1),
      ociConfigPath: paths.config,
      rootPath: paths.root,
      logPath: state.logPath,
      ...(state.conmonPid !== undefined && { conmonPid: state.conmonPid }),
      oomKilled: state.oomKilled,
      error: run.error || state.error || '',
      ...(healthLog !== undefined && { healthLog }),
      mountPoints: await Promise.all(stored.mounts.map((one) => this.#mountPoint(one))),
      isMounted: paths.root !== '' && (state.status === 'running' || (run.mounts ?? 0) > 0),
      graphDriver: {
        lowerDir: paths.lowers.join(':'),
        upperDir: paths.upper ?? '',
        workDir: paths.work ?? '',
        mergedDir: paths.root,
      },
      ...(oci.network !== undefined && { namespacePath: oci.network }),
      endpoints,
      execIds,
      effectiveCapabilities: oci.effective,
      boundingCapabilities: oci.bounding,
      resolvConfPath: join(folder, 'resolv.conf'),
      hostnamePath: join(folder, 'hostname'),
      hostsPath: join(folder, 'hosts'),
      dependencies: stored.dependencies,
      ...(stored.idMappings && { idMappings: stored.idMappings }),
    };
  }

  async #mountPoint(mount: StoredMount): Promise<ContainerInspect['mountPoints'][number]> {
    const { volumes } = this.#options.parts;
    const isVolume = mount.type === 'volume';
    const there = isVolume && volumes !== undefined && (await volumes.exists(mount.name!));
    const source = there ? (await volumes.inspect(mount.name!)).Mountpoint : mount.source;
    const options = mount.type === 'tmpfs' ? tmpfsOptions(mount.options) : bindOptions(mount.options);
    return {
      type: mount.type === 'devpts' ? 'tmpfs' : mount.type,
      ...(mount.name !== undefined && { name: mount.name }),
      ...{ source, destination: mount.destination },
      ...(isVolume && { driver: 'local' }),
      readWrite: !options.includes('ro'),
      propagation: options.find((one) => /^r?(?:private|shared|slave)$/.test(one)) ?? 'rprivate',
      options: options.filter((one) => !/^(?:r?(?:private|shared|slave)|rw|ro)$/.test(one)),
    };
  }
}

/** What of the runtime's configuration only that knows; nothing of one that never ran. */
async function readOci(path: string) {
  try {
    const config = JSON.parse(await readFile(path, 'utf8')) as {
      process: { capabilities?: { effective?: string[]; bounding?: string[] } };
      linux: { namespaces: { type: string; path?: string }[] };
    };
    const { effective = [], bounding = [] } = config.process.capabilities ?? {};
    return {
      ...{ effective, bounding },
      network: config.linux.namespaces.find((one) => one.type === 'network')?.path,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { effective: [], bounding: [], network: undefined };
    throw error;
  }
}
