import { readFile } from 'node:fs/promises';
import type { TLSSocket } from 'node:tls';
import { MetricRegistry, OrreryError, systemClock } from '../base/index.ts';
import { AdmissionChain } from './admission/admission.ts';
import {
  type PluginConfigurations,
  readAdmissionConfiguration,
} from './admission/admission-configuration.ts';
import { AdmissionMetrics } from './admission/admission-metrics.ts';
import { type AdmissionParts, admissionPlugins } from './admission/plugins.ts';
import {
  type ClaimRepairParts,
  keepServiceClaims,
  repairServiceClaims,
} from './admission/service-claim-repair.ts';
import { StepMetrics } from './admission/step-metrics.ts';
import { CachedStoredObjects } from './admission/stored-objects.ts';
import { Aggregation } from './aggregation/aggregation.ts';
import { type Audit, openAudit } from './audit/audit.ts';
import { Authentication } from './authentication/authentication.ts';
import {
  type AuthenticationConfiguration,
  readAuthenticationConfiguration,
} from './authentication/jwt/authentication-configuration.ts';
import { ownRequestHeaders, type RequestHeaderConfig } from './authentication/request-header.ts';
import { Authorization } from './authorization/authorization.ts';
import { bootstrap, ownObjectClient, storeApiServiceStatus } from './bootstrap.ts';
import { AccessMetrics } from './discovery/access-metrics.ts';
import type { HealthCheck } from './discovery/health.ts';
import { healthChecks, type StartPhase } from './discovery/health-checks.ts';
import { Monitoring } from './discovery/monitoring.ts';
import { OpenApiDocuments } from './discovery/openapi.ts';
import { versionInfo } from './discovery/version.ts';
import { expireEvents } from './event-expiry.ts';
import { CustomResources } from './extensions/custom-resources.ts';
import { FlowRoom } from './flow-control/flow-room.ts';
import { type RequestHandler, TlsListener } from './http/listener.ts';
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
import { Pipeline, type RequestWire } from './pipeline.ts';
import { readServerCredentials, renewServerCertificate } from './pki/renewal.ts';
import { ServerPresence } from './presence/server-presence.ts';
import { NodeProxy } from './proxy/node-proxy.ts';
import { REVIEW_RESOURCES, ResourceCatalog } from './registry/catalog.ts';
import type { Registry } from './registry/registry.ts';
import { servedResources } from './registry/runtime-config.ts';
import { ObjectStorage } from './storage/object-storage.ts';
import { WebhookClient } from './webhooks/webhook-client.ts';

/** Older counts of objects are made anew for whoever reads the metrics. */
const STATISTICS_AGE_MS = 30_000;

export interface ApiServer {
  /** One request of a known user: what every transport ends in. Never rejects: errors are Status answers. */
  handle(request: ApiRequest, user: User): Promise<ApiResponse>;
  /** The client room's Transport without a wire, for controllers in this process. */
  localTransport(user: User): { request(request: ApiRequest): Promise<ApiResponse> };
  /** Makes the initial objects; /readyz fails until it is done. */
  bootstrap(): Promise<void>;
  /** Serves HTTPS; port 0 for any. @throws OrreryError PortInUse, CannotListen. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  /** Housekeeping (old events, certificates that end) until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Ends watches, lets requests finish (at most `graceMs`, default 2,000), closes the port. Not the store. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/**
 * Wires the request pipeline over a store. Nothing runs and no port is open before `listen`.
 *
 * @throws BadRequest naming the field of the authentication configuration that is wrong.
 */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const file = options.authenticationConfigFile;
  return new PipelineApiServer(options, {
    serviceAccountKeyPem: await readFile(options.pki.serviceAccountKey, 'utf8'),
    caPem: await readFile(options.pki.caCertificate, 'utf8'),
    requestHeaders: [
      ownRequestHeaders(await readFile(options.pki.frontProxyCaCertificate, 'utf8')),
      ...(options.requestHeaders === undefined ? [] : [options.requestHeaders]),
    ],
    configuration: file === undefined ? undefined : await readAuthenticationConfiguration(file),
    audit: options.audit && (await openAudit(options.audit, options)),
    plugins:
      options.admission?.configFile === undefined
        ? {}
        : await readAdmissionConfiguration(options.admission.configFile),
  });
}

/** What is read from files before the server is made. */
interface IdentityFiles {
  serviceAccountKeyPem: string;
  caPem: string;
  requestHeaders: readonly RequestHeaderConfig[];
  configuration: AuthenticationConfiguration | undefined;
  audit: Audit | undefined;
  plugins: PluginConfigurations;
}

class PipelineApiServer implements ApiServer {
  readonly #options: ApiServerOptions;
  readonly #registry: Registry;
  readonly #pipeline: Pipeline;
  readonly #authentication: Authentication;
  readonly #customResources: CustomResources;
  readonly #aggregation: Aggregation;
  readonly #authorization: Authorization;
  readonly #closing = new AbortController();
  /** /readyz says no from now on. */
  readonly #stopping = new AbortController();
  readonly #flow: FlowRoom;
  readonly #access: AccessMetrics;
  readonly #audit: Audit | undefined;
  readonly #requestHeaders: readonly RequestHeaderConfig[];
  readonly #claims: ClaimRepairParts;
  readonly #presence: ServerPresence;
  #listener: TlsListener | undefined;
  readonly #phases = new Set<StartPhase>();

  constructor(options: ApiServerOptions, files: IdentityFiles) {
    this.#options = options;
    this.#audit = files.audit;
    this.#requestHeaders = files.requestHeaders;
    const clock = options.clock ?? systemClock;
    const catalog = new ResourceCatalog([
      ...servedResources(options.runtimeConfig ?? new Map()),
      ...REVIEW_RESOURCES,
      ...metricsResources(),
    ]);
    const storage = new ObjectStorage(
      options.store,
      options.decodedCacheLimitBytes === undefined ? {} : { cacheLimitBytes: options.decodedCacheLimitBytes },
    );
    const objects = new CachedStoredObjects(storage, catalog);
    this.#authentication = new Authentication({
      ...files,
      objects,
      clock,
      log: options.log,
      staticTokens: options.staticTokens ?? [],
      serverUrl: () => `https://${options.advertise.address}:${options.advertise.port}`,
    });
    const { tokens, serviceAccounts, openId } = this.#authentication;
    this.#authorization = new Authorization({ storage, catalog, objects });
    const { authorizer } = this.#authorization;
    this.#claims = { storage, catalog, objects, clock, log: options.log };
    this.#presence = new ServerPresence({
      storage,
      client: ownObjectClient((request, user) => this.handle(request, user)),
      own: options.advertise,
      hostname: options.hostname ?? options.advertise.address,
      isShared: options.isShared ?? false,
      clock,
      log: options.log,
    });
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const registry = new MetricRegistry();
    this.#access = new AccessMetrics(registry);
    this.#registry = {
      minRequestTimeoutMs: limits.minRequestTimeoutMs,
      storage,
      catalog,
      clock,
      log: options.log,
      authorizer,
      admission: this.#admission(
        {
          objects,
          catalog,
          storage,
          clock,
          configurations: files.plugins,
          observer: new AdmissionMetrics(registry),
        },
        new StepMetrics(registry),
      ),
    };
    this.#customResources = new CustomResources({
      storage,
      catalog,
      clock,
      log: options.log,
      webhooks: new WebhookClient(objects),
      authorizer,
    });
    const proxy = new NodeProxy(objects, () => this.#nodeCredentials());
    const usages = new NodeUsages({
      read: async (node) => (await proxy.read(node, '/stats/summary')) as StatsSummary,
      clock,
      log: options.log,
    });
    const version = versionInfo(options.productVersion);
    const monitoring = new Monitoring({
      registry,
      version,
      flags: shownFlags(limits),
      checks: this.#healthChecks(),
      log: options.log,
    });
    this.#addGauges(registry);
    files.audit?.count(registry);
    this.#flow = new FlowRoom({ limits, storage, catalog, registry, clock, log: options.log });
    this.#aggregation = new Aggregation({
      storage,
      catalog,
      objects,
      pki: options.pki,
      storeStatus: (service) => storeApiServiceStatus((request, user) => this.handle(request, user), service),
      registry,
      clock,
      log: options.log,
    });
    this.#pipeline = new Pipeline({
      registry: this.#registry,
      catalog,
      authorizer,
      metrics: monitoring.requests,
      access: this.#access,
      requestTimeoutMs: limits.requestTimeoutMs,
      stallLimitMs: limits.stallLimitMs,
      customResources: this.#customResources,
      aggregation: this.#aggregation,
      audit: files.audit,
      flow: this.#flow.gate,
      log: options.log,
      dispatch: {
        authorizer,
        rulesFor: (...about) => this.#authorization.rulesFor(...about),
        tokens: serviceAccounts,
        reviewToken: (...about) => tokens.review(...about),
        connect: (request) => proxy.connect(request),
        metrics: new MetricsApi(objects, usages),
        closing: this.#closing.signal,
      },
      routes: {
        catalog,
        remote: this.#aggregation.documents,
        openId,
        openApi: new OpenApiDocuments(
          catalog,
          options.loadDescriptions ?? (async () => ({})),
          (resources) => this.#customResources.whole(resources),
          this.#aggregation.documents,
        ),
        version,
        monitoring,
        flowDump: (request, path) => this.#flow.serveDump(request, path),
        serverAddress: () => `${options.advertise.address}:${options.advertise.port}`,
      },
    });
  }

  handle(request: ApiRequest, user: User): Promise<ApiResponse> {
    return this.#pipeline.serve(request, user);
  }

  localTransport(user: User): { request(request: ApiRequest): Promise<ApiResponse> } {
    const known: User = { ...user, groups: [...new Set([...user.groups, 'system:authenticated'])] };
    return { request: (request) => this.#pipeline.serve(request, known) };
  }

  async bootstrap(): Promise<void> {
    await this.#customResources.start(this.#closing.signal);
    this.#phases.add('definitions');
    await this.#aggregation.start(this.#closing.signal);
    this.#phases.add('aggregation');
    await bootstrap((request, user) => this.handle(request, user), {
      serviceCidr: this.#options.serviceCidr ?? DEFAULT_SERVICE_CIDR,
      runtimeConfig: this.#options.runtimeConfig,
      advertise: this.#options.advertise,
      clientCaPem: await readFile(this.#options.pki.caCertificate, 'utf8'),
      requestHeaders: this.#requestHeaders,
    });
    await repairServiceClaims(this.#claims);
    await this.#presence.begin();
    this.#phases.add('objects');
    await this.#flow.start(this.#closing.signal, (request, user) => this.handle(request, user));
    this.#phases.add('flow');
  }

  async listen(address: { host: string; port: number }): Promise<{ host: string; port: number }> {
    if (this.#listener !== undefined)
      throw new OrreryError('CannotListen', 'the API server already listens', { details: address });
    const { pki, log, requestHeaders } = this.#options;
    const handler: RequestHandler = {
      handle: (request, socket, body) =>
        this.#authenticated(request, socket, body === undefined ? {} : { body }),
      upgrade: (upgrade, socket) => this.#authenticated(upgrade.request, socket, { upgrade }),
      errorResponse: (error, request) => this.#pipeline.errorResponse(error, request),
    };
    const { goawayChance, maxConnectionsPerClient } = { ...DEFAULT_LIMITS, ...this.#options.limits };
    const listener = new TlsListener(
      {
        ...(await readServerCredentials(pki, requestHeaders?.clientCaPem)),
        log,
        goawayChance,
        maxConnectionsPerClient,
      },
      handler,
    );
    const bound = await listener.listen(address);
    this.#listener = listener;
    return bound;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { storage, catalog, clock, log } = this.#registry;
    await Promise.all([
      expireEvents({ storage, clock, log, signal, events: catalog.findStored('', 'events')! }),
      this.#authorization.run({ signal, clock, log }),
      this.#flow.run(signal),
      keepServiceClaims(this.#claims, signal),
      this.#presence.run(signal),
      renewServerCertificate({
        paths: this.#options.pki,
        proxyCa: this.#options.requestHeaders?.clientCaPem,
        renew: this.#options.renewPki ?? (async () => undefined),
        use: (credentials) => this.#listener?.use(credentials),
        clock,
        log,
        signal,
      }),
    ]);
  }

  async close(options: { graceMs?: number } = {}): Promise<void> {
    this.#stopping.abort();
    const { shutdownDelayMs } = { ...DEFAULT_LIMITS, ...this.#options.limits };
    // Time for those who balance the load to see that this server goes.
    if (shutdownDelayMs > 0) await this.#registry.clock.sleep(shutdownDelayMs);
    this.#closing.abort();
    await this.#listener?.close(options.graceMs ?? 2000);
    this.#listener = undefined;
    await this.#audit?.close();
  }

  async #authenticated(request: ApiRequest, socket: TLSSocket, wire: RequestWire): Promise<ApiResponse> {
    const { remoteAddress } = socket;
    const from = remoteAddress === undefined ? {} : { remoteAddress };
    let user: User;
    const sinceMs = performance.now();
    try {
      user = await this.#authentication.requests.authenticate(request, socket);
      this.#access.authenticated(true, (performance.now() - sinceMs) / 1000);
    } catch (error) {
      this.#access.authenticated(false, (performance.now() - sinceMs) / 1000);
      const hasCertificate = socket.getPeerX509Certificate() !== undefined;
      return this.#pipeline.refuse(error, request, { ...wire, ...from, hasCertificate });
    }
    return this.#pipeline.serve(request, user, { ...wire, ...from });
  }

  #admission(
    parts: Pick<AdmissionParts, 'objects' | 'catalog' | 'storage' | 'clock' | 'configurations' | 'observer'>,
    metrics: StepMetrics,
  ): AdmissionChain {
    const plugins = admissionPlugins({
      choice: this.#options.admission,
      ...parts,
      authorizer: this.#authorization.authorizer,
      security: [this.#authorization.admission, this.#authentication.admission],
      log: this.#options.log,
      isShared: this.#options.isShared ?? false,
      serviceCidr: this.#options.serviceCidr ?? DEFAULT_SERVICE_CIDR,
      nodePortRange: this.#options.nodePortRange ?? DEFAULT_NODE_PORT_RANGE,
    });
    return new AdmissionChain(plugins, metrics);
  }

  #healthChecks(): HealthCheck[] {
    const { store } = this.#options;
    return healthChecks({ store, phases: this.#phases, stopping: this.#stopping.signal });
  }

  #addGauges(registry: MetricRegistry): void {
    const gauge = (name: string, help: string) => registry.gauge({ name, help }).at();
    const revision = gauge('orrery_store_revision', 'Revision of the last write that was acknowledged.');
    const cached = gauge(
      'orrery_decoded_cache_bytes',
      'Size of the JSON of the parsed objects that are kept.',
    );
    registry.collect(async () => {
      revision.set(this.#options.store.revision());
      cached.set(this.#registry.storage.cachedBytes);
      await this.#flow.statistics.refresh(STATISTICS_AGE_MS);
    });
  }

  async #nodeCredentials() {
    const { pki } = this.#options;
    const [ca, certificate, key] = await Promise.all(
      [pki.caCertificate, pki.kubeletClientCertificate, pki.kubeletClientKey].map((path) =>
        readFile(path, 'utf8'),
      ),
    );
    return { ca: ca!, certificate: certificate!, key: key! };
  }
}

/** For /flagz: what was given or is the default. Nothing secret is among it. */
function shownFlags(limits: RequestLimits): Record<string, unknown> {
  return {
    'enable-priority-and-fairness': limits.enablePriorityAndFairness,
    'goaway-chance': limits.goawayChance,
    'max-mutating-requests-inflight': limits.maxMutatingRequestsInflight,
    'max-requests-inflight': limits.maxRequestsInflight,
    'min-request-timeout': limits.minRequestTimeoutMs / 1000,
    'request-timeout': `${limits.requestTimeoutMs / 1000}s`,
    'shutdown-delay-duration': `${limits.shutdownDelayMs / 1000}s`,
  };
}
