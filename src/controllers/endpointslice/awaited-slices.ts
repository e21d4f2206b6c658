type Change = 'created' | 'deleted';

/**
 * Slices made or deleted that the cache does not show yet, by what they belong to: until it does, it is not believed.
 * Whoever notes one must not have been told of it by the cache before.
 */
export class AwaitedSlices {
  readonly #byOwner = new Map<string, Map<string, Change>>();

  /** @param shown whether the cache has the slice now */
  expect(owner: string, slice: string, what: Change, shown: boolean): void {
    if (shown === (what === 'created')) return;
    const awaited = this.#byOwner.get(owner) ?? new Map<string, Change>();
    awaited.set(slice, what);
    this.#byOwner.set(owner, awaited);
  }

  /** The cache has shown it. */
  seen(owner: string, slice: string, what: Change): void {
    const awaited = this.#byOwner.get(owner);
    if (awaited?.get(slice) === what) awaited.delete(slice);
  }

  any(owner: string): boolean {
    return (this.#byOwner.get(owner)?.size ?? 0) > 0;
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }
}
