import type { ObjectKey } from './object-key.ts';

/**
 * Value → keys of the objects that have it, in the order they came. Most values of most indexes lead to one object
 * (what there is once in each workspace), and a set for each would be most of what the index costs.
 */
export class KeyIndex {
  readonly #keys = new Map<string, ObjectKey | Set<ObjectKey>>();

  of(value: string): readonly ObjectKey[] {
    const found = this.#keys.get(value);
    if (found === undefined) return [];
    return typeof found === 'string' ? [found] : [...found];
  }

  add(value: string, key: ObjectKey): void {
    const found = this.#keys.get(value);
    if (found === undefined) this.#keys.set(value, key);
    else if (typeof found !== 'string') found.add(key);
    else if (found !== key) this.#keys.set(value, new Set([found, key]));
  }

  delete(value: string, key: ObjectKey): void {
    const found = this.#keys.get(value);
    if (found === key) this.#keys.delete(value);
    if (found === undefined || typeof found === 'string') return;
    found.delete(key);
    if (found.size === 0) this.#keys.delete(value);
  }
}
