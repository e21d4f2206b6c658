import type { KubeObject } from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { addressOf } from '../storage/keys.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { StoredObjects } from './admission.ts';

type Address = { workspace: string; namespace?: string; name: string };
type Reference = { group: string; resource: string };

/** Reads for plug-ins, straight from the store through the shared cache: never older than the last write. */
export class CachedStoredObjects implements StoredObjects {
  readonly #storage: ObjectStorage;
  readonly #catalog: ResourceCatalog;

  constructor(storage: ObjectStorage, catalog: ResourceCatalog) {
    this.#storage = storage;
    this.#catalog = catalog;
  }

  async find<T extends KubeObject>(reference: Reference, address: Address): Promise<Readonly<T> | undefined> {
    const resource = this.#catalog.in(address.workspace).findStored(reference.group, reference.resource);
    if (resource === undefined) return undefined;
    const stored = await this.#storage.get(this.#storage.keyOf(resource, address));
    return stored && this.#storage.shared<T>(resource, stored.key, stored.revision, stored.bytes);
  }

  async list<T extends KubeObject>(
    reference: Reference,
    where: { workspace: string; namespace?: string },
  ): Promise<{ workspace: string; object: Readonly<T> }[]> {
    const resource = this.#catalog.in(where.workspace).findStored(reference.group, reference.resource);
    if (resource === undefined) return [];
    const prefix = this.#storage.prefixOf(resource, where.workspace, where.namespace);
    const { items } = await this.#storage.list({ prefix });
    return items.map(({ key, modRevision, value }) => ({
      workspace: addressOf(key).workspace,
      object: this.#storage.shared<T>(resource, key, modRevision, value),
    }));
  }

  async waitFor<T extends KubeObject>(
    reference: Reference,
    address: Address,
    timeoutMs: number,
  ): Promise<Readonly<T> | undefined> {
    const resource = this.#catalog.in(address.workspace).findStored(reference.group, reference.resource);
    if (resource === undefined) return undefined;
    const after = this.#storage.store.revision();
    const present = await this.find<T>(reference, address);
    if (present !== undefined) return present;
    const key = this.#storage.keyOf(resource, address);
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), timeoutMs);
    try {
      for await (const batch of this.#storage.store.watch({ prefix: key, after, signal: ending.signal })) {
        if (batch.events.some((event) => event.key === key && event.type === 'put')) break;
      }
    } finally {
      clearTimeout(timer);
      ending.abort();
    }
    return this.find<T>(reference, address);
  }
}
