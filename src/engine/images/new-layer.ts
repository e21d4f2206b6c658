import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { removeTree } from '../../base/index.ts';
import type { NewLayer } from '../engine.ts';
import type { Blobs, StagedBlob } from './blobs.ts';
import type { LayerPins } from './layer-pins.ts';
import { type Layers, verifyDiffId } from './layers.ts';
import { compressionOf, type Descriptor, LAYER_TAR } from './media-types.ts';

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
        : await writeAndUse(
            tar,
            (copy) => layers.unpackTar(copy, building),
            (content) => blobs.write(staging, content, { flush: false }),
          );
    const layer = { digest: blob.digest, diffId: blob.digest, sizeBytes: blob.size, mediaType: LAYER_TAR };
    await pins.add(layer);
    await blobs.adopt([blob]);
    if (building !== undefined) {
      await layers.noteSize(layer.diffId, layer.sizeBytes);
      await layers.adopt(building, layer.diffId);
    }
    return layer;
  } catch (error) {
    if (building !== undefined) await removeTree(building);
    throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Unpacked into a folder of its own, not yet under its name. */
export interface UnpackedLayer {
  diffId: string;
  folder: string;
  sizeBytes: number;
}

/** Writes a compressed layer to a staged blob and unpacks it on the way. @throws BadRequest when it is not what `diffId` says. */
export async function receiveLayer(
  content: AsyncIterable<Uint8Array>,
  layer: { diffId: string; layer: Descriptor },
  store: { blobs: Blobs; layers: Layers; canUnpack: boolean; staging: string },
): Promise<{ blob: StagedBlob; unpacked?: UnpackedLayer }> {
  const { blobs, layers, staging } = store;
  const compression = compressionOf(layer.layer.mediaType);
  const { diffId } = layer;
  const folder = store.canUnpack ? await layers.stage() : undefined;
  let sizeBytes = 0;
  try {
    const blob = await writeAndUse(
      content,
      async (copy) => {
        if (folder === undefined) await verifyDiffId(diffId, copy, compression);
        else sizeBytes = await layers.unpackInto(folder, diffId, copy, compression);
      },
      (copied) => blobs.write(staging, copied, { flush: false }),
    );
    return { blob, ...(folder !== undefined && { unpacked: { diffId, folder, sizeBytes } }) };
  } catch (error) {
    if (folder !== undefined) await removeTree(folder);
    throw error;
  }
}

async function writeAndUse(
  content: AsyncIterable<Uint8Array>,
  use: (copy: Readable) => Promise<void>,
  write: (content: AsyncIterable<Uint8Array>) => Promise<StagedBlob>,
): Promise<StagedBlob> {
  const copy = new PassThrough({ highWaterMark: 1 << 20 });
  const unpacking = use(copy);
  // What it fails with is thrown where it is awaited below.
  unpacking.catch(() => undefined);
  try {
    const blob = await write(tee(content, copy, unpacking));
    await unpacking;
    return blob;
  } catch (error) {
    copy.destroy();
    // Nothing may go on writing into a folder that is about to be removed. The first error is the cause.
    const [unpacked] = await Promise.allSettled([unpacking]);
    throw unpacked.status === 'rejected' && isConsequence(error) ? unpacked.reason : error;
  }
}

function isConsequence(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code?.startsWith('ERR_STREAM') === true;
}

/** Yields what it reads and gives it to `copy` too, as fast as the slower of both. */
async function* tee(
  content: AsyncIterable<Uint8Array>,
  copy: PassThrough,
  using: Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    if (!copy.write(chunk)) await Promise.race([once(copy, 'drain'), using]);
    yield chunk;
  }
  copy.end();
}
