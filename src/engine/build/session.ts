import { join } from 'node:path';
import { BadRequest, messageOf, NotFound } from '../../base/index.ts';
import type { Image, NewImage, NewLayer } from '../engine.ts';
import type { DiskImageLibrary } from '../images/image-library.ts';
import { asConfigBlob, asManifest, type ConfigBlob, parseJson } from '../images/media-types.ts';
import type { GivenArgs, Platform } from './build-args.ts';
import type { ContextRoots } from './context.ts';
import type { BuildOptions } from './options.ts';
import type { BuildReport } from './report.ts';
import { mountSecretFolder } from './run-mounts.ts';
import type { StepCache } from './step-cache.ts';
import { WorkingRoot } from './working-root.ts';

export type HistoryEntry = NewImage['history'][number];

/** An image that is there, or that a stage has come to. */
export interface BuiltImage {
  id: string;
  layers: NewLayer[];
  history: HistoryEntry[];
  config: ConfigBlob;
  /** The image in the store, when nothing was added to one. */
  existing?: Image;
  /** The image of the store that it began with; none for `FROM scratch`. */
  base?: Image;
}

export type Library = DiskImageLibrary;

/** What the stages of one build share. */
export class BuildSession {
  readonly options: BuildOptions;
  readonly library: Library;
  readonly cache: StepCache;
  readonly report: BuildReport;
  readonly args: GivenArgs;
  readonly platform: Platform;
  readonly contexts: ContextRoots;
  readonly runc: () => Promise<string>;
  /** Of this build alone. */
  readonly folder: string;
  readonly cacheMounts: string;
  readonly signal: AbortSignal | undefined;
  readonly #mounted = new Map<string, Promise<WorkingRoot>>();
  #secrets: Promise<string> | undefined;
  #cacheSources: Promise<BuiltImage[]> | undefined;
  #count = 0;

  constructor(parts: {
    options: BuildOptions;
    library: Library;
    cache: StepCache;
    report: BuildReport;
    args: GivenArgs;
    platform: Platform;
    contexts: ContextRoots;
    runc: () => Promise<string>;
    folder: string;
    cacheMounts: string;
  }) {
    this.options = parts.options;
    this.library = parts.library;
    this.cache = parts.cache;
    this.report = parts.report;
    this.args = parts.args;
    this.platform = parts.platform;
    this.contexts = parts.contexts;
    this.runc = parts.runc;
    this.folder = parts.folder;
    this.cacheMounts = parts.cacheMounts;
    this.signal = parts.options.signal;
  }

  /** A path of the build's own that nobody has used. */
  newPath(kind: string): string {
    return join(this.folder, `${kind}-${++this.#count}`);
  }

  /** Files of secrets are here for the time of one RUN. */
  async secretFolder(): Promise<string> {
    this.#secrets ??= (async () => {
      const folder = join(this.folder, 'secrets');
      await mountSecretFolder(folder);
      return folder;
    })();
    return await this.#secrets;
  }

  /** @throws NotFound @throws OrreryError of a pull */
  async image(name: string, platform: Partial<Platform> = this.platform): Promise<Image> {
    if (/^oci(?:-layout)?:/.test(name)) return await this.#fromLayout(name);
    const policy = this.options.pull ?? 'missing';
    const there = await this.library.resolve(name);
    if (there !== undefined && (policy === 'missing' || policy === 'never')) return there;
    if (there !== undefined && name.startsWith('localhost/')) return there;
    if (policy === 'never') throw new NotFound(`${name}: image not known`);
    const pulled = await this.library.pull(name, {
      ...this.options.registry,
      policy,
      platform,
      onProgress: ({ status, id }) => {
        if (id === '') this.report.output(`${status}\n`, 'stderr');
      },
      ...(this.signal && { signal: this.signal }),
    });
    const image = await this.library.resolve(pulled.id);
    if (image === undefined) throw new NotFound(`${name}: image not known`);
    return image;
  }

  /** `oci:/path[:reference]`, `oci-layout:///path`: taken into the store first, as Podman does. */
  async #fromLayout(name: string): Promise<Image> {
    const [, path = '', reference] = /^oci(?:-layout:\/\/|:)([^:]+)(?::(.+))?$/.exec(name) ?? [];
    const loaded = await this.library.receive({ folder: path });
    const one =
      reference === undefined
        ? loaded[0]
        : loaded.find((each) =>
            each.reference?.endsWith(reference.includes('/') ? reference : `:${reference}`),
          );
    const image = one === undefined ? undefined : await this.library.resolve(one.id);
    if (image === undefined) throw new NotFound(`${name}: no such image in the OCI layout`);
    return image;
  }

  /** Images whose history may stand for steps; one that cannot be had is no reason to fail. */
  async cacheSources(): Promise<BuiltImage[]> {
    this.#cacheSources ??= (async () => {
      const found: BuiltImage[] = [];
      for (const name of this.options.cacheFrom ?? []) {
        try {
          found.push(await this.built(await this.image(name)));
        } catch (error) {
          this.signal?.throwIfAborted();
          this.report.warn(`cannot use ${name} as a cache: ${messageOf(error)}`);
        }
      }
      return found;
    })();
    return await this.#cacheSources;
  }

  async built(image: Image): Promise<BuiltImage> {
    const { manifest, config } = await this.library.raw(image.id);
    const blob = asConfigBlob(parseJson(config, image.id), image.id);
    const { layers } = asManifest(parseJson(manifest, image.id), image.id);
    const diffIds = blob.rootfs.diff_ids;
    const history = (blob as ConfigBlob & { history?: HistoryEntry[] }).history ?? [];
    const isWhole = history.filter((one) => one.empty_layer !== true).length === layers.length;
    return {
      id: image.id,
      config: blob,
      layers: layers.map((layer, i) => ({
        digest: layer.digest,
        diffId: diffIds[i]!,
        sizeBytes: layer.size,
        mediaType: layer.mediaType,
      })),
      history: isWhole ? history : layers.map(() => ({ created_by: '' })),
      existing: image,
    };
  }

  /** Folder names of an image's layers, top first; unpacks what is missing. */
  async layerNames(image: Pick<BuiltImage, 'layers' | 'existing'>): Promise<string[]> {
    if (image.existing !== undefined) return (await this.library.layerFolders(image.existing)).names;
    return image.layers.map((layer) => this.library.layers.nameOf(layer.diffId)).reverse();
  }

  /** The root of an image that is only read from, mounted once a build. */
  async mounted(image: BuiltImage): Promise<string> {
    let root = this.#mounted.get(image.id);
    if (root === undefined) {
      root = this.layerNames(image).then((names) =>
        WorkingRoot.open(this.newPath('source'), this.library.layers.folder, names),
      );
      this.#mounted.set(image.id, root);
    }
    return (await root).root;
  }

  async close(): Promise<void> {
    for (const opening of this.#mounted.values()) {
      const [root] = await Promise.allSettled([opening]);
      if (root.status === 'fulfilled') await root.value.discard();
    }
  }
}

export function noStage(from: string): BadRequest {
  return new BadRequest(`COPY --from=${from}: no stage or image found with that name`);
}
