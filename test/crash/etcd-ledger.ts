import { expect } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { openStore, parseStoreUrl, type Store, type StoreEvent } from '../../src/store/index.ts';

const WRITERS = 16;
const KEYS_EACH = 5;

export function openAt(url: string, prefix: string): Promise<Store> {
  return openStore({ location: parseStoreUrl(url), etcd: { prefix }, log: silentLog });
}

interface Attempt {
  key: string;
  value: string | undefined;
  /** A revision; or why it was refused. */
  outcome: number | string;
}

/**
 * What writers were told, and what a watcher saw, while everything around them breaks; and whether that agrees with
 * what is there in the end.
 */
export class Ledger {
  readonly attempts: Attempt[] = [];
  readonly seen: StoreEvent[] = [];
  readonly #store: Store;
  readonly #start: number;
  readonly #ending = new AbortController();
  readonly #working: Promise<unknown>;
  #writing = true;

  constructor(store: Store) {
    this.#store = store;
    this.#start = store.revision();
    this.#working = Promise.all(Array.from({ length: WRITERS }, (_, i) => this.#write(`/w${i}`)));
    this.#watching = this.#watch();
  }
  readonly #watching: Promise<void>;

  get acknowledged(): number {
    return this.attempts.filter(({ outcome }) => typeof outcome === 'number').length;
  }

  /** Stops the writers and holds everything to the truth, read over a connection that nothing happened to. */
  async settle(truth: Store): Promise<void> {
    this.#writing = false;
    await this.#working;
    const last = (await truth.write({ type: 'put', key: '/last', value: { bytes: Buffer.from('end') } }))
      .revision;
    const history = await this.#history(truth, last);
    const byRevision = new Map(history.map((event) => [event.revision, event]));
    const values = new Map(history.map((event) => [text(event), event.revision]));
    for (const { key, value, outcome } of this.attempts) {
      if (typeof outcome === 'number') {
        const event = byRevision.get(outcome);
        expect(event, `an acknowledged write of ${key} is lost`).toMatchObject({ key });
        if (value !== undefined) expect(text(event!)).toBe(value);
        else expect(event!.type).toBe('delete');
      } else if (outcome !== 'StoreWriteUnknown' && value !== undefined)
        expect(values.has(value), `"${value}" was refused (${outcome}) and is there`).toBe(false);
    }
    await this.#watchedUntil(last);
    this.#ending.abort();
    await this.#watching;
    expect(this.seen.map(line)).toEqual(history.map(line));
  }

  async #write(prefix: string): Promise<void> {
    for (let n = 0; this.#writing; n++) {
      const key = `${prefix}/${n % KEYS_EACH}`;
      try {
        const found = await this.#store.get(key);
        const remove = n % 7 === 6 && found !== undefined;
        const value = remove ? undefined : `${key}#${n}`;
        const expectation = { key, expect: found?.modRevision ?? 0 };
        const attempt: Attempt = { key, value, outcome: 'none' };
        this.attempts.push(attempt);
        try {
          const { revision } = await this.#store.write(
            value === undefined
              ? { type: 'delete', ...expectation }
              : { type: 'put', ...expectation, value: { bytes: Buffer.from(value) } },
          );
          attempt.outcome = revision;
        } catch (error) {
          attempt.outcome = (error as { code: string }).code;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'StoreUnavailable' });
      }
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ending;
    for await (const batch of this.#store.watch({ prefix: '/', after: this.#start, signal }))
      this.seen.push(...batch.events);
  }

  async #watchedUntil(revision: number): Promise<void> {
    await expect
      .poll(() => this.seen.at(-1)?.revision, { timeout: 30_000, interval: 20 })
      .toBeGreaterThanOrEqual(revision);
  }

  async #history(truth: Store, last: number): Promise<StoreEvent[]> {
    const events: StoreEvent[] = [];
    const { signal } = new AbortController();
    for await (const batch of truth.watch({ prefix: '/', after: this.#start, signal })) {
      events.push(...batch.events);
      if (batch.revision >= last) break;
    }
    return events;
  }
}

const text = ({ value }: { value: Uint8Array }): string => Buffer.from(value).toString();
const line = (event: StoreEvent): string => `${event.type} ${event.revision} ${event.key} ${text(event)}`;
