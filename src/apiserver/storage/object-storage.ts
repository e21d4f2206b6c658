import { Conflict } from '../../base/index.ts';
import type { KubeObject, Resource } from '../../kube/index.ts';
import type { Draft, ListOptions, ListResult, Store, StoreEvent } from '../../store/index.ts';
import { OBJECT_LIMIT_BYTES } from '../encoding/body.ts';
import { entityTooLarge } from '../errors.ts';
import { decodeText, encodeText } from '../http/messages.ts';
import { DecodedCache } from './decoded-cache.ts';
import { listPrefix, type ObjectAddress, objectKey } from './keys.ts';

/** An object as it lies in the store. */
export interface StoredObject {
  key: string;
  /** JSON, with its own resourceVersion. */
  bytes: Uint8Array;
  revision: number;
  /** The bytes are not the stored ones any more. */
  rewritten?: true;
  /** The same would be stored in another form now (encrypted with a newer key): to write it is no waste. */
  isOutdated?: true;
}

/** Another writer was faster, or the object exists (does not exist) against what was expected. */
export class WriteRace extends Error {
  /** The revision found; 0 for none. */
  readonly current: number;
  constructor(current: number) {
    super('the stored object is not the one expected');
    this.name = 'WriteRace';
    this.current = current;
  }
}

/**
 * Objects ↔ keys and bytes. The bytes hold the object with `apiVersion`, `kind` and its resourceVersion, so a
 * GET sends them as they are. Objects handed out by `shared` are shared and must not be changed.
 */
export class ObjectStorage {
  readonly store: Store;
  readonly #cache: DecodedCache<KubeObject>;

  constructor(store: Store, options: { cacheLimitBytes?: number } = {}) {
    this.store = store;
    this.#cache = new DecodedCache(options.cacheLimitBytes ?? 16 * 1024 * 1024);
  }

  get cachedBytes(): number {
    return this.#cache.totalBytes;
  }

  keyOf(resource: Resource, address: ObjectAddress): string {
    return objectKey(resource.storage ?? resource, address);
  }

  prefixOf(resource: Resource, workspace: string, namespace?: string): string {
    const { namespaced, identity } = resource;
    const { group, name } = resource.storage ?? resource;
    const stored = { group, name, namespaced, ...(identity !== undefined && { identity }) };
    return listPrefix(stored, workspace, namespace);
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const found = await this.store.get(key);
    if (found === undefined) return undefined;
    const { value, modRevision, isOutdated } = found;
    return { key, bytes: value, revision: modRevision, ...(isOutdated && { isOutdated }) };
  }

  list(options: ListOptions): Promise<ListResult> {
    return this.store.list(options);
  }

  /** A parsed object of the caller's own, in the words of `resource`. */
  decode<T extends KubeObject>(resource: Resource, bytes: Uint8Array): T {
    const object = JSON.parse(decodeText(bytes)) as KubeObject;
    return (resource.storage?.fromStored(object) ?? object) as T;
  }

  /** The same in the words it is stored in. */
  decodeStored(bytes: Uint8Array): KubeObject {
    return JSON.parse(decodeText(bytes)) as KubeObject;
  }

  /** A parsed object shared by all readers. */
  shared<T extends KubeObject>(
    resource: Resource,
    key: string,
    revision: number,
    bytes: Uint8Array,
  ): Readonly<T> {
    const object = this.#cache.get(key, revision, bytes, (b) => JSON.parse(decodeText(b)) as KubeObject);
    return (resource.storage?.fromStored(object) ?? object) as T;
  }

  /**
   * The parsed form of bytes as they are, shared. Bytes that were rewritten on the way out (views, `/clusters/*`)
   * are the caller's own and parsed anew.
   */
  sharedBytes(stored: StoredObject): Readonly<KubeObject> {
    if (stored.rewritten === true) return JSON.parse(decodeText(stored.bytes)) as KubeObject;
    return this.#cache.get(
      stored.key,
      stored.revision,
      stored.bytes,
      (b) => JSON.parse(decodeText(b)) as KubeObject,
    );
  }

  /** The last state before an event, shared; of the key's previous revision. */
  sharedPrevious<T extends KubeObject>(resource: Resource, event: StoreEvent): Readonly<T> | undefined {
    if (event.previous === undefined) return undefined;
    const object = previousOf(event.previous);
    return (resource.storage?.fromStored(object) ?? object) as T;
  }

  /** The bytes in the words of `resource`; the stored ones untouched unless it is a view. */
  bytesFor(resource: Resource, bytes: Uint8Array): Uint8Array {
    if (resource.storage === undefined) return bytes;
    const object = JSON.parse(decodeText(bytes)) as KubeObject;
    return encodeText(JSON.stringify(resource.storage.fromStored(object)));
  }

  /** @throws WriteRace when the key exists; OrreryError RequestEntityTooLarge. */
  create(resource: Resource, key: string, object: KubeObject): Promise<StoredObject> {
    return this.#write(resource, key, object, 0);
  }

  /** @throws WriteRace when the key is not at `expect`; OrreryError RequestEntityTooLarge. */
  update(resource: Resource, key: string, object: KubeObject, expect: number): Promise<StoredObject> {
    return this.#write(resource, key, object, expect);
  }

  /** Deletes; watchers see `last` with the revision of the deletion. @throws WriteRace */
  async delete(resource: Resource, key: string, last: KubeObject, expect: number): Promise<StoredObject> {
    const tombstone = draftOf(resource, last);
    const result = await this.#guard(() => this.store.write({ type: 'delete', key, expect, tombstone }));
    this.#cache.forget(key);
    return { key, bytes: result.value, revision: result.revision };
  }

  async #write(resource: Resource, key: string, object: KubeObject, expect: number): Promise<StoredObject> {
    const value = draftOf(resource, object);
    if (value.bytes.length > OBJECT_LIMIT_BYTES) throw entityTooLarge(OBJECT_LIMIT_BYTES);
    const result = await this.#guard(() => this.store.write({ type: 'put', key, expect, value }));
    return { key, bytes: result.value, revision: result.revision };
  }

  async #guard<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (error instanceof Conflict) throw new WriteRace(Number(error.details.current ?? 0));
      throw error;
    }
  }
}

/** One parse of a previous state for all watchers: the driver hands them the same bytes. */
const previousObjects = new WeakMap<Uint8Array, KubeObject>();

function previousOf(bytes: Uint8Array): KubeObject {
  let object = previousObjects.get(bytes);
  if (object === undefined) {
    object = JSON.parse(decodeText(bytes)) as KubeObject;
    previousObjects.set(bytes, object);
  }
  return object;
}

const REVISION_MARK = '\u0000revision\u0000';
const MARK_JSON = JSON.stringify(REVISION_MARK);

/**
 * Encodes now, all but the revision, which only the store knows.
 * The mark cannot occur in a client's text by chance before the real one: metadata is written first.
 */
function draftOf(resource: Resource, object: KubeObject): Draft {
  const stored = resource.storage?.toStored(object) ?? object;
  const { apiVersion, kind, metadata, ...rest } = stored;
  const { name, generateName, namespace, uid, resourceVersion: _replaced, ...others } = metadata;
  const text = JSON.stringify({
    kind: kind ?? resource.kind,
    apiVersion: apiVersion ?? groupVersion(resource),
    metadata: { resourceVersion: REVISION_MARK, name, generateName, namespace, uid, ...others },
    ...rest,
  });
  const at = text.indexOf(MARK_JSON);
  const before = `${text.slice(0, at)}"`;
  const after = `"${text.slice(at + MARK_JSON.length)}`;
  return { bytes: encodeText(before + after), revisionAt: Buffer.byteLength(before) };
}

export function groupVersion(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
