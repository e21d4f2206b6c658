import { type Log, NotFound, OrreryError } from '../base/index.ts';
import type { Aggregation } from './aggregation/aggregation.ts';
import type { Audit, RequestAudit } from './audit/audit.ts';
import { impersonated } from './authentication/impersonation.ts';
import {
  type AuthorizationAttributes,
  type Authorizer,
  forbiddenSentence,
} from './authorization/authorizer.ts';
import type { RequestMetrics } from './discovery/metrics.ts';
import { type RouteParts, servePath } from './discovery/routes.ts';
import { checkAcceptable, encodeAnswer, statusResponse, warningHeader } from './encoding/answer.ts';
import { forbidden, methodNotAllowed, pathNotFound, qualifiedName } from './errors.ts';
import type { CustomResources, ServedResource } from './extensions/custom-resources.ts';
import { FlowControl } from './http/flow-control.ts';
import {
  type ApiRequest,
  type ApiResponse,
  MASTERS_GROUP,
  type RequestBody,
  type UpgradeRequest,
  type User,
} from './http/messages.ts';
import type { ResourceCatalog } from './registry/catalog.ts';
import { type DispatchParts, dispatch } from './registry/dispatch.ts';
import type { Registry, ResourceRequest } from './registry/registry.ts';
import {
  ALL_WORKSPACES,
  DEFAULT_WORKSPACE,
  isTrue,
  type RequestInfo,
  type ResourceRequestInfo,
  readRequestInfo,
} from './request-info/request-info.ts';
import { isServerFault, statusOf } from './status.ts';

export interface PipelineParts {
  registry: Registry;
  catalog: ResourceCatalog;
  authorizer: Authorizer;
  dispatch: DispatchParts;
  routes: RouteParts;
  metrics: RequestMetrics;
  customResources: CustomResources;
  aggregation: Aggregation;
  /** Undefined: nothing is written down. */
  audit: Audit | undefined;
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
type RequestContext = RequestWire & { warn(text: string): void; audit: RequestAudit | undefined };

const LONG_RUNNING = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/**
 * One request, its identity known, to its answer: request info → workspace → flow control → authorization →
 * resource → encoding. Never throws: every error is a Status.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #flow = new FlowControl();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  async serve(request: ApiRequest, user: User, wire: RequestWire = {}): Promise<ApiResponse> {
    const { metrics } = this.#parts;
    const startMs = performance.now();
    let info: RequestInfo | undefined;
    let leave: (() => void) | undefined;
    let response: ApiResponse;
    let audit: RequestAudit | undefined;
    const warnings = new Set<string>();
    metrics.begin();
    try {
      info = readRequestInfo(request);
      audit = this.#parts.audit?.begin({ request, user, info, remoteAddress: wire.remoteAddress });
      if (!isLongRunning(request, info) && !user.groups.includes(MASTERS_GROUP))
        leave = this.#flow.enter(request.method);
      const warn = (text: string) => warnings.add(text);
      response = await this.#answer(request, user, info, { ...wire, warn, audit });
    } catch (error) {
      response = this.errorResponse(error, request);
    }
    leave?.();
    if (warnings.size > 0) response = withWarnings(response, [...warnings]);
    if (audit !== undefined) response = await audit.answered(response, wire.upgrade?.socket);
    const longRunning = info !== undefined && isLongRunning(request, info);
    metrics.end(
      labelsOf(request, this.#served(info), response.status),
      (performance.now() - startMs) / 1000,
      longRunning,
    );
    return response;
  }

  /** A group, version or resource that is not served is the client's word: it must not make a time series. */
  #served(info: RequestInfo | undefined): ResourceRequestInfo | undefined {
    if (info?.type !== 'resource') return undefined;
    const resource = this.#parts.catalog.find(info.group, info.version, info.resource);
    const isServed =
      info.subresource === undefined || resource?.subresources.some(({ name }) => name === info.subresource);
    return resource !== undefined && isServed ? info : undefined;
  }

  /** The Status of an error; what is our own fault is logged with its cause. */
  errorResponse(error: unknown, request: Pick<ApiRequest, 'method' | 'path' | 'headers'>): ApiResponse {
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
    wire: RequestContext,
  ): Promise<ApiResponse> {
    const { upgrade } = wire;
    const { authorizer } = this.#parts;
    const user = await impersonated(request, asking, { authorizer, workspace: info.workspace });
    if (user !== asking) wire.audit?.impersonate(user);
    await this.#authorize(request, user, info, wire.audit);
    checkWorkspace(info);
    const remote = this.#parts.aggregation.find(info);
    if (remote !== undefined) {
      const isLong = isLongRunning(request, info);
      const proxied = { request, user, info, wire, isLongRunning: isLong, auditId: wire.audit?.id };
      return this.#parts.aggregation.serve(remote, proxied);
    }
    if (info.type === 'path') return servePath(request, info.path, this.#parts.routes);
    const found = this.#parts.catalog.find(info.group, info.version, info.resource);
    if (found === undefined) throw pathNotFound();
    const custom = await this.#parts.customResources.served(found);
    const resource = custom?.resource ?? found;
    if (custom?.deprecation !== undefined) wire.warn(custom.deprecation);
    if (!resource.namespaced && info.namespace !== undefined && info.resource !== 'namespaces')
      throw pathNotFound();
    if (upgrade === undefined && request.method !== 'GET' && info.subresource !== 'proxy')
      checkAcceptable(request, resource);
    const { registry, parts } = withCustom(this.#parts, custom, info.verb);
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
    return encodeAnswer(answer, { request, storage: registry.storage, now });
  }

  async #authorize(
    request: ApiRequest,
    user: User,
    info: RequestInfo,
    audit: RequestAudit | undefined,
  ): Promise<void> {
    const attributes: AuthorizationAttributes = {
      user,
      workspace: info.workspace,
      verb: info.verb,
      path: info.path,
      ...(info.type === 'resource' && { resource: resourceAttributes(info, request) }),
    };
    const decision = await this.#parts.authorizer.authorize(attributes);
    audit?.annotate('authorization.k8s.io/decision', decision.verdict === 'allow' ? 'allow' : 'forbid');
    audit?.annotate('authorization.k8s.io/reason', decision.reason ?? '');
    if (decision.verdict === 'allow') return;
    const why = forbiddenSentence(attributes, decision.reason);
    if (info.type === 'path') throw forbidden(undefined, '', why);
    throw forbidden({ group: info.group, name: info.resource }, info.name ?? '', why);
  }
}

/** A custom resource has a storage of its own words, and its watches end when its definition changes. */
function withCustom(
  { registry, dispatch: parts }: PipelineParts,
  custom: ServedResource | undefined,
  verb: string,
): { registry: Registry; parts: DispatchParts } {
  if (custom === undefined) return { registry, parts };
  if (custom.terminating && verb === 'create')
    throw new OrreryError(
      'MethodNotAllowed',
      'create not allowed while custom resource definition is terminating',
    );
  return {
    registry: { ...registry, storage: custom.storage },
    parts: verb === 'watch' ? { ...parts, closing: AbortSignal.any([parts.closing, custom.closing]) } : parts,
  };
}

function resourceAttributes(info: ResourceRequestInfo, request: ApiRequest) {
  const { group, version, resource, subresource, namespace, name } = info;
  const fieldSelector = request.query?.get('fieldSelector');
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

/** One workspace exists on the first day; `*` is for looking at all. */
function checkWorkspace(info: RequestInfo): void {
  if (info.workspace === DEFAULT_WORKSPACE) return;
  if (info.workspace !== ALL_WORKSPACES) {
    const logicalClusters = { group: 'core.kcp.io', name: 'logicalclusters' };
    throw new NotFound(`${qualifiedName(logicalClusters)} ${JSON.stringify(info.workspace)} not found`, {
      details: { name: info.workspace, group: logicalClusters.group, kind: logicalClusters.name },
    });
  }
  if (info.type !== 'resource') return;
  // Across workspaces one looks at a whole resource: a namespace or a name is some workspace's.
  const isPart = info.namespace !== undefined || info.name !== undefined;
  if ((info.verb !== 'list' && info.verb !== 'watch') || isPart) throw methodNotAllowed();
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

function isLongRunning(request: ApiRequest, info: RequestInfo): boolean {
  if (info.type === 'path') return false;
  if (info.verb === 'watch') return true;
  if (info.subresource === undefined || !LONG_RUNNING.has(info.subresource)) return false;
  return info.subresource !== 'log' || isTrue(request.query?.get('follow'));
}

function labelsOf(request: ApiRequest, resource: ResourceRequestInfo | undefined, code: number) {
  return {
    verb: (resource?.verb ?? request.method).toUpperCase(),
    group: resource?.group ?? '',
    version: resource?.version ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    code,
  };
}
