import type { Resource } from '../../kube/index.ts';
import { type OpenIdDocuments, serveOpenId } from '../authentication/openid-documents.ts';
import { fingerprint } from '../encoding/fingerprint.ts';
import { formatOf, negotiate, parseAccept } from '../encoding/negotiation.ts';
import { encodeProtobufObject } from '../encoding/protobuf-encoder.ts';
import { PROTOBUF } from '../encoding/protobuf-types.ts';
import { printYaml } from '../encoding/yaml.ts';
import { methodNotAllowed, pathNotFound } from '../errors.ts';
import { type ApiRequest, type ApiResponse, encodeText, jsonResponse } from '../http/messages.ts';
import type { Catalog } from '../registry/catalog.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './groups.ts';
import type { Monitoring } from './monitoring.ts';
import type { OpenApiDocuments } from './openapi.ts';
import { type RemoteDiscovery, servedGroups } from './served-groups.ts';
import type { VersionInfo } from './version.ts';

export interface RouteParts {
  catalog: Catalog;
  remote: RemoteDiscovery;
  openApi: OpenApiDocuments;
  openId: OpenIdDocuments;
  version: VersionInfo;
  monitoring: Monitoring;
  /** What waits in which queue; undefined for another path. */
  flowDump(request: ApiRequest, path: string): ApiResponse | undefined;
  serverAddress(): string;
  /** How much of what the workspace holds; undefined for another path. */
  contents(request: ApiRequest, path: string): Promise<ApiResponse | undefined>;
}

/** Everything that is no resource. @throws NotFound, MethodNotAllowed */
export async function servePath(request: ApiRequest, path: string, parts: RouteParts): Promise<ApiResponse> {
  if (request.method !== 'GET') throw methodNotAllowed();
  switch (path) {
    case '/':
      return jsonResponse(200, { paths: rootPaths(parts) });
    case '/version':
      return jsonResponse(200, parts.version);
    case '/api':
      return discovery(request, parts, true);
    case '/apis':
      return discovery(request, parts, false);
  }
  return (
    (await parts.monitoring.serve(request, path)) ??
    serveOpenId(path, parts.openId) ??
    (await parts.openApi.serve(request, path)) ??
    parts.flowDump(request, path) ??
    (await parts.contents(request, path)) ??
    (await groupRoute(request, path, parts)) ??
    notFound()
  );
}

function notFound(): never {
  throw pathNotFound();
}

async function groupRoute(
  request: ApiRequest,
  path: string,
  { catalog, remote }: RouteParts,
): Promise<ApiResponse | undefined> {
  const [root, one, two, more] = path.split('/').slice(1);
  let document: { kind?: string } | undefined;
  if (root === 'api' && one !== undefined && two === undefined) document = apiResourceList(catalog, '', one);
  else if (root === 'apis' && one !== undefined && more === undefined)
    document =
      two === undefined ? apiGroup(servedGroups(catalog, remote), one) : apiResourceList(catalog, one, two);
  return document && answer(request, document);
}

/** The whole discovery when the client can read it, else the list of versions or groups. */
async function discovery(request: ApiRequest, parts: RouteParts, legacy: boolean): Promise<ApiResponse> {
  for (const { type, parameters } of parseAccept(request.headers?.accept || 'application/json')) {
    if (formatOf(type) !== 'json') continue;
    const { as, g, v } = parameters;
    if (as === undefined) break;
    if (as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && (v === 'v2' || v === 'v2beta1'))
      return aggregated(request, parts, legacy, v);
  }
  const document = legacy
    ? apiVersions(parts.serverAddress())
    : apiGroupList(servedGroups(parts.catalog, parts.remote));
  return answer(request, document, { vary: 'Accept' });
}

function aggregated(
  request: ApiRequest,
  { catalog, remote }: RouteParts,
  legacy: boolean,
  version: 'v2' | 'v2beta1',
): ApiResponse {
  const body = encodeText(
    JSON.stringify(aggregatedDiscovery(catalog, servedGroups(catalog, remote), legacy, version)),
  );
  const headers = {
    'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    etag: `"${fingerprint(body)}"`,
    vary: 'Accept',
    'cache-control': 'public',
  };
  if (request.headers?.['if-none-match'] === headers.etag)
    return { status: 304, headers, body: new Uint8Array() };
  return { status: 200, headers, body };
}

async function answer(
  request: ApiRequest,
  document: { kind?: string },
  headers: Record<string, string> = {},
): Promise<ApiResponse> {
  const { format } = negotiate(request.headers?.accept, true, false);
  if (format === 'json') return jsonResponse(200, document, headers);
  if (format === 'protobuf')
    return {
      status: 200,
      headers: { 'content-type': PROTOBUF, ...headers },
      body: encodeProtobufObject(`meta/v1.${document.kind}`, document),
    };
  return {
    status: 200,
    headers: { 'content-type': 'application/yaml', ...headers },
    body: encodeText(await printYaml(document)),
  };
}

function rootPaths({ catalog, remote }: RouteParts): string[] {
  const paths = new Set([
    '/.well-known/openid-configuration',
    '/api',
    '/apis',
    '/flagz',
    '/healthz',
    '/livez',
    '/metrics',
    '/metrics/slis',
    '/openapi/v2',
    '/openapi/v3',
    '/openid/v1/jwks',
    '/readyz',
    '/statusz',
    '/version',
  ]);
  const pathOf = ({ group, version }: Resource) =>
    group === '' ? [`/api/${version}`] : [`/apis/${group}`, `/apis/${group}/${version}`];
  for (const resource of catalog.all) for (const path of pathOf(resource)) paths.add(path);
  for (const { name, versions } of servedGroups(catalog, remote))
    for (const { version, remote: isRemote } of versions)
      if (isRemote !== undefined)
        for (const path of [`/apis/${name}`, `/apis/${name}/${version}`]) paths.add(path);
  return [...paths].sort();
}
