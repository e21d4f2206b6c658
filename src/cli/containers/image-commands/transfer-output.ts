import type { TransferProgress } from '../../../engine/index.ts';

const DONE = new Set(['Pull complete', 'Already exists', 'Pushed', 'Layer already exists', 'Mounted']);

/**
 * Tells a pull or a push in Podman's lines on standard error; on a terminal, layers under way have one line
 * that is drawn again.
 */
export class TransferOutput {
  readonly #stream: NodeJS.WriteStream;
  readonly #running = new Map<string, TransferProgress>();
  #hasLine = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  readonly tell = (progress: TransferProgress): void => {
    if (progress.id === '' || progress.status === 'Copying config') {
      const words = progress.id === '' ? progress.status : `Copying config ${shortId(progress.id)} done`;
      this.#line(words);
    } else if (DONE.has(progress.status)) {
      this.#running.delete(progress.id);
      const how = /exists|Mounted/.test(progress.status) ? 'skipped: already exists' : 'done';
      this.#line(`Copying blob ${shortId(progress.id)} ${how}`);
    } else {
      this.#running.set(progress.id, progress);
      this.#draw();
    }
  };

  #line(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    this.#draw();
  }

  #draw(): void {
    if (!this.#stream.isTTY || this.#running.size === 0) return;
    const parts = [...this.#running.values()].map(({ id, current = 0, total }) =>
      total ? `${shortId(id)} ${Math.floor((100 * current) / total)}%` : shortId(id),
    );
    this.#clear();
    this.#stream.write(parts.join('  ').slice(0, this.#stream.columns - 1));
    this.#hasLine = true;
  }

  #clear(): void {
    if (this.#hasLine) this.#stream.write('\r\u001b[K');
    this.#hasLine = false;
  }
}

function shortId(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}
