/** Exponential back-off per item: `baseMs`, twice that, … up to `maxMs`. Deterministic, no jitter. */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #failures = new Map<string, number>();

  constructor(options: { baseMs: number; maxMs: number }) {
    this.#baseMs = options.baseMs;
    this.#maxMs = options.maxMs;
  }

  /** Counts one more failure of `item` and returns how long to wait before the next try. */
  next(item: string): number {
    const failures = this.#failures.get(item) ?? 0;
    this.#failures.set(item, failures + 1);
    return Math.min(this.#baseMs * 2 ** Math.min(failures, 40), this.#maxMs);
  }

  failures(item: string): number {
    return this.#failures.get(item) ?? 0;
  }

  forget(item: string): void {
    this.#failures.delete(item);
  }
}
