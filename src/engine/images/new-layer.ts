import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { removeTree } from '../../base/index.ts';
import type { NewLayer } from '../engine.ts';
import type { Blobs, StagedBlob } from './blobs.ts';
import type { LayerPins } from './layer-pins.ts';
import type { Layers } from './layers.ts';
import { LAYER_TAR } from './media-types.ts';
import { unpackLayer } from './tar-unpack.ts';

/**
 * Makes a blob and an unpacked folder of a layer's tar in one pass. The blob is the tar as it came, as
 * Podman keeps what is built here: compressing is left to the push, so its digest is also the diffID. Nothing is
 * fsynced yet; whoever names the layer in an image does that.
 *
 * @throws BadRequest for a tar that is malformed or would escape.
 */
export async function addLayer(
  tar: Readable,
  store: { blobs: Blobs; layers: Layers; pins: LayerPins; canUnpack: boolean },
): Promise<NewLayer> {
  const { blobs, layers, pins } = store;
  const staging = await blobs.stage();
  const building = store.canUnpack ? await layers.stage() : undefined;
  try {
    const blob =
      building === undefined
        ? await blobs.write(staging, tar, { flush: false })
        : await writeAndUnpack(tar, building, (content) => blobs.write(staging, content, { flush: false }));
    const layer = { digest: blob.digest, diffId: blob.digest, sizeBytes: blob.size, mediaType: LAYER_TAR };
    await pins.add(layer);
    await blobs.adopt([blob]);
    if (building !== undefined) await layers.adopt(building, layer.diffId);
    return layer;
  } catch (error) {
    if (building !== undefined) await removeTree(building);
    throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function writeAndUnpack(
  tar: Readable,
  building: string,
  write: (content: AsyncIterable<Uint8Array>) => Promise<StagedBlob>,
): Promise<StagedBlob> {
  const copy = new PassThrough({ highWaterMark: 1 << 20 });
  const unpacking = unpackLayer(copy, building);
  // What it fails with is thrown where it is awaited below.
  unpacking.catch(() => undefined);
  try {
    const blob = await write(tee(tar, copy, unpacking));
    await unpacking;
    return blob;
  } catch (error) {
    copy.destroy();
    tar.destroy();
    // Nothing may go on writing into a folder that is about to be removed. The first error is the cause.
    const [unpacked] = await Promise.allSettled([unpacking]);
    throw unpacked.status === 'rejected' && isConsequence(error) ? unpacked.reason : error;
  }
}

function isConsequence(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code?.startsWith('ERR_STREAM') === true;
}

/** Yields what it reads and gives it to `copy` too, as fast as the slower of both. */
async function* tee(tar: Readable, copy: PassThrough, unpacking: Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar as AsyncIterable<Buffer>) {
    if (!copy.write(chunk)) await Promise.race([once(copy, 'drain'), unpacking]);
    yield chunk;
  }
  copy.end();
}
