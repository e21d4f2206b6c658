import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import {
  type Descriptions,
  mergeOpenApiV2,
  openApiV2,
  openApiV2Protobuf,
  openApiV3,
  type RemoteSpec,
  type Resource,
} from '../../kube/index.ts';
import { takesGzip } from '../encoding/compression.ts';
import { fingerprint } from '../encoding/fingerprint.ts';
import { formatOf, parseAccept } from '../encoding/negotiation.ts';
import { notAcceptable, pathNotFound } from '../errors.ts';
import { type ApiRequest, type ApiResponse, encodeText, jsonResponse } from '../http/messages.ts';
import type { Catalog } from '../registry/catalog.ts';

const V2_PROTOBUF = new Set([
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
]);

/** Bodies kept; of the others the hash alone, so that a definition costs little when nobody reads it. */
const BODIES_LIMIT_BYTES = 4 * 1024 * 1024;
const FAST = { level: constants.Z_BEST_SPEED };

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** A resource of the catalog with its schema, where that is not at hand. */
export type WholeResources = (resources: readonly Resource[]) => Promise<readonly Resource[]>;

/** What extension API servers publish of their own group versions, as `apis/<group>/<version>`. */
export interface RemoteOpenApi {
  isRemotePath(path: string): boolean;
  /** Where each document is, with its hash in the query. */
  openApiV3Urls(): ReadonlyMap<string, string>;
  openApiV3(path: string, request: ApiRequest): Promise<ApiResponse | undefined>;
  /** The same objects as long as nothing has changed. */
  openApiV2(): readonly RemoteSpec[];
}

interface Document {
  /** Compressed: words come again and again, and most clients take it as it is. */
  zipped: Uint8Array;
  etag: string;
  contentType: string;
}

/** Documents are made at the first request for them and kept: most servers are asked for two or three. */
export class OpenApiDocuments {
  readonly #catalog: Pick<Catalog, 'all'>;
  readonly #loadDescriptions: () => Promise<Descriptions>;
  readonly #whole: WholeResources;
  readonly #remote: RemoteOpenApi | undefined;
  readonly #prefix: string;
  readonly #documents = new Map<string, Promise<Document>>();
  /** What each document was made of, and its hash once it is known. */
  readonly #sources = new Map<string, { members: readonly object[]; etag?: string; sizeBytes: number }>();

  constructor(
    catalog: Pick<Catalog, 'all'>,
    loadDescriptions: () => Promise<Descriptions>,
    whole: WholeResources = async (resources) => resources,
    remote?: RemoteOpenApi,
    /** What stands before every path of the workspace it is about. */
    prefix = '',
  ) {
    this.#remote = remote;
    this.#prefix = prefix;
    this.#catalog = catalog;
    this.#whole = whole;
    this.#loadDescriptions = loadDescriptions;
  }

  /** GET /openapi/v2, /openapi/v3, /openapi/v3/<group version path>; undefined for another path. */
  async serve(request: ApiRequest, path: string): Promise<ApiResponse | undefined> {
    if (path === '/openapi/v2') return this.#answer(request, await this.#v2(request));
    if (path === '/openapi/v3') return jsonResponse(200, await this.#v3Index());
    if (!path.startsWith('/openapi/v3/')) return undefined;
    const name = path.slice('/openapi/v3/'.length);
    const remote = await this.#remote?.openApiV3(name, request);
    return remote ?? this.#answer(request, await this.#v3(name));
  }

  async #answer(request: ApiRequest, document: Document): Promise<ApiResponse> {
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
    headers.vary = 'Accept, Accept-Encoding';
    if (!takesGzip(request.headers?.['accept-encoding']))
      return { status: 200, headers, body: await unzip(document.zipped) };
    return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: document.zipped };
  }

  #v2(request: ApiRequest): Promise<Document> {
    const accept = request.headers?.accept;
    const remote = this.#remote?.openApiV2() ?? [];
    const whole = async (all: readonly Resource[]) =>
      mergeOpenApiV2(openApiV2(all, await this.#loadDescriptions()), remote);
    for (const { type } of parseAccept(accept || 'application/json')) {
      if (V2_PROTOBUF.has(type))
        return this.#made(
          'v2 protobuf',
          this.#catalog.all,
          async (all) => ({
            contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
            body: openApiV2Protobuf(await whole(all)),
          }),
          remote,
        );
      if (formatOf(type) === 'json')
        return this.#made(
          'v2',
          this.#catalog.all,
          async (all) => ({
            contentType: 'application/json',
            body: encodeText(JSON.stringify(await whole(all))),
          }),
          remote,
        );
    }
    throw notAcceptable(['application/json', ...V2_PROTOBUF]);
  }

  #v3(groupVersionPath: string): Promise<Document> {
    const gv = this.#groupVersions().get(groupVersionPath);
    if (gv === undefined) throw pathNotFound();
    return this.#made(groupVersionPath, gv.resources, async (own) => {
      const document = openApiV3(gv, own, await this.#loadDescriptions());
      return { contentType: 'application/json', body: encodeText(JSON.stringify(document)) };
    });
  }

  /** The index names every document by a hash, so all of them must be known. One at a time: others want to be served. */
  async #v3Index(): Promise<object> {
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const [path, { resources }] of this.#groupVersions()) {
      const known = this.#sources.get(path);
      const isKnown = known?.etag !== undefined && sameMembers(known.members, resources);
      const etag = isKnown ? known.etag : (await this.#v3(path)).etag;
      paths[path] = { serverRelativeURL: `${this.#prefix}/openapi/v3/${path}?hash=${etag}` };
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const [path, serverRelativeURL] of this.#remote?.openApiV3Urls() ?? [])
      paths[path] = { serverRelativeURL };
    return { paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))) };
  }

  #groupVersions(): Map<string, { group: string; version: string; resources: Resource[] }> {
    const all = new Map<string, { group: string; version: string; resources: Resource[] }>();
    for (const resource of this.#catalog.all) {
      const { group, version } = resource;
      const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
      if (this.#remote?.isRemotePath(path) === true) continue;
      const known = all.get(path);
      if (known === undefined) all.set(path, { group, version, resources: [resource] });
      else known.resources.push(resource);
    }
    return all;
  }

  #made(
    name: string,
    resources: readonly Resource[],
    make: (whole: readonly Resource[]) => Promise<{ contentType: string; body: Uint8Array }>,
    more: readonly object[] = [],
  ): Promise<Document> {
    const members = more.length === 0 ? resources : [...resources, ...more];
    const source = this.#sources.get(name);
    let document = this.#documents.get(name);
    if (document === undefined || source === undefined || !sameMembers(source.members, members)) {
      const fresh: { members: readonly object[]; etag?: string; sizeBytes: number } = {
        members,
        sizeBytes: 0,
      };
      document = this.#whole(resources)
        .then(make)
        .then(async ({ body, contentType }) => {
          const etag = fingerprint(body);
          const zipped = await zip(body, FAST);
          fresh.etag = etag;
          fresh.sizeBytes = zipped.length;
          this.#trim(name);
          return { zipped, contentType, etag };
        });
      this.#sources.set(name, fresh);
      document.catch(() => this.#documents.delete(name));
    }
    this.#documents.delete(name);
    this.#documents.set(name, document);
    return document;
  }

  /** Forgets the bodies that were asked for longest ago. */
  #trim(newest: string): void {
    let total = 0;
    for (const name of this.#documents.keys()) total += this.#sources.get(name)?.sizeBytes ?? 0;
    for (const name of [...this.#documents.keys()]) {
      if (total <= BODIES_LIMIT_BYTES) break;
      if (name === newest) continue;
      total -= this.#sources.get(name)?.sizeBytes ?? 0;
      this.#documents.delete(name);
    }
  }
}

function sameMembers(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
