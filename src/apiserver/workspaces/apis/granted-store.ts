import type { KubeObject, Resource } from '../../../kube/index.ts';
import {
  ForwardingStore,
  type ListOptions,
  type ListResult,
  type Store,
  type StoredValue,
  type StoreEvent,
  type WatchBatch,
  type WatchOptions,
} from '../../../store/index.ts';
import { addressOf } from '../../storage/keys.ts';
import { ObjectStorage, type StoredObject } from '../../storage/object-storage.ts';
import { storedLabels } from '../../storage/stored-labels.ts';
import { merged } from './merged-batches.ts';

type Labels = Record<string, string> | undefined;

/** Which objects of a workspace are seen, by their labels; undefined: none of them. */
export type Grant = ((labels: Labels) => boolean) | undefined;

export interface Grants {
  of(workspace: string): Promise<Grant>;
  /** Workspaces whose grants change after a revision, with what was seen before; without it they never do. */
  changes?(after: number, signal: AbortSignal): AsyncIterable<GrantChange>;
}

export interface GrantChange {
  workspace: string;
  before: Grant;
  now: Grant;
}

/** Small: what is granted is looked at rarely. */
const CACHE_LIMIT_BYTES = 256 * 1024;

/** The objects of a storage that somebody has been granted the sight of; writes go through as they are. */
export class GrantedStorage extends ObjectStorage {
  readonly #inner: ObjectStorage;

  constructor(inner: ObjectStorage, grants: Grants) {
    super(new GrantedStore(inner.store, grants), { cacheLimitBytes: CACHE_LIMIT_BYTES });
    this.#inner = inner;
  }

  override create(resource: Resource, key: string, object: KubeObject): Promise<StoredObject> {
    return this.#inner.create(resource, key, object);
  }

  override update(
    resource: Resource,
    key: string,
    object: KubeObject,
    expect: number,
  ): Promise<StoredObject> {
    return this.#inner.update(resource, key, object, expect);
  }

  override delete(resource: Resource, key: string, last: KubeObject, expect: number): Promise<StoredObject> {
    return this.#inner.delete(resource, key, last, expect);
  }
}

/** A store of which only what is granted is seen; who watches hears of what comes into sight and what leaves it. */
export class GrantedStore extends ForwardingStore {
  readonly #grants: Grants;

  constructor(store: Store, grants: Grants) {
    super(store);
    this.#grants = grants;
  }

  override async get(key: string): Promise<StoredValue | undefined> {
    const found = await this.inner.get(key);
    return found && (await this.#sees(key))(found.value) ? found : undefined;
  }

  /** Never an empty page with more to come: nobody could go on from there. */
  override async list(options: ListOptions): Promise<ListResult> {
    let { startAfter, revision } = options;
    for (;;) {
      const page = await this.inner.list({
        ...options,
        uncounted: true,
        ...(startAfter !== undefined && { startAfter }),
        ...(revision !== undefined && { revision }),
      });
      const items = await this.#seen(page.items);
      if (items.length > 0 || !page.more) return { ...page, items };
      startAfter = page.items.at(-1)!.key;
      revision = page.revision;
    }
  }

  override async count(prefix: string): Promise<number> {
    return (await this.list({ prefix })).items.length;
  }

  override async *watch(options: WatchOptions): AsyncGenerator<WatchBatch> {
    const { changes } = this.#grants;
    if (changes === undefined) {
      yield* this.#changesOfObjects(options);
      return;
    }
    const ending = new AbortController();
    const signal = AbortSignal.any([options.signal, ending.signal]);
    try {
      yield* merged([
        this.#changesOfObjects({ ...options, signal }),
        this.#changesOfGrants(options, changes.call(this.#grants, options.after, signal)),
      ]);
    } finally {
      ending.abort();
    }
  }

  async *#changesOfObjects(options: WatchOptions): AsyncGenerator<WatchBatch> {
    for await (const batch of this.inner.watch(options)) {
      const events: StoreEvent[] = [];
      for (const event of batch.events) {
        const seen = await this.#event(event);
        if (seen !== undefined) events.push(seen);
      }
      // One without events says how far the store is; one of which nothing is left says nothing.
      if (events.length > 0 || batch.events.length === 0) yield { ...batch, events };
    }
  }

  async *#changesOfGrants(
    { prefix }: WatchOptions,
    changes: AsyncIterable<GrantChange>,
  ): AsyncGenerator<WatchBatch> {
    for await (const { workspace, before, now } of changes) {
      const own = within(prefix, workspace);
      if (own === undefined) continue;
      const { items, revision } = await this.inner.list({ prefix: own });
      const events = items.flatMap(({ key, value, modRevision }): StoreEvent[] => {
        const labels = storedLabels(value);
        const [was, is] = [before?.(labels) === true, now?.(labels) === true];
        if (was === is) return [];
        return [{ type: is ? 'put' : 'delete', key, revision: modRevision, value }];
      });
      if (events.length > 0) yield { events, revision };
    }
  }

  async #sees(key: string): Promise<(value: Uint8Array) => boolean> {
    const grant = await this.#grants.of(addressOf(key).workspace);
    return (value) => grant?.(storedLabels(value)) === true;
  }

  async #seen(values: readonly StoredValue[]): Promise<StoredValue[]> {
    const grants = new Map<string, Grant>();
    const seen: StoredValue[] = [];
    for (const one of values) {
      const { workspace } = addressOf(one.key);
      if (!grants.has(workspace)) grants.set(workspace, await this.#grants.of(workspace));
      if (grants.get(workspace)?.(storedLabels(one.value)) === true) seen.push(one);
    }
    return seen;
  }

  /** A change as it looks to who sees only what is granted. */
  async #event(event: StoreEvent): Promise<StoreEvent | undefined> {
    const sees = await this.#sees(event.key);
    const { previous, previousRevision: _revision, ...rest } = event;
    const saw = previous !== undefined && sees(previous);
    if (event.type === 'delete')
      return saw || (previous === undefined && sees(event.value)) ? event : undefined;
    if (sees(event.value)) return saw ? event : rest;
    return saw ? { ...event, type: 'delete' } : undefined;
  }
}

/** The part of a prefix that is one workspace's: of all workspaces' objects, or of its own. */
function within(prefix: string, workspace: string): string | undefined {
  const [, group, resource, own] = prefix.split('/');
  if (!own) return `/${group}/${resource}/${workspace}/`;
  return own === workspace ? prefix : undefined;
}
