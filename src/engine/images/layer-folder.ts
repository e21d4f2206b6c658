import { lstat, lutimes, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewLayer } from '../engine.ts';
import type { Blobs } from './blobs.ts';
import type { LayerPins } from './layer-pins.ts';
import { type LayerTarOptions, layerTar } from './layer-tar.ts';
import type { Layers } from './layers.ts';
import { LAYER_TAR } from './media-types.ts';

/**
 * Makes a layer of an overlay's upper folder: its tar becomes a blob, and the folder itself the unpacked layer,
 * by rename, so that nothing is unpacked again. The folder must be on the layers' file system and nobody may
 * write to it any more. Nothing is fsynced yet; whoever names the layer in an image does that.
 */
export async function addLayerFolder(
  folder: string,
  options: Pick<LayerTarOptions, 'mtimeSeconds'>,
  store: { blobs: Blobs; layers: Layers; pins: LayerPins },
): Promise<NewLayer> {
  const { blobs, layers, pins } = store;
  const staging = await blobs.stage();
  try {
    if (options.mtimeSeconds !== undefined) await setTimes(folder, options.mtimeSeconds);
    const blob = await blobs.write(staging, layerTar(folder, options), { flush: false });
    const layer = { digest: blob.digest, diffId: blob.digest, sizeBytes: blob.size, mediaType: LAYER_TAR };
    await pins.add(layer);
    await blobs.adopt([blob]);
    await layers.noteSize(layer.diffId, layer.sizeBytes);
    await layers.adopt(folder, layer.diffId);
    return layer;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The folder is to be what its tar says. */
async function setTimes(folder: string, seconds: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if ((await lstat(path)).isDirectory()) await setTimes(path, seconds);
    await lutimes(path, seconds, seconds);
  }
}
