import { BadRequest } from '../../base/index.ts';
import type { ApiRequest } from '../http/messages.ts';

/** What a request is about, read from its method, path and query alone; k8s.io/apiserver/pkg/endpoints/request. */
export type RequestInfo = ResourceRequestInfo | PathRequestInfo;

export interface ResourceRequestInfo {
  type: 'resource';
  /** The path without `/clusters/<workspace>`. */
  path: string;
  /** `*` for all workspaces; from the pipeline on a logical cluster's name, before that what the path says. */
  workspace: string;
  /** The path that named the workspace, when it was not the first one. */
  askedWorkspace?: string;
  view?: ViewPath;
  verb: ResourceVerb;
  group: string;
  version: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  /** What stands after the subresource: `proxy/a/b`. */
  rest?: string;
}

export interface PathRequestInfo {
  type: 'path';
  path: string;
  workspace: string;
  askedWorkspace?: string;
  view?: ViewPath;
  /** The method in lower case. */
  verb: string;
}

/** A way to look at workspaces other than their own: `/services/<name>/<parts…>/clusters/<workspace>`. */
export interface ViewPath {
  name: string;
  parts: readonly string[];
}

export type ResourceVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection';

export const DEFAULT_WORKSPACE = 'root';
export const ALL_WORKSPACES = '*';

/** No name is longer than 253, some may have a prefix; the store's keys end at some 1,900 bytes. */
const MAX_SEGMENT_LENGTH = 300;
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** @throws BadRequest when the path is not valid percent-encoding. */
export function readRequestInfo(request: Pick<ApiRequest, 'method' | 'path' | 'query'>): RequestInfo {
  let segments = request.path.split('/').filter((part) => part !== '');
  let workspace = DEFAULT_WORKSPACE;
  const view = viewOf(segments);
  if (view !== undefined) segments = segments.slice(2 + view.parts.length);
  if (segments[0] === 'clusters' && segments.length >= 2) {
    workspace = decode(segments[1]!);
    segments = segments.slice(2);
  }
  const path = `/${segments.join('/')}`;
  const plain = (): PathRequestInfo => ({
    type: 'path',
    path,
    workspace,
    ...(view !== undefined && { view }),
    verb: request.method.toLowerCase(),
  });

  let group: string;
  let rest: string[];
  if (segments[0] === 'api' && segments.length >= 3) {
    group = '';
    rest = segments.slice(1);
  } else if (segments[0] === 'apis' && segments.length >= 4) {
    group = decode(segments[1]!);
    rest = segments.slice(2);
  } else return plain();

  const version = decode(rest[0]!);
  let parts = decodeUntilProxy(rest.slice(1));
  let watching = false;
  if (parts[0] === 'watch' && parts.length > 1) {
    watching = true;
    parts = parts.slice(1);
  }
  const target = readTarget(parts);
  // `?watch=true` on one named object is a get, as upstream.
  if (target.name === undefined && isTrue(request.query?.get('watch'))) watching = true;
  const verb = verbOf(request.method, target.name, watching && target.subresource === undefined);
  const viewed = view === undefined ? {} : { view };
  return { type: 'resource', path, workspace, ...viewed, verb, group, version, ...target };
}

function viewOf(segments: readonly string[]): ViewPath | undefined {
  if (segments[0] !== 'services') return undefined;
  const end = segments.indexOf('clusters', 2);
  // Without a workspace behind it it is a path as any.
  if (end < 0 || segments.length < end + 2) return undefined;
  return { name: segments[1]!, parts: segments.slice(2, end).map(decode) };
}

type Target = Pick<ResourceRequestInfo, 'resource' | 'subresource' | 'namespace' | 'name' | 'rest'>;

function readTarget(parts: string[]): Target {
  let namespace: string | undefined;
  if (parts[0] === 'namespaces' && parts.length >= 2) {
    const third = parts[2];
    if (third === undefined || (parts.length === 3 && NAMESPACE_SUBRESOURCES.has(third))) {
      return named({ resource: 'namespaces', namespace: parts[1]!, name: parts[1]! }, third, []);
    }
    namespace = parts[1]!;
    parts = parts.slice(2);
  }
  const target: Target = { resource: parts[0]! };
  if (namespace !== undefined) target.namespace = namespace;
  if (parts[1] !== undefined) target.name = parts[1];
  return named(target, parts[2], parts.slice(3));
}

function named(target: Target, subresource: string | undefined, rest: string[]): Target {
  if (subresource !== undefined) target.subresource = subresource;
  if (rest.length > 0) target.rest = rest.join('/');
  return target;
}

function verbOf(method: string, name: string | undefined, watching: boolean): ResourceVerb {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      if (watching) return 'watch';
      return name === undefined ? 'list' : 'get';
  }
}

export function isTrue(value: string | null | undefined): boolean {
  return value !== null && value !== undefined && value !== '' && value !== 'false' && value !== '0';
}

/** What comes after `proxy` is another server's path: it stays as it is. */
function decodeUntilProxy(segments: readonly string[]): string[] {
  const at = segments[0] === 'namespaces' ? 4 : 2;
  const isProxy = segments[at] === 'proxy';
  return segments.map((segment, index) => (isProxy && index > at ? segment : decode(segment)));
}

/** Nearly all there are: nothing to decode, no lone dots, and no way to be another path than it looks. */
const PLAIN_SEGMENT = /^[a-z0-9][-a-z0-9.:_]*$/i;

/** No segment can climb, or hide a separator: k8s.io/apimachinery/pkg/api/validation/path IsValidPathSegmentName. */
function decode(segment: string): string {
  if (segment.length <= MAX_SEGMENT_LENGTH && PLAIN_SEGMENT.test(segment)) return segment;
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch (cause) {
    throw new BadRequest(`the path segment "${segment}" is not valid percent-encoding`, { cause });
  }
  if (decoded === '.' || decoded === '..')
    throw new BadRequest(`Name parameter invalid: ${JSON.stringify(decoded)}: may not be '${decoded}'`);
  if (decoded.length > MAX_SEGMENT_LENGTH)
    throw new BadRequest(`Name parameter invalid: must be no more than ${MAX_SEGMENT_LENGTH} characters`);
  const bad = /[/%\0]/.exec(decoded)?.[0];
  if (bad !== undefined)
    throw new BadRequest(
      `Name parameter invalid: ${JSON.stringify(decoded)}: may not contain '${bad === '\0' ? '\\0' : bad}'`,
    );
  return decoded;
}
