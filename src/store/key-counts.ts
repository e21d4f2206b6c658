import type { KeyRange } from './keys.ts';
import type { Change } from './write-batch.ts';

const LIMIT = 64;

/**
 * How many keys a range holds, kept until a key in it comes or goes: the first page of a long list is asked for again
 * and again, and to count what follows it takes a tenth as long as all of the list. Most changes are of keys that stay.
 */
export class KeyCounts {
  readonly #known = new Map<string, { prefix: string; count: number }>();

  of({ prefix, startAfter = '' }: KeyRange, count: () => number): number {
    const name = `${prefix}\n${startAfter}`;
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { prefix, count: count() };
      if (this.#known.size === LIMIT) this.#known.clear();
      this.#known.set(name, known);
    }
    return known.count;
  }

  /** Of every commit, before anybody asks for what it made. */
  note(changes: readonly Change[]): void {
    if (this.#known.size === 0) return;
    for (const { type, key, revision, createRevision } of changes) {
      if (type === 'put' && createRevision !== revision) continue;
      for (const [name, { prefix }] of this.#known) if (key.startsWith(prefix)) this.#known.delete(name);
    }
  }
}
