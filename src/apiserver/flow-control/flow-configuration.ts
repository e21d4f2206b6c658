import { type Clock, Gone, type Log } from '../../base/index.ts';
import type { flowcontrolv1, KubeObject, Resource } from '../../kube/index.ts';
import type { StoreEvent } from '../../store/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { FlowControl } from './flow-control.ts';

const GROUP = 'flowcontrol.apiserver.k8s.io';
const RETRY_MS = 1_000;

export interface FlowConfigurationParts {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  flow: FlowControl;
  clock: Clock;
  log: Log;
  /** Puts the mandatory objects back. */
  restore(): Promise<void>;
}

/** Follows FlowSchemas and PriorityLevelConfigurations in the store: a change counts at once. */
export class FlowConfiguration {
  readonly #parts: FlowConfigurationParts;
  readonly #schemas = new Map<string, flowcontrolv1.FlowSchema>();
  readonly #levels = new Map<string, flowcontrolv1.PriorityLevelConfiguration>();

  constructor(parts: FlowConfigurationParts) {
    this.#parts = parts;
  }

  /** Resolves once what is stored counts; goes on in the background until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    for (const [resource, objects] of this.#followed()) {
      const after = await this.#list(resource, objects);
      void this.#follow(resource, objects, { after, signal });
    }
  }

  #followed(): [Resource, Map<string, KubeObject>][] {
    const find = (name: string) => this.#parts.catalog.findStored(GROUP, name)!;
    return [
      [find('prioritylevelconfigurations'), this.#levels as Map<string, KubeObject>],
      [find('flowschemas'), this.#schemas as Map<string, KubeObject>],
    ];
  }

  async #list(resource: Resource, objects: Map<string, KubeObject>): Promise<number> {
    const { storage } = this.#parts;
    const { items, revision } = await storage.list({ prefix: storage.prefixOf(resource, DEFAULT_WORKSPACE) });
    objects.clear();
    for (const { key, value } of items) objects.set(key, storage.decode(resource, value));
    this.#configure();
    return revision;
  }

  async #follow(
    resource: Resource,
    objects: Map<string, KubeObject>,
    { after, signal }: { after: number; signal: AbortSignal },
  ): Promise<void> {
    const { storage, log, clock } = this.#parts;
    const prefix = storage.prefixOf(resource, DEFAULT_WORKSPACE);
    let from = after;
    while (!signal.aborted) {
      try {
        for await (const batch of storage.store.watch({ prefix, after: from, signal })) {
          from = batch.revision;
          if (batch.events.length > 0) this.#apply(resource, objects, batch.events);
        }
        if (!signal.aborted) return; // The store has closed.
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Gone)) log.warn('flow configuration is read again', { error });
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
        if (!signal.aborted) from = await this.#list(resource, objects).catch(() => from);
      }
    }
  }

  #apply(resource: Resource, objects: Map<string, KubeObject>, events: readonly StoreEvent[]): void {
    for (const { type, key, value } of events) {
      if (type === 'delete') {
        objects.delete(key);
        if (key.endsWith('/exempt') || key.endsWith('/catch-all')) this.#restore();
      } else objects.set(key, this.#parts.storage.decode(resource, value));
    }
    this.#configure();
  }

  #restore(): void {
    this.#parts.restore().catch((error: unknown) => {
      this.#parts.log.warn('a mandatory flow object could not be made again', { error });
    });
  }

  #configure(): void {
    this.#parts.flow.configure([...this.#schemas.values()], [...this.#levels.values()]);
  }
}
