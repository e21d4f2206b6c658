import { randomUUID } from 'node:crypto';
import { type Clock, Gone, type Log, messageOf, OrreryError } from '../../../base/index.ts';
import {
  type apisv1alpha1,
  type apisv1alpha2,
  BOUND_DEFINITIONS_WORKSPACE,
  boundDefinition,
  type KubeObject,
  type Resource,
  ROOT_WORKSPACE,
} from '../../../kube/index.ts';
import type { StoredValue } from '../../../store/index.ts';
import type { CustomResources } from '../../extensions/custom-resources.ts';
import { decodeText } from '../../http/messages.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { addressOf } from '../../storage/keys.ts';
import { type ObjectStorage, WriteRace } from '../../storage/object-storage.ts';

export const APIS_GROUP = 'apis.kcp.io';

/** After the store failed. */
const RETRY_MS = 1000;

/** What is kept of a binding: names, and descriptions that all who bind the same share. */
export interface BoundApi {
  key: string;
  /** Where the export is. */
  exportCluster: string;
  exportName: string;
  /** `<uid of the schema>:<identity>` of each. */
  schemas: string;
  /** The binding is being deleted. */
  isGoing: boolean;
  resources: readonly Resource[];
}

interface Followed {
  revision: number;
  api: BoundApi;
}

interface BoundApisParts {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  customResources: Pick<CustomResources, 'bound'>;
  clock: Clock;
  log: Log;
}

/**
 * Serves in each workspace what its APIBindings have bound: follows them in the store, copies a schema that is bound
 * for the first time into a definition of its own, and puts the descriptions, the same for all who bind it, into the
 * workspace's catalog. What a schema says is compiled once, at its first use.
 */
export class BoundApis {
  readonly #parts: BoundApisParts;
  readonly #bindings: Resource;
  readonly #exports: Resource;
  readonly #schemas: Resource;
  readonly #conversions: Resource;
  readonly #definitions: Resource;
  /** By workspace, then by key. */
  readonly #followed = new Map<string, Map<string, Followed>>();
  /** Of bindings whose objects are watched: by key. */
  readonly #closing = new Map<string, AbortController>();

  constructor(parts: BoundApisParts) {
    this.#parts = parts;
    const { catalog } = parts;
    this.#bindings = catalog.findStored(APIS_GROUP, 'apibindings')!;
    this.#exports = catalog.findStored(APIS_GROUP, 'apiexports')!;
    this.#schemas = catalog.findStored(APIS_GROUP, 'apiresourceschemas')!;
    this.#conversions = catalog.findStored(APIS_GROUP, 'apiconversions')!;
    this.#definitions = catalog.findStored('apiextensions.k8s.io', 'customresourcedefinitions')!;
  }

  /** Resolves once everything that is bound is served; goes on in the background until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    const revision = await this.#list();
    await this.#dropUnused(await this.#definitionNames());
    this.#follow(revision, signal).catch((error: unknown) => {
      // It catches whatever comes: this is an error of ours.
      this.#parts.log.error('bindings of APIs are followed no more', { error });
    });
  }

  /** Whether something has been bound in a workspace that the watch has not told of yet: it is served from now on. */
  async lookAgain(workspace: string): Promise<boolean> {
    if (workspace === '*') return false;
    const prefix = this.#parts.storage.prefixOf(this.#bindings, workspace);
    const { items } = await this.#parts.storage.list({ prefix });
    let isNews = false;
    for (const item of items) {
      const known = this.#followed.get(workspace)?.get(item.key)?.revision ?? 0;
      if (item.modRevision > known && (await this.#applyStored(item))) isNews = true;
    }
    return isNews;
  }

  /**
   * One of the server's own kinds, when it is asked for as `workspaces:<identity>`, by the export of the first workspace
   * that has its group's name, or its own: it is built in, and the same for all.
   */
  async ownByIdentity(group: string, version: string, name: string): Promise<Resource | undefined> {
    const { catalog, storage } = this.#parts;
    const [plural = '', identity, ...more] = name.split(':');
    if (identity === undefined || more.length > 0) return undefined;
    const found = catalog.in('*').find(group, version, plural);
    for (const exportName of found === undefined ? [] : [group, `${plural}.${group}`]) {
      const key = storage.keyOf(this.#exports, { workspace: ROOT_WORKSPACE, name: exportName });
      const stored = await storage.get(key);
      if (stored === undefined) continue;
      const { status } = storage.shared<apisv1alpha2.APIExport>(
        this.#exports,
        key,
        stored.revision,
        stored.bytes,
      );
      if (status?.identityHash === identity) return found;
    }
    return undefined;
  }

  /** The binding that serves a resource in a workspace. */
  bindingOf(workspace: string, group: string, resource: string): BoundApi | undefined {
    for (const { api } of this.#followed.get(workspace)?.values() ?? [])
      if (api.resources.some((one) => one.group === group && one.name === resource)) return api;
    return undefined;
  }

  /** Under whose identity the objects of a resource lie that is bound in a workspace. */
  identityOf(workspace: string, group: string, name: string): string | undefined {
    const bound = this.bindingOf(workspace, group, name)?.resources;
    return bound?.find((one) => one.group === group && one.name === name)?.identity;
  }

  /** What a schema beside an export is served as, whether anybody has bound it or not. */
  async exportedResources(cluster: string, schema: string, identity: string): Promise<readonly Resource[]> {
    const { storage } = this.#parts;
    const key = storage.keyOf(this.#schemas, { workspace: cluster, name: schema });
    const stored = await storage.get(key);
    if (stored === undefined) return [];
    const { uid } = storage.shared(this.#schemas, key, stored.revision, stored.bytes).metadata;
    return this.#resourcesOf(cluster, { name: schema, UID: uid, identityHash: identity });
  }

  /** Aborted when a resource is not bound in a workspace any more, or to something else: watches end. */
  closingOf(workspace: string, group: string, resource: string): AbortSignal | undefined {
    const key = this.bindingOf(workspace, group, resource)?.key;
    if (key === undefined) return undefined;
    let controller = this.#closing.get(key);
    if (controller === undefined) {
      controller = new AbortController();
      this.#closing.set(key, controller);
    }
    return controller.signal;
  }

  async #list(): Promise<number> {
    const prefix = this.#parts.storage.prefixOf(this.#bindings, '*');
    const { items, revision } = await this.#parts.storage.list({ prefix });
    const there = new Set(items.map(({ key }) => key));
    for (const keys of [...this.#followed.values()])
      for (const key of [...keys.keys()]) if (!there.has(key)) await this.#forget(key);
    for (const item of items) await this.#applyStored(item);
    return revision;
  }

  async #follow(from: number, signal: AbortSignal): Promise<void> {
    const { storage, clock, log } = this.#parts;
    const prefix = storage.prefixOf(this.#bindings, '*');
    let after: number | undefined = from;
    while (!signal.aborted) {
      try {
        after ??= await this.#list();
        for await (const batch of storage.store.watch({ prefix, after, signal })) {
          for (const event of batch.events) {
            if (event.type === 'delete') await this.#forget(event.key);
            else await this.#applyStored({ ...event, modRevision: event.revision, createRevision: 0 });
          }
          after = batch.revision;
        }
      } catch (error) {
        after = undefined;
        if (error instanceof Gone || signal.aborted) continue;
        log.warn('bindings of APIs cannot be followed, trying again', { why: messageOf(error) });
        // Rejects only because of the signal, which ends the loop.
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** One that cannot be served keeps no other from being. @throws OrreryError of the store */
  async #applyStored(stored: StoredValue): Promise<boolean> {
    try {
      return await this.#apply(stored);
    } catch (error) {
      if (error instanceof OrreryError) throw error;
      this.#parts.log.error('a binding cannot be served', { key: stored.key, error });
      return false;
    }
  }

  /** True when it serves something else than before. */
  async #apply({ key, value, modRevision }: StoredValue): Promise<boolean> {
    const { workspace } = addressOf(key);
    const before = this.#followed.get(workspace)?.get(key);
    if (before !== undefined && before.revision >= modRevision) return false;
    const { metadata, spec, status } = JSON.parse(decodeText(value)) as apisv1alpha2.APIBinding;
    const isGoing = metadata.deletionTimestamp !== undefined;
    const bound = status?.boundResources ?? [];
    const schemas = bound.map(({ schema }) => `${schema.UID}:${schema.identityHash}`).join();
    if (before?.api.schemas === schemas && before.api.isGoing === isGoing) {
      before.revision = modRevision;
      return false;
    }
    const exportCluster = status?.apiExportClusterName ?? '';
    const resources: Resource[] = [];
    for (const one of bound) resources.push(...(await this.#resourcesOf(exportCluster, one.schema, isGoing)));
    const api: BoundApi = {
      key,
      exportCluster,
      exportName: spec.reference.export?.name ?? '',
      schemas,
      isGoing,
      resources,
    };
    let keys = this.#followed.get(workspace);
    if (keys === undefined) {
      keys = new Map();
      this.#followed.set(workspace, keys);
    }
    keys.set(key, { revision: modRevision, api });
    this.#parts.catalog.setCustom(workspace, key, resources);
    if (before !== undefined && before.api.schemas !== schemas) await this.#ended(before.api);
    return true;
  }

  async #resourcesOf(
    cluster: string,
    schema: apisv1alpha2.BoundAPIResource['schema'],
    isGoing = false,
  ): Promise<readonly Resource[]> {
    const { customResources, log } = this.#parts;
    const known = await customResources.bound(schema.UID, schema.identityHash, isGoing);
    if (known !== undefined) return known;
    await this.#copySchema(cluster, schema.name, schema.UID);
    const copied = await customResources.bound(schema.UID, schema.identityHash, isGoing);
    if (copied === undefined) log.warn('a bound schema is gone', { cluster, schema: schema.name });
    return copied ?? [];
  }

  /** The definition that serves a schema; it stays when the provider's schema goes. */
  async #copySchema(cluster: string, name: string, uid: string): Promise<void> {
    const { storage, clock } = this.#parts;
    const stored = await storage.get(storage.keyOf(this.#schemas, { workspace: cluster, name }));
    if (stored === undefined) return;
    const schema = storage.decode<KubeObject>(this.#schemas, stored.bytes) as apisv1alpha1.APIResourceSchema;
    if (schema.metadata.uid !== uid) return;
    const { metadata, ...rest } = boundDefinition(schema, cluster, await this.#conversionsOf(cluster, name));
    const definition: KubeObject = {
      ...rest,
      metadata: {
        ...metadata,
        name: uid,
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
      } as KubeObject['metadata'],
    };
    this.#definitions.defaults?.(definition);
    this.#definitions.prepareForCreate?.(definition);
    try {
      await storage.create(this.#definitions, this.#definitionKey(uid), definition);
    } catch (error) {
      // Another server was faster.
      if (!(error instanceof WriteRace)) throw error;
    }
  }

  /** How the provider wants objects converted, if he says so by a conversion of the schema's name. */
  async #conversionsOf(
    workspace: string,
    name: string,
  ): Promise<apisv1alpha1.APIConversion['spec']['conversions'] | undefined> {
    const { storage } = this.#parts;
    const stored = await storage.get(storage.keyOf(this.#conversions, { workspace, name }));
    if (stored === undefined) return undefined;
    return storage.decode<apisv1alpha1.APIConversion>(this.#conversions, stored.bytes).spec.conversions;
  }

  #definitionKey(uid: string): string {
    return this.#parts.storage.keyOf(this.#definitions, {
      workspace: BOUND_DEFINITIONS_WORKSPACE,
      name: uid,
    });
  }

  async #forget(key: string): Promise<void> {
    const { workspace } = addressOf(key);
    const keys = this.#followed.get(workspace);
    const gone = keys?.get(key);
    if (keys === undefined || gone === undefined) return;
    keys.delete(key);
    if (keys.size === 0) this.#followed.delete(workspace);
    this.#parts.catalog.setCustom(workspace, key, []);
    await this.#ended(gone.api);
  }

  async #ended({ key, schemas }: BoundApi): Promise<void> {
    this.#closing.get(key)?.abort();
    this.#closing.delete(key);
    await this.#dropUnused(schemas === '' ? [] : schemas.split(',').map((one) => one.split(':')[0]!));
  }

  async #definitionNames(): Promise<string[]> {
    const { storage } = this.#parts;
    const prefix = storage.prefixOf(this.#definitions, BOUND_DEFINITIONS_WORKSPACE);
    return (await storage.list({ prefix })).items.map(({ key }) => addressOf(key).name);
  }

  /** Definitions that nobody binds any more go. */
  async #dropUnused(names: readonly string[]): Promise<void> {
    const uids = new Set(names);
    for (const keys of this.#followed.values())
      for (const { api } of keys.values()) {
        if (uids.size === 0) return;
        for (const uid of uids) if (api.schemas.includes(uid)) uids.delete(uid);
      }
    const { storage } = this.#parts;
    for (const uid of uids) {
      const stored = await storage.get(this.#definitionKey(uid));
      if (stored === undefined) continue;
      try {
        const last = storage.decodeStored(stored.bytes);
        await storage.delete(this.#definitions, stored.key, last, stored.revision);
      } catch (error) {
        if (!(error instanceof WriteRace)) throw error;
      }
    }
  }
}
