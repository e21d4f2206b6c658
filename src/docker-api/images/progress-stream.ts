import { messageOf, OrreryError } from '../../base/index.ts';
import type { TransferProgress } from '../../engine/index.ts';
import type { Exchange } from '../http/exchange.ts';
import { publicMessage } from '../http/refusal.ts';

const INTERVAL_MS = 100;

/**
 * Docker's stream of JSON messages about a long work. Its head goes out with the first message: what fails before has
 * a status of its own; what fails later is told in the stream.
 */
export class ProgressStream {
  readonly #exchange: Exchange;
  readonly #lastAtMs = new Map<string, number>();
  #isOpen = false;
  #sending = Promise.resolve();

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Queued: messages keep their order, and wait for a client that is slow. */
  send(message: object): void {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#exchange.open('application/json');
    }
    const text = `${JSON.stringify(message)}\r\n`;
    this.#sending = this.#sending.then(() => this.#exchange.write(text));
  }

  /** Of one layer; of those that only count, some are left out. */
  transfer(progress: TransferProgress, nowMs: number): void {
    const id = shortDigest(progress.id);
    const { current, total } = progress;
    if (current !== undefined) {
      const key = `${id} ${progress.status}`;
      if (current !== total && nowMs - (this.#lastAtMs.get(key) ?? 0) < INTERVAL_MS) return;
      this.#lastAtMs.set(key, nowMs);
    }
    this.send({
      status: progress.status,
      progressDetail: { ...(current !== undefined && { current }), ...(total !== undefined && { total }) },
      ...(id !== '' && { id }),
    });
  }

  async end(): Promise<void> {
    await this.#sending;
    this.#exchange.end();
  }

  /** Runs the work, and ends the stream with what went wrong with it. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#isOpen) throw error;
      const message = error instanceof OrreryError ? messageOf(error) : publicMessage(error);
      this.send({ errorDetail: { message }, error: message });
    }
    if (this.#isOpen) await this.end();
  }
}

/** `sha256:0123456789abcdef…` → `0123456789ab` */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
