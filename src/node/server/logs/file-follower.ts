import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

const CHUNK_BYTES = 64 * 1024;

/**
 * The bytes of a file that others write to, from an offset on, as they come. Goes over to the new file when
 * the old one is renamed away and one of its name appears (rotation), after the old one is drained; begins
 * again when the file is cut short. Ends when `ended` has resolved and everything is read.
 */
export async function* followFile(options: {
  path: string;
  file: FileHandle;
  offset: number;
  /** Never rejects. */
  ended: Promise<void>;
  signal: AbortSignal;
}): AsyncGenerator<Buffer> {
  const { path, signal } = options;
  let { file, offset } = options;
  using changes = new Changes(path, signal);
  let ended = false;
  void options.ended.then(() => {
    ended = true;
    changes.note();
  });
  try {
    while (!signal.aborted) {
      const last = ended;
      const chunk = await readChunk(file, offset);
      if (chunk.length > 0) {
        offset += chunk.length;
        yield chunk;
        continue;
      }
      const successor = await rotated(path, file, offset);
      if (successor === 'truncated') offset = 0;
      else if (successor !== undefined) {
        // What was written between the read above and the rename.
        for (
          let rest = await readChunk(file, offset);
          rest.length > 0;
          rest = await readChunk(file, offset)
        ) {
          offset += rest.length;
          yield rest;
        }
        if (file !== options.file) await file.close();
        file = successor;
        offset = 0;
      } else if (last) return;
      else await changes.next();
    }
  } finally {
    if (file !== options.file) await file.close();
  }
}

async function readChunk(file: FileHandle, offset: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, offset);
  return buffer.subarray(0, bytesRead);
}

async function rotated(
  path: string,
  file: FileHandle,
  offset: number,
): Promise<FileHandle | 'truncated' | undefined> {
  const held = await file.stat();
  if (held.size < offset) return 'truncated';
  try {
    const now = await stat(path);
    return now.ino === held.ino && now.dev === held.dev ? undefined : await open(path, 'r');
  } catch (error) {
    // Renamed away, and the new one is not there yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Wakes when something may have happened to a file; what happens between two waits is not missed. */
class Changes implements Disposable {
  readonly #watcher: FSWatcher;
  readonly #signal: AbortSignal;
  #noted = false;
  #wake: (() => void) | undefined;
  #error: Error | undefined;

  constructor(path: string, signal: AbortSignal) {
    const name = basename(path);
    this.#signal = signal;
    this.#watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      // Also `<name>.<timestamp>`: its writer may go on for a moment after the rename.
      if (changed === null || changed.startsWith(name)) this.note();
    });
    this.#watcher.on('error', (error) => {
      this.#error = error;
      this.note();
    });
    signal.addEventListener('abort', this.note);
  }

  readonly note = (): void => {
    this.#noted = true;
    this.#wake?.();
  };

  async next(): Promise<void> {
    if (!this.#noted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#noted = false;
    if (this.#error !== undefined) throw this.#error;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.note);
    this.#watcher.close();
  }
}
