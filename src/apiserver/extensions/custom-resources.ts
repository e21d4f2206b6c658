import { type Clock, Gone, type Log, messageOf, OrreryError } from '../../base/index.ts';
import {
  BOUND_DEFINITIONS_WORKSPACE,
  CLEANUP_FINALIZER,
  type CustomResourceDefinition,
  conditionOf,
  customResource,
  equalJson,
  goingResource,
  isConditionTrue,
  type Resource,
  reconcileStatus,
  SCHEMA_CLUSTER_ANNOTATION,
  setCondition,
  summarizeCustomResource,
} from '../../kube/index.ts';
import type { StoredValue } from '../../store/index.ts';
import { AdmissionChain } from '../admission/admission.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { fingerprint } from '../encoding/fingerprint.ts';
import { decodeText, encodeText } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ResourceRequestInfo } from '../request-info/request-info.ts';
import { addressOf } from '../storage/keys.ts';
import { type ObjectStorage, WriteRace } from '../storage/object-storage.ts';
import type { WebhookClient } from '../webhooks/webhook-client.ts';
import { removeInstances } from './instance-removal.ts';
import { type ServedDefinition, type ServedResource, ServedVersions } from './served-versions.ts';

/** After the store failed. */
const RETRY_MS = 1000;

/** What is kept of every definition: names and hashes, not schemas. */
interface Entry extends ServedDefinition {
  name: string;
  group: string;
  acceptedNames: NonNullable<CustomResourceDefinition['status']>['acceptedNames'];
  namesAccepted: boolean;
  resources: readonly Resource[];
  /** The same for those who bind it, by identity and whether the binding goes. */
  bound: Map<string, readonly Resource[]>;
}

export interface CustomResourcesParts {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  clock: Clock;
  log: Log;
  /** Asks conversion webhooks. */
  webhooks: WebhookClient;
  authorizer: Authorizer;
}

/**
 * Serves what CustomResourceDefinitions define: follows them in the store, keeps their conditions, puts their
 * versions into the catalog, compiles a version at its first use, and removes the instances of a definition that
 * goes. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go, pkg/controller.
 */
export class CustomResources {
  readonly #parts: CustomResourcesParts;
  readonly #definitions: Resource;
  readonly #entries = new Map<string, Entry>();
  readonly #owners = new WeakMap<object, Entry>();
  /** Of resources that are bound: the key of the definition. */
  readonly #boundOwners = new WeakMap<object, string>();
  /** Of resources that are bound: those whose binding is being deleted. */
  readonly #going = new WeakSet<object>();
  readonly #versions: ServedVersions;
  readonly #removals = new Set<string>();
  #signal: AbortSignal | undefined;

  constructor(parts: CustomResourcesParts) {
    this.#parts = parts;
    this.#definitions = parts.catalog.findStored('apiextensions.k8s.io', 'customresourcedefinitions')!;
    this.#versions = new ServedVersions(parts);
  }

  /** Resolves once everything that is stored is served; goes on in the background until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const revision = await this.#list(signal);
    this.#follow(revision, signal).catch((error: unknown) => {
      // It catches whatever comes: this is an error of ours.
      this.#parts.log.error('custom resource definitions are followed no more', { error });
    });
  }

  /**
   * For a resource that is not served here: whether its definition has been established through another server on
   * this store, before the watch told of it.
   */
  async lookAgain({ workspace, group, resource }: ResourceRequestInfo): Promise<boolean> {
    const name = `${resource}.${group}`;
    if (group === '' || name.length > 253 || this.#signal === undefined) return false;
    const key = this.#parts.storage.keyOf(this.#definitions, { workspace, name });
    const stored = await this.#parts.storage.store.get(key);
    if (stored === undefined || stored.modRevision <= (this.#entries.get(key)?.revision ?? 0)) return false;
    await this.#apply(stored, this.#signal);
    return true;
  }

  /**
   * What a bound definition serves to whoever binds it under this identity: one description for all of them.
   * With `isGoing` as long as the binding is being deleted. Undefined when there is no such definition.
   */
  async bound(name: string, identity: string, isGoing = false): Promise<readonly Resource[] | undefined> {
    const key = this.#parts.storage.keyOf(this.#definitions, {
      workspace: BOUND_DEFINITIONS_WORKSPACE,
      name,
    });
    if (!this.#entries.has(key) && this.#signal !== undefined) {
      const stored = await this.#parts.storage.store.get(key);
      if (stored !== undefined) await this.#applyStored(stored, this.#signal);
    }
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const id = isGoing ? `${identity} going` : identity;
    let resources = entry.bound.get(id);
    if (resources === undefined) {
      const bound = { provider: entry.provider, definition: entry.name };
      resources = entry.resources.map((resource) => ({
        ...(isGoing ? goingResource(resource) : resource),
        ...{ identity, bound },
      }));
      if (isGoing) for (const resource of resources) this.#going.add(resource);
      const across = entry.resources.map((resource) => ({
        ...resource,
        name: `${resource.name}:${identity}`,
      }));
      for (const resource of [...resources, ...across]) this.#boundOwners.set(resource, key);
      entry.bound.set(id, resources);
      if (!isGoing) this.#parts.catalog.setAcross(`${key} ${identity}`, across);
    }
    return resources;
  }

  /** The definition behind a resource of the catalog. */
  #ownerOf(resource: Resource): Entry | undefined {
    const key = this.#boundOwners.get(resource);
    return key === undefined ? this.#owners.get(resource) : this.#entries.get(key);
  }

  /** The whole of a resource of the catalog; undefined for one that no definition made. @throws NotFound */
  async served(resource: Resource): Promise<ServedResource | undefined> {
    const entry = this.#ownerOf(resource);
    if (entry === undefined) return undefined;
    const served = await this.#versions.of(entry, resource.version);
    const { name, identity, bound } = resource;
    if (!this.#boundOwners.has(resource)) return served;
    const place = { name, ...(identity !== undefined && bound !== undefined && { identity, bound }) };
    const terminating = served.terminating || this.#going.has(resource);
    return { ...served, terminating, resource: { ...served.resource, ...place } };
  }

  /** The catalog's resources with their schemas, for documents; those that have gone meanwhile are left out. */
  async whole(resources: readonly Resource[]): Promise<Resource[]> {
    const whole: Resource[] = [];
    for (const resource of resources) {
      const entry = this.#ownerOf(resource);
      if (entry === undefined) whole.push(resource);
      else {
        const crd = await this.#versions.definition(entry.key);
        const version = crd?.spec.versions.find(({ name }) => name === resource.version);
        if (crd !== undefined && version !== undefined) this.#addWhole(whole, crd, version);
      }
    }
    return whole;
  }

  /** A schema that cannot be read is missing in the documents, which are whole without it. */
  #addWhole(
    whole: Resource[],
    crd: CustomResourceDefinition,
    version: CustomResourceDefinition['spec']['versions'][number],
  ): void {
    try {
      whole.push(customResource(crd, version));
    } catch (error) {
      this.#parts.log.error('a definition is left out of the documents', { name: crd.metadata.name, error });
    }
  }

  async #list(signal: AbortSignal): Promise<number> {
    const prefix = this.#parts.storage.prefixOf(this.#definitions, '*');
    const { items, revision } = await this.#parts.storage.list({ prefix });
    const there = new Set(items.map(({ key }) => key));
    for (const key of this.#entries.keys()) if (!there.has(key)) this.#forget(key);
    for (const item of items) await this.#applyStored(item, signal);
    return revision;
  }

  async #follow(from: number, signal: AbortSignal): Promise<void> {
    const prefix = this.#parts.storage.prefixOf(this.#definitions, '*');
    let after: number | undefined = from;
    while (!signal.aborted) {
      try {
        after ??= await this.#list(signal);
        for await (const batch of this.#parts.storage.store.watch({ prefix, after, signal })) {
          for (const event of batch.events) {
            if (event.type === 'delete') await this.#gone(event.key, signal);
            else if (event.revision > (this.#entries.get(event.key)?.revision ?? 0))
              await this.#applyStored({ ...event, modRevision: event.revision, createRevision: 0 }, signal);
          }
          after = batch.revision;
        }
      } catch (error) {
        after = undefined;
        if (error instanceof Gone || signal.aborted) continue;
        this.#parts.log.warn('custom resource definitions cannot be followed, trying again', {
          why: messageOf(error),
        });
        // Rejects only because of the signal, which ends the loop.
        await this.#parts.clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /**
   * One that no server of ours could have stored (it came with a migrated store, or by another hand) is not served, and
   * keeps no other from being. @throws OrreryError of the store
   */
  async #applyStored(stored: StoredValue, signal: AbortSignal): Promise<void> {
    try {
      await this.#apply(stored, signal);
    } catch (error) {
      if (error instanceof OrreryError) throw error;
      this.#forget(stored.key);
      this.#parts.log.error('a stored definition cannot be served', { key: stored.key, error });
    }
  }

  /** A definition as it is now: its conditions, then the catalog, then what is stored of the conditions. */
  async #apply(stored: StoredValue, signal: AbortSignal): Promise<void> {
    const { key, modRevision } = stored;
    const crd = JSON.parse(decodeText(stored.value)) as CustomResourceDefinition;
    const next = structuredClone(crd);
    const now = new Date(this.#parts.clock.now());
    if (!isConditionTrue(crd, 'Terminating'))
      reconcileStatus(next, this.#others(addressOf(key).workspace, crd), now);
    this.#serve(key, next, { revision: modRevision, sizeBytes: stored.value.length });
    if (!equalJson(crd.status, next.status)) await this.#store(key, next, modRevision);
    else if (isConditionTrue(crd, 'Terminating') && crd.metadata.finalizers?.includes(CLEANUP_FINALIZER))
      this.#remove(key, signal);
  }

  #others(workspace: string, crd: CustomResourceDefinition): CustomResourceDefinition[] {
    // Those have nothing to do with each other: each is served where it is bound.
    if (workspace === BOUND_DEFINITIONS_WORKSPACE) return [];
    const { group } = crd.spec;
    return [...this.#entries.values()]
      .filter(
        (entry) => entry.workspace === workspace && entry.group === group && entry.name !== crd.metadata.name,
      )
      .map(({ acceptedNames }) => ({ status: { acceptedNames } }) as CustomResourceDefinition);
  }

  #serve(
    key: string,
    crd: CustomResourceDefinition,
    { revision, sizeBytes }: { revision: number; sizeBytes: number },
  ): void {
    const { spec, status } = crd;
    const hash = fingerprint(encodeText(JSON.stringify([spec, status?.acceptedNames])));
    const terminating = isConditionTrue(crd, 'Terminating');
    const before = this.#entries.get(key);
    const same = before !== undefined && before.hash === hash;
    if (before !== undefined && !same) before.closing.abort();
    const isServed = isConditionTrue(crd, 'Established');
    const resources = isServed
      ? spec.versions.filter(({ served }) => served).map((version) => summarizeCustomResource(crd, version))
      : [];
    const { workspace } = addressOf(key);
    const entry: Entry = {
      key,
      workspace,
      name: crd.metadata.name,
      group: spec.group,
      revision,
      hash,
      schemaRevision: same ? before.schemaRevision : revision,
      sizeBytes,
      acceptedNames: status?.acceptedNames,
      namesAccepted: isConditionTrue(crd, 'NamesAccepted'),
      terminating,
      resources,
      provider: providerOf(crd, workspace),
      bound: same ? before.bound : new Map(),
      closing: same ? before.closing : new AbortController(),
    };
    this.#entries.set(key, entry);
    if (same && before.terminating === terminating && before.resources.length === resources.length) {
      entry.resources = before.resources;
      for (const resource of before.resources) this.#owners.set(resource, entry);
      return;
    }
    for (const resource of resources) this.#owners.set(resource, entry);
    if (workspace !== BOUND_DEFINITIONS_WORKSPACE) this.#parts.catalog.setCustom(workspace, key, resources);
  }

  async #store(key: string, crd: CustomResourceDefinition, revision: number): Promise<void> {
    try {
      await this.#parts.storage.update(this.#definitions, key, crd, revision);
    } catch (error) {
      // Somebody changed it meanwhile: the watch brings that, and this comes again.
      if (!(error instanceof WriteRace)) throw error;
    }
  }

  #forget(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.closing.abort();
    this.#entries.delete(key);
    this.#parts.catalog.setCustom(entry.workspace, key, []);
    for (const identity of entry.bound.keys()) this.#parts.catalog.setAcross(`${key} ${identity}`, []);
    return entry;
  }

  /** Names that were taken are free: whoever waited for them gets them. */
  async #gone(key: string, signal: AbortSignal): Promise<void> {
    const gone = this.#forget(key);
    for (const entry of [...this.#entries.values()]) {
      if (entry.namesAccepted || entry.group !== gone?.group || entry.workspace !== gone.workspace) continue;
      const stored = await this.#parts.storage.store.get(entry.key);
      if (stored !== undefined) await this.#applyStored(stored, signal);
    }
  }

  #remove(key: string, signal: AbortSignal): void {
    if (this.#removals.has(key)) return;
    this.#removals.add(key);
    this.#keepRemoving(key, signal).finally(() => this.#removals.delete(key));
  }

  async #keepRemoving(key: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await this.#removeInstances(key, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.error('instances of a definition could not be removed, trying again', { key, error });
        await this.#parts.clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  async #removeInstances(key: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(key);
    const definition = await this.#versions.definition(key);
    const stored = definition?.spec.versions.find(({ storage }) => storage)?.name;
    if (entry !== undefined && stored !== undefined) {
      const { resource, storage } = await this.#versions.load(entry, stored);
      const { catalog, clock, log, authorizer } = this.#parts;
      const admission = new AdmissionChain([]);
      await removeInstances({ storage, catalog, clock, log, authorizer, admission }, resource, {
        workspace: entry.workspace,
        signal,
        log,
      });
    }
    while (!signal.aborted) {
      const stored = await this.#parts.storage.get(key);
      if (stored === undefined) return;
      const crd = JSON.parse(decodeText(stored.bytes)) as CustomResourceDefinition;
      const time = `${new Date(this.#parts.clock.now()).toISOString().slice(0, 19)}Z`;
      if (conditionOf(crd, 'Terminating') === undefined) return;
      setCondition(
        crd,
        {
          type: 'Terminating',
          status: 'False',
          reason: 'InstanceDeletionCompleted',
          message: 'removed all instances',
        },
        time,
      );
      const finalizers = (crd.metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
      if (finalizers.length > 0) crd.metadata.finalizers = finalizers;
      else delete crd.metadata.finalizers;
      try {
        if (finalizers.length === 0)
          await this.#parts.storage.delete(this.#definitions, key, crd, stored.revision);
        else await this.#parts.storage.update(this.#definitions, key, crd, stored.revision);
        return;
      } catch (error) {
        if (!(error instanceof WriteRace)) throw error;
      }
    }
  }
}

/** Only of the server's own copies of schemas is the annotation the server's own word. */
function providerOf({ metadata }: CustomResourceDefinition, workspace: string): string {
  const isCopy = workspace === BOUND_DEFINITIONS_WORKSPACE;
  return (isCopy ? metadata.annotations?.[SCHEMA_CLUSTER_ANNOTATION] : undefined) ?? workspace;
}
