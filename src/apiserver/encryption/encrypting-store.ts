import { messageOf } from '../../base/index.ts';
import {
  type Draft,
  ForwardingStore,
  type ListOptions,
  type ListResult,
  type Store,
  type StoredValue,
  type StoreEvent,
  type WatchBatch,
  type WatchOptions,
  type Write,
  type WriteResult,
} from '../../store/index.ts';
import { internalError } from '../errors.ts';
import { type EncryptionConfiguration, wildcardsOf } from './encryption-configuration.ts';
import { type Decrypted, isEncrypted, Transformer } from './transformer.ts';

/**
 * A store whose values of some resources lie encrypted in another one; what is not to be encrypted passes untouched,
 * byte for byte. Without a configuration it only refuses to hand out what it cannot read.
 *
 * Reads throw InternalError, naming the key, for a value that none of the resource's providers can read.
 */
export function encryptingStore(store: Store, configuration: EncryptionConfiguration = new Map()): Store {
  return new EncryptingStore(store, configuration);
}

/** Throws as reading does for a stored value that cannot be read; for who looks through a store. */
export function unreadableValues(
  configuration: EncryptionConfiguration = new Map(),
): (key: string, stored: Uint8Array) => void {
  const values = new Values(configuration);
  return (key, stored) => void values.open(key, stored, 0);
}

class EncryptingStore extends ForwardingStore {
  readonly #values: Values;

  constructor(store: Store, configuration: EncryptionConfiguration) {
    super(store);
    this.#values = new Values(configuration);
  }

  override async get(key: string): Promise<StoredValue | undefined> {
    const found = await this.inner.get(key);
    return found && this.#readable(found);
  }

  override async list(options: ListOptions): Promise<ListResult> {
    const result = await this.inner.list(options);
    for (const [index, item] of result.items.entries()) {
      const readable = this.#readable(item);
      if (readable !== item) result.items[index] = readable;
    }
    return result;
  }

  override async write(write: Write): Promise<WriteResult> {
    const { key } = write;
    const transformer = this.#values.transformerOf(key);
    const draft = write.type === 'put' ? write.value : write.tombstone;
    if (transformer === undefined || draft === undefined) return this.inner.write(write);
    const sealed: Draft = { bytes: transformer.encrypt(key, withoutRevision(draft)) };
    // What would be stored as it is keeps its place for the revision.
    if (!isEncrypted(sealed.bytes)) return this.inner.write(write);
    const { revision } = await this.inner.write(
      write.type === 'put' ? { ...write, value: sealed } : { ...write, tombstone: sealed },
    );
    return { revision, value: withRevision(draft.bytes, revision) };
  }

  override watch(options: WatchOptions): AsyncIterable<WatchBatch> {
    const batches = this.inner.watch(options);
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = batches[Symbol.asyncIterator]();
        return {
          next: async () => {
            const step = await iterator.next();
            return step.done === true ? step : { done: false, value: this.#readableBatch(step.value) };
          },
          return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
        };
      },
    };
  }

  #readableBatch(batch: WatchBatch): WatchBatch {
    let events: StoreEvent[] | undefined;
    for (const [index, event] of batch.events.entries()) {
      const readable = this.#readableEvent(event);
      if (readable === event) continue;
      events ??= [...batch.events];
      events[index] = readable;
    }
    return events === undefined ? batch : { ...batch, events };
  }

  #readableEvent(event: StoreEvent): StoreEvent {
    const { key, revision, value, previous, previousRevision = 0 } = event;
    const now = this.#values.open(key, value, revision);
    const before = previous && this.#values.open(key, previous, previousRevision);
    if (now.value === value && before?.value === previous) return event;
    return { ...event, value: now.value, ...(before !== undefined && { previous: before.value }) };
  }

  #readable(item: StoredValue): StoredValue {
    const { value, isOutdated } = this.#values.open(item.key, item.value, item.modRevision);
    if (value === item.value && !isOutdated) return item;
    return { ...item, value, ...(isOutdated && { isOutdated: true }) };
  }
}

/** Values by their keys, to their form in the store and back. */
class Values {
  readonly #configuration: EncryptionConfiguration;
  /** By the beginning of the keys, `/core/secrets`. */
  readonly #transformers = new Map<string, Transformer | undefined>();
  /** One decryption for all watchers: the driver hands them the same bytes. */
  readonly #decrypted = new WeakMap<Uint8Array, Decrypted>();

  constructor(configuration: EncryptionConfiguration) {
    this.#configuration = configuration;
  }

  open(key: string, stored: Uint8Array, revision: number): Decrypted {
    const transformer = this.transformerOf(key);
    // Nothing stored of a deletion; and the one look that what is not encrypted costs.
    if (stored.length === 0 || (transformer === undefined && !isEncrypted(stored)))
      return { value: stored, isOutdated: false };
    const known = this.#decrypted.get(stored);
    if (known !== undefined) return known;
    let opened: Decrypted;
    try {
      opened = (transformer ?? PLAIN).decrypt(key, stored);
    } catch (error) {
      throw internalError(`unable to transform key ${JSON.stringify(key)}: ${messageOf(error)}`, error);
    }
    if (opened.value !== stored) opened.value = withRevision(opened.value, revision);
    this.#decrypted.set(stored, opened);
    return opened;
  }

  transformerOf(key: string): Transformer | undefined {
    const end = key.indexOf('/', key.indexOf('/', 1) + 1);
    const kind = end < 0 ? key : key.slice(0, end);
    if (this.#transformers.has(kind)) return this.#transformers.get(kind);
    const providers = this.#providersOf(kind);
    const transformer = providers && new Transformer(providers);
    this.#transformers.set(kind, transformer);
    return transformer;
  }

  /** The resource's own, or those of the nearest wildcard. What is no resource (the server's own keys) is left alone. */
  #providersOf(kind: string) {
    const [, group, resource] = kind.split('/');
    if (!group || !resource || group === OWN_KEYS || this.#configuration.size === 0) return undefined;
    const name = group === 'core' ? resource : `${resource}.${group}`;
    const rule = [name, ...wildcardsOf(name)].find((one) => this.#configuration.has(one));
    return rule === undefined ? undefined : this.#configuration.get(rule);
  }
}

/** The server's own, which are no objects. */
const OWN_KEYS = 'orrery.internal';
const PLAIN = new Transformer([{ type: 'identity' }]);

/** Before the first value of the metadata of every object that is stored; its revision is not known when it is sealed. */
const PLACE = Buffer.from('"metadata":{"resourceVersion":""');

/** @throws Error for a draft whose revision belongs elsewhere: it could not be put back. */
function withoutRevision({ bytes, revisionAt }: Draft): Uint8Array {
  if (revisionAt !== placeOf(bytes)) throw new Error('an encrypted value must have its revision in metadata');
  return bytes;
}

function withRevision(bytes: Uint8Array, revision: number): Uint8Array {
  const place = placeOf(bytes);
  if (place === undefined) return bytes;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Buffer.concat([all.subarray(0, place), Buffer.from(String(revision)), all.subarray(place)]);
}

function placeOf(bytes: Uint8Array): number | undefined {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(PLACE);
  return found < 0 ? undefined : found + PLACE.length - 1;
}
