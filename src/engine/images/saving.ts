import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { BadRequest } from '../../base/index.ts';
import type { ImageDetails, SaveOptions } from '../engine.ts';
import type { Blobs } from './blobs.ts';
import { decompressor, through } from './layers.ts';
import {
  asManifest,
  compressionOf,
  type Descriptor,
  INDEX,
  type Manifest,
  parseJson,
} from './media-types.ts';

interface Saved {
  image: ImageDetails;
  names: readonly string[];
}

/** Streams images as one archive that `docker load`, `podman load` and we ourselves read. */
export function saveArchive(
  store: { blobs: Blobs },
  images: readonly Saved[],
  options: SaveOptions,
): Readable {
  if (images.length === 0) throw new BadRequest('no image to save');
  if (options.format !== 'docker-archive' && options.format !== 'oci-archive')
    throw new BadRequest(`${options.format} is a folder, not an archive`);
  const tar = pack();
  const writing =
    options.format === 'oci-archive'
      ? writeOciLayout(tarSink(tar), store.blobs, images, options.uncompressed)
      : writeDockerArchive(tar, store.blobs, images);
  writing.then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  // tar-stream's own stream class is not Node's, whose consumers look for its methods.
  return Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false });
}

/** One image as an OCI layout, or as containers' `dir:` transport has it. */
export async function saveFolder(
  store: { blobs: Blobs },
  image: ImageDetails,
  name: string | undefined,
  folder: string,
  options: SaveOptions,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (options.format === 'oci-dir')
    return await writeOciLayout(
      folderSink(folder),
      store.blobs,
      [{ image, names: name === undefined ? [] : [name] }],
      options.uncompressed,
    );
  if (options.format !== 'docker-dir') throw new BadRequest(`${options.format} is an archive, not a folder`);
  const manifest = await manifestOf(store.blobs, image);
  const sink = folderSink(folder);
  await sink.bytes('version', Buffer.from('Directory Transport Version: 1.1\n'));
  for (const blob of [manifest.config, ...manifest.layers])
    await sink.stream(hexOf(blob), blob.size, store.blobs.stream(blob.digest));
  await sink.bytes('manifest.json', await store.blobs.read(image.digest));
}

/** Where files go. */
interface Sink {
  bytes(name: string, content: Buffer): Promise<void>;
  stream(name: string, size: number, content: Readable): Promise<void>;
}

function tarSink(tar: Pack): Sink {
  const header = (name: string) => ({ name, mode: 0o644, mtime: new Date(0) });
  return {
    bytes: async (name, content) => {
      tar.entry(header(name), content);
    },
    stream: (name, size, content) =>
      pipeline(content, tar.entry({ ...header(name), size }) as unknown as NodeJS.WritableStream),
  };
}

function folderSink(folder: string): Sink {
  return {
    bytes: (name, content) => writeFile(join(folder, name), content),
    stream: async (name, _size, content) => {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await pipeline(content, createWriteStream(join(folder, name)));
    },
  };
}

async function writeOciLayout(
  sink: Sink,
  blobs: Blobs,
  images: readonly Saved[],
  isPlain = false,
): Promise<void> {
  const written = new Set<string>();
  const manifests: Descriptor[] = [];
  for (const { image, names } of images) {
    const manifest = await manifestOf(blobs, image);
    const layers = manifest.layers.map((layer, i) =>
      isPlain ? plainLayer(blobs, layer, image.diffIds[i]!) : keptLayer(blobs, layer),
    );
    const descriptors: Descriptor[] = [];
    for (const layer of layers) {
      const descriptor = await layer.descriptor();
      descriptors.push(descriptor);
      if (written.has(descriptor.digest)) continue;
      written.add(descriptor.digest);
      await sink.stream(`blobs/sha256/${hexOf(descriptor)}`, descriptor.size, layer.open());
    }
    const bytes = isPlain
      ? Buffer.from(JSON.stringify({ ...manifest, layers: descriptors }))
      : await blobs.read(image.digest);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const own: Descriptor = { mediaType: image.mediaType, digest, size: bytes.byteLength };
    for (const [blob, content] of [
      [manifest.config, await blobs.read(manifest.config.digest)],
      [own, bytes],
    ] as const) {
      if (written.has(blob.digest)) continue;
      written.add(blob.digest);
      await sink.bytes(`blobs/sha256/${hexOf(blob)}`, content);
    }
    for (const name of names.length === 0 ? [undefined] : names)
      manifests.push({
        ...own,
        ...(name !== undefined && { annotations: { 'org.opencontainers.image.ref.name': name } }),
      });
  }
  await sink.bytes('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  const index = { schemaVersion: 2, mediaType: INDEX, manifests };
  await sink.bytes('index.json', Buffer.from(JSON.stringify(index)));
}

/** `docker save`'s format: plain tars of layers, named by their diffIDs. */
async function writeDockerArchive(tar: Pack, blobs: Blobs, images: readonly Saved[]): Promise<void> {
  const sink = tarSink(tar);
  const written = new Set<string>();
  const entries: { Config: string; RepoTags: readonly string[]; Layers: string[] }[] = [];
  for (const { image, names } of images) {
    const manifest = await manifestOf(blobs, image);
    for (const [i, diffId] of image.diffIds.entries()) {
      if (written.has(diffId)) continue;
      written.add(diffId);
      await writeLayer(sink, blobs, manifest.layers[i]!, diffId);
    }
    const config = `${hexOf(manifest.config)}.json`;
    if (!written.has(config)) await sink.bytes(config, await blobs.read(image.id));
    written.add(config);
    entries.push({ Config: config, RepoTags: names, Layers: image.diffIds.map(layerFile) });
  }
  await sink.bytes('manifest.json', Buffer.from(JSON.stringify(entries)));
}

async function writeLayer(sink: Sink, blobs: Blobs, layer: Descriptor, diffId: string): Promise<void> {
  const plain = plainLayer(blobs, layer, diffId);
  const { size } = await plain.descriptor();
  await sink.stream(layerFile(diffId), size, plain.open());
}

interface SavedLayer {
  descriptor(): Promise<Descriptor>;
  open(): Readable;
}

function keptLayer(blobs: Blobs, layer: Descriptor): SavedLayer {
  return { descriptor: async () => layer, open: () => blobs.stream(layer.digest) };
}

function plainLayer(blobs: Blobs, layer: Descriptor, diffId: string): SavedLayer {
  const compression = compressionOf(layer.mediaType);
  if (compression === 'none') return keptLayer(blobs, layer);
  const open = () => through(blobs.stream(layer.digest), decompressor(compression));
  return {
    open,
    descriptor: async () => {
      // A tar tells a file's length before the file.
      let size = 0;
      for await (const chunk of open()) size += (chunk as Buffer).byteLength;
      return { mediaType: layer.mediaType.replace(/[.+](?:gzip|zstd)$/, ''), digest: diffId, size };
    },
  };
}

async function manifestOf(blobs: Blobs, image: ImageDetails): Promise<Manifest> {
  return asManifest(parseJson(await blobs.read(image.digest), image.digest), image.digest);
}

function layerFile(diffId: string): string {
  return `${diffId.slice('sha256:'.length)}.tar`;
}

function hexOf(blob: Descriptor): string {
  return blob.digest.slice('sha256:'.length);
}
