import { readFile } from 'node:fs/promises';
import type { Clock, Log, MetricRegistry } from '../../base/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import type { ApiResponse } from '../http/messages.ts';
import type { PkiPaths } from '../pki/pki.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { ALL_WORKSPACES, DEFAULT_WORKSPACE, type RequestInfo } from '../request-info/request-info.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { AggregatedProxy, type ProxiedRequest } from './aggregated-proxy.ts';
import { type ApiService, ApiServices, type RemoteVersion } from './api-services.ts';
import { AvailabilityController } from './availability-controller.ts';
import { AvailabilityMetrics } from './availability-metrics.ts';
import { BackendClient } from './backend-client.ts';
import { RemoteDocuments } from './remote-documents.ts';

export interface AggregationParts {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  objects: StoredObjects;
  pki: PkiPaths;
  /** Stores an APIService's status, as any client does. */
  storeStatus(service: ApiService): Promise<void>;
  registry: MetricRegistry;
  clock: Clock;
  log: Log;
}

/**
 * Serves group versions that other servers have: follows APIServices, finds out whether their backends answer, carries
 * requests to them, and adds what they serve to discovery and OpenAPI. What kube-aggregator is in kube-apiserver.
 */
export class Aggregation {
  readonly documents: RemoteDocuments;
  readonly #services: ApiServices;
  readonly #backends: BackendClient;
  readonly #proxy: AggregatedProxy;
  readonly #availability: AvailabilityController;

  constructor(parts: AggregationParts) {
    const { storage, catalog, objects, pki, clock, log } = parts;
    const metrics = new AvailabilityMetrics(parts.registry);
    this.#services = new ApiServices({ storage, catalog, log });
    this.#backends = new BackendClient(objects, async () => {
      const files = [pki.frontProxyClientCertificate, pki.frontProxyClientKey];
      const [certificate, key] = await Promise.all(files.map((path) => readFile(path, 'utf8')));
      return { certificate: certificate!, key: key! };
    });
    this.#proxy = new AggregatedProxy(this.#backends);
    this.documents = new RemoteDocuments({ services: this.#services, backends: this.#backends, log });
    this.#availability = new AvailabilityController({
      services: this.#services,
      backends: this.#backends,
      objects,
      storage,
      resources: {
        services: catalog.findStored('', 'services')!,
        endpointSlices: catalog.findStored('discovery.k8s.io', 'endpointslices')!,
      },
      store: parts.storeStatus,
      prepare: (version) => this.documents.refresh(version),
      observed: (...about) => metrics.observe(...about),
      now: () => `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
      log,
    });
  }

  /** Resolves once the registered services are known; goes on in the background until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#services.start(signal);
    this.documents.start(signal);
    this.#availability.start(signal);
    signal.addEventListener('abort', () => this.#backends.close());
  }

  /** The extension API server's version that a request is for; undefined: it is ours to serve. */
  find(info: RequestInfo): RemoteVersion | undefined {
    // Extension API servers are the first workspace's; looked at across all, theirs are all there are.
    const isFirst = info.workspace === DEFAULT_WORKSPACE || info.workspace === ALL_WORKSPACES;
    return isFirst ? this.#services.findRemote(info) : undefined;
  }

  serve(version: RemoteVersion, request: ProxiedRequest): Promise<ApiResponse> {
    return this.#proxy.serve(version, request);
  }
}
