import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AlreadyExists, BadRequest, NotFound } from '../../base/index.ts';
import { readJson, replaceFile } from '../containers/records.ts';
import type {
  ImageLibrary,
  ManifestListPlatform,
  ManifestListPush,
  ManifestLists,
  RegistryAccess,
} from '../engine.ts';
import { withFileLock } from '../system/lock.ts';
import {
  asConfigBlob,
  asManifest,
  type Descriptor,
  DOCKER_INDEX,
  INDEX,
  MANIFEST,
  parseJson,
} from './media-types.ts';
import { candidatesOf, localReference } from './short-names.ts';

interface StoredList {
  id: string;
  name: string;
  manifests: Descriptor[];
}

/**
 * Image indexes that are put together here (OCI image-spec v1.1, image-index.md), in one file beside the images.
 * A list names its images by the digest of their manifests and does not keep them: one that was removed is missed
 * when the list is pushed.
 */
export class DiskManifestLists implements ManifestLists {
  readonly #path: string;
  readonly #images: Pick<ImageLibrary, 'resolve' | 'raw' | 'pull' | 'push'>;

  constructor(directory: string, images: Pick<ImageLibrary, 'resolve' | 'raw' | 'pull' | 'push'>) {
    this.#path = join(directory, 'manifest-lists.json');
    this.#images = images;
  }

  async create(text: string, options: { amend?: boolean } = {}): Promise<string> {
    const name = localReference(text);
    if (name.includes('@')) throw new BadRequest(`invalid image name "${text}"`);
    return await this.#change((lists) => {
      const there = lists.find((one) => one.name === name);
      if (there !== undefined && options.amend) return there.id;
      if (there !== undefined)
        throw new AlreadyExists(
          `image name "${name}" is already associated with image "${there.id}": that name is already in use`,
        );
      const id = randomBytes(32).toString('hex');
      lists.push({ id, name, manifests: [] });
      return id;
    });
  }

  async add(
    list: string,
    image: string,
    options: { platform?: ManifestListPlatform; all?: boolean; access?: RegistryAccess } = {},
  ): Promise<string> {
    const { platform = {}, all, access } = options;
    const other = await this.#find(image);
    if (other !== undefined && !all)
      throw new BadRequest(`${image} is a manifest list: --all adds all of its images`);
    const added = other?.manifests ?? [await this.#descriptorOf(image, platform, access)];
    return await this.#changeOne(list, (one) => {
      const digests = added.map(({ digest }) => digest);
      one.manifests = [...one.manifests.filter(({ digest }) => !digests.includes(digest)), ...added];
    });
  }

  async annotate(list: string, digest: string, platform: ManifestListPlatform): Promise<string> {
    return await this.#changeOne(list, (one) => {
      const at = one.manifests.findIndex((each) => each.digest === digest);
      if (at === -1) throw new NotFound(`no instance matching digest "${digest}" found in manifest list`);
      one.manifests[at] = described(one.manifests[at]!, platform);
    });
  }

  async removeEntry(list: string, digest: string): Promise<string> {
    return await this.#changeOne(list, (one) => {
      if (!one.manifests.some((each) => each.digest === digest))
        throw new NotFound(`no instance matching digest "${digest}" found in manifest list`);
      one.manifests = one.manifests.filter((each) => each.digest !== digest);
    });
  }

  async remove(list: string): Promise<{ untagged: string[]; deleted: string[] }> {
    return await this.#change((lists) => {
      const one = findIn(lists, list);
      if (one === undefined) throw notAList(list);
      lists.splice(lists.indexOf(one), 1);
      return { untagged: [one.name], deleted: [one.id] };
    });
  }

  async exists(list: string): Promise<boolean> {
    return (await this.#find(list)) !== undefined;
  }

  async inspect(list: string): Promise<object> {
    const one = await this.#find(list);
    if (one === undefined) throw notAList(list);
    return { schemaVersion: 2, mediaType: DOCKER_INDEX, manifests: one.manifests };
  }

  async push(list: string, destination: string, options: ManifestListPush = {}): Promise<{ digest: string }> {
    const one = await this.#find(list);
    if (one === undefined) throw notAList(list);
    const { parseTransport } = await import('./registry/transports.ts');
    const to = parseTransport(destination);
    if (!('reference' in to) || to.transport !== 'docker')
      throw new BadRequest(`a manifest list is pushed to a registry only, not to ${destination}`);
    const manifests: Descriptor[] = [];
    for (const entry of one.manifests)
      manifests.push(options.all === false ? entry : await this.#pushEntry(entry, to.reference, options));
    const { pushIndex } = await import('./registry/index-push.ts');
    return await pushIndex(to.reference, manifests, options);
  }

  /** It may travel compressed, and so have another digest there. */
  async #pushEntry(entry: Descriptor, destination: string, options: ManifestListPush): Promise<Descriptor> {
    if ((await this.#images.resolve(entry.digest)) === undefined)
      throw new NotFound(`the image ${entry.digest} of the list is not here any more`);
    const { digest, sizeBytes, mediaType } = await this.#images.push(entry.digest, {
      ...options.access,
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(options.compression && { compression: options.compression }),
      format: options.format === 'docker' ? 'docker' : 'oci',
      destination: `docker://${destination}`,
      byDigest: true,
    });
    return { ...entry, digest, mediaType: mediaType ?? entry.mediaType, size: sizeBytes ?? entry.size };
  }

  async #descriptorOf(
    text: string,
    platform: ManifestListPlatform,
    access: RegistryAccess | undefined,
  ): Promise<Descriptor> {
    const reference = text.replace(/^containers-storage:/, '');
    const isHere = (await this.#images.resolve(reference.replace(/^docker:\/\//, ''))) !== undefined;
    const { os, architecture, variant } = platform;
    const asked = { ...(os && { os }), ...(architecture && { architecture }), ...(variant && { variant }) };
    const id = isHere
      ? reference.replace(/^docker:\/\//, '')
      : (await this.#images.pull(reference, { ...access, platform: asked })).id;
    const image = await this.#images.resolve(id);
    if (image === undefined) throw new NotFound(`${text}: image not known`);
    const raw = await this.#images.raw(id);
    const manifest = asManifest(parseJson(raw.manifest, text), text);
    const config = asConfigBlob(parseJson(raw.config, text), text);
    const own: Descriptor = {
      mediaType: manifest.mediaType ?? MANIFEST,
      size: raw.manifest.byteLength,
      digest: image.digest,
      platform: {
        architecture: config.architecture,
        os: config.os,
        ...(config.variant && { variant: config.variant }),
      },
    };
    return described(own, platform);
  }

  async #find(list: string): Promise<StoredList | undefined> {
    return findIn(await this.#read(), list);
  }

  async #read(): Promise<StoredList[]> {
    return (await readJson<StoredList[]>(this.#path)) ?? [];
  }

  async #changeOne(list: string, change: (one: StoredList) => void): Promise<string> {
    return await this.#change((lists) => {
      const one = findIn(lists, list);
      if (one === undefined) throw notAList(list);
      change(one);
      return one.id;
    });
  }

  async #change<T>(change: (lists: StoredList[]) => T): Promise<T> {
    return await withFileLock(`${this.#path}.lock`, async () => {
      const lists = await this.#read();
      const result = change(lists);
      await replaceFile(this.#path, JSON.stringify(lists));
      return result;
    });
  }
}

function findIn(lists: readonly StoredList[], text: string): StoredList | undefined {
  const isId = /^[0-9a-f]{3,64}$/.test(text);
  const names = isId ? [] : candidatesOf(text.replace(/^(?:docker:\/\/|containers-storage:)/, ''));
  return lists.find((one) => names.includes(one.name) || (isId && one.id.startsWith(text)));
}

function notAList(text: string): NotFound {
  return new NotFound(`${text}: image not known: no manifest list of that name is here`);
}

/** What was asked for replaces what the image says of itself. */
function described(entry: Descriptor, platform: ManifestListPlatform): Descriptor {
  const { annotations, os, architecture, variant, osVersion, features, osFeatures } = platform;
  const before = entry.platform ?? { architecture: '', os: '' };
  return {
    ...entry,
    platform: {
      ...before,
      ...(architecture && { architecture }),
      ...(os && { os }),
      ...(variant && { variant }),
      ...(osVersion && { 'os.version': osVersion }),
      ...(osFeatures?.length && { 'os.features': osFeatures }),
      ...(features?.length && { features }),
    },
    ...(annotations &&
      Object.keys(annotations).length > 0 && { annotations: { ...entry.annotations, ...annotations } }),
  };
}

/** The index as it goes over the wire. */
export function indexBytes(
  manifests: readonly Descriptor[],
  isDocker: boolean,
): { bytes: Buffer; mediaType: string } {
  const mediaType = isDocker ? DOCKER_INDEX : INDEX;
  return { mediaType, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })) };
}
