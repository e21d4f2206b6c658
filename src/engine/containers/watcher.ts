import { type FSWatcher, watch } from 'node:fs';
import type { Log } from '../../base/index.ts';
import { isContainerId } from './records.ts';

const LIVENESS_MS = 1000;

/**
 * Tells which containers may have changed: by inotify on the folder into which conmon writes exits and we
 * write starts, and, for a conmon that was killed and writes nothing, by asking for `suspects` each second.
 * Works only while somebody listens; nothing runs for an idle engine.
 */
export class Watcher {
  readonly #folder: string;
  readonly #suspects: () => Promise<string[]>;
  readonly #log: Log;
  readonly #listeners = new Set<(id: string) => void>();
  #watching: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { folder: string; suspects: () => Promise<string[]>; log: Log }) {
    this.#folder = options.folder;
    this.#suspects = options.suspects;
    this.#log = options.log;
  }

  /** @returns how to stop listening. */
  listen(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    if (this.#watching === undefined) this.#begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#end();
    };
  }

  #begin(): void {
    this.#watching = watch(this.#folder, { persistent: false }, (_event, name) => {
      const id = name?.split('.')[0] ?? '';
      // conmon's temporary files carry the id too: looking once too often does no harm.
      if (isContainerId(id)) this.#tell(id);
    });
    this.#watching.on('error', (error) => this.#log.error('the container event watch failed', { error }));
    this.#timer = setInterval(() => {
      this.#suspects().then(
        (ids) => {
          for (const id of ids) this.#tell(id);
        },
        (error: unknown) => this.#log.error('the container liveness check failed', { error }),
      );
    }, LIVENESS_MS);
    this.#timer.unref();
  }

  #end(): void {
    this.#watching?.close();
    this.#watching = undefined;
    clearInterval(this.#timer);
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}
