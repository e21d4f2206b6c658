import { readFile } from 'node:fs/promises';
import { type Clock, type Log, MetricRegistry, systemClock } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import { AdmissionChain } from './admission/admission.ts';
import type { PluginConfigurations } from './admission/admission-configuration.ts';
import { AdmissionMetrics } from './admission/admission-metrics.ts';
import { admissionPlugins } from './admission/plugins.ts';
import type { ClaimRepairParts } from './admission/service-claim-repair.ts';
import { StepMetrics } from './admission/step-metrics.ts';
import { CachedStoredObjects } from './admission/stored-objects.ts';
import { Aggregation } from './aggregation/aggregation.ts';
import type { Audit } from './audit/audit.ts';
import { Authentication } from './authentication/authentication.ts';
import type { AuthenticationConfiguration } from './authentication/jwt/authentication-configuration.ts';
import type { RequestHeaderConfig } from './authentication/request-header.ts';
import { Authorization } from './authorization/authorization.ts';
import { ownObjectClient, storeApiServiceStatus } from './bootstrap.ts';
import { AccessMetrics } from './discovery/access-metrics.ts';
import { healthChecks, type StartPhase } from './discovery/health-checks.ts';
import { Monitoring } from './discovery/monitoring.ts';
import { StoredContents } from './discovery/stored-contents.ts';
import { versionInfo } from './discovery/version.ts';
import { WorkspaceRoutes } from './discovery/workspace-routes.ts';
import { CustomResources } from './extensions/custom-resources.ts';
import { FlowRoom } from './flow-control/flow-room.ts';
import type { ApiRequest, ApiResponse, User } from './http/messages.ts';
import { MetricsApi } from './metrics-api/metrics-api.ts';
import { metricsResources } from './metrics-api/metrics-resources.ts';
import { NodeUsages, type StatsSummary } from './metrics-api/node-usage.ts';
import {
  type ApiServerOptions,
  DEFAULT_LIMITS,
  DEFAULT_NODE_PORT_RANGE,
  DEFAULT_SERVICE_CIDR,
  type RequestLimits,
} from './options.ts';
import { Pipeline } from './pipeline.ts';
import { ServerPresence } from './presence/server-presence.ts';
import { NodeProxy } from './proxy/node-proxy.ts';
import { REVIEW_RESOURCES, ResourceCatalog } from './registry/catalog.ts';
import type { Registry } from './registry/registry.ts';
import { servedResources } from './registry/runtime-config.ts';
import { ObjectStorage } from './storage/object-storage.ts';
import { WebhookClient } from './webhooks/webhook-client.ts';
import { ApiExportViews } from './workspaces/apis/api-export-views.ts';
import { BoundApis } from './workspaces/apis/bound-apis.ts';
import { HomeWorkspaces } from './workspaces/home-workspaces.ts';
import { LifecycleViews } from './workspaces/lifecycle/lifecycle-views.ts';
import { WorkspaceDirectory } from './workspaces/workspace-directory.ts';
import { WorkspaceGate } from './workspaces/workspace-gate.ts';

/** Older counts of objects are made anew for whoever reads the metrics. */
const STATISTICS_AGE_MS = 30_000;

/** What is read from files before the server is made. */
export interface IdentityFiles {
  serviceAccountKeyPem: string;
  caPem: string;
  requestHeaders: readonly RequestHeaderConfig[];
  configuration: AuthenticationConfiguration | undefined;
  audit: Audit | undefined;
  plugins: PluginConfigurations;
}

/** How far the server is, and its own way in, for parts that are made before it is there. */
export interface ServerLife {
  handle(request: ApiRequest, user: User): Promise<ApiResponse>;
  phases: ReadonlySet<StartPhase>;
  /** /readyz says no. */
  stopping: AbortSignal;
  /** Watches end. */
  closing: AbortSignal;
}

/** What the requests meet, wired over a store; nothing runs and no port is open yet. */
export interface ServerParts {
  registry: Registry;
  pipeline: Pipeline;
  authentication: Authentication;
  authorization: Authorization;
  customResources: CustomResources;
  boundApis: BoundApis;
  aggregation: Aggregation;
  flow: FlowRoom;
  access: AccessMetrics;
  presence: ServerPresence;
  claims: ClaimRepairParts;
}

export function composeServer(
  options: ApiServerOptions,
  files: IdentityFiles,
  life: ServerLife,
): ServerParts {
  const core = composeCore(options, files);
  const { storage, catalog, objects, clock, log, authentication, authorization, metrics } = core;
  const { authorizer } = authorization;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const access = new AccessMetrics(metrics);
  const registry: Registry = {
    minRequestTimeoutMs: limits.minRequestTimeoutMs,
    ...{ storage, catalog, clock, log, authorizer },
    admission: composeAdmission(options, files, core),
  };
  const webhooks = new WebhookClient(objects);
  const customResources = new CustomResources({ storage, catalog, clock, log, webhooks, authorizer });
  const boundApis = new BoundApis({ storage, catalog, customResources, clock, log });
  files.audit?.count(metrics);
  const flow = new FlowRoom({ limits, storage, catalog, registry: metrics, clock, log });
  addGauges(metrics, { store: options.store, storage, flow });
  const aggregation = new Aggregation({
    ...{ storage, catalog, objects, clock, log },
    pki: options.pki,
    storeStatus: (service) => storeApiServiceStatus(life.handle, service),
    registry: metrics,
  });
  const version = versionInfo(options.productVersion);
  const monitoring = new Monitoring({
    registry: metrics,
    version,
    flags: shownFlags(limits),
    checks: healthChecks({ store: options.store, phases: life.phases, stopping: life.stopping }),
    log,
  });
  const proxy = new NodeProxy(objects, () => nodeCredentials(options));
  const pipeline = new Pipeline({
    ...{ registry, catalog, authorizer, access, customResources, boundApis, aggregation, log },
    metrics: monitoring.requests,
    requestTimeoutMs: limits.requestTimeoutMs,
    stallLimitMs: limits.stallLimitMs,
    audit: files.audit,
    flow: flow.gate,
    dispatch: {
      authorizer,
      rulesFor: (...about) => authorization.rulesFor(...about),
      tokens: authentication.serviceAccounts,
      reviewToken: (...about) => authentication.review(...about),
      connect: (request) => proxy.connect(request),
      metrics: new MetricsApi(objects, nodeUsages(proxy, core)),
      homes: new HomeWorkspaces({
        ...{ objects, authorizer, clock },
        own: ownObjectClient((request, user) => life.handle(request, { ...user, isInternal: true })),
      }),
      closing: life.closing,
    },
    workspaces: new WorkspaceGate(core.workspaces),
    views: new ApiExportViews({
      ...{ objects, storage, catalog, customResources, boundApis, authorizer },
      roles: authorization.roles,
      directory: core.workspaces,
    }),
    lifecycles: new LifecycleViews({ objects, catalog, authorizer, directory: core.workspaces }),
    routes: new WorkspaceRoutes({
      catalog,
      contents: new StoredContents({ storage, catalog }),
      remote: aggregation.documents,
      openId: authentication.openId,
      loadDescriptions: options.loadDescriptions ?? (async () => ({})),
      whole: (resources) => customResources.whole(resources),
      version,
      monitoring,
      flowDump: (request, path) => flow.serveDump(request, path),
      serverAddress: () => `${options.advertise.address}:${options.advertise.port}`,
    }),
  });
  const claims = { storage, catalog, objects, clock, log };
  const presence = composePresence(options, core, life);
  return {
    ...{ registry, pipeline, authentication, authorization, customResources, boundApis },
    ...{ aggregation, flow, access, presence, claims },
  };
}

interface Core {
  clock: Clock;
  log: Log;
  catalog: ResourceCatalog;
  storage: ObjectStorage;
  objects: CachedStoredObjects;
  workspaces: WorkspaceDirectory;
  authentication: Authentication;
  authorization: Authorization;
  metrics: MetricRegistry;
}

function composeCore(options: ApiServerOptions, files: IdentityFiles): Core {
  const { log, clock = systemClock, decodedCacheLimitBytes } = options;
  const catalog = new ResourceCatalog([
    ...servedResources(options.runtimeConfig ?? new Map()),
    ...REVIEW_RESOURCES,
    ...metricsResources(),
  ]);
  const storage = new ObjectStorage(
    options.store,
    decodedCacheLimitBytes === undefined ? {} : { cacheLimitBytes: decodedCacheLimitBytes },
  );
  const objects = new CachedStoredObjects(storage, catalog);
  const workspaces = new WorkspaceDirectory(objects);
  const authentication = new Authentication({
    ...files,
    objects,
    directory: workspaces,
    clock,
    log,
    staticTokens: options.staticTokens ?? [],
    serverUrl: () => `https://${options.advertise.address}:${options.advertise.port}`,
  });
  const authorization = new Authorization({ storage, catalog, objects, directory: workspaces });
  const metrics = new MetricRegistry();
  return { clock, log, catalog, storage, objects, workspaces, authentication, authorization, metrics };
}

function composeAdmission(options: ApiServerOptions, files: IdentityFiles, core: Core): AdmissionChain {
  const { objects, catalog, storage, clock, log, authentication, authorization, metrics } = core;
  const plugins = admissionPlugins({
    ...{ objects, catalog, storage, clock, log },
    choice: options.admission,
    configurations: files.plugins,
    observer: new AdmissionMetrics(metrics),
    authorizer: authorization.authorizer,
    roles: authorization.roles,
    directory: core.workspaces,
    security: [authorization.admission, authentication.admission],
    isShared: options.isShared ?? false,
    totalObjectLimit: { ...DEFAULT_LIMITS, ...options.limits }.logicalClusterTotalObjectLimit,
    serviceCidr: options.serviceCidr ?? DEFAULT_SERVICE_CIDR,
    nodePortRange: options.nodePortRange ?? DEFAULT_NODE_PORT_RANGE,
  });
  return new AdmissionChain(plugins, new StepMetrics(metrics));
}

function composePresence(
  options: ApiServerOptions,
  { storage, clock, log }: Core,
  { handle }: ServerLife,
): ServerPresence {
  return new ServerPresence({
    storage,
    client: ownObjectClient(handle),
    own: options.advertise,
    hostname: options.hostname ?? options.advertise.address,
    isShared: options.isShared ?? false,
    clock,
    log,
  });
}

function nodeUsages(proxy: NodeProxy, { clock, log }: Core): NodeUsages {
  return new NodeUsages({
    read: async (node) => (await proxy.read(node, '/stats/summary')) as StatsSummary,
    clock,
    log,
  });
}

function addGauges(
  metrics: MetricRegistry,
  { store, storage, flow }: { store: Store; storage: ObjectStorage; flow: FlowRoom },
): void {
  const gauge = (name: string, help: string) => metrics.gauge({ name, help }).at();
  const revision = gauge('orrery_store_revision', 'Revision of the last write that was acknowledged.');
  const cached = gauge('orrery_decoded_cache_bytes', 'Size of the JSON of the parsed objects that are kept.');
  metrics.collect(async () => {
    revision.set(store.revision());
    cached.set(storage.cachedBytes);
    await flow.statistics.refresh(STATISTICS_AGE_MS);
  });
}

async function nodeCredentials({ pki }: ApiServerOptions) {
  const [ca, certificate, key] = await Promise.all(
    [pki.caCertificate, pki.kubeletClientCertificate, pki.kubeletClientKey].map((path) =>
      readFile(path, 'utf8'),
    ),
  );
  return { ca: ca!, certificate: certificate!, key: key! };
}

/** For /flagz: what was given or is the default. Nothing secret is among it. */
function shownFlags(limits: RequestLimits): Record<string, unknown> {
  return {
    'enable-priority-and-fairness': limits.enablePriorityAndFairness,
    'goaway-chance': limits.goawayChance,
    'logical-cluster-total-object-limit': limits.logicalClusterTotalObjectLimit,
    'max-mutating-requests-inflight': limits.maxMutatingRequestsInflight,
    'max-requests-inflight': limits.maxRequestsInflight,
    'min-request-timeout': limits.minRequestTimeoutMs / 1000,
    'request-timeout': `${limits.requestTimeoutMs / 1000}s`,
    'shutdown-delay-duration': `${limits.shutdownDelayMs / 1000}s`,
  };
}
