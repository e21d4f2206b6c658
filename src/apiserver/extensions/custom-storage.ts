import type { KubeObject, Resource } from '../../kube/index.ts';
import {
  ForwardingStore,
  type ListOptions,
  type ListResult,
  type Store,
  type StoredValue,
  type StoreEvent,
  type WatchBatch,
  type WatchOptions,
} from '../../store/index.ts';
import { encodeText } from '../http/messages.ts';
import { ObjectStorage, type StoredObject } from '../storage/object-storage.ts';
import type { ObjectView } from './object-view.ts';

/** Small: most definitions are looked at rarely. */
const CACHE_LIMIT_BYTES = 256 * 1024;

/** The objects of one served version: read and written in its words, whatever version they are stored in. */
export class CustomStorage extends ObjectStorage {
  readonly #view: ObjectView;

  constructor(store: Store, view: ObjectView) {
    super(new ViewStore(store, view), { cacheLimitBytes: CACHE_LIMIT_BYTES });
    this.#view = view;
  }

  override async create(resource: Resource, key: string, object: KubeObject): Promise<StoredObject> {
    const stored = await super.create(resource, key, await this.#view.write(object));
    return this.#answer(object, stored);
  }

  override async update(
    resource: Resource,
    key: string,
    object: KubeObject,
    expect: number,
  ): Promise<StoredObject> {
    const stored = await super.update(resource, key, await this.#view.write(object), expect);
    return this.#answer(object, stored);
  }

  override async delete(
    resource: Resource,
    key: string,
    last: KubeObject,
    expect: number,
  ): Promise<StoredObject> {
    const stored = await super.delete(resource, key, await this.#view.write(last), expect);
    return this.#answer(last, stored);
  }

  /** What was sent, not converted there and back again. */
  #answer(object: KubeObject, stored: StoredObject): StoredObject {
    if (this.#view.storesAsIs) return stored;
    const { apiVersion, kind, metadata, ...rest } = object;
    const text = JSON.stringify({
      kind,
      apiVersion,
      metadata: { ...metadata, resourceVersion: String(stored.revision) },
      ...rest,
    });
    return { ...stored, bytes: encodeText(text), rewritten: true };
  }
}

/** A store whose values are seen through a view; writes pass as they are. */
class ViewStore extends ForwardingStore {
  readonly #view: ObjectView;

  constructor(store: Store, view: ObjectView) {
    super(store);
    this.#view = view;
  }

  override async get(key: string): Promise<StoredValue | undefined> {
    const found = await this.inner.get(key);
    return found && (await this.#values([found]))[0];
  }

  override async list(options: ListOptions): Promise<ListResult> {
    const result = await this.inner.list(options);
    return { ...result, items: await this.#values(result.items) };
  }

  override async *watch(options: WatchOptions): AsyncGenerator<WatchBatch> {
    for await (const batch of this.inner.watch(options))
      yield { ...batch, events: await Promise.all(batch.events.map((event) => this.#event(event))) };
  }

  async #values(values: readonly StoredValue[]): Promise<StoredValue[]> {
    const read = await this.#view.read(
      values.map(({ value, modRevision }) => ({ bytes: value, revision: modRevision })),
    );
    return values.map((one, index) => (one.value === read[index] ? one : { ...one, value: read[index]! }));
  }

  async #event(event: StoreEvent): Promise<StoreEvent> {
    const { value, previous, revision } = event;
    const parts = [{ bytes: value, revision }];
    // When the state before was written is not known: it is older than the change.
    if (previous !== undefined) parts.push({ bytes: previous, revision: revision - 1 });
    const [now, before] = await this.#view.read(parts);
    return { ...event, value: now!, ...(before !== undefined && { previous: before }) };
  }
}
