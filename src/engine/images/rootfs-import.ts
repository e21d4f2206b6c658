import type { Readable } from 'node:stream';
import { BadRequest } from '../../base/index.ts';
import type { ImportOptions, LoadedImage, NewImage, NewLayer } from '../engine.ts';
import { firstChunk } from './archive.ts';
import { applyChanges } from './config-changes.ts';
import { decompressor, through } from './layers.ts';
import { hostArchitecture } from './media-types.ts';

/** Makes an image of one layer of a root file system's tar, which may be compressed with gzip or zstd. */
export async function importRootfs(
  store: { addLayer(tar: Readable): Promise<NewLayer>; add(image: NewImage): Promise<LoadedImage> },
  tar: Readable,
  options: ImportOptions,
): Promise<LoadedImage> {
  // Before the long work: a change that is none costs nothing so.
  const config = applyChanges({}, options.changes ?? []);
  const layer = await store.addLayer(await decompressed(tar));
  const createdAt = new Date().toISOString();
  return await store.add({
    ...(options.reference !== undefined && { reference: options.reference }),
    layers: [layer],
    config,
    architecture: options.architecture ?? hostArchitecture(),
    os: options.os ?? 'linux',
    ...(options.variant && { variant: options.variant }),
    createdAt,
    history: [
      {
        created: createdAt,
        created_by: `/bin/sh -c #(nop) ADD file:${layer.diffId.slice('sha256:'.length)} in / `,
        comment: options.message ?? `imported from tarball`,
      },
    ],
  });
}

/** The tar inside. @throws BadRequest for compressions that are not supported, naming them. */
export async function decompressed(stream: Readable): Promise<Readable> {
  const first = await firstChunk(stream);
  if (first === undefined) throw new BadRequest('the archive is empty');
  stream.unshift(first);
  const begins = (...bytes: number[]) => bytes.every((byte, i) => first[i] === byte);
  if (begins(0x1f, 0x8b)) return through(stream, decompressor('gzip'));
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return through(stream, decompressor('zstd'));
  if (begins(0x42, 0x5a, 0x68)) throw new BadRequest('the archive is compressed with bzip2: not supported');
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a))
    throw new BadRequest('the archive is compressed with xz: not supported');
  return stream;
}
