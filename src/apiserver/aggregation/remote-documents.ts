import type { IncomingMessage } from 'node:http';
import { type Log, messageOf, OrreryError } from '../../base/index.ts';
import { type apidiscoveryv2, type metav1, openApiV3OfV2, type RemoteSpec } from '../../kube/index.ts';
import type { RemoteOpenApi } from '../discovery/openapi.ts';
import type { RemoteDiscovery } from '../discovery/served-groups.ts';
import { fingerprint } from '../encoding/fingerprint.ts';
import { type ApiRequest, type ApiResponse, encodeText } from '../http/messages.ts';
import { answerOf } from './aggregated-proxy.ts';
import type { ApiServices, Backend, RegisteredVersion, RemoteVersion } from './api-services.ts';
import { isRemote } from './api-services.ts';
import { AGGREGATOR } from './availability-controller.ts';
import type { BackendClient } from './backend-client.ts';
import { resourcesOfList } from './legacy-discovery.ts';
import { readDiscoveredResources, readRemoteSpec } from './remote-shapes.ts';

const REFRESH_MS = 60_000;
const TIMEOUT_MS = 5_000;
const DOCUMENT_LIMIT_BYTES = 32 * 1024 * 1024;
const AGGREGATED = ['v2', 'v2beta1'].map(
  (version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
);

interface Converted {
  source: RemoteSpec;
  body: Uint8Array;
  etag: string;
}

interface Documents {
  backend: Backend;
  resources: apidiscoveryv2.APIResourceDiscovery[];
  /** False when the backend could not be asked the last time. */
  isFresh: boolean;
  /** Where the backend has the OpenAPI 3 document of the group version, with its hash. */
  openApiV3Url: string | undefined;
  openApiV2: { spec: RemoteSpec; etag: string | undefined } | undefined;
  /** Made of that, for a backend that has no OpenAPI 3. */
  converted: Converted | undefined;
}

/**
 * What extension API servers say of their group versions: discovery, in either form, and OpenAPI. Asked for when one
 * becomes available and every minute, never while a client waits; the last answer stands, marked stale, when one fails.
 *
 * Source: k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, pkg/controllers/{openapi,openapiv3}.
 */
export class RemoteDocuments implements RemoteDiscovery, RemoteOpenApi {
  readonly #services: ApiServices;
  readonly #backends: BackendClient;
  readonly #log: Log;
  readonly #documents = new Map<string, Documents>();

  constructor(parts: { services: ApiServices; backends: BackendClient; log: Log }) {
    this.#services = parts.services;
    this.#backends = parts.backends;
    this.#log = parts.log;
    this.#services.onChange((name, now) => this.#changed(name, now));
  }

  start(signal: AbortSignal): void {
    const timer = setInterval(() => {
      for (const version of this.#services.remote) if (version.isAvailable) void this.refresh(version);
    }, REFRESH_MS);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer));
    for (const version of this.#services.remote) this.#changed(version.name, version);
  }

  registrations() {
    return this.#services.all;
  }

  discoveryOf(version: RegisteredVersion): apidiscoveryv2.APIVersionDiscovery | undefined {
    if (!isRemote(version)) return undefined;
    const known = this.#documents.get(version.name);
    const isFresh = known?.isFresh === true && version.isAvailable;
    return {
      version: version.version,
      ...(known !== undefined && known.resources.length > 0 && { resources: known.resources }),
      freshness: isFresh ? 'Current' : 'Stale',
    };
  }

  isRemotePath(path: string): boolean {
    return this.#remoteOf(path) !== undefined;
  }

  openApiV3Urls(): ReadonlyMap<string, string> {
    const urls = new Map<string, string>();
    for (const { name, group, version, isAvailable } of this.#services.remote) {
      const known = this.#documents.get(name);
      const path = `apis/${group}/${version}`;
      const own = known?.converted && `/openapi/v3/${path}?hash=${known.converted.etag}`;
      const url = known?.openApiV3Url ?? own;
      if (url !== undefined && isAvailable) urls.set(path, url);
    }
    return urls;
  }

  /** The backend's own document, as it answers. @throws as BackendClient.send */
  async openApiV3(path: string, request: ApiRequest): Promise<ApiResponse | undefined> {
    const version = this.#remoteOf(path);
    const known = version && this.#documents.get(version.name);
    if (version === undefined || known === undefined) return undefined;
    if (known.openApiV3Url === undefined) return known.converted && convertedAnswer(known.converted, request);
    const query = request.query?.toString();
    const headers: Record<string, string> = {};
    for (const name of ['accept', 'accept-encoding', 'if-none-match']) {
      const value = request.headers?.[name];
      if (value !== undefined) headers[name] = value;
    }
    const { response } = await this.#send(version.backend, {
      path: `/openapi/v3/${path}${query ? `?${query}` : ''}`,
      headers,
    });
    return answerOf({ response });
  }

  openApiV2(): readonly RemoteSpec[] {
    const specs: RemoteSpec[] = [];
    for (const { name } of this.#services.remote) {
      const known = this.#documents.get(name)?.openApiV2;
      if (known !== undefined) specs.push(known.spec);
    }
    return specs;
  }

  /** Asks the backend for everything; what it does not tell stays as it was. Never rejects. */
  async refresh(version: RegisteredVersion): Promise<void> {
    if (!isRemote(version)) return;
    const { name, backend } = version;
    const known = this.#documents.get(name);
    const before = known !== undefined && isSame(known.backend, backend) ? known : undefined;
    const [discovery, foundUrl, foundV2] = await Promise.all([
      this.#orUndefined(name, this.#discover(version)),
      this.#orUndefined(name, this.#findOpenApiV3(version)),
      this.#orUndefined(name, this.#readOpenApiV2(version, before?.openApiV2)),
    ]);
    if (this.#services.named(name) === undefined) return;
    const openApiV3Url = foundUrl === undefined ? before?.openApiV3Url : (foundUrl ?? undefined);
    const openApiV2 = foundV2 === undefined ? before?.openApiV2 : (foundV2 ?? undefined);
    const isConverted = openApiV3Url === undefined && openApiV2 !== undefined;
    this.#documents.set(name, {
      backend,
      resources: discovery ?? before?.resources ?? [],
      isFresh: discovery !== undefined,
      openApiV3Url,
      openApiV2,
      converted: isConverted ? this.#convert(name, openApiV2.spec, before?.converted) : undefined,
    });
  }

  #changed(name: string, now: RegisteredVersion | undefined): void {
    const known = this.#documents.get(name);
    if (now === undefined || !isRemote(now)) {
      this.#documents.delete(name);
      return;
    }
    if (!now.isAvailable) {
      if (known !== undefined) known.isFresh = false;
      return;
    }
    if (known?.isFresh !== true || !isSame(known.backend, now.backend)) void this.refresh(now);
  }

  #remoteOf(path: string): RemoteVersion | undefined {
    for (const one of this.#services.remote) if (`apis/${one.group}/${one.version}` === path) return one;
    return undefined;
  }

  async #discover({
    backend,
    group,
    version,
  }: RemoteVersion): Promise<apidiscoveryv2.APIResourceDiscovery[]> {
    const whole = await this.#get(backend, '/apis', [...AGGREGATED, 'application/json'].join(','));
    if (whole.status === 200 && whole.type.includes('as=APIGroupDiscoveryList')) {
      const list = JSON.parse(whole.text) as apidiscoveryv2.APIGroupDiscoveryList;
      const found = list.items
        ?.find(({ metadata }) => metadata?.name === group)
        ?.versions?.find((one) => one.version === version);
      return readDiscoveredResources(found?.resources ?? []);
    }
    const one = await this.#get(backend, `/apis/${group}/${version}`, 'application/json');
    if (one.status !== 200) throw new OrreryError('ServiceUnavailable', `discovery answered ${one.status}`);
    const list = resourcesOfList(JSON.parse(one.text) as metav1.APIResourceList, { group, version });
    return readDiscoveredResources(list);
  }

  /** Null: the backend has none. */
  async #findOpenApiV3({ backend, group, version }: RemoteVersion): Promise<string | null> {
    const { status, text } = await this.#get(backend, '/openapi/v3', 'application/json');
    if (status === 404) return null;
    if (status !== 200) throw new OrreryError('ServiceUnavailable', `OpenAPI answered ${status}`);
    const index = JSON.parse(text) as { paths?: Record<string, { serverRelativeURL?: string }> };
    const url = index.paths?.[`apis/${group}/${version}`]?.serverRelativeURL;
    const own = `/openapi/v3/apis/${group}/${version}`;
    return url === own || url?.startsWith(`${own}?`) === true ? url : null;
  }

  /** Null: the backend has none. */
  async #readOpenApiV2(
    { backend, group, version }: RemoteVersion,
    before: Documents['openApiV2'],
  ): Promise<NonNullable<Documents['openApiV2']> | null> {
    const { status, text, etag } = await this.#get(backend, '/openapi/v2', 'application/json', before?.etag);
    if (status === 404) return null;
    if (status === 304 && before !== undefined) return before;
    if (status !== 200) throw new OrreryError('ServiceUnavailable', `OpenAPI answered ${status}`);
    return { spec: readRemoteSpec(`/apis/${group}/${version}`, JSON.parse(text)), etag };
  }

  async #get(backend: Backend, path: string, accept: string, etag?: string) {
    const { response } = await this.#send(backend, {
      path,
      headers: { accept, ...(etag !== undefined && { 'if-none-match': etag }) },
    });
    const text = await readText(response);
    return {
      status: response.statusCode ?? 0,
      type: response.headers['content-type'] ?? '',
      etag: response.headers.etag,
      text,
    };
  }

  #send(backend: Backend, request: { path: string; headers: Record<string, string> }) {
    return this.#backends.send(backend, {
      method: 'GET',
      ...request,
      headers: { ...request.headers, 'user-agent': 'kube-apiserver' },
      user: AGGREGATOR,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  #convert(name: string, spec: RemoteSpec, before: Converted | undefined): Converted | undefined {
    try {
      return convert(spec, before);
    } catch (error) {
      this.#log.debug('an OpenAPI document cannot be converted', { name, error: messageOf(error) });
      return undefined;
    }
  }

  async #orUndefined<T>(name: string, asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      this.#log.debug('an extension API server could not be asked', { name, error: messageOf(error) });
      return undefined;
    }
  }
}

function isSame(a: Backend, b: Backend): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function convert(spec: RemoteSpec, before: Converted | undefined): Converted {
  if (before?.source === spec) return before;
  const body = encodeText(JSON.stringify(openApiV3OfV2(spec)));
  return { source: spec, body, etag: fingerprint(body) };
}

function convertedAnswer({ body, etag }: Converted, request: ApiRequest): ApiResponse {
  const headers = { 'content-type': 'application/json', etag: `"${etag}"`, vary: 'Accept' };
  const isKnown = request.headers?.['if-none-match'] === headers.etag;
  return isKnown ? { status: 304, headers, body: new Uint8Array() } : { status: 200, headers, body };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > DOCUMENT_LIMIT_BYTES) throw new OrreryError('ServiceUnavailable', 'the document is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
