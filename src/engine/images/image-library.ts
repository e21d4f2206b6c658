import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest, Conflict, NotFound } from '../../base/index.ts';
import type {
  Image,
  ImageDetails,
  ImageHistoryEntry,
  ImageLibrary,
  ImportOptions,
  LoadedImage,
  LoadOptions,
  ManifestLists,
  PullOptions,
  PushedImage,
  PushOptions,
  RegistryAccess,
  RemoteManifest,
  SaveOptions,
  SearchOptions,
  SearchResult,
} from '../engine.ts';
import { readArchive, readFolder } from './archive.ts';
import { imageFilter, isDangling } from './image-filters.ts';
import { ImageMounts } from './image-mounts.ts';
import {
  DiskImageStore,
  type DiskImageStoreOptions,
  isNamedBy,
  PAST_NAMES,
  REF_NAME,
  REPO_DIGESTS,
  withEntries,
} from './image-store.ts';
import { parentsOf } from './image-tree.ts';
import { DiskManifestLists } from './manifest-lists.ts';
import { type Descriptor, MANIFEST, type Manifest } from './media-types.ts';
import { parseReference } from './reference.ts';
import { importRootfs } from './rootfs-import.ts';
import { saveArchive, saveFolder } from './saving.ts';
import { localReference } from './short-names.ts';

/** The image store with what a registry, a builder and people need. */
export class DiskImageLibrary extends DiskImageStore implements ImageLibrary {
  readonly manifestLists: ManifestLists;
  readonly #mounts: ImageMounts;

  constructor(options: DiskImageStoreOptions) {
    super(options);
    this.manifestLists = new DiskManifestLists(options.directory, this);
    this.#mounts = new ImageMounts(join(options.directory, 'image-mounts'));
  }

  async mountImage(reference: string): Promise<string> {
    const image = await this.resolve(reference);
    if (image === undefined) throw notKnown(reference);
    const { names } = await this.layerFolders(image);
    return await this.#mounts.mount(image.id, { folder: this.layers.folder, names });
  }

  async mountImageIn(reference: string, folder: string, holder: string): Promise<string> {
    const image = await this.resolve(reference);
    if (image === undefined) throw notKnown(reference);
    const { names } = await this.layerFolders(image);
    await this.#mounts.mount(image.id, { folder: this.layers.folder, names }, holder);
    return await this.#mounts.mountIn(folder, this.layers.folder, names);
  }

  async releaseImage(reference: string, holder: string): Promise<void> {
    const image = await this.resolve(reference);
    if (image !== undefined) await this.#mounts.release(image.id, holder);
  }

  async unmountImage(reference: string): Promise<{ id: string; wasMounted: boolean }> {
    const image = await this.resolve(reference);
    if (image === undefined) throw notKnown(reference);
    return { id: image.id, wasMounted: await this.#mounts.unmount(image.id) };
  }

  async mountedImages(): Promise<{ id: string; path: string }[]> {
    const ids = await this.#mounts.ids();
    return await Promise.all(ids.map(async (id) => ({ id, path: (await this.#mounts.pathOf(id)) ?? '' })));
  }

  async describe(): Promise<ImageDetails[]> {
    const { manifests } = await this.blobs.readIndex();
    const unique = new Map(manifests.map((entry) => [entry.digest, entry]));
    const images: ImageDetails[] = [];
    for (const entry of unique.values()) images.push(await this.#details(entry, manifests));
    const parents = parentsOf(images);
    const withChildren = new Set(parents.values());
    for (const image of images) {
      const parentId = parents.get(image.id);
      if (parentId !== undefined) image.parentId = parentId;
      image.hasChildren = withChildren.has(image.id);
    }
    return images.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  }

  async #details(entry: Descriptor, manifests: Descriptor[]): Promise<ImageDetails> {
    const image = await this.image(entry, manifests);
    const { manifest, config } = await this.read(entry.digest);
    const diffIds = config.rootfs.diff_ids;
    const layerSizes = await Promise.all(
      diffIds.map(async (diffId, i) => (await this.layers.sizeOf(diffId)) ?? manifest.layers[i]!.size),
    );
    return {
      ...image,
      sizeBytes: layerSizes.reduce((sum, size) => sum + size, 0),
      repoDigests: repoDigestsOf(image, manifests),
      hasChildren: false,
      users: await this.options.usersOf(image.id),
      diffIds,
      layerSizes,
      namesHistory: namesHistoryOf(image, manifests),
      history: config.history ?? [],
      mediaType: manifest.mediaType ?? MANIFEST,
      annotations: manifest.annotations ?? {},
    };
  }

  async inspect(reference: string): Promise<ImageDetails> {
    const image = await this.resolve(reference);
    const found = (await this.describe()).find((one) => one.digest === image?.digest);
    if (found === undefined) throw notKnown(reference);
    return found;
  }

  async history(reference: string): Promise<ImageHistoryEntry[]> {
    const image = await this.inspect(reference);
    const all = await this.describe();
    const sizes = [...image.layerSizes];
    const ancestors = ancestorsOf(image, all);
    const newest = image.history.length - 1;
    return image.history
      .map((entry, i): ImageHistoryEntry => {
        const emptyLayer = entry.empty_layer === true;
        const made = i === newest ? image : ancestors.find((one) => one.history.length === i + 1);
        return {
          id: made?.id ?? '<missing>',
          createdAt: entry.created ?? '',
          createdBy: entry.created_by ?? '',
          sizeBytes: emptyLayer ? 0 : (sizes.shift() ?? 0),
          comment: entry.comment ?? '',
          tags: made?.references ?? [],
          emptyLayer,
        };
      })
      .reverse();
  }

  /** A build has made it. */
  async built(_id: string): Promise<void> {
    // Kept quiet here: whoever listens is told by the library made for it.
  }

  async tag(reference: string, name: string): Promise<void> {
    const whole = localReference(name);
    if (whole.includes('@')) throw new BadRequest(`${name}: tag by digest not supported`);
    await this.edit(async (manifests) => {
      const entry = await this.find(reference, manifests);
      if (entry === undefined) throw notKnown(reference);
      return withEntries(manifests, [named(entry, whole)]);
    });
  }

  async untag(reference: string, names: string[] = []): Promise<string[]> {
    return await this.#takeNames(reference, names);
  }

  async #takeNames(reference: string, names: readonly string[]): Promise<string[]> {
    let gone: string[] = [];
    await this.edit(async (manifests) => {
      const entry = await this.find(reference, manifests);
      if (entry === undefined) throw notKnown(reference);
      const own = manifests.filter((one) => one.digest === entry.digest);
      const goes = names.length === 0 ? own : names.map((name) => findName(own, name));
      gone = goes.map((one) => one.annotations?.[REF_NAME]).filter((name) => name !== undefined);
      return withoutNames(manifests, goes);
    });
    return gone;
  }

  async removeImage(
    reference: string,
    options: { force?: boolean; noPrune?: boolean; allNames?: boolean } = {},
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    if ((await this.resolve(reference)) === undefined && (await this.manifestLists.exists(reference)))
      return await this.manifestLists.remove(reference);
    const image = await this.inspect(reference);
    const removed = { untagged: [] as string[], deleted: [] as string[] };
    const nameMeant = await this.nameMeant(image, reference);
    if (nameMeant !== undefined && image.references.length > 1) {
      await this.#takeNames(image.id, [nameMeant]);
      removed.untagged.push(nameMeant);
      return removed;
    }
    if (nameMeant === undefined && image.references.length > 1 && !options.force && !options.allNames)
      throw new Conflict(
        `unable to delete image "${image.id.replace('sha256:', '')}" by ID with more than one tag (${image.references.join(' ')}): please force removal`,
      );
    if (image.users.length > 0)
      throw new Conflict(
        `image used by ${image.users.map((user) => user.id).join(', ')}: image is in use by a container: consider listing external containers and force-removing image`,
        {
          details: { containers: image.users.map((user) => user.id) },
        },
      );
    if ((await this.#mounts.pathOf(image.id)) !== undefined) {
      if (options.force !== true)
        throw new Conflict(`image ${image.id.replace('sha256:', '')} is mounted`, {
          hint: 'image unmount it first',
        });
      await this.#mounts.unmount(image.id);
    }
    removed.untagged.push(...image.references);
    if (image.hasChildren) {
      await this.#takeNames(image.id, []);
      return removed;
    }
    await this.#drop(image.digest);
    removed.deleted.push(image.id);
    if (options.noPrune !== true) await this.#removeUnnamedParents(image, removed.deleted);
    return removed;
  }

  /** The name of the image that a reference meant; undefined when it was an id. */
  async nameMeant(image: ImageDetails, reference: string): Promise<string | undefined> {
    const { manifests } = await this.blobs.readIndex();
    const entry = await this.find(reference, manifests);
    if (entry === undefined || !isNamedBy(entry, reference)) return undefined;
    const name = entry.annotations?.[REF_NAME];
    return name !== undefined && image.references.includes(name) ? name : undefined;
  }

  async #drop(digest: string): Promise<void> {
    await this.edit(async (manifests) => manifests.filter((one) => one.digest !== digest));
  }

  async #removeUnnamedParents(image: ImageDetails, deleted: string[]): Promise<void> {
    for (let id = image.parentId; id !== undefined; ) {
      const parent: ImageDetails | undefined = (await this.describe()).find((one) => one.id === id);
      if (parent === undefined || !isDangling(parent) || parent.users.length > 0) return;
      await this.#drop(parent.digest);
      deleted.push(parent.id);
      id = parent.parentId;
    }
  }

  async removeDamaged(reference?: string): Promise<string[]> {
    const removed: string[] = [];
    await this.edit(async (manifests) => {
      for (const entry of manifests) {
        const isMeant =
          reference === undefined ||
          entry.digest === reference ||
          (!/^[a-f0-9]{3,64}$/.test(reference) && isNamedBy(entry, reference)) ||
          (await this.#hasId(entry, reference));
        if (isMeant && (await this.readUnlessDamaged(entry.digest)) === undefined) removed.push(entry.digest);
      }
      return manifests.filter((entry) => !removed.includes(entry.digest));
    });
    return [...new Set(removed)];
  }

  /** Of an image whose config is gone, the manifest may still tell. */
  async #hasId(entry: Descriptor, id: string): Promise<boolean> {
    if ((await this.blobs.sizeOf(entry.digest)) === undefined) return false;
    const manifest = JSON.parse((await this.blobs.read(entry.digest)).toString()) as Partial<Manifest>;
    return manifest.config?.digest?.startsWith(`sha256:${id.replace('sha256:', '')}`) === true;
  }

  async prune(
    options: { all?: boolean; filters?: Record<string, string[]> } = {},
  ): Promise<{ deleted: string[]; untagged: string[]; reclaimedBytes: number }> {
    const pruned = { deleted: [] as string[], untagged: [] as string[], reclaimedBytes: 0 };
    // What is removed leaves its parent without children: that one's turn is the next round.
    for (;;) {
      const images = await this.describe();
      const passes = imageFilter(options.filters ?? {}, {
        nowMs: Date.now(),
        find: (reference) => findDetails(images, reference),
      });
      const goes = images.filter(
        (image) =>
          image.users.length === 0 &&
          passes(image) &&
          (options.all === true ? !image.hasChildren || image.references.length > 0 : isDangling(image)),
      );
      const last = goes.filter((image) => !image.hasChildren);
      if (last.length === 0) return pruned;
      for (const image of last) {
        await this.#drop(image.digest);
        pruned.deleted.push(image.id);
        pruned.untagged.push(...image.references);
        pruned.reclaimedBytes += image.sizeBytes;
      }
    }
  }

  async loadFrom(source: Readable | { folder: string }, options: LoadOptions = {}): Promise<LoadedImage[]> {
    return await this.receive(source, options);
  }

  /** What `loadFrom` does, for a pull or a build: the image comes from there on its way. */
  async receive(source: Readable | { folder: string }, options: LoadOptions = {}): Promise<LoadedImage[]> {
    return await this.staged(async (staging) => {
      const nameOf = (name: string) => localReference(name, options.defaultDomain ?? 'docker.io');
      const found =
        'folder' in source
          ? await readFolder(source.folder, this.blobs, staging, nameOf)
          : await readArchive(source, this.blobs, staging, nameOf);
      if (options.reference !== undefined)
        for (const image of found)
          if (image.references.length === 0) image.references.push(localReference(options.reference));
      return await this.commit(found, staging);
    });
  }

  async save(references: string[], options: SaveOptions): Promise<Readable> {
    const images: { image: ImageDetails; names: string[] }[] = [];
    for (const reference of references) {
      const image = await this.inspect(reference);
      const name = await this.nameMeant(image, reference);
      const further = (options.furtherNames ?? []).map((one) => localReference(one));
      const there = images.find((one) => one.image.digest === image.digest);
      if (there === undefined)
        images.push({ image, names: [...(name === undefined ? [] : [name]), ...further] });
      else if (name !== undefined && !there.names.includes(name)) there.names.push(name);
    }
    return saveArchive(this, images, options);
  }

  async saveToFolder(reference: string, folder: string, options: SaveOptions): Promise<void> {
    const image = await this.inspect(reference);
    await saveFolder(this, image, await this.nameMeant(image, reference), folder, options);
  }

  async writeFolder(
    image: ImageDetails,
    name: string | undefined,
    folder: string,
    options: SaveOptions,
  ): Promise<void> {
    await saveFolder(this, image, name, folder, options);
  }

  async writeArchive(
    image: ImageDetails,
    name: string | undefined,
    path: string,
    options: SaveOptions,
  ): Promise<void> {
    const names = name === undefined ? [] : [name];
    await pipeline(saveArchive(this, [{ image, names }], options), createWriteStream(path));
  }

  async importRootfs(tar: Readable, options: ImportOptions): Promise<LoadedImage> {
    return await importRootfs(this, tar, options);
  }

  async pull(reference: string, options: PullOptions = {}): Promise<LoadedImage & { pulled: boolean }> {
    const { pullImage } = await import('./registry/pull.ts');
    return await pullImage(this, reference, options);
  }

  async push(reference: string, options: PushOptions = {}): Promise<PushedImage> {
    const { pushImage } = await import('./registry/push.ts');
    return await pushImage(this, reference, options);
  }

  async search(term: string, options: SearchOptions = {}): Promise<SearchResult[]> {
    const { searchRegistries } = await import('./registry/search.ts');
    return await searchRegistries(term, options);
  }

  async lookUpManifest(
    name: string,
    options: RegistryAccess & { signal?: AbortSignal } = {},
  ): Promise<RemoteManifest> {
    const { lookUpManifest } = await import('./registry/remote-manifest.ts');
    return await lookUpManifest(name, options);
  }

  async login(
    registry: string,
    credentials: { username: string; password: string },
    options: RegistryAccess = {},
  ): Promise<void> {
    const { login } = await import('./registry/login.ts');
    await login(registry, credentials, options);
  }

  async logout(registry: string | undefined, options: RegistryAccess = {}): Promise<string[]> {
    const { logout } = await import('./registry/login.ts');
    return await logout(registry, options);
  }
}

/** Podman's words for what is not here. */
export function notKnown(reference: string): NotFound {
  return new NotFound(`${reference}: image not known`);
}

function named(entry: Descriptor, name: string): Descriptor {
  return { ...entry, annotations: { ...entry.annotations, [REF_NAME]: name } };
}

function findName(own: Descriptor[], name: string): Descriptor {
  const found = own.find((one) => isNamedBy(one, name));
  if (found === undefined) throw new NotFound(`${localReference(name)}: tag not known`);
  return found;
}

/** The image stays, without the names that go. */
function withoutNames(manifests: Descriptor[], goes: readonly Descriptor[]): Descriptor[] {
  const unnamed = manifests.map((one): Descriptor => {
    if (!goes.includes(one) || one.annotations === undefined) return one;
    const { [REF_NAME]: _name, ...annotations } = one.annotations;
    return { ...one, annotations };
  });
  return withEntries(unnamed, []);
}

function ancestorsOf(image: ImageDetails, all: readonly ImageDetails[]): ImageDetails[] {
  const found: ImageDetails[] = [];
  let parent = all.find((one) => one.id === image.parentId);
  while (parent !== undefined && !found.includes(parent)) {
    found.push(parent);
    const { parentId } = parent;
    parent = all.find((one) => one.id === parentId);
  }
  return found;
}

/** Its names, then those it had. */
function namesHistoryOf(image: Image, manifests: readonly Descriptor[]): string[] {
  const own = manifests.filter((one) => one.digest === image.digest);
  const past = own.flatMap((one) => one.annotations?.[PAST_NAMES]?.split(' ') ?? []);
  return [...new Set([...image.references, ...past])];
}

function repoDigestsOf(image: Image, manifests: readonly Descriptor[]): string[] {
  const own = manifests.filter((one) => one.digest === image.digest);
  const pulled = own.flatMap((one) => one.annotations?.[REPO_DIGESTS]?.split(' ') ?? []);
  const digests = [image.digest, ...pulled.map((name) => name.slice(name.indexOf('@') + 1))];
  const repositories = image.references.map((name) => {
    const { domain, path } = parseReference(name);
    return `${domain}/${path}`;
  });
  const names = repositories.flatMap((repository) => digests.map((digest) => `${repository}@${digest}`));
  return [...new Set([...names, ...(image.references.length === 0 ? pulled : [])])];
}

/** For filters: among images that were read already. @throws NotFound */
export function findDetails(images: readonly ImageDetails[], reference: string): ImageDetails {
  const hex = reference.replace('sha256:', '');
  const found = images.find(
    (image) =>
      image.references.some((name) =>
        isNamedBy(
          { digest: image.digest, mediaType: image.mediaType, size: 0, annotations: { [REF_NAME]: name } },
          reference,
        ),
      ) ||
      (/^[a-f0-9]{3,64}$/.test(hex) && image.id.startsWith(`sha256:${hex}`)),
  );
  if (found === undefined) throw notKnown(reference);
  return found;
}
