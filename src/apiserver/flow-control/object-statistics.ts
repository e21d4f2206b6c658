import type { MetricRegistry } from '../../base/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { ObjectStatistics } from './work-estimate.ts';

/** Values looked at to tell how large a resource's objects are. */
const SAMPLED = 20;

/**
 * How many objects of which size there are, counted from time to time: what a list will cost, and the metrics
 * apiserver_storage_objects, apiserver_resource_objects and apiserver_resource_size_estimate_bytes.
 */
export class StoredStatistics {
  readonly #storage: ObjectStorage;
  readonly #catalog: ResourceCatalog;
  readonly #metrics: ReturnType<typeof metricsOf>;
  #known = new Map<string, ObjectStatistics>();
  #refreshing: Promise<void> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: { storage: ObjectStorage; catalog: ResourceCatalog; registry: MetricRegistry }) {
    this.#storage = parts.storage;
    this.#catalog = parts.catalog;
    this.#metrics = metricsOf(parts.registry);
  }

  find(group: string, resource: string): ObjectStatistics | undefined {
    return this.#known.get(`${group}/${resource}`);
  }

  /** Counts again what was counted more than `ageMs` ago. */
  async refresh(ageMs = 0): Promise<void> {
    if (performance.now() - this.#refreshedMs < ageMs) return;
    this.#refreshing ??= this.#count().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #count(): Promise<void> {
    const known = new Map<string, ObjectStatistics>();
    const { objects, resourceObjects, sizes } = this.#metrics;
    for (const metric of [objects, resourceObjects, sizes]) metric.clear();
    for (const resource of this.#catalog.in(ALL_WORKSPACES).all) {
      const { group, name } = resource;
      const id = `${group}/${name}`;
      if (known.has(id) || resource.storage !== undefined || !resource.verbs.includes('list')) continue;
      const prefix = this.#storage.prefixOf(resource, ALL_WORKSPACES);
      const count = await this.#storage.store.count(prefix);
      const { items } =
        count === 0 ? { items: [] } : await this.#storage.list({ prefix, limit: SAMPLED, uncounted: true });
      const bytes = items.reduce((sum, { value }) => sum + value.length, 0);
      const averageBytes = items.length === 0 ? 0 : Math.ceil(bytes / items.length);
      known.set(id, { count, averageBytes });
      objects.at(group === '' ? name : `${name}.${group}`).set(count);
      resourceObjects.at(group, name).set(count);
      sizes.at(group, name).set(count * averageBytes);
    }
    this.#known = known;
    this.#refreshedMs = performance.now();
  }
}

function metricsOf(registry: MetricRegistry) {
  const labels = ['group', 'resource'];
  return {
    objects: registry.gauge({
      name: 'apiserver_storage_objects',
      help: '(Deprecated, use apiserver_resource_objects instead) Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
      labels: ['resource'],
      stability: 'STABLE',
    }),
    resourceObjects: registry.gauge({
      name: 'apiserver_resource_objects',
      help: 'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.',
      labels,
    }),
    sizes: registry.gauge({
      name: 'apiserver_resource_size_estimate_bytes',
      help: 'Estimated size of stored objects in database. Estimate is based on sum of last observed sizes of serialized objects. In case of a fetching error, the value will be -1.',
      labels,
    }),
  };
}
