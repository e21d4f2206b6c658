import { randomUUID } from 'node:crypto';
import { BadRequest, type Log, OrreryError } from '../base/index.ts';
import { type Resource, ROOT_WORKSPACE } from '../kube/index.ts';
import type { Aggregation } from './aggregation/aggregation.ts';
import type { Audit, RequestAudit } from './audit/audit.ts';
import { impersonated } from './authentication/impersonation.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  forbiddenSentence,
} from './authorization/authorizer.ts';
import type { AccessMetrics } from './discovery/access-metrics.ts';
import type { RequestMetrics } from './discovery/metrics.ts';
import { requestLabels } from './discovery/request-labels.ts';
import { type RouteParts, servePath } from './discovery/routes.ts';
import { checkAcceptable, encodeAnswer, statusResponse, warningHeader } from './encoding/answer.ts';
import { negotiate } from './encoding/negotiation.ts';
import { forbidden, methodNotAllowed, pathNotFound } from './errors.ts';
import type { CustomResources } from './extensions/custom-resources.ts';
import type { ServedResource } from './extensions/served-versions.ts';
import { type FlowGate, Overloaded } from './flow-control/flow-control.ts';
import {
  type ApiRequest,
  type ApiResponse,
  bodyLength,
  type RequestBody,
  textResponse,
  type UpgradeRequest,
  type User,
} from './http/messages.ts';
import { allottedMs, withDeadline } from './http/request-deadline.ts';
import type { Catalog, ResourceCatalog } from './registry/catalog.ts';
import { type DispatchParts, dispatch } from './registry/dispatch.ts';
import type { Registry, ResourceRequest } from './registry/registry.ts';
import {
  ALL_WORKSPACES,
  isTrue,
  type RequestInfo,
  type ResourceRequestInfo,
  readRequestInfo,
} from './request-info/request-info.ts';
import { isServerFault, statusOf } from './status.ts';
import type { ApiExportViews } from './workspaces/apis/api-export-views.ts';
import type { BoundApis } from './workspaces/apis/bound-apis.ts';
import { warranted } from './workspaces/apis/view-warrant.ts';
import type { LifecycleViews } from './workspaces/lifecycle/lifecycle-views.ts';
import type { WorkspaceGate } from './workspaces/workspace-gate.ts';

export interface PipelineParts {
  registry: Registry;
  catalog: ResourceCatalog;
  authorizer: Authorizer;
  dispatch: DispatchParts;
  /** Of each workspace. */
  routes: { of(workspace: string): RouteParts; over(catalog: Catalog, prefix: string): RouteParts };
  views: ApiExportViews;
  lifecycles: LifecycleViews;
  workspaces: WorkspaceGate;
  metrics: RequestMetrics;
  access: AccessMetrics;
  customResources: CustomResources;
  boundApis: BoundApis;
  aggregation: Aggregation;
  /** Undefined: nothing is written down. */
  audit: Audit | undefined;
  flow: FlowGate;
  /** kube-apiserver's --request-timeout. */
  requestTimeoutMs: number;
  /** How long a watcher may leave unread what lies ready for it. */
  stallLimitMs: number;
  log: Log;
}

/** What is left on the connection a request came by. */
export interface RequestWire {
  upgrade?: Pick<UpgradeRequest, 'socket' | 'head'>;
  /** Read only for who may ask. */
  body?: RequestBody;
  remoteAddress?: string;
}

/** What the handling of one request leaves beside its answer. */
type RequestContext = RequestWire & {
  warn(text: string): void;
  audit: RequestAudit | undefined;
  /** How the request was classified. */
  flowHeaders?: Readonly<Record<string, string>> | undefined;
};

/** A resource that is served, in the way it was asked for. */
interface FoundResource {
  user: User;
  request: ApiRequest;
  info: ResourceRequestInfo;
  wire: RequestContext;
  resource: Resource;
  custom: ServedResource | undefined;
  /** Instead of the one all share. */
  registry?: Registry;
}

const LONG_RUNNING = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/**
 * One request, its identity known, to its answer: request info → impersonation → flow control → authorization →
 * resource → encoding. Never throws: every error is a Status.
 */
export class Pipeline {
  readonly #parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  async serve(request: ApiRequest, user: User, wire: RequestWire = {}): Promise<ApiResponse> {
    const { metrics } = this.#parts;
    const startMs = performance.now();
    const auditId = auditIdOf(request);
    let info: RequestInfo | undefined;
    let context: RequestContext | undefined;
    let response: ApiResponse;
    let audit: RequestAudit | undefined;
    const warnings = new Set<string>();
    let leave: (() => void) | undefined;
    let longRunning = false;
    try {
      const located = this.#parts.workspaces.locate(readRequestInfo(request), request, user);
      info = located instanceof Promise ? await located : located;
      longRunning = isLongRunning(request, info);
      if (!longRunning) leave = metrics.begin(info);
      audit = this.#parts.audit?.begin({
        request,
        user,
        info,
        id: auditId,
        remoteAddress: wire.remoteAddress,
      });
      const warn = (text: string) => warnings.add(text);
      context = { ...wire, warn, audit };
      const limitMs = longRunning ? 0 : allottedMs(request, this.#parts.requestTimeoutMs);
      const answering = this.#answer(request, user, info, context);
      response = await (longRunning ? answering : withDeadline(answering, limitMs));
    } catch (error) {
      response = this.errorResponse(error, request);
    }
    const always = { 'audit-id': auditId, 'cache-control': 'no-cache, private' };
    response = { ...response, headers: { ...always, ...response.headers, ...context?.flowHeaders } };
    if (warnings.size > 0) response = withWarnings(response, [...warnings]);
    if (audit !== undefined) response = await audit.answered(response, wire.upgrade?.socket);
    leave?.();
    const labels = requestLabels(request, info, this.#served(info));
    metrics.end(labels, {
      code: response.status,
      seconds: (performance.now() - startMs) / 1000,
      longRunning,
      bytes: bodyLength(response.body),
    });
    if (response.status === 101) wire.upgrade?.socket.once('close', metrics.longRunning(labels));
    return response;
  }

  /** A group, version or resource that is not served is the client's word: it must not make a time series. */
  #served(info: RequestInfo | undefined): ResourceRequestInfo | undefined {
    if (info?.type !== 'resource') return undefined;
    const resource = this.#parts.catalog.in(info.workspace).find(info.group, info.version, info.resource);
    const isServed =
      info.subresource === undefined || resource?.subresources.some(({ name }) => name === info.subresource);
    return resource !== undefined && isServed ? info : undefined;
  }

  /** Who could not show who he is: the answer, and a word in the audit log. */
  refuse(error: unknown, request: ApiRequest, wire: RequestWire & { hasCertificate: boolean }): ApiResponse {
    const response = this.errorResponse(error, request);
    const id = auditIdOf(request);
    const { audit, metrics } = this.#parts;
    const info = pathInfo(request);
    audit?.refused(
      { request, info, id, remoteAddress: wire.remoteAddress },
      response.status,
      wire.hasCertificate,
    );
    const outcome = { code: response.status, seconds: 0, longRunning: true, bytes: undefined };
    metrics.end(requestLabels(request, info, this.#served(info)), outcome);
    response.headers = { 'audit-id': id, 'cache-control': 'no-cache, private', ...response.headers };
    return response;
  }

  /** The Status of an error; what is our own fault is logged with its cause. */
  errorResponse(error: unknown, request: Pick<ApiRequest, 'method' | 'path' | 'headers'>): ApiResponse {
    // Plain text, as upstream: clients go by the code and the header.
    if (error instanceof Overloaded) return textResponse(429, `${error.message}\n`, { ...error.headers });
    const status = statusOf(error);
    if (isServerFault(status))
      this.#parts.log.error('request failed', { method: request.method, path: request.path, error });
    const retryAfter = status.details?.retryAfterSeconds;
    return statusResponse(
      status,
      request.headers?.accept,
      retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
    );
  }

  async #answer(
    request: ApiRequest,
    asking: User,
    info: RequestInfo,
    context: RequestContext,
  ): Promise<ApiResponse> {
    const { authorizer, flow } = this.#parts;
    const user = await impersonated(request, asking, { authorizer, workspace: info.workspace });
    if (user !== asking) context.audit?.impersonate(user);
    // A watch has a seat until it has begun; what is long from its nature has none.
    if (info.verb !== 'watch' && isLongRunning(request, info))
      return this.#serveAs(user, request, info, context);
    const entering = flow.enter(user, info, request);
    const ticket = entering instanceof Promise ? await entering : entering;
    context.flowHeaders = ticket.headers;
    try {
      return await this.#serveAs(user, request, info, context);
    } finally {
      ticket.release();
    }
  }

  async #serveAs(
    user: User,
    request: ApiRequest,
    info: RequestInfo,
    wire: RequestContext,
  ): Promise<ApiResponse> {
    if (info.view !== undefined) return this.#serveView(user, request, info, wire);
    await this.#authorize(request, user, info, wire.audit);
    await this.#parts.workspaces.check(user, info);
    const isProxied = info.type === 'resource' && info.subresource === 'proxy';
    if (request.sentMethod === 'OPTIONS' && !isProxied) throw methodNotAllowed();
    const remote = this.#parts.aggregation.find(info);
    if (remote !== undefined) {
      const isLong = isLongRunning(request, info);
      const limitMs = isLong ? undefined : allottedMs(request, this.#parts.requestTimeoutMs);
      const proxied = { request, user, info, wire, limitMs, auditId: wire.audit?.id };
      return this.#parts.aggregation.serve(remote, proxied);
    }
    if (info.type === 'path') return servePath(request, info.path, this.#parts.routes.of(info.workspace));
    const { customResources, boundApis } = this.#parts;
    const find = () => this.#parts.catalog.in(info.workspace).find(info.group, info.version, info.resource);
    let found = find();
    if (found === undefined && (await customResources.lookAgain(info))) found = find();
    if (found === undefined && (await boundApis.lookAgain(info.workspace))) {
      found = find();
      // Who exports it may not let everybody.
      await this.#authorize(request, user, info, wire.audit);
    }
    if (found === undefined && info.workspace === ALL_WORKSPACES)
      found = await boundApis.ownByIdentity(info.group, info.version, info.resource);
    if (found === undefined) throw pathNotFound();
    const custom = await customResources.served(found);
    if (custom !== undefined && isMixture(info, found, request) && user.isInternal !== true)
      throw pathNotFound();
    return this.#dispatch({ user, request, info, wire, resource: custom?.resource ?? found, custom });
  }

  /** What `/services/…/clusters/<workspace>` serves: a part of the same resources, to others. */
  async #serveView(
    user: User,
    request: ApiRequest,
    info: RequestInfo,
    wire: RequestContext,
  ): Promise<ApiResponse> {
    const { views, lifecycles, routes, registry } = this.#parts;
    const { view: path, ...direct } = info;
    const { name, parts } = path!;
    const view = name === 'apiexport' ? await views.open(parts) : lifecycles.open(name, parts);
    if (view === undefined) throw pathNotFound();
    await this.#authorize(request, user, info, wire.audit, view);
    const acting = 'actingUser' in view ? await view.actingUser(info) : undefined;
    if (acting !== undefined) {
      wire.audit?.impersonate(acting);
      return this.#serveAs(acting, request, direct, wire);
    }
    await this.#parts.workspaces.check(user, info);
    const prefix = `/services/${[name, ...parts].join('/')}/clusters/${info.askedWorkspace ?? info.workspace}`;
    if (info.type === 'path') return servePath(request, info.path, routes.over(await view.catalog(), prefix));
    const found = await view.find(info, registry);
    if (found === undefined) throw pathNotFound();
    const writer = name === 'apiexport' ? warranted(user, info.workspace) : user;
    return this.#dispatch({ user: writer, request, info, wire, ...found });
  }

  async #dispatch(found: FoundResource): Promise<ApiResponse> {
    const { user, request, info, wire, resource, custom } = found;
    const { upgrade } = wire;
    if (custom?.deprecation !== undefined) wire.warn(custom.deprecation);
    if (!resource.namespaced && info.namespace !== undefined && info.resource !== 'namespaces')
      throw pathNotFound();
    if (upgrade === undefined && request.method !== 'GET' && info.subresource !== 'proxy')
      checkAcceptable(request, resource);
    const { registry: shared, parts } = withCustom(this.#parts, this.#whileBound(info, custom), info.verb);
    const registry = found.registry ?? shared;
    const target: ResourceRequest = {
      resource,
      workspace: info.workspace,
      user,
      request,
      warn: wire.warn,
      ...(wire.audit !== undefined && { annotate: wire.audit.annotate.bind(wire.audit) }),
      ...(info.subresource !== undefined && { subresource: info.subresource }),
      ...(info.namespace !== undefined && resource.namespaced && { namespace: info.namespace }),
      ...(info.name !== undefined && { name: info.name }),
      ...(upgrade !== undefined && { upgrade }),
    };
    if (info.rest !== undefined && info.subresource !== 'proxy') throw pathNotFound();
    if (wire.body !== undefined) request.body = await wire.body.read();
    const answer = await dispatch(registry, target, info.verb, parts);
    const now = new Date(registry.clock.now());
    if (answer.type !== 'watch') return encodeAnswer(answer, { request, storage: registry.storage, now });
    const watch = this.#parts.metrics.watch(requestLabels(request, info, this.#served(info)));
    const { stallLimitMs } = this.#parts;
    return encodeAnswer(answer, { request, storage: registry.storage, now, watch, stallLimitMs });
  }

  /** Watches of what is bound end with the binding. */
  #whileBound(info: ResourceRequestInfo, custom: ServedResource | undefined): ServedResource | undefined {
    if (custom?.resource.identity === undefined || info.verb !== 'watch') return custom;
    const { workspace, group, resource } = info;
    const unbound = this.#parts.boundApis.closingOf(workspace, group, resource);
    if (unbound === undefined) return custom;
    return { ...custom, closing: AbortSignal.any([custom.closing, unbound]) };
  }

  async #authorize(
    request: ApiRequest,
    user: User,
    info: RequestInfo,
    audit: RequestAudit | undefined,
    authorizer: Authorizer = this.#parts.authorizer,
  ): Promise<void> {
    const attributes: AuthorizationAttributes = {
      user,
      workspace: info.workspace,
      verb: info.verb,
      path: info.path,
      ...(info.type === 'resource' && { resource: resourceAttributes(info, request) }),
    };
    const sinceMs = performance.now();
    const decision = await authorizer.authorize(attributes);
    this.#parts.access.authorized(decision.verdict, (performance.now() - sinceMs) / 1000);
    audit?.annotate('authorization.k8s.io/decision', decision.verdict === 'allow' ? 'allow' : 'forbid');
    audit?.annotate('authorization.k8s.io/reason', decision.reason ?? '');
    if (decision.verdict === 'allow') return;
    const why = forbiddenSentence(attributes, decision.reason);
    if (info.type === 'path') throw forbidden(undefined, '', why);
    throw forbidden({ group: info.group, name: info.resource }, attributes.resource?.name ?? '', why);
  }
}

/** A custom resource has a storage of its own words, and its watches end when its definition changes. */
function withCustom(
  { registry, dispatch: parts }: PipelineParts,
  custom: ServedResource | undefined,
  verb: string,
): { registry: Registry; parts: DispatchParts } {
  if (custom === undefined) return { registry, parts };
  if (custom.terminating && verb === 'create') {
    const { resource } = custom;
    if (resource.identity !== undefined)
      throw forbidden(resource, '', 'create not allowed while the APIBinding is being deleted');
    throw new OrreryError(
      'MethodNotAllowed',
      'create not allowed while custom resource definition is terminating',
    );
  }
  return {
    registry: { ...registry, storage: custom.storage },
    parts: verb === 'watch' ? { ...parts, closing: AbortSignal.any([parts.closing, custom.closing]) } : parts,
  };
}

function resourceAttributes(info: ResourceRequestInfo, request: ApiRequest) {
  const { group, version, resource, subresource, namespace } = info;
  const fieldSelector = request.query?.get('fieldSelector');
  const name = info.name ?? (COLLECTION_VERBS.has(info.verb) ? selectedName(fieldSelector) : undefined);
  return {
    group,
    version,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(fieldSelector && { fieldSelector }),
  };
}

const COLLECTION_VERBS = new Set(['list', 'watch', 'deletecollection']);

/** A list of one name is judged as that one; k8s.io/apiserver/pkg/endpoints/request/requestinfo.go. */
function selectedName(fieldSelector: string | null | undefined): string | undefined {
  const terms = (fieldSelector ?? '').split(',').map((term) => /^metadata\.name==?([^=!/]+)$/.exec(term));
  return terms.find((term) => term !== null)?.[1];
}

/** Definitions of many workspaces under one name have nothing in common but metadata. */
function isMixture(info: RequestInfo, { identity, name }: Resource, request: ApiRequest): boolean {
  // What is bound goes by its identity there, and is of one definition.
  const isOfOne = identity !== undefined || name.includes(':');
  if (info.workspace !== ALL_WORKSPACES || isOfOne) return false;
  return !negotiate(request.headers?.accept, false).as.startsWith('PartialObjectMetadata');
}

/** Warnings of admission go out with the answer, whatever it is; those of decoding stand there already. */
function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  const { warning } = warningHeader(warnings);
  const before = response.headers.warning;
  return {
    ...response,
    headers: { ...response.headers, warning: before === undefined ? warning! : `${before}, ${warning}` },
  };
}

const AUDIT_ID_LENGTH = 64;

/** The client's own or a new one. Source: k8s.io/apiserver/pkg/endpoints/filters/audit_init.go. */
function auditIdOf({ headers }: ApiRequest): string {
  return headers?.['audit-id']?.slice(0, AUDIT_ID_LENGTH) || randomUUID();
}

/** What a request is about, whatever its path is worth. */
function pathInfo(request: ApiRequest): RequestInfo {
  try {
    return readRequestInfo(request);
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    const verb = request.method.toLowerCase();
    return { type: 'path', path: request.path, workspace: ROOT_WORKSPACE, verb };
  }
}

function isLongRunning(request: ApiRequest, info: RequestInfo): boolean {
  if (info.type === 'path') return false;
  if (info.verb === 'watch') return true;
  if (info.subresource === undefined || !LONG_RUNNING.has(info.subresource)) return false;
  return info.subresource !== 'log' || isTrue(request.query?.get('follow'));
}
