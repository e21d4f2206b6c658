import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, ImageDetails } from '../../engine/index.ts';
import type { Containers, SystemUsage, Volumes } from '../libpod.ts';

/** What takes how much room (`system df`). */
export async function systemUsage(parts: {
  engine: Engine;
  containers: Containers;
  volumes: Volumes;
}): Promise<SystemUsage> {
  const [images, containers, volumes] = await Promise.all([
    parts.engine.images.describe(),
    parts.containers.list({ all: true, size: true }),
    parts.volumes.list(),
  ]);
  const layerUsers = countLayers(images);
  return {
    images: images.map((image) => imageUsage(image, containers, layerUsers)),
    containers: await Promise.all(
      containers.map(async (one) => {
        const { mountPoints } = await parts.containers.inspect(one.id);
        return {
          id: one.id,
          name: one.name,
          image: one.imageId,
          command: one.command,
          localVolumes: mountPoints.filter(({ type }) => type === 'volume').length,
          rwBytes: one.size?.rwBytes ?? 0,
          sizeBytes: one.size?.rootFsBytes ?? 0,
          createdAt: one.createdAt,
          status: one.status,
        };
      }),
    ),
    volumes: await Promise.all(
      volumes.map(async ({ Name, Mountpoint }) => ({
        name: Name,
        links: (await parts.volumes.usersOf(Name)).length,
        sizeBytes: await treeSize(Mountpoint),
      })),
    ),
    buildCacheBytes: 0,
  };
}

function countLayers(images: readonly ImageDetails[]): Map<string, number> {
  const users = new Map<string, number>();
  for (const image of images)
    for (const layer of new Set(image.diffIds)) users.set(layer, (users.get(layer) ?? 0) + 1);
  return users;
}

function imageUsage(
  image: ImageDetails,
  containers: readonly { imageId: string }[],
  layerUsers: ReadonlyMap<string, number>,
): SystemUsage['images'][number] {
  let uniqueBytes = 0;
  let sharedBytes = 0;
  for (const [index, layer] of image.diffIds.entries()) {
    const bytes = image.layerSizes[index] ?? 0;
    if ((layerUsers.get(layer) ?? 0) > 1) sharedBytes += bytes;
    else uniqueBytes += bytes;
  }
  const { repository, tag } = splitReference(image.references[0]);
  return {
    id: image.id,
    repository,
    tag,
    createdAt: image.createdAt,
    sizeBytes: image.sizeBytes,
    sharedBytes,
    uniqueBytes,
    containers: containers.filter(({ imageId }) => bare(imageId) === bare(image.id)).length,
  };
}

const bare = (id: string) => id.replace(/^sha256:/, '');

function splitReference(reference: string | undefined): { repository: string; tag: string } {
  if (reference === undefined) return { repository: '<none>', tag: '<none>' };
  const match = /^(.*):([^/:@]+)$/.exec(reference);
  return match === null
    ? { repository: reference, tag: '<none>' }
    : { repository: match[1]!, tag: match[2]! };
}

/** Bytes of the files below a folder; what goes away meanwhile is not counted. */
async function treeSize(folder: string): Promise<number> {
  let bytes = 0;
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const entry of await entriesOf(next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else bytes += await sizeOf(path);
    }
  }
  return bytes;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
