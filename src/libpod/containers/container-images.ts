import type { Readable } from 'node:stream';
import { Conflict } from '../../base/index.ts';
import { applyChanges, changesOf, type Engine, type ImageConfig, layerTar } from '../../engine/index.ts';
import type { CommitOptions } from '../libpod.ts';
import type { ContainerStore } from './container-store.ts';
import type { ContainerParts } from './parts.ts';
import type { Container } from './stored-container.ts';

/** A container's root as a list of changes, as a layer of a new image, as one tar. */
export class ContainerImages {
  readonly #engine: Engine;
  readonly #store: ContainerStore;
  readonly #parts: ContainerParts;

  constructor(engine: Engine, store: ContainerStore, parts: ContainerParts) {
    this.#engine = engine;
    this.#store = store;
    this.#parts = parts;
  }

  async diff(text: string): Promise<{ path: string; kind: 'C' | 'A' | 'D' }[]> {
    const container = await this.#store.find(text);
    const { upper, lowers } = await this.#layers(container);
    const mounted = new Set([...OWN_FILES, ...OWN_FOLDERS]);
    for (const mount of container.stored.mounts) mounted.add(mount.destination);
    return (await changesOf(upper, lowers)).filter(({ path }) => !mounted.has(path));
  }

  /** A container that was never started has no folder of its own yet. */
  async #layers({ id }: Container): Promise<{ upper: string; lowers: string[] }> {
    const mounted = await this.#engine.mountRoot(id);
    const { upper, lowers } = await this.#engine.pathsOf(id);
    if (upper === undefined)
      throw new Conflict(`the root of container ${id} is the folder ${mounted}: it has no layer of its own`);
    return { upper, lowers };
  }

  async commit(text: string, options: CommitOptions): Promise<string> {
    const container = await this.#store.find(text);
    const { id, state, stored, name } = container;
    const shallPause = options.pause === true && state.status === 'running' && !state.isPaused;
    const { upper } = await this.#layers(container);
    const image = await this.#engine.images.inspect(state.imageId);
    const base = await this.#baseLayers(state.imageId);
    if (shallPause) await this.#engine.pause(id);
    try {
      const own = new Set(OWN_FILES.map((path) => path.slice(1)));
      const layer = await this.#engine.images.addLayer(
        layerTar(upper, {
          exclude: (path) => own.has(path),
          ...(stored.idMappings && { idMappings: stored.idMappings }),
        }),
      );
      const now = new Date().toISOString();
      const { id: imageId } = await this.#engine.images.add({
        ...(options.reference !== undefined && { reference: options.reference }),
        layers: [...base, layer],
        config: applyChanges(configOf(container, image.config, options), options.changes ?? []),
        architecture: image.architecture ?? process.arch,
        os: image.os ?? 'linux',
        createdAt: now,
        ...(options.author !== undefined && { author: options.author }),
        history: [
          // An image may come without one (OCI image-spec, config.md); then its layers stand for themselves.
          ...(image.history.length > 0 ? image.history : base.map(() => ({ created: image.createdAt }))),
          {
            created: now,
            created_by: stored.command.join(' '),
            ...(options.author !== undefined && { author: options.author }),
            ...(options.message !== undefined && { comment: options.message }),
          },
        ],
        format: options.format ?? 'oci',
      });
      await this.#parts.events?.append({
        ...{ Type: 'container', Status: 'commit', ID: id, Name: name, Image: imageId },
      });
      return imageId;
    } finally {
      if (shallPause) await this.#engine.unpause(id);
    }
  }

  async #baseLayers(imageId: string) {
    const { manifest } = await this.#engine.images.raw(imageId);
    const { layers } = JSON.parse(manifest.toString()) as {
      layers: { digest: string; size: number; mediaType: string }[];
    };
    const { diffIds } = await this.#engine.images.inspect(imageId);
    return layers.map(({ digest, size, mediaType }, i) => ({
      ...{ digest, mediaType },
      diffId: diffIds[i]!,
      sizeBytes: size,
    }));
  }

  async export(text: string): Promise<Readable> {
    const { id, stored } = await this.#store.find(text);
    return layerTar(await this.#engine.mountRoot(id), {
      isRoot: true,
      ...(stored.idMappings && { idMappings: stored.idMappings }),
    });
  }
}

/** Made empty by the runtime to mount ours on. */
const OWN_FILES = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/mtab', '/run/.containerenv'];

/** What is mounted in every container: that its folder was made is no change of the container's. */
const OWN_FOLDERS = ['/dev', '/proc', '/run', '/run/secrets', '/sys'];

function configOf({ stored }: Container, image: ImageConfig, options: CommitOptions): ImageConfig {
  const { config } = stored;
  const own: ImageConfig = {
    ...image,
    ...(config.User && { User: config.User }),
    Env: [...(image.Env ?? []), ...(config.Env ?? []).filter((line) => line.includes('='))],
    ...(config.Cmd !== undefined && { Cmd: config.Cmd }),
    ...(config.Entrypoint !== undefined && { Entrypoint: config.Entrypoint }),
    ...(config.WorkingDir !== undefined && { WorkingDir: config.WorkingDir }),
    ...(config.ExposedPorts !== undefined && { ExposedPorts: config.ExposedPorts }),
    Labels: config.Labels ?? {},
    StopSignal: config.StopSignal ?? 'SIGTERM',
    ...(config.Healthcheck !== undefined && { Healthcheck: config.Healthcheck }),
  };
  const { User, Env, Cmd, Entrypoint, WorkingDir, Labels, Volumes, ExposedPorts } = options.config ?? {};
  const asked = { User, Env, Cmd, Entrypoint, WorkingDir, Labels, Volumes, ExposedPorts };
  const set = Object.entries(asked).filter(([, value]) => value !== undefined);
  const volumes = options.includeVolumes
    ? Object.fromEntries(
        stored.mounts.filter((one) => one.type === 'volume').map((one) => [one.destination, {}]),
      )
    : {};
  return {
    ...own,
    ...Object.fromEntries(set),
    ...(options.includeVolumes && { Volumes: { ...own.Volumes, ...volumes } }),
  };
}
