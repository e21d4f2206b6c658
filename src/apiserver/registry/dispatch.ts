import { BadRequest } from '../../base/index.ts';
import type { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import { methodNotAllowed, pathNotFound } from '../errors.ts';
import type { MetricsApi } from '../metrics-api/metrics-api.ts';
import type { ResourceVerb } from '../request-info/request-info.ts';
import type { HomeWorkspaces } from '../workspaces/home-workspaces.ts';
import { bind } from './binding.ts';
import { REVIEW_RESOURCES } from './catalog.ts';
import { getComponentStatuses } from './component-statuses.ts';
import { admitConnect } from './connect.ts';
import { create } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { evict } from './eviction.ts';
import { finalize } from './finalize.ts';
import { get } from './get.ts';
import { list } from './list.ts';
import { patch } from './patch.ts';
import type { Answer, Registry, ResourceRequest } from './registry.ts';
import { type ReviewParts, review } from './reviews.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { requestToken } from './token.ts';
import { update } from './update.ts';
import { watch } from './watch.ts';
import { presented } from './workspaces.ts';

export interface DispatchParts extends ReviewParts {
  tokens: ServiceAccountTokens;
  /** Log, exec, attach and port-forward of a pod, carried to its node. */
  connect(request: ResourceRequest): Promise<Answer>;
  /** NodeMetrics and PodMetrics. */
  metrics: MetricsApi;
  homes: HomeWorkspaces;
  closing: AbortSignal;
}

type Handler = (registry: Registry, request: ResourceRequest, parts: DispatchParts) => Promise<Answer>;

const MAIN: Readonly<Record<ResourceVerb, Handler>> = {
  get,
  list,
  watch: (registry, request, parts) => watch(registry, request, parts.closing),
  create,
  update,
  patch,
  delete: deleteObject,
  deletecollection: deleteCollection,
};

const SUBRESOURCES: Readonly<Record<string, Partial<Record<ResourceVerb, Handler>>>> = {
  status: { get, update, patch },
  approval: { get, update, patch },
  ephemeralcontainers: { get, update, patch },
  resize: { get, update, patch },
  scale: { get: getScale, update: updateScale, patch: patchScale },
  binding: { create: bind },
  eviction: { create: evict },
  finalize: { update: finalize },
  token: { create: (registry, request, parts) => requestToken(registry, request, parts.tokens) },
  log: { get: (_registry, request, parts) => parts.connect(request) },
  exec: connecting(),
  attach: connecting(),
  portforward: connecting(),
  proxy: connecting(['get', 'create', 'update', 'patch', 'delete']),
};

function connecting(verbs: ResourceVerb[] = ['get', 'create']): Partial<Record<ResourceVerb, Handler>> {
  const handler: Handler = async (registry, request, parts) => {
    await admitConnect(registry, request);
    return parts.connect(request);
  };
  return Object.fromEntries(verbs.map((verb) => [verb, handler]));
}

const REVIEWS = new Set(REVIEW_RESOURCES);

/**
 * Verb and subresource → what does it.
 *
 * @throws NotFound for a subresource the resource has not, MethodNotAllowed for a verb it has not.
 */
export async function dispatch(
  registry: Registry,
  request: ResourceRequest,
  verb: ResourceVerb,
  parts: DispatchParts,
): Promise<Answer> {
  return inOwnWords(registry, request, await route(registry, request, verb, parts));
}

/** A write answers with what it stored; of a resource that is a view of another, in the view's words. */
function inOwnWords(registry: Registry, request: ResourceRequest, answer: Answer): Answer {
  if (answer.type !== 'object' || answer.resource.storage === undefined) return answer;
  if (answer.stored.rewritten === true) return answer;
  return { ...answer, stored: presented(registry, request, answer.stored) };
}

function route(
  registry: Registry,
  request: ResourceRequest,
  verb: ResourceVerb,
  parts: DispatchParts,
): Promise<Answer> {
  const { resource, subresource, name } = request;
  if (request.workspace === '*' && verb !== 'list' && verb !== 'watch') throw methodNotAllowed();
  if (subresource !== undefined) {
    const described = resource.subresources.find((one) => one.name === subresource);
    const handler = SUBRESOURCES[subresource]?.[verb];
    if (described === undefined || name === undefined) throw pathNotFound();
    if (handler === undefined || !described.verbs.includes(verb)) throw methodNotAllowed();
    return handler(registry, request, parts);
  }
  // POST to a name, PUT or PATCH to a collection.
  if (
    (verb === 'create') === (name !== undefined) &&
    (verb === 'create' || verb === 'update' || verb === 'patch')
  )
    throw methodNotAllowed();
  if (REVIEWS.has(resource) && verb === 'create') return review(registry, request, parts);
  if (resource.group === '' && resource.name === 'bindings' && verb === 'create')
    return bind(registry, { ...request, resource: registry.catalog.findStored('', 'pods')! });
  if (!(resource.verbs as readonly string[]).includes(verb)) throw methodNotAllowed();
  if (resource.group === '' && resource.name === 'componentstatuses')
    return getComponentStatuses(registry, request);
  if (parts.metrics.serves(resource)) return parts.metrics.answer(request);
  if (resource.namespaced && request.namespace === undefined && (verb === 'get' || verb === 'create'))
    throw new BadRequest('an empty namespace may not be set during creation');
  if (verb === 'get' && parts.homes.serves(request)) return parts.homes.answer(request);
  return MAIN[verb](registry, request, parts);
}
