/**
 * Parsed objects by (key, revision), least recently used out first, bounded by the size of their encoding.
 * What is in it is shared: readers must not change it.
 */
export class DecodedCache<T extends object> {
  readonly #limitBytes: number;
  readonly #entries = new Map<string, { revision: number; value: T; size: number }>();
  #totalBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The object of that key and revision, decoded once. An older revision is served but does not push a newer one out. */
  get(key: string, revision: number, bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.revision === revision) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return entry.value;
    }
    const value = decode(bytes);
    if (entry !== undefined && entry.revision > revision) return value;
    this.#put(key, revision, value, bytes.length + key.length);
    return value;
  }

  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#totalBytes -= entry.size;
  }

  #put(key: string, revision: number, value: T, size: number): void {
    this.forget(key);
    if (size > this.#limitBytes) return;
    this.#entries.set(key, { revision, value, size });
    this.#totalBytes += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#totalBytes <= this.#limitBytes) break;
      this.forget(oldest);
    }
  }
}
