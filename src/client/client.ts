import type { Draft, KubeObject, metav1 } from '../kube/index.ts';

/** A client of one API server with one identity. Errors are base's: NotFound, Conflict, Invalid, Gone, … */
export interface Client {
  /** The same client, looking at one workspace, or at all with '*' (list and watch only). */
  in(workspace: string): Client;
  resource<T extends KubeObject>(ref: ResourceRef): ResourceClient<T>;
  /**
   * What the server serves now (its preferred or first version of each resource), from `/api/v1` and `/apis`.
   * Groups that could not be read are named in `failures`, as client-go's ErrGroupDiscoveryFailed.
   */
  discover(): Promise<Discovery>;
  /** Of which kinds there are objects in a namespace, or without one outside of them; only an Orrery server tells. */
  contents(namespace?: string): Promise<StoredContent[]>;
}

export interface Discovery {
  resources: DiscoveredResource[];
  failures: { groupVersion: string; error: unknown }[];
}

export interface DiscoveredResource extends ResourceRef {
  verbs: readonly string[];
}

export interface StoredContent extends DiscoveredResource {
  /** How many objects. */
  count: number;
}

export interface ResourceRef {
  /** '' for core. */
  group: string;
  version: string;
  resource: string;
  namespaced: boolean;
  kind: string;
}

export interface ResourceClient<T extends KubeObject> {
  get(name: string, namespace?: string): Promise<T>;
  list(options?: ListRequest): Promise<ListOf<T>>;
  watch(options: WatchRequest): AsyncIterable<WatchEvent<T>>;
  create(object: Draft<T>, options?: WriteRequest): Promise<T>;
  update(object: T, options?: WriteRequest): Promise<T>;
  updateStatus(object: T): Promise<T>;
  /** GET of a subresource: `scale`. */
  getSubresource<B extends KubeObject>(name: string, subresource: string, namespace?: string): Promise<B>;
  /** PUT to a subresource: `finalize`, `scale`. */
  updateSubresource<B extends KubeObject>(object: B, subresource: string): Promise<B>;
  patch(
    name: string,
    patch: Patch,
    options?: { namespace?: string; subresource?: string; fieldManager?: string; force?: boolean },
  ): Promise<T>;
  delete(name: string, options?: DeleteRequest): Promise<void>;
  /** Deletes all that the selectors match in one namespace. */
  deleteCollection(
    options: DeleteRequest & Pick<ListRequest, 'labelSelector' | 'fieldSelector'>,
  ): Promise<void>;
  /** POST to a subresource: `binding`, `eviction`, `token`. */
  createSubresource<R>(name: string, subresource: string, body: object, namespace?: string): Promise<R>;
}

export interface ListRequest {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface ListOf<T> {
  metadata: metav1.ListMeta;
  items: T[];
}

export interface WatchRequest extends ListRequest {
  resourceVersion: string;
  allowBookmarks?: boolean;
  signal: AbortSignal;
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

export interface WriteRequest {
  fieldManager?: string;
  dryRun?: boolean;
}

export type Patch =
  | { type: 'json'; body: object[] }
  | { type: 'merge'; body: object }
  | { type: 'strategic'; body: object }
  | { type: 'apply'; body: object };

export interface DeleteRequest {
  namespace?: string;
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}
