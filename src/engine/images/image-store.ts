import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BadRequest, Conflict, type Log, NotFound, OrreryError, removeTree } from '../../base/index.ts';
import type {
  Image,
  ImageStore,
  ImageSummary,
  LoadedImage,
  NewImage,
  NewLayer,
  PackOptions,
} from '../engine.ts';
import { withFileLock } from '../system/lock.ts';
import { type FoundImage, readArchive } from './archive.ts';
import { Blobs, exists, type StagedBlob } from './blobs.ts';
import { addLayerFolder } from './layer-folder.ts';
import { LayerPins } from './layer-pins.ts';
import { Layers, verifyDiffId } from './layers.ts';
import {
  asConfigBlob,
  asManifest,
  type ConfigBlob,
  compressionOf,
  type Descriptor,
  MANIFEST,
  type Manifest,
  parseJson,
} from './media-types.ts';
import { configOfNewImage, manifestOfNewImage } from './new-image.ts';
import { addLayer, receiveLayer, type UnpackedLayer } from './new-layer.ts';
import { packImage } from './pack.ts';
import { inParallel } from './registry/parallel.ts';
import { candidatesOf, endsWithName, localReference } from './short-names.ts';

/** The annotation of `index.json` that holds an image's name. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** Whole names, `host/path@sha256:…`, under which a registry gave an image; a list's digest is one too. */
export const REPO_DIGESTS = 'io.orrery.repo-digests';

/** Names an image has had, newest first. */
export const PAST_NAMES = 'io.orrery.past-names';

/** One is decompressed by a thread of the pool while another is written. */
const LAYERS_AT_ONCE = 2;

/** A container made from an image. */
export interface ImageUser {
  id: string;
  name: string;
}

export interface DiskImageStoreOptions {
  directory: string;
  log: Log;
  /** Whether layers can be unpacked with their owners and devices: root. Otherwise they are only verified. */
  canUnpack: boolean;
  /** DiffIDs that containers stand on and so must stay. */
  layersInUse: () => Promise<string[]>;
  /** Containers made from the image of that id. */
  usersOf: (imageId: string) => Promise<ImageUser[]>;
  /** How much one layer may unpack to; default: what the disk has room for. */
  layerLimitBytes?: number;
  /** PATH for `pack`. */
  searchPath?: string[];
}

/** `ImageStore` over an OCI layout on disk; several processes may use one directory at once. */
export class DiskImageStore implements ImageStore {
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly #pins: LayerPins;
  protected readonly options: DiskImageStoreOptions;
  readonly #lock: string;

  constructor(options: DiskImageStoreOptions) {
    this.options = options;
    this.blobs = new Blobs(join(options.directory, 'images'));
    this.layers = new Layers(join(options.directory, 'layers'), options.layerLimitBytes);
    this.#pins = new LayerPins(join(options.directory, 'layer-pins'));
    this.#lock = join(options.directory, 'images.lock');
  }

  async open(): Promise<void> {
    await this.blobs.open();
    await this.layers.open();
    await this.#pins.open();
    if ((await this.#pins.ofEarlierBoots()).length > 0) await this.#locked(() => this.#sweep());
  }

  async addLayer(tar: Readable): Promise<NewLayer> {
    return await addLayer(tar, {
      blobs: this.blobs,
      layers: this.layers,
      pins: this.#pins,
      canUnpack: this.options.canUnpack,
    });
  }

  /** A layer of an overlay's upper folder, which becomes the layer: see `addLayerFolder`. */
  async addLayerFolder(folder: string, options: { mtimeSeconds?: number }): Promise<NewLayer> {
    return await addLayerFolder(folder, options, {
      blobs: this.blobs,
      layers: this.layers,
      pins: this.#pins,
    });
  }

  async add(image: NewImage): Promise<LoadedImage> {
    const reference = image.reference === undefined ? undefined : localReference(image.reference);
    return await this.staged(async (staging) => {
      const config = await this.blobs.write(staging, Buffer.from(JSON.stringify(configOfNewImage(image))));
      const manifestBytes = Buffer.from(JSON.stringify(manifestOfNewImage(image, config)));
      const manifest = await this.blobs.write(staging, manifestBytes);
      const entry: Descriptor = {
        mediaType: manifestOfNewImage(image, config).mediaType,
        digest: manifest.digest,
        size: manifest.size,
        ...(reference !== undefined && { annotations: { [REF_NAME]: reference } }),
      };
      await this.#locked(async () => {
        for (const layer of image.layers)
          if ((await this.blobs.sizeOf(layer.digest)) !== layer.sizeBytes)
            throw new NotFound(`no such layer: ${layer.digest}`);
        if (this.options.canUnpack) await this.layers.sync();
        await this.blobs.adopt([config, manifest]);
        const old = await this.#retargeted((await this.blobs.readIndex()).manifests, config.digest, entry);
        await this.blobs.writeIndex(withEntries(old, [entry], 'added first'));
        await this.#pins.release(image.layers.map((layer) => layer.digest));
      });
      return { reference, id: config.digest };
    });
  }

  async raw(reference: string): Promise<{ manifest: Buffer; config: Buffer }> {
    const image = await this.resolve(reference);
    if (image === undefined) throw new NotFound(`no such image: ${reference}`);
    return { manifest: await this.blobs.read(image.digest), config: await this.blobs.read(image.id) };
  }

  async load(archive: Readable): Promise<LoadedImage[]> {
    return await this.staged(async (staging) =>
      this.commit(await readArchive(archive, this.blobs, staging), staging),
    );
  }

  /** Runs `work` with a private folder for blobs, which is gone after it. */
  async staged<T>(work: (staging: string) => Promise<T>): Promise<T> {
    const staging = await this.blobs.stage();
    try {
      return await work(staging);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  async pack(options: PackOptions): Promise<LoadedImage> {
    return await this.staged(async (staging) => {
      const image = await packImage(options, {
        write: (content) => this.blobs.write(staging, content),
        ...(this.options.searchPath && { searchPath: this.options.searchPath }),
      });
      const loaded = await this.commit([image], staging);
      return loaded[0]!;
    });
  }

  /** Replaces the index by what `change` makes of it, and removes what no name leads to any more. */
  protected async edit(change: (manifests: Descriptor[]) => Promise<Descriptor[]>): Promise<void> {
    await this.#locked(async () => {
      await this.blobs.writeIndex(await change((await this.blobs.readIndex()).manifests));
      await this.#sweep();
    });
  }

  /** A large image takes minutes to unpack; whoever comes second waits for it. */
  async #locked<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(this.#lock, work, { timeoutMs: 600_000 });
  }

  /** Whether a layer is here with its blob; if so it stays at least until an image has been named. */
  async holdLayer(layer: { digest: string; diffId: string; layer: Descriptor }): Promise<boolean> {
    const isHere = async () =>
      (await this.blobs.sizeOf(layer.digest)) === layer.layer.size &&
      (!this.options.canUnpack || (await this.layers.has(layer.diffId)));
    if (!(await isHere())) return false;
    await this.#pins.add(layer);
    // A sweep may have come between.
    return await isHere();
  }

  /** Stages a layer that comes compressed, and unpacks it while it comes. */
  async receiveLayer(
    content: AsyncIterable<Uint8Array>,
    layer: { diffId: string; layer: Descriptor },
    staging: string,
  ): Promise<{ blob: StagedBlob; unpacked?: UnpackedLayer }> {
    const { canUnpack } = this.options;
    return await receiveLayer(content, layer, { blobs: this.blobs, layers: this.layers, canUnpack, staging });
  }

  /** Removes what was unpacked and got no name. */
  async discard(unpacked: readonly UnpackedLayer[]): Promise<void> {
    for (const { folder } of unpacked) await removeTree(folder);
  }

  /**
   * An image is its config: one that comes again with another manifest (recompressed, in the other format) stays
   * one image, with the newer manifest; the older one's digest stays known. Call under the lock.
   */
  async #retargeted(manifests: Descriptor[], id: string, top: Descriptor): Promise<Descriptor[]> {
    const changed: Descriptor[] = [];
    for (const one of manifests) {
      const there = one.digest === top.digest ? undefined : await this.readUnlessDamaged(one.digest);
      if (there?.manifest.config.digest !== id) {
        changed.push(one);
        continue;
      }
      const { mediaType, digest, size } = top;
      const repository = nameOf(one)?.replace(/[:@][^/]*$/, '');
      const known = [one.annotations?.[REPO_DIGESTS], repository && `${repository}@${one.digest}`];
      const digests = known.filter(Boolean).join(' ');
      const annotations = { ...one.annotations, ...(digests !== '' && { [REPO_DIGESTS]: digests }) };
      changed.push({ ...one, mediaType, digest, size, annotations });
    }
    return changed;
  }

  /** Verifies and unpacks every layer first: nothing malformed ever gets a name. */
  async commit(found: FoundImage[], staging: string): Promise<LoadedImage[]> {
    const staged: StagedBlob[] = [];
    const entries: Descriptor[] = [];
    const tops: Descriptor[] = [];
    for (const image of found) {
      const manifest = await this.blobs.write(staging, image.manifestBytes);
      const mediaType = image.manifest.mediaType ?? MANIFEST;
      tops.push({ mediaType, digest: manifest.digest, size: manifest.size });
      staged.push(...image.blobs, manifest);
      for (const name of image.references.length === 0 ? [undefined] : image.references)
        entries.push({
          mediaType,
          digest: manifest.digest,
          size: manifest.size,
          ...((name !== undefined || image.repoDigests) && {
            annotations: {
              ...(name !== undefined && { [REF_NAME]: name }),
              ...(image.repoDigests && { [REPO_DIGESTS]: image.repoDigests.join(' ') }),
            },
          }),
        });
    }
    const unpacked = found.flatMap((image) => image.unpacked ?? []);
    if (unpacked.length > 0) await this.layers.sync();
    await this.#locked(async () => {
      for (const layer of unpacked) {
        await this.layers.noteSize(layer.diffId, layer.sizeBytes);
        await this.layers.adopt(layer.folder, layer.diffId);
      }
      let isSynced = unpacked.length > 0;
      for (const image of found) if (await this.#prepareLayers(image)) isSynced = false;
      // Once for all blobs and layers: the disk was busy while they were unpacked.
      if (!isSynced) await this.layers.sync();
      const unique = new Map(staged.map((blob) => [blob.digest, blob]));
      await this.blobs.adopt([...unique.values()]);
      let { manifests } = await this.blobs.readIndex();
      for (const [i, image] of found.entries())
        manifests = await this.#retargeted(manifests, image.manifest.config.digest, tops[i]!);
      await this.blobs.writeIndex(withEntries(manifests, entries, 'added first'));
      const layers = found.flatMap((image) => image.manifest.layers);
      await this.#pins.release(layers.map((layer) => layer.digest));
    });
    return found.flatMap(({ references, manifest }) =>
      (references.length === 0 ? [undefined] : references).map((reference) => ({
        reference,
        id: manifest.config.digest,
      })),
    );
  }

  /** @returns whether there was anything to unpack. */
  async #prepareLayers(image: FoundImage): Promise<boolean> {
    const configBlob = image.blobs.find((blob) => blob.digest === image.manifest.config.digest)!;
    const config = asConfigBlob(parseJson(await readFile(configBlob.path), 'the config'), 'the image config');
    if (config.rootfs.diff_ids.length !== image.manifest.layers.length)
      throw new BadRequest('the image config and its manifest disagree on the number of layers');
    const missing = new Map<string, Descriptor>();
    for (const [i, layer] of image.manifest.layers.entries()) {
      const diffId = config.rootfs.diff_ids[i]!;
      if (!(await this.layers.has(diffId))) missing.set(diffId, layer);
    }
    await inParallel([...missing], LAYERS_AT_ONCE, undefined, async ([diffId, layer], signal) => {
      const { path } = image.blobs.find((blob) => blob.digest === layer.digest)!;
      // It appears before it is on the disk: after a power failure the pin tells so.
      await this.#pins.add({ digest: layer.digest, diffId });
      await this.#useLayer(diffId, createReadStream(path, { highWaterMark: 1 << 20, signal }), layer, {
        sync: false,
        ...(isPlain(layer, diffId) && { plainBytes: layer.size }),
      });
    });
    return missing.size > 0;
  }

  async #useLayer(
    diffId: string,
    blob: Readable,
    layer: Descriptor,
    options: { sync: boolean; plainBytes?: number } = { sync: true },
  ): Promise<void> {
    const compression = compressionOf(layer.mediaType);
    if (this.options.canUnpack) await this.layers.unpack(diffId, blob, compression, options);
    else await verifyDiffId(diffId, blob, compression);
  }

  /** The folders of an image's layers, top first as overlayfs wants them; unpacks what is missing. */
  async layerFolders(image: Image): Promise<{ diffIds: string[]; names: string[] }> {
    const { config, manifest } = await this.read(image.digest);
    const diffIds = config.rootfs.diff_ids;
    for (const [i, diffId] of diffIds.entries())
      if (!(await this.layers.has(diffId)))
        await this.#useLayer(diffId, this.blobs.stream(manifest.layers[i]!.digest), manifest.layers[i]!);
    return { diffIds, names: diffIds.map((diffId) => this.layers.nameOf(diffId)).reverse() };
  }

  async list(): Promise<ImageSummary[]> {
    const { manifests } = await this.blobs.readIndex();
    const images = new Map<string, ImageSummary>();
    for (const entry of manifests) {
      const there = images.get(entry.digest);
      const name = entry.annotations?.[REF_NAME];
      if (there === undefined) images.set(entry.digest, await this.image(entry, manifests));
      else if (name !== undefined && !there.references.includes(name)) there.references.push(name);
    }
    return [...images.values()].map(({ references, id, digest, createdAt, sizeBytes }) => ({
      references,
      id,
      digest,
      createdAt,
      sizeBytes,
    }));
  }

  async resolve(reference: string): Promise<Image | undefined> {
    const { manifests } = await this.blobs.readIndex();
    const entry = await this.find(reference, manifests);
    return entry === undefined ? undefined : await this.image(entry, manifests);
  }

  protected async find(text: string, manifests: Descriptor[]): Promise<Descriptor | undefined> {
    const hex = /^(?:sha256:)?([a-f0-9]{3,64})$/.exec(text)?.[1];
    if (!/^sha256:|^[a-f0-9]{64}$/.test(text)) {
      const byName = findByName(text, manifests);
      if (byName !== undefined) return byName;
    }
    if (hex === undefined) return undefined;
    for (const one of manifests) {
      if (one.digest.startsWith(`sha256:${hex}`)) return one;
      const image = await this.readUnlessDamaged(one.digest);
      if (image?.manifest.config.digest.startsWith(`sha256:${hex}`)) return one;
    }
    return undefined;
  }

  protected async read(digest: string): Promise<{ manifest: Manifest; config: ConfigBlob }> {
    try {
      const manifest = asManifest(parseJson(await this.blobs.read(digest), digest), digest);
      const { digest: configDigest } = manifest.config;
      return {
        manifest,
        config: asConfigBlob(parseJson(await this.blobs.read(configDigest), configDigest), configDigest),
      };
    } catch (cause) {
      throw new OrreryError('ImageStoreCorrupt', `the image ${digest} cannot be read`, {
        cause,
        hint: 'load or pack it again',
      });
    }
  }

  /** undefined when the image cannot be read. */
  protected async readUnlessDamaged(
    digest: string,
  ): Promise<{ manifest: Manifest; config: ConfigBlob } | undefined> {
    try {
      return await this.read(digest);
    } catch (error) {
      if (error instanceof OrreryError && error.code === 'ImageStoreCorrupt') return undefined;
      throw error;
    }
  }

  protected async image(entry: Descriptor, manifests: Descriptor[]): Promise<Image> {
    const { manifest, config } = await this.read(entry.digest);
    const own = manifests.filter((one) => one.digest === entry.digest);
    const names = own.map((one) => one.annotations?.[REF_NAME]).filter((name) => name !== undefined);
    return {
      references: names,
      fromRegistry: own.some((one) => one.annotations?.[REPO_DIGESTS] !== undefined),
      id: manifest.config.digest,
      digest: entry.digest,
      createdAt: config.created ?? '1970-01-01T00:00:00Z',
      sizeBytes: manifest.config.size + manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
      architecture: config.architecture,
      os: config.os,
      ...(config.variant && { variant: config.variant }),
      ...(config.author && { author: config.author }),
      config: config.config ?? {},
      layers: manifest.layers.map((layer) => layer.digest),
    };
  }

  async remove(reference: string): Promise<void> {
    await this.#locked(async () => {
      const { manifests } = await this.blobs.readIndex();
      const entry = await this.find(reference, manifests);
      if (entry === undefined) throw new NotFound(`no such image: ${reference}`);
      const isName = entry.annotations?.[REF_NAME] !== undefined && isNamedBy(entry, reference);
      const same = manifests.filter((one) => one.digest === entry.digest);
      // As Docker: a name goes alone while the image has others; the last name, or an id, takes the image.
      const goes = isName ? [entry] : same;
      if (goes.length === same.length) {
        const users = await this.options.usersOf((await this.read(entry.digest)).manifest.config.digest);
        if (users.length > 0)
          throw new Conflict(
            `the image ${reference} is used by container ${users.map((one) => one.name).join(', ')}`,
            {
              hint: 'remove the container first',
            },
          );
      }
      await this.blobs.writeIndex(manifests.filter((one) => !goes.includes(one)));
      await this.#sweep();
    });
  }

  async sweep(): Promise<void> {
    await this.#locked(async () => {
      await this.#pins.forgetAbandoned();
      await this.#sweep();
    });
  }

  /** Deletes blobs and layers that no name leads to, unless it cannot be told. Call under the lock. */
  async #sweep(): Promise<void> {
    const keep = new Set<string>();
    const layers = new Set((await this.options.layersInUse()).map((diffId) => this.layers.nameOf(diffId)));
    for (const pin of await this.#pins.list()) {
      keep.add(pin.digest);
      layers.add(this.layers.nameOf(pin.diffId));
    }
    for (const { digest } of (await this.blobs.readIndex()).manifests) {
      const image = await this.readUnlessDamaged(digest);
      if (image === undefined) {
        this.options.log.warn('an image is damaged: nothing is swept until it is removed', { digest });
        return;
      }
      const { manifest, config } = image;
      for (const blob of [digest, manifest.config.digest, ...manifest.layers.map((one) => one.digest)])
        keep.add(blob);
      for (const diffId of config.rootfs.diff_ids) layers.add(this.layers.nameOf(diffId));
    }
    for (const digest of await this.blobs.list()) if (!keep.has(digest)) await this.blobs.delete(digest);
    await this.layers.sweep(layers);
  }

  async check(): Promise<string[]> {
    const problems: string[] = [];
    for (const digest of await this.blobs.list()) {
      const hash = createHash('sha256');
      for await (const chunk of this.blobs.stream(digest)) hash.update(chunk as Buffer);
      const actual = `sha256:${hash.digest('hex')}`;
      if (actual !== digest) problems.push(`blob ${digest} is damaged: its content is ${actual}`);
    }
    for (const entry of (await this.blobs.readIndex()).manifests) {
      const name = entry.annotations?.[REF_NAME] ?? entry.digest;
      problems.push(...(await this.#checkEntry(entry, name)));
    }
    return problems;
  }

  async #checkEntry(entry: Descriptor, name: string): Promise<string[]> {
    if (!(await exists(this.blobs.pathOf(entry.digest))))
      return [`${name}: its manifest ${entry.digest} is missing`];
    let manifest: Manifest;
    try {
      ({ manifest } = await this.read(entry.digest));
    } catch (error) {
      return [`${name}: ${(error as OrreryError).cause ?? error}`];
    }
    const problems: string[] = [];
    for (const blob of [manifest.config, ...manifest.layers]) {
      const size = await this.blobs.sizeOf(blob.digest);
      if (size === undefined) problems.push(`${name}: blob ${blob.digest} is missing`);
      else if (size !== blob.size)
        problems.push(`${name}: blob ${blob.digest} has ${size} bytes, not ${blob.size}`);
    }
    return problems;
  }
}

/** A tar as it is: what was hashed when it was staged is what will be unpacked. */
function isPlain({ digest, mediaType }: Descriptor, diffId: string): boolean {
  return digest === diffId && compressionOf(mediaType) === 'none';
}

/** Whether the reference is the entry's name, and not an id or a digest of the image. */
export function isNamedBy(entry: Descriptor, reference: string): boolean {
  if (/^sha256:|^[a-f0-9]{64}$/.test(reference)) return false;
  const name = nameOf(entry);
  return name !== undefined && (candidatesOf(reference).includes(name) || endsWithName(name, reference));
}

/** @throws BadRequest for what is no reference. */
function findByName(text: string, manifests: Descriptor[]): Descriptor | undefined {
  for (const name of candidatesOf(text)) {
    const found = manifests.find((one) => nameOf(one) === name);
    if (found !== undefined) return found;
    const [repository, digest] = name.split('@');
    if (digest === undefined) continue;
    const byDigest = manifests.find(
      (one) =>
        one.annotations?.[REPO_DIGESTS]?.split(' ').includes(name) ||
        (one.digest === digest && nameOf(one)?.replace(/[:@][^/]*$/, '') === repository),
    );
    if (byDigest !== undefined) return byDigest;
  }
  return manifests.find((one) => endsWithName(nameOf(one) ?? '', text));
}

/**
 * A name moves to its new image; the old image stays, without a name, as in Docker. What was pulled, loaded or made
 * has its new name first, what was tagged last, as in Podman.
 */
export function withEntries(
  old: readonly Descriptor[],
  added: readonly Descriptor[],
  order: 'added first' | 'added last' = 'added last',
): Descriptor[] {
  const names = new Set(added.map(nameOf).filter((name) => name !== undefined));
  const kept = old.map((one) => (names.has(nameOf(one) ?? '') ? withoutName(one) : one));
  const all = order === 'added first' ? [...added, ...kept] : [...kept, ...added];
  const named = new Set(all.filter((one) => nameOf(one) !== undefined).map((one) => one.digest));
  const unique = new Map<string, Descriptor>();
  for (const one of all) {
    if (nameOf(one) === undefined && named.has(one.digest)) continue;
    const key = `${one.digest} ${nameOf(one) ?? ''}`;
    unique.set(key, merged(unique.get(key), one));
  }
  return withPastNames([...unique.values()], [...old, ...added]);
}

function nameOf(one: Descriptor): string | undefined {
  return one.annotations?.[REF_NAME];
}

function withoutName(one: Descriptor): Descriptor {
  const { [REF_NAME]: _name, ...annotations } = one.annotations ?? {};
  return { ...one, annotations };
}

function merged(before: Descriptor | undefined, one: Descriptor): Descriptor {
  if (before === undefined) return one;
  return { ...one, annotations: { ...before.annotations, ...one.annotations } };
}

/** Keeps, with every entry of an image, the names it has and had; and what registries called it. */
function withPastNames(entries: readonly Descriptor[], before: readonly Descriptor[]): Descriptor[] {
  return entries.map((entry) => {
    const known = [...entries, ...before].filter((one) => one.digest === entry.digest);
    const words = (key: string) => known.flatMap((one) => one.annotations?.[key]?.split(' ') ?? []);
    const past = [...new Set([...words(REF_NAME), ...words(PAST_NAMES)])];
    const digests = [...new Set(words(REPO_DIGESTS))];
    return {
      ...entry,
      ...((entry.annotations !== undefined || past.length > 0) && {
        annotations: {
          ...entry.annotations,
          ...(past.length > 0 && { [PAST_NAMES]: past.join(' ') }),
          ...(digests.length > 0 && { [REPO_DIGESTS]: digests.join(' ') }),
        },
      }),
    };
  });
}
