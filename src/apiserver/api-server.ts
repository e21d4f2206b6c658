import { readFile } from 'node:fs/promises';
import type { TLSSocket } from 'node:tls';
import { OrreryError } from '../base/index.ts';
import { readAdmissionConfiguration } from './admission/admission-configuration.ts';
import { keepServiceClaims, repairServiceClaims } from './admission/service-claim-repair.ts';
import { openAudit } from './audit/audit.ts';
import { readAuthenticationConfiguration } from './authentication/jwt/authentication-configuration.ts';
import { ownRequestHeaders } from './authentication/request-header.ts';
import { bootstrap } from './bootstrap.ts';
import { composeServer, type IdentityFiles, type ServerParts } from './compose-server.ts';
import type { StartPhase } from './discovery/health-checks.ts';
import { expireEvents } from './event-expiry.ts';
import { type RequestHandler, TlsListener } from './http/listener.ts';
import type { ApiRequest, ApiResponse, User } from './http/messages.ts';
import { type ApiServerOptions, DEFAULT_LIMITS, DEFAULT_SERVICE_CIDR } from './options.ts';
import type { RequestWire } from './pipeline.ts';
import { readServerCredentials, renewServerCertificate } from './pki/renewal.ts';

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

class PipelineApiServer implements ApiServer {
  readonly #options: ApiServerOptions;
  readonly #files: IdentityFiles;
  readonly #parts: ServerParts;
  readonly #closing = new AbortController();
  /** /readyz says no from now on. */
  readonly #stopping = new AbortController();
  readonly #phases = new Set<StartPhase>();
  #listener: TlsListener | undefined;

  constructor(options: ApiServerOptions, files: IdentityFiles) {
    this.#options = options;
    this.#files = files;
    this.#parts = composeServer(options, files, {
      handle: (request, user) => this.handle(request, user),
      phases: this.#phases,
      stopping: this.#stopping.signal,
      closing: this.#closing.signal,
    });
  }

  handle(request: ApiRequest, user: User): Promise<ApiResponse> {
    return this.#parts.pipeline.serve(request, user);
  }

  localTransport(user: User): { request(request: ApiRequest): Promise<ApiResponse> } {
    const groups = [...new Set([...user.groups, 'system:authenticated'])];
    const known: User = { ...user, groups, isInternal: true };
    return { request: (request) => this.#parts.pipeline.serve(request, known) };
  }

  async bootstrap(): Promise<void> {
    await this.#parts.customResources.start(this.#closing.signal);
    await this.#parts.boundApis.start(this.#closing.signal);
    this.#phases.add('definitions');
    await this.#parts.aggregation.start(this.#closing.signal);
    this.#phases.add('aggregation');
    await bootstrap((request, user) => this.handle(request, user), {
      serviceCidr: this.#options.serviceCidr ?? DEFAULT_SERVICE_CIDR,
      runtimeConfig: this.#options.runtimeConfig,
      advertise: this.#options.advertise,
      clientCaPem: await readFile(this.#options.pki.caCertificate, 'utf8'),
      requestHeaders: this.#files.requestHeaders,
    });
    await repairServiceClaims(this.#parts.claims);
    await this.#parts.presence.begin();
    this.#phases.add('objects');
    await this.#parts.flow.start(this.#closing.signal, (request, user) => this.handle(request, user));
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
      errorResponse: (error, request) => this.#parts.pipeline.errorResponse(error, request),
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
    const { storage, catalog, clock, log } = this.#parts.registry;
    await Promise.all([
      expireEvents({ storage, clock, log, signal, events: catalog.findStored('', 'events')! }),
      this.#parts.authorization.run({ signal, clock, log }),
      this.#parts.flow.run(signal),
      keepServiceClaims(this.#parts.claims, signal),
      this.#parts.presence.run(signal),
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
    if (shutdownDelayMs > 0) await this.#parts.registry.clock.sleep(shutdownDelayMs);
    this.#closing.abort();
    await this.#listener?.close(options.graceMs ?? 2000);
    this.#listener = undefined;
    await this.#files.audit?.close();
  }

  async #authenticated(request: ApiRequest, socket: TLSSocket, wire: RequestWire): Promise<ApiResponse> {
    const { remoteAddress } = socket;
    const from = remoteAddress === undefined ? {} : { remoteAddress };
    let user: User;
    const sinceMs = performance.now();
    try {
      user = await this.#parts.authentication.requests.authenticate(request, socket);
      this.#parts.access.authenticated(true, (performance.now() - sinceMs) / 1000);
    } catch (error) {
      this.#parts.access.authenticated(false, (performance.now() - sinceMs) / 1000);
      const hasCertificate = socket.getPeerX509Certificate() !== undefined;
      return this.#parts.pipeline.refuse(error, request, { ...wire, ...from, hasCertificate });
    }
    return this.#parts.pipeline.serve(request, user, { ...wire, ...from });
  }
}
