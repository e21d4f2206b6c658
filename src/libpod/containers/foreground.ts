import { type FileHandle, open, stat } from 'node:fs/promises';
import { tryLockFile } from '../../engine/index.ts';

/**
 * Containers that a process of ours attends until their end (`run` without `-d`): while it holds the lock on
 * their mark, conmon's exit command waits, and finds nothing to do when the mark is gone. The kernel drops
 * the lock when the process dies: then the exit command does the work.
 */
export class Foreground {
  readonly #markOf: (id: string) => string;
  readonly #held = new Map<string, FileHandle>();

  constructor(markOf: (id: string) => string) {
    this.#markOf = markOf;
  }

  async take(id: string): Promise<void> {
    const file = await open(this.#markOf(id), 'r+');
    if (tryLockFile(file.fd)) this.#held.set(id, file);
    else await file.close();
  }

  holds(id: string): boolean {
    return this.#held.has(id);
  }

  release(id: string): void {
    const file = this.#held.get(id);
    this.#held.delete(id);
    void file?.close();
  }

  async isMarked(id: string): Promise<boolean> {
    try {
      await stat(this.#markOf(id));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }
}
