import { readFile } from 'node:fs/promises';
import { BadRequest } from '../../../base/index.ts';
import type { PullOptions } from '../../engine.ts';
import type { FoundImage } from '../archive.ts';
import type { StagedBlob } from '../blobs.ts';
import type { DiskImageLibrary } from '../image-library.ts';
import { asConfigBlob, compressionOf, type Descriptor, parseJson } from '../media-types.ts';
import type { UnpackedLayer } from '../new-layer.ts';
import { downloadBlob } from './blob-download.ts';
import type { FetchedManifest } from './manifest-fetch.ts';
import { inParallel } from './parallel.ts';
import type { RegistryClient } from './registry-client.ts';

const CONFIG_LIMIT_BYTES = 8 << 20;
/** As many layers at once as Docker; Podman takes six. */
const LAYERS_AT_ONCE = 4;
const PROGRESS_EVERY_MS = 100;

/** An image whose blobs are staged and whose new layers are unpacked, not yet named. */
export type FetchedImage = Omit<FoundImage, 'references'> & { unpacked: UnpackedLayer[] };

/** Fetches config and layers of a manifest; layers that are here are not fetched, the others unpacked as they come. */
export async function fetchImage(
  library: DiskImageLibrary,
  client: RegistryClient,
  repository: string,
  { manifest, bytes }: FetchedManifest,
  staging: string,
  options: PullOptions,
): Promise<FetchedImage> {
  // What cannot be used is told before megabytes come.
  for (const layer of manifest.layers) compressionOf(layer.mediaType);
  if (manifest.config.size > CONFIG_LIMIT_BYTES)
    throw new BadRequest(`the image's config is larger than ${CONFIG_LIMIT_BYTES} bytes`);
  const download = (blob: Descriptor, signal: AbortSignal | undefined, onBytes?: (soFar: number) => void) =>
    downloadBlob(client, repository, blob, { ...(signal && { signal }), ...(onBytes && { onBytes }) });
  const config = await library.blobs.write(staging, download(manifest.config, options.signal));
  const what = `the config ${manifest.config.digest}`;
  const { diff_ids: diffIds } = asConfigBlob(parseJson(await readFile(config.path), what), what).rootfs;
  if (diffIds.length !== manifest.layers.length)
    throw new BadRequest('the image config and its manifest disagree on the number of layers');
  const unpacked: UnpackedLayer[] = [];
  const layers = uniqueLayers(manifest.layers, diffIds);
  try {
    const blobs = await inParallel(layers, LAYERS_AT_ONCE, options.signal, async (one, signal) => {
      if (await library.holdLayer(one)) {
        options.onProgress?.({ id: one.digest, status: 'Already exists' });
        return undefined;
      }
      const told = progressOf(one.layer, options);
      const received = await library.receiveLayer(download(one.layer, signal, told), one, staging);
      if (received.unpacked !== undefined) unpacked.push(received.unpacked);
      options.onProgress?.({ id: one.digest, status: 'Pull complete' });
      return received.blob;
    });
    const staged: StagedBlob[] = [config, ...blobs.filter((blob) => blob !== undefined)];
    options.onProgress?.({ id: manifest.config.digest, status: 'Copying config' });
    return { manifest, manifestBytes: bytes, blobs: staged, unpacked };
  } catch (error) {
    await library.discard(unpacked);
    throw error;
  }
}

interface WantedLayer {
  layer: Descriptor;
  digest: string;
  diffId: string;
}

/** An image may have the same layer twice. */
function uniqueLayers(layers: readonly Descriptor[], diffIds: readonly string[]): WantedLayer[] {
  const unique = new Map<string, WantedLayer>();
  for (const [i, layer] of layers.entries())
    unique.set(layer.digest, { layer, digest: layer.digest, diffId: diffIds[i]! });
  return [...unique.values()];
}

function progressOf(layer: Descriptor, options: PullOptions): ((soFar: number) => void) | undefined {
  const { onProgress } = options;
  if (onProgress === undefined) return undefined;
  onProgress({ id: layer.digest, status: 'Pulling fs layer', total: layer.size });
  let toldAtMs = 0;
  return (soFar) => {
    const isDone = soFar === layer.size;
    if (!isDone && Date.now() - toldAtMs < PROGRESS_EVERY_MS) return;
    toldAtMs = Date.now();
    onProgress({ id: layer.digest, status: 'Downloading', current: soFar, total: layer.size });
    if (isDone) onProgress({ id: layer.digest, status: 'Download complete' });
  };
}
