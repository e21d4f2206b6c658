import type { Clock, Log, MetricRegistry } from '../../base/index.ts';
import { ownObjectClient } from '../bootstrap.ts';
import { ensureFlowConfiguration } from '../default-objects.ts';
import type { ApiRequest, ApiResponse, User } from '../http/messages.ts';
import type { RequestLimits } from '../options.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { FlowConfiguration } from './flow-configuration.ts';
import { BORROWING_PERIOD_MS, FlowControl, type FlowGate } from './flow-control.ts';
import { serveFlowDump } from './flow-dumps.ts';
import { flowMetrics } from './flow-metrics.ts';
import { InflightLimit } from './inflight-limit.ts';
import { StoredStatistics } from './object-statistics.ts';

/** How often the default flow objects are looked after, and objects counted; upstream's minute. */
const PERIOD_MS = 60_000;

export interface FlowRoomParts {
  limits: RequestLimits;
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  registry: MetricRegistry;
  clock: Clock;
  log: Log;
}

type Handle = (request: ApiRequest, user: User) => Promise<ApiResponse>;

/** Priority and fairness with what keeps it alive; or, switched off, the two caps. */
export class FlowRoom {
  readonly gate: FlowGate;
  readonly statistics: StoredStatistics;
  readonly #parts: FlowRoomParts;
  readonly #flow: FlowControl | undefined;
  #ensure: () => Promise<void> = async () => undefined;

  constructor(parts: FlowRoomParts) {
    this.#parts = parts;
    const { limits, registry } = parts;
    this.statistics = new StoredStatistics(parts);
    if (limits.enablePriorityAndFairness) {
      this.#flow = new FlowControl({
        serverSeats: limits.maxRequestsInflight + limits.maxMutatingRequestsInflight,
        // Upstream: a quarter of the request's time may pass in a queue.
        waitLimitMs: limits.requestTimeoutMs / 4,
        metrics: flowMetrics(registry),
        statistics: (group, resource) => this.statistics.find(group, resource),
      });
      this.gate = this.#flow;
    } else {
      this.gate = new InflightLimit({
        reading: limits.maxRequestsInflight,
        mutating: limits.maxMutatingRequestsInflight,
      });
    }
  }

  /** Resolves once the stored configuration counts; follows it until `signal` aborts. */
  async start(signal: AbortSignal, handle: Handle): Promise<void> {
    if (this.#flow === undefined) return;
    const client = ownObjectClient(handle);
    this.#ensure = () => ensureFlowConfiguration(client);
    const { storage, catalog, clock, log } = this.#parts;
    const restore = () => this.#ensure();
    await new FlowConfiguration({ storage, catalog, clock, log, flow: this.#flow, restore }).start(signal);
  }

  /** Lends seats, counts objects, keeps the default objects. */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    await this.statistics.refresh();
    await Promise.all([
      this.#every(BORROWING_PERIOD_MS, signal, async () => this.#flow?.adjust()),
      this.#every(PERIOD_MS, signal, async () => {
        await this.statistics.refresh();
        await this.#ensure().catch((error: unknown) => log.warn('flow objects are not kept', { error }));
      }),
    ]);
  }

  serveDump(request: ApiRequest, path: string): ApiResponse | undefined {
    return serveFlowDump(this.#flow, request, path);
  }

  async #every(periodMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      try {
        await clock.sleep(periodMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      await work().catch((error: unknown) => log.warn('flow control could not be kept up', { error }));
    }
  }
}
