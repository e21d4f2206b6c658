import { Backoff, type Clock, Gone, type Log, messageOf } from '../base/index.ts';
import type { KubeObject } from '../kube/index.ts';
import type { Client, ResourceClient, ResourceRef } from './client.ts';
import { KeyIndex } from './key-index.ts';
import { keyOf, namespaceKeyOf, type ObjectKey } from './object-key.ts';
import { Unreachable } from './status-error.ts';

export interface InformerOptions<T extends KubeObject> {
  /** Already `in('*')` or in one workspace. */
  client: Client;
  resource: ResourceRef;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** What is kept of each object; default drops managedFields. May change its argument. */
  transform?: (object: T) => T;
  /** Name → the values an object is found by with `byIndex`. */
  indexers?: Record<string, (object: T) => readonly string[]>;
  clock: Clock;
  log: Log;
}

export interface InformerHandler<T> {
  onAdd?(object: T): void;
  onUpdate?(object: T, old: T): void;
  /** The last state known; after a missed deletion that may be an old one. */
  onDelete?(object: T): void;
}

const PAGE_SIZE = 500;
const BACKOFF = { baseMs: 50, maxMs: 5_000 };

/**
 * A local, indexed copy of a collection, kept up by list and watch.
 *
 * Guarantees: handlers see every object once as an add, then updates and a delete in the order of the
 * server's revisions (changes during a broken connection may be merged into one). It never stops for good:
 * on any error it goes on from its last revision, or lists anew when that is too old, after a back-off of
 * 50 ms to 5 s. A handler that throws is logged and hurts no other.
 * Does not guarantee: that what it holds is the newest. Objects are shared: do not change them.
 */
export class Informer<T extends KubeObject> {
  readonly resource: ResourceRef;
  readonly #options: InformerOptions<T>;
  readonly #log: Log;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #backoff = new Backoff(BACKOFF);
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  #revision = '';

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.resource = options.resource;
    this.#log = options.log.with({ informer: options.resource.resource });
    this.addIndex('namespace', (object) => [namespaceKeyOf(object)]);
    for (const [name, values] of Object.entries(options.indexers ?? {})) this.addIndex(name, values);
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  get size(): number {
    return this.#objects.size;
  }

  /** The built-in index is `namespace`, by `workspace|namespace`. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`no index ${name} of ${this.resource.resource}`);
    return index.keys.of(value).map((key) => this.#objects.get(key)!);
  }

  /** Adds an index; one of that name that exists already stays as it is. */
  addIndex(name: string, values: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, keys: new KeyIndex() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) indexObject(index, key, object);
  }

  /** Adds a handler, which at once gets an add of every object already here; returns how to take it off. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) this.#call(() => handler.onAdd?.(object));
    return () => this.#handlers.delete(handler);
  }

  get hasHandlers(): boolean {
    return this.#handlers.size > 0;
  }

  /** Resolves when the first list is whole and has gone through the handlers. */
  synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Lists and watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const resource = this.#options.client.resource<T>(this.resource);
    while (!signal.aborted) {
      try {
        if (this.#revision === '') await this.#list(resource);
        await this.#watch(resource, signal);
        this.#backoff.forget('');
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, signal);
      }
    }
  }

  /** A lost connection goes on where it was; anything else lists anew. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof Gone) {
      this.#revision = '';
      this.#log.info('history is gone, listing anew', { why: messageOf(error) });
      if (this.#backoff.failures('') === 0) {
        this.#backoff.next('');
        return;
      }
    } else if (!(error instanceof Unreachable)) {
      this.#revision = '';
    }
    const delayMs = this.#backoff.next('');
    this.#log.warn('list or watch failed, trying again', { why: messageOf(error), delayMs });
    // Rejects only because of the signal, which ends the loop above.
    await this.#options.clock.sleep(delayMs, signal).catch(() => undefined);
  }

  async #list(resource: ResourceClient<T>): Promise<void> {
    const seen = new Set<ObjectKey>();
    let revision = '';
    let next: string | undefined;
    do {
      const page = await resource.list({
        ...this.#scope(),
        limit: PAGE_SIZE,
        ...(next && { continue: next }),
      });
      for (const object of page.items) seen.add(this.#put(object));
      revision = page.metadata.resourceVersion ?? '0';
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    for (const key of [...this.#objects.keys()]) if (!seen.has(key)) this.#remove(key);
    this.#revision = revision;
    this.#isSynced = true;
    this.#synced.resolve();
  }

  async #watch(resource: ResourceClient<T>, signal: AbortSignal): Promise<void> {
    const watch = resource.watch({
      ...this.#scope(),
      resourceVersion: this.#revision,
      allowBookmarks: true,
      signal,
    });
    let events = 0;
    try {
      for await (const { type, object } of watch) {
        if (type === 'DELETED') this.#remove(keyOf(object), object);
        else if (type !== 'BOOKMARK') this.#put(object);
        this.#revision = object.metadata.resourceVersion;
        if (events++ === 0) this.#backoff.forget('');
      }
    } catch (error) {
      if (isBrokenStream(error)) throw new Unreachable(`the watch broke off: ${messageOf(error)}`, error);
      throw error;
    }
    // A server that ends watches at once must not be asked in a tight loop.
    if (events === 0 && !signal.aborted)
      await this.#options.clock.sleep(this.#backoff.next('ended'), signal).catch(() => undefined);
    else this.#backoff.forget('ended');
  }

  #scope(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
  }

  #put(received: T): ObjectKey {
    const key = keyOf(received);
    const old = this.#objects.get(key);
    if (old !== undefined && old.metadata.resourceVersion === received.metadata.resourceVersion) return key;
    const object =
      this.#options.transform === undefined ? dropManagedFields(received) : this.#options.transform(received);
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      // Deleted and made again while nobody looked: handlers keyed by uid must see both.
      this.#remove(key);
      return this.#put(object);
    }
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old !== undefined) unindexObject(index, key, old);
      indexObject(index, key, object);
    }
    for (const handler of this.#handlers)
      this.#call(() => (old === undefined ? handler.onAdd?.(object) : handler.onUpdate?.(object, old)));
    return key;
  }

  #remove(key: ObjectKey, last?: T): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) unindexObject(index, key, old);
    const transform = this.#options.transform ?? dropManagedFields;
    const object = last === undefined ? old : transform(last);
    for (const handler of this.#handlers) this.#call(() => handler.onDelete?.(object));
  }

  #call(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#log.error('an event handler failed', { error });
    }
  }
}

interface Index<T> {
  values: (object: T) => readonly string[];
  keys: KeyIndex;
}

function indexObject<T>(index: Index<T>, key: ObjectKey, object: T): void {
  for (const value of index.values(object)) index.keys.add(value, key);
}

function unindexObject<T>(index: Index<T>, key: ObjectKey, object: T): void {
  for (const value of index.values(object)) index.keys.delete(value, key);
}

/** The default transform: managedFields are often half of an object and no controller reads them. */
export function dropManagedFields<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

/** Errors of the connection under a watch, which say nothing about the revision it stood at. */
function isBrokenStream(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return (
    error instanceof Unreachable ||
    (typeof code === 'string' && /^(ERR_HTTP2|ECONN|EPIPE|ETIMEDOUT|ERR_STREAM)/.test(code))
  );
}
