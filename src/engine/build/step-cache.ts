import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewLayer } from '../engine.ts';
import { exists, ownedName } from '../images/blobs.ts';
import type { DiskImageStore } from '../images/image-store.ts';

/** What a step made, found again by what it was made from. */
export interface CachedStep {
  /** RFC 3339. */
  created: string;
  createdBy: string;
  /** Absent: the step changed no file. */
  layer?: NewLayer;
}

/**
 * One small file a step, named by a digest of the image before it, the instruction with its variables, and the
 * content it took. A file says nothing that must be true: a layer that is gone makes it a miss.
 */
export class StepCache {
  readonly folder: string;
  readonly #store: DiskImageStore;

  constructor(folder: string, store: DiskImageStore) {
    this.folder = folder;
    this.#store = store;
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  static key(parts: readonly string[]): string {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
    return hash.digest('hex');
  }

  async find(key: string): Promise<CachedStep | undefined> {
    let step: CachedStep;
    try {
      step = JSON.parse(await readFile(join(this.folder, key), 'utf8')) as CachedStep;
    } catch (error) {
      // Not there, or cut short by a power failure: a miss either way.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
        return undefined;
      throw error;
    }
    const { layer } = step;
    if (layer === undefined) return step;
    const isThere =
      (await this.#store.layers.has(layer.diffId)) && (await exists(this.#store.blobs.pathOf(layer.digest)));
    return isThere ? step : undefined;
  }

  async add(key: string, step: CachedStep): Promise<void> {
    const temporary = join(this.folder, ownedName());
    await writeFile(temporary, JSON.stringify(step), { mode: 0o600 });
    await rename(temporary, join(this.folder, key));
  }

  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await this.open();
  }
}
