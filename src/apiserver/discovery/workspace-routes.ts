import { ROOT_WORKSPACE } from '../../kube/index.ts';
import type { Catalog, ResourceCatalog } from '../registry/catalog.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import { OpenApiDocuments, type RemoteOpenApi, type WholeResources } from './openapi.ts';
import type { RouteParts } from './routes.ts';
import type { RemoteDiscovery } from './served-groups.ts';
import type { StoredContents } from './stored-contents.ts';

export type WorkspaceRoutesParts = Omit<RouteParts, 'catalog' | 'contents' | 'openApi' | 'remote'> & {
  contents: StoredContents;
  catalog: ResourceCatalog;
  /** What extension API servers add to the first workspace. */
  remote: RemoteDiscovery & RemoteOpenApi;
  loadDescriptions: ConstructorParameters<typeof OpenApiDocuments>[1];
  whole: WholeResources;
};

/** So many workspaces' OpenAPI documents are kept beside those of the first one. */
const KEPT = 4;

const NOTHING_REMOTE: RemoteDiscovery = { registrations: () => [], discoveryOf: () => undefined };

/** Discovery and OpenAPI of each workspace; made when one is asked for, and forgotten again. */
export class WorkspaceRoutes {
  readonly #parts: WorkspaceRoutesParts;
  readonly #first: RouteParts;
  readonly #others = new Map<string, OpenApiDocuments>();

  constructor(parts: WorkspaceRoutesParts) {
    this.#parts = parts;
    const { catalog, loadDescriptions, whole, remote } = parts;
    this.#first = {
      ...parts,
      openApi: new OpenApiDocuments(catalog, loadDescriptions, whole, remote),
      contents: this.#contentsOf(ROOT_WORKSPACE),
    };
  }

  of(workspace: string): RouteParts {
    if (workspace === ROOT_WORKSPACE) return this.#first;
    return {
      ...this.#parts,
      catalog: this.#parts.catalog.in(workspace),
      remote: workspace === ALL_WORKSPACES ? this.#parts.remote : NOTHING_REMOTE,
      openApi: this.#openApiOf(workspace),
      contents: this.#contentsOf(workspace),
    };
  }

  /** Of what a view serves, below a path of its own; made anew for each request. */
  over(catalog: Catalog, prefix: string): RouteParts {
    const { loadDescriptions, whole } = this.#parts;
    return {
      ...this.#parts,
      catalog,
      remote: NOTHING_REMOTE,
      openApi: new OpenApiDocuments(catalog, loadDescriptions, whole, undefined, prefix),
      contents: async () => undefined,
    };
  }

  #contentsOf(workspace: string): RouteParts['contents'] {
    return (request, path) => this.#parts.contents.serve(request, path, workspace);
  }

  #openApiOf(workspace: string): OpenApiDocuments {
    const known = this.#others.get(workspace);
    const { catalog, loadDescriptions, whole } = this.#parts;
    const view = {
      get all() {
        return catalog.in(workspace).all;
      },
    };
    const documents =
      known ?? new OpenApiDocuments(view, loadDescriptions, whole, undefined, `/clusters/${workspace}`);
    this.#others.delete(workspace);
    this.#others.set(workspace, documents);
    for (const oldest of this.#others.keys()) {
      if (this.#others.size <= KEPT) break;
      this.#others.delete(oldest);
    }
    return documents;
  }
}
