import type { Resource } from '../../kube/index.ts';
import { type ApiRequest, type ApiResponse, jsonResponse } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

const PATH = '/contents';

/**
 * `GET /clusters/<workspace>/contents?namespace=<name>`: of which kinds a workspace (or a namespace) holds objects, and
 * how many. A way of our own, for those who empty one: of the hundred kinds there are, an idle workspace has five, and
 * asking each costs more than all the rest of its deletion.
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
    const resources = storedOnce(this.#catalog.in(workspace).all).filter(
      ({ namespaced }) => namespaced || namespace === undefined,
    );
    const counted = await Promise.all(
      resources.map(async (resource) => ({
        ...referenceTo(resource),
        count: await this.#storage.store.count(this.#storage.prefixOf(resource, workspace, namespace)),
      })),
    );
    return jsonResponse(200, { contents: counted.filter(({ count }) => count > 0) });
  }
}

/** Each kind in one version, and none that is another's in another shape, or is never stored. */
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
