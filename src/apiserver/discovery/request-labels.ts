import type { ApiRequest } from '../http/messages.ts';
import type { RequestInfo, ResourceRequestInfo, ResourceVerb } from '../request-info/request-info.ts';
import type { RequestLabels } from './metrics.ts';

const VERBS: Readonly<Record<ResourceVerb, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};
const CONNECTING = new Set(['exec', 'attach', 'portforward', 'proxy']);
/** Paths that have a time series of their own. */
const PATHS = new Set([
  '/healthz',
  '/livez',
  '/readyz',
  '/metrics',
  '/metrics/slis',
  '/version',
  '/api',
  '/apis',
]);

/**
 * A request in the words of the metrics; `served`: what it is about, when that is served: anything else is the client's
 * word. Source: k8s.io/apiserver/pkg/endpoints/metrics cleanVerb, CleanScope.
 */
export function requestLabels(
  request: ApiRequest,
  info: RequestInfo | undefined,
  served: ResourceRequestInfo | undefined,
): RequestLabels {
  if (served === undefined) {
    const path = info?.type === 'path' && PATHS.has(info.path) ? info.path : '';
    const about = { group: '', version: '', resource: '', subresource: path, scope: '' };
    return { verb: request.method, dryRun: '', ...about };
  }
  const { group, version, resource, subresource = '', name, namespace, verb } = served;
  return {
    verb: verbOf(request, verb, subresource),
    dryRun: request.query?.get('dryRun') === 'All' ? 'All' : '',
    group,
    version,
    resource,
    subresource,
    scope:
      name !== undefined || verb === 'create'
        ? 'resource'
        : namespace !== undefined
          ? 'namespace'
          : 'cluster',
  };
}

function verbOf(request: ApiRequest, verb: ResourceVerb, subresource: string): string {
  if (CONNECTING.has(subresource)) return 'CONNECT';
  if (verb === 'patch' && request.headers?.['content-type']?.startsWith('application/apply-patch'))
    return 'APPLY';
  return VERBS[verb];
}
