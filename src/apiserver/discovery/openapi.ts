import { type Descriptions, openApiV2, openApiV2Protobuf, openApiV3 } from '../../kube/index.ts';
import { fingerprint } from '../encoding/fingerprint.ts';
import { formatOf, parseAccept } from '../encoding/negotiation.ts';
import { notAcceptable, pathNotFound } from '../errors.ts';
import { type ApiRequest, type ApiResponse, encodeText, jsonResponse } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';

const V2_PROTOBUF = new Set([
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
]);

interface Document {
  body: Uint8Array;
  etag: string;
  contentType: string;
}

/** Documents are made at the first request for them and kept: most servers are asked for two or three. */
export class OpenApiDocuments {
  readonly #catalog: ResourceCatalog;
  readonly #loadDescriptions: () => Promise<Descriptions>;
  readonly #documents = new Map<string, Promise<Document>>();

  constructor(catalog: ResourceCatalog, loadDescriptions: () => Promise<Descriptions>) {
    this.#catalog = catalog;
    this.#loadDescriptions = loadDescriptions;
  }

  /** GET /openapi/v2, /openapi/v3, /openapi/v3/<group version path>; undefined for another path. */
  async serve(request: ApiRequest, path: string): Promise<ApiResponse | undefined> {
    if (path === '/openapi/v2') return this.#answer(request, await this.#v2(request));
    if (path === '/openapi/v3') return jsonResponse(200, await this.#v3Index());
    if (!path.startsWith('/openapi/v3/')) return undefined;
    return this.#answer(request, await this.#v3(path.slice('/openapi/v3/'.length)));
  }

  #answer(request: ApiRequest, document: Document): ApiResponse {
    const headers: Record<string, string> = {
      etag: `"${document.etag}"`,
      vary: 'Accept',
      'content-type': document.contentType,
    };
    // A client that names the content by its hash may keep it for good (kube-openapi handler3).
    const hash = request.query?.get('hash');
    if (hash === document.etag) {
      headers['cache-control'] = 'public, immutable';
      headers.expires = new Date(Date.now() + 365 * 24 * 3600 * 1000).toUTCString();
    } else headers['cache-control'] = 'no-cache, private';
    if (request.headers?.['if-none-match'] === headers.etag)
      return { status: 304, headers, body: new Uint8Array() };
    return { status: 200, headers, body: document.body };
  }

  #v2(request: ApiRequest): Promise<Document> {
    const accept = request.headers?.accept;
    for (const { type } of parseAccept(accept || 'application/json')) {
      if (V2_PROTOBUF.has(type))
        return this.#made('v2 protobuf', async () => ({
          contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
          body: openApiV2Protobuf(openApiV2(this.#catalog.all, await this.#loadDescriptions())),
        }));
      if (formatOf(type) === 'json')
        return this.#made('v2', async () => ({
          contentType: 'application/json',
          body: encodeText(JSON.stringify(openApiV2(this.#catalog.all, await this.#loadDescriptions()))),
        }));
    }
    throw notAcceptable(['application/json', ...V2_PROTOBUF]);
  }

  #v3(groupVersionPath: string): Promise<Document> {
    const gv = this.#groupVersions().get(groupVersionPath);
    if (gv === undefined) throw pathNotFound();
    return this.#made(groupVersionPath, async () => {
      const document = openApiV3(gv, this.#catalog.all, await this.#loadDescriptions());
      return { contentType: 'application/json', body: encodeText(JSON.stringify(document)) };
    });
  }

  /** The index names every document by a hash, so all of them must be known. One at a time: others want to be served. */
  async #v3Index(): Promise<object> {
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const path of this.#groupVersions().keys()) {
      const { etag } = await this.#v3(path);
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${etag}` };
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { paths };
  }

  #groupVersions(): Map<string, { group: string; version: string }> {
    const all = new Map<string, { group: string; version: string }>();
    for (const { group, version } of this.#catalog.all)
      all.set(group === '' ? `api/${version}` : `apis/${group}/${version}`, { group, version });
    return all;
  }

  #made(name: string, make: () => Promise<{ contentType: string; body: Uint8Array }>): Promise<Document> {
    let document = this.#documents.get(name);
    if (document === undefined) {
      document = make().then((made) => ({ ...made, etag: fingerprint(made.body) }));
      this.#documents.set(name, document);
      document.catch(() => this.#documents.delete(name));
    }
    return document;
  }
}
