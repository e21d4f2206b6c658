import type { Resource } from '../../kube/index.ts';
import { type ApiRequest, type ApiResponse, jsonResponse } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

const PATH = '/contents';

/**
 * `GET /clusters/<workspace>/contents?namespace=<name>`: of which kinds a namespace holds objects, or without one the
 * workspace outside of its namespaces, and how many. A way of our own, for those who empty one: of the hundred kinds
 * there are, an idle workspace has five, and asking each costs more than all the rest of its deletion.
 */
export class StoredContents {
  readonly #storage: Pick<ObjectStorage, 'prefixOf' | 'store'>;
  readonly #catalog: ResourceCatalog;

  constructor(parts: { storage: ObjectStorage; catalog: ResourceCatalog }) {
    this.#storage = parts.storage;
    this.#catalog = parts.catalog;
  }

  async serve(request: ApiRequest, path: string, workspace: string): Promise<ApiResponse | undefined> {
    if (path !== PATH) return undefined;
    const namespace = request.query?.get('namespace') || undefined;
    const resources = storedKinds(this.#catalog.in(workspace).all).filter(
      ({ namespaced }) => namespaced === (namespace !== undefined),
    );
    const { store } = this.#storage;
    const counts = await Promise.all(
      resources.map((resource) => store.count(this.#storage.prefixOf(resource, workspace, namespace))),
    );
    const contents = resources.flatMap((resource, index) =>
      counts[index] === 0 ? [] : [{ ...referenceTo(resource), count: counts[index] }],
    );
    return jsonResponse(200, { contents });
  }
}

/** By the list of all, which a catalog keeps until it changes. */
const known = new WeakMap<readonly Resource[], readonly Resource[]>();

/** Each kind in one version, and none that is another's in another shape, or is never stored. */
export function storedKinds(all: readonly Resource[]): readonly Resource[] {
  const stored = known.get(all) ?? storedOnce(all);
  known.set(all, stored);
  return stored;
}

function storedOnce(resources: readonly Resource[]): Resource[] {
  const seen = new Set<string>();
  return resources.filter((resource) => {
    const id = `${resource.group}/${resource.name}`;
    if (resource.storage !== undefined || !resource.verbs.includes('list') || seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function referenceTo({ group, version, name, kind, namespaced, verbs }: Resource) {
  return { group, version, resource: name, kind, namespaced, verbs };
}
