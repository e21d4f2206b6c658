import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, readIfThere, writeFileAtomic } from '../../base/index.ts';
import type { ImageUser } from './image-store.ts';

/** What a container's record tells about the image it stands on. */
interface ContainerUse extends ImageUser {
  imageId: string;
  /** DiffIDs. */
  layers: string[];
}

/**
 * Who uses the images of this directory: `holders/<instance>` names an engine's directory, whose containers
 * stand on our layers. The cloud's engine and libpod's are two; what either uses, neither removes.
 */
export class ImageHolders {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(instance: string, engineDirectory: string): Promise<void> {
    const path = join(this.#folder, instance);
    if ((await readIfThere(path))?.trim() === engineDirectory) return;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, engineDirectory, { mode: 0o600 });
  }

  async layersInUse(): Promise<string[]> {
    return (await this.#uses()).flatMap((use) => use.layers);
  }

  async usersOf(imageId: string): Promise<ImageUser[]> {
    return (await this.#uses())
      .filter((use) => use.imageId === imageId)
      .map(({ id, name }) => ({ id, name }));
  }

  async #uses(): Promise<ContainerUse[]> {
    const uses: ContainerUse[] = [];
    for (const instance of await namesIn(this.#folder)) {
      if (!/^[0-9a-f]{6}$/.test(instance)) continue;
      const directory = (await readIfThere(join(this.#folder, instance)))?.trim();
      if (directory !== undefined) uses.push(...(await usesOf(directory)));
    }
    return uses;
  }
}

async function usesOf(engineDirectory: string): Promise<ContainerUse[]> {
  const containers = join(engineDirectory, 'containers');
  const uses: ContainerUse[] = [];
  for (const id of await namesIn(containers)) {
    if (!/^[0-9a-f]{64}$/.test(id)) continue;
    const text = (await readIfThere(join(containers, id, 'record.json')))?.trim();
    // Empty after a power failure: a container that is no more uses nothing.
    if (text) uses.push(JSON.parse(text) as ContainerUse);
  }
  return uses;
}
