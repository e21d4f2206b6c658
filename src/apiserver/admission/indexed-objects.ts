import { type Log, messageOf } from '../../base/index.ts';
import type { KubeObject, Resource } from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import { addressOf, listPrefix, type ObjectAddress } from '../storage/keys.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation, StoredObjects } from './admission.ts';

type Reference = { group: string; resource: string };
type Where = { workspace: string; namespace?: string };
type Found = readonly { workspace: string; object: Readonly<KubeObject> }[];

/** What every write asks for, and what there mostly is none of. */
const INDEXED = new Set([
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  '/limitranges',
  '/resourcequotas',
]);
const MOST_LISTS = 10_000;

/** Lists of one resource, good until something under their prefix changes. */
class ListIndex {
  readonly #lists = new Map<string, Found>();
  #changes = 0;

  get(prefix: string): Found | undefined {
    return this.#lists.get(prefix);
  }

  async load(prefix: string, read: () => Promise<Found>): Promise<Found> {
    const before = this.#changes;
    const found = await read();
    if (this.#changes !== before) return found;
    if (this.#lists.size >= MOST_LISTS) this.#lists.clear();
    this.#lists.set(prefix, found);
    return found;
  }

  forget(resource: Resource, { workspace, namespace }: Omit<ObjectAddress, 'name'>): void {
    this.#changes++;
    for (const prefix of [
      listPrefix(resource, workspace, namespace),
      listPrefix(resource, workspace, undefined),
      listPrefix(resource, ALL_WORKSPACES, undefined),
    ])
      this.#lists.delete(prefix);
  }
}

/**
 * Stored objects whose few, hot lists are kept in memory: a write that no webhook, policy or quota is for costs no
 * look into the store. What this server wrote is seen at once; what another one wrote, as soon as the watch tells.
 */
export class IndexedObjects implements StoredObjects, AdmissionPlugin {
  readonly name = 'IndexedObjects';
  readonly find: StoredObjects['find'];
  readonly waitFor: StoredObjects['waitFor'];
  readonly #objects: StoredObjects;
  readonly #parts: { storage: ObjectStorage; catalog: ResourceCatalog; log: Log };
  readonly #indexes = new Map<string, ListIndex>();

  constructor(objects: StoredObjects, parts: { storage: ObjectStorage; catalog: ResourceCatalog; log: Log }) {
    this.#objects = objects;
    this.#parts = parts;
    this.find = (reference, address) => objects.find(reference, address);
    this.waitFor = (reference, address, timeoutMs) => objects.waitFor(reference, address, timeoutMs);
  }

  async list<T extends KubeObject>(
    reference: Reference,
    where: Where,
  ): Promise<{ workspace: string; object: Readonly<T> }[]> {
    type Result = { workspace: string; object: Readonly<T> }[];
    const key = keyOf(reference);
    const resource = INDEXED.has(key)
      ? this.#parts.catalog.findStored(reference.group, reference.resource)
      : undefined;
    if (resource === undefined) return this.#objects.list<T>(reference, where);
    const index = this.#indexes.get(key) ?? this.#startIndex(key, resource);
    const prefix = listPrefix(resource, where.workspace, where.namespace);
    const known = index.get(prefix);
    if (known !== undefined) return known as Result;
    return (await index.load(prefix, () => this.#objects.list(reference, where))) as Result;
  }

  hasNone({ group, resource: name }: Reference, { workspace, namespace }: Where): boolean {
    const index = this.#indexes.get(`${group}/${name}`);
    if (index === undefined) return false;
    const isNamespaced = namespace !== undefined;
    return (
      index.get(listPrefix({ group, name, namespaced: isNamespaced }, workspace, namespace))?.length === 0
    );
  }

  async reserve({ resource, workspace, namespace }: AdmissionRequest): Promise<Reservation | undefined> {
    const index = this.#indexes.get(keyOf({ group: resource.group, resource: resource.name }));
    if (index === undefined) return undefined;
    const forget = () => index.forget(resource, { workspace, ...(namespace !== undefined && { namespace }) });
    return { commit: forget, rollback: forget };
  }

  #startIndex(key: string, resource: Resource): ListIndex {
    const index = new ListIndex();
    this.#indexes.set(key, index);
    const { storage, log } = this.#parts;
    this.#follow(index, resource, storage.store.revision())
      // A gap in what it was told: the next list begins a new one.
      .catch((error: unknown) => {
        log.warn('an index of admission begins anew', { resource: resource.name, error: messageOf(error) });
      })
      .finally(() => this.#indexes.delete(key));
    return index;
  }

  /** Until the store closes. */
  async #follow(index: ListIndex, resource: Resource, after: number): Promise<void> {
    const { store } = this.#parts.storage;
    const prefix = listPrefix(resource, ALL_WORKSPACES, undefined);
    const { signal } = new AbortController();
    for await (const { events } of store.watch({ prefix, after, signal }))
      for (const event of events) index.forget(resource, addressOf(event.key));
  }
}

function keyOf({ group, resource }: Reference): string {
  return `${group}/${resource}`;
}
