import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../base/index.ts';
import { isProcessAlive, processIdentity } from '../../engine/index.ts';

/**
 * Starts under way: a file for each, from before the first mount until the container runs, that names the process.
 * What a killed one has left is found by it, and by it alone: whoever opens the directory next looks at one folder
 * that is nearly always empty.
 */
export class PendingStarts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async begin(id: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(join(this.#folder, id), processIdentity(process.pid)!, { mode: 0o600 });
  }

  async end(id: string): Promise<void> {
    await rm(join(this.#folder, id), { force: true });
  }

  /** Ids of containers whose starting process was killed; one that begins this moment may be among them. */
  async cutOff(): Promise<string[]> {
    const ids: string[] = [];
    for (const id of await this.#names()) if (await this.isCutOff(id)) ids.push(id);
    return ids;
  }

  /** For sure only under the container's lock. */
  async isCutOff(id: string): Promise<boolean> {
    try {
      return !isProcessAlive(await readFile(join(this.#folder, id), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async #names(): Promise<string[]> {
    return await namesIn(this.#folder);
  }
}
