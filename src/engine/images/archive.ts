import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { BadRequest, messageOf } from '../../base/index.ts';
import type { Blobs, StagedBlob } from './blobs.ts';
import { isDecompressionError } from './layers.ts';
import {
  asConfigBlob,
  asDescriptor,
  asIndex,
  asManifest,
  CONFIG,
  type Descriptor,
  type Index,
  isIndex,
  LAYER_TAR,
  MANIFEST,
  type Manifest,
  parseJson,
  pickPlatform,
} from './media-types.ts';
import type { UnpackedLayer } from './new-layer.ts';
import { normaliseReference } from './reference.ts';
import { checkedName, type TarEntry } from './tar-unpack.ts';

/** An image found in an archive, its blobs staged. */
export interface FoundImage {
  references: string[];
  manifest: Manifest;
  /** The manifest's own bytes. */
  manifestBytes: Uint8Array;
  blobs: StagedBlob[];
  /** Its layers that were unpacked already. */
  unpacked?: UnpackedLayer[];
  /** Under which a registry gave it: `host/path@sha256:…`. */
  repoDigests?: string[];
}

type Files = Map<string, { blob: StagedBlob } | { linkTo: string }>;

const MAX_JSON_BYTES = 4 << 20;

/**
 * Reads an archive of images into `staging`: `docker save`'s format (before and since Docker 25) or an OCI
 * layout as a tar, gzipped or not. Every digest that the archive names is checked against the bytes.
 *
 * @throws BadRequest when it is none of these, is cut off, or lies about a digest.
 */
export async function readArchive(
  archive: Readable,
  blobs: Blobs,
  staging: string,
  nameOf: NameReader = normaliseReference,
): Promise<FoundImage[]> {
  return await readImages(await stageFiles(archive, blobs, staging), nameOf);
}

/** The whole name for one that stands in an archive. */
type NameReader = (name: string) => string;

/**
 * Reads a folder as an archive is read: an OCI layout, an unpacked docker-archive, or what containers' `dir:`
 * transport wrote. Files are copied: the folder is somebody else's.
 *
 * @throws BadRequest
 */
export async function readFolder(
  folder: string,
  blobs: Blobs,
  staging: string,
  nameOf: NameReader = normaliseReference,
): Promise<FoundImage[]> {
  const files: Files = new Map();
  const stage = async (name: string) => {
    for (const entry of await readdir(join(folder, name), { withFileTypes: true })) {
      const path = name === '' ? entry.name : `${name}/${entry.name}`;
      if (entry.isFile())
        files.set(path, {
          blob: await blobs.write(staging, createReadStream(join(folder, path)), { flush: false }),
        });
      else if (/^blobs(?:\/sha256)?$/.test(path) && entry.isDirectory()) await stage(path);
    }
  };
  await stage('');
  if (files.has('version') && files.has('manifest.json') && !files.has('index.json'))
    return [await fromDirTransport(new ArchiveReader(files))];
  return await readImages(files, nameOf);
}

async function fromDirTransport(reader: ArchiveReader): Promise<FoundImage> {
  const manifest = reader.file('manifest.json');
  const found = await ociImage(reader, {
    mediaType: MANIFEST,
    digest: manifest.digest,
    size: manifest.size,
  });
  return { references: [], ...found };
}

async function readImages(files: Files, nameOf: NameReader): Promise<FoundImage[]> {
  const reader = new ArchiveReader(files);
  // Docker 25's archives are both; the OCI side has the digests.
  if (files.has('index.json') && files.has('oci-layout')) return await fromOciLayout(reader, nameOf);
  if (files.has('manifest.json')) return await fromDockerArchive(reader, nameOf);
  throw new BadRequest('the archive holds no image: neither manifest.json nor an OCI layout');
}

async function stageFiles(archive: Readable, blobs: Blobs, staging: string): Promise<Files> {
  const files: Files = new Map();
  const extractor = extract();
  const feeding = feed(archive, extractor);
  // An archive that never reaches the extractor would leave it waiting.
  feeding.catch((error: Error) => extractor.destroy(error));
  try {
    for await (const entry of extractor as unknown as AsyncIterable<TarEntry>) {
      await stageEntry(entry, files, blobs, staging);
      entry.resume();
    }
    await feeding;
  } catch (caught) {
    // An entry that is cut off only hears that its stream was destroyed; why, the feeding knows.
    const isCut = (caught as NodeJS.ErrnoException).code === 'STREAM_DESTROYED';
    const error: unknown = isCut
      ? await feeding.then(
          () => caught,
          (why: unknown) => why,
        )
      : caught;
    if (error instanceof BadRequest) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== undefined && !isDecompressionError(error) && !code.startsWith('ERR_STREAM')) throw error;
    throw new BadRequest(`the archive is not a valid tar: ${messageOf(error)}`, { cause: error });
  }
  return files;
}

/** Decompresses when the first bytes are gzip's. */
async function feed(archive: Readable, extractor: ReturnType<typeof extract>): Promise<void> {
  const first = await firstChunk(archive);
  if (first === undefined) throw new BadRequest('the archive is empty');
  archive.unshift(first);
  if (first[0] === 0x1f && first[1] === 0x8b) await pipeline(archive, createGunzip(), extractor);
  else await pipeline(archive, extractor);
}

/** The first bytes of a stream, taken out of it; undefined when it has none. */
export async function firstChunk(archive: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = archive.read() as Buffer | null;
    if (chunk !== null) return Buffer.from(chunk);
    if (archive.readableEnded) return undefined;
    const end = new AbortController();
    try {
      await Promise.race([
        once(archive, 'readable', { signal: end.signal }),
        once(archive, 'end', { signal: end.signal }),
      ]);
    } finally {
      end.abort();
    }
  }
}

async function stageEntry(entry: TarEntry, files: Files, blobs: Blobs, staging: string): Promise<void> {
  const { header } = entry;
  const name = checkedName(header.name);
  switch (header.type) {
    case 'directory':
      return;
    case 'file':
    case 'contiguous-file':
      files.set(name, { blob: await blobs.write(staging, entry, { flush: false }) });
      return;
    case 'symlink':
      files.set(name, { linkTo: checkedName(posix.join(posix.dirname(name), header.linkname ?? '')) });
      return;
    case 'link':
      files.set(name, { linkTo: checkedName(header.linkname ?? '') });
      return;
    default:
      throw new BadRequest(
        `the archive's entry ${name} is a ${(header as Header).type}, which no image archive holds`,
      );
  }
}

class ArchiveReader {
  readonly #files: Files;
  readonly #byDigest = new Map<string, StagedBlob>();

  constructor(files: Files) {
    this.#files = files;
    for (const file of files.values()) if ('blob' in file) this.#byDigest.set(file.blob.digest, file.blob);
  }

  file(name: string): StagedBlob {
    let path = posix.normalize(name);
    for (let hops = 0; hops < 10; hops++) {
      const file = this.#files.get(path);
      if (file === undefined) break;
      if ('blob' in file) return file.blob;
      path = file.linkTo;
    }
    throw new BadRequest(`the archive lacks ${name}`);
  }

  /** The staged bytes of that digest; a file whose name promises a digest it does not have is not found. */
  blob(descriptor: Descriptor): StagedBlob {
    const blob = this.#byDigest.get(descriptor.digest);
    if (blob === undefined) {
      const name = `blobs/${descriptor.digest.replace(':', '/')}`;
      const there = this.#files.get(name);
      throw new BadRequest(
        there === undefined
          ? `the archive lacks ${name}`
          : `${name} does not have the digest its name says${'blob' in there ? `: it is ${there.blob.digest}` : ''}`,
      );
    }
    if (blob.size !== descriptor.size)
      throw new BadRequest(
        `${descriptor.digest} has ${blob.size} bytes, its descriptor says ${descriptor.size}`,
      );
    return blob;
  }

  async json(blob: StagedBlob, what: string): Promise<{ value: unknown; bytes: Buffer }> {
    if (blob.size > MAX_JSON_BYTES) throw new BadRequest(`${what} is larger than ${MAX_JSON_BYTES} bytes`);
    const bytes = await readFile(blob.path);
    return { value: parseJson(bytes, what), bytes };
  }
}

async function fromOciLayout(reader: ArchiveReader, nameOf: NameReader): Promise<FoundImage[]> {
  const index = asIndex((await reader.json(reader.file('index.json'), 'index.json')).value, 'index.json');
  if (index.manifests.length === 0) throw new BadRequest('index.json names no image');
  const found: FoundImage[] = [];
  for (const descriptor of index.manifests) {
    if (isAttestation(descriptor)) continue;
    const references = namesOf(descriptor, nameOf);
    found.push({ references, ...(await ociImage(reader, descriptor)) });
  }
  return mergeSame(found);
}

/** One image may stand in an index once for each of its names. */
function mergeSame(found: FoundImage[]): FoundImage[] {
  const merged = new Map<string, FoundImage>();
  for (const image of found) {
    const key = Buffer.from(image.manifestBytes).toString('base64');
    const there = merged.get(key);
    if (there === undefined) merged.set(key, image);
    else there.references = [...new Set([...there.references, ...image.references])];
  }
  return [...merged.values()];
}

function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

/** containerd and Docker write the whole name; others write it, or only a tag, into ref.name. */
function namesOf(descriptor: Descriptor, nameOf: NameReader): string[] {
  const whole = descriptor.annotations?.['io.containerd.image.name'];
  const name = descriptor.annotations?.['org.opencontainers.image.ref.name'];
  const text = whole ?? (name !== undefined && /[/:]/.test(name) ? name : undefined);
  return text === undefined ? [] : [nameOf(text)];
}

async function ociImage(reader: ArchiveReader, top: Descriptor): Promise<Omit<FoundImage, 'references'>> {
  let descriptor = top;
  for (let depth = 0; isIndex(descriptor); depth++) {
    if (depth > 3) throw new BadRequest('the archive nests image indexes too deep');
    const { value } = await reader.json(reader.blob(descriptor), 'an image index');
    const index: Index = asIndex(value, 'an image index');
    descriptor = asDescriptor(
      pickPlatform({ ...index, manifests: index.manifests.filter((one) => !isAttestation(one)) }),
      'a manifest',
    );
  }
  const manifestBlob = reader.blob(descriptor);
  const { value, bytes } = await reader.json(manifestBlob, 'the image manifest');
  const manifest = asManifest(value, 'the image manifest');
  const config = reader.blob(manifest.config);
  asConfigBlob((await reader.json(config, 'the image config')).value, 'the image config');
  const layers = manifest.layers.map((layer) => reader.blob(layer));
  return { manifest, manifestBytes: bytes, blobs: [manifestBlob, config, ...layers] };
}

interface DockerManifest {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

async function fromDockerArchive(reader: ArchiveReader, nameOf: NameReader): Promise<FoundImage[]> {
  const { value } = await reader.json(reader.file('manifest.json'), 'manifest.json');
  if (!Array.isArray(value) || value.length === 0) throw new BadRequest('manifest.json names no image');
  const found: FoundImage[] = [];
  for (const one of value as Partial<DockerManifest>[]) {
    if (
      typeof one?.Config !== 'string' ||
      !Array.isArray(one.Layers) ||
      !one.Layers.every((l) => typeof l === 'string')
    )
      throw new BadRequest('manifest.json lacks Config or Layers');
    found.push(await dockerImage(reader, one as DockerManifest, nameOf));
  }
  return found;
}

/** Makes the OCI manifest that a docker-archive does not have; its layers are plain tars, the config stays as it is. */
async function dockerImage(
  reader: ArchiveReader,
  one: DockerManifest,
  nameOf: NameReader,
): Promise<FoundImage> {
  const config = reader.file(one.Config);
  const promised = /([a-f0-9]{64})(?:\.json)?$/.exec(one.Config)?.[1];
  if (promised !== undefined && config.digest !== `sha256:${promised}`)
    throw new BadRequest(`${one.Config} does not have the digest its name says: it is ${config.digest}`);
  const blob = asConfigBlob((await reader.json(config, one.Config)).value, one.Config);
  const layers = one.Layers.map((name) => reader.file(name));
  if (blob.rootfs.diff_ids.length !== layers.length)
    throw new BadRequest(
      `${one.Config} names ${blob.rootfs.diff_ids.length} layers, manifest.json ${layers.length}`,
    );
  const descriptors: Descriptor[] = [];
  for (const layer of layers)
    descriptors.push({ mediaType: await layerType(layer), digest: layer.digest, size: layer.size });
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: config.digest, size: config.size },
    layers: descriptors,
  };
  return {
    references: (one.RepoTags ?? []).map(nameOf),
    manifest,
    manifestBytes: Buffer.from(JSON.stringify(manifest)),
    blobs: [config, ...layers],
  };
}

async function layerType(layer: StagedBlob): Promise<string> {
  const file = await open(layer.path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b ? `${LAYER_TAR}+gzip` : LAYER_TAR;
  } finally {
    await file.close();
  }
}
