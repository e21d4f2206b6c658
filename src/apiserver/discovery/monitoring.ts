import { type Log, MetricRegistry } from '../../base/index.ts';
import { type ApiRequest, type ApiResponse, textResponse } from '../http/messages.ts';
import { Health, type HealthCheck } from './health.ts';
import { RequestMetrics } from './metrics.ts';
import { addProcessMetrics } from './process-metrics.ts';
import type { VersionInfo } from './version.ts';
import { serveZpage, type ZpagesParts } from './zpages.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores';

/** What one sees of the server from outside: /metrics, /metrics/slis, /livez, /readyz, /healthz, /statusz, /flagz. */
export class Monitoring {
  readonly registry: MetricRegistry;
  readonly requests: RequestMetrics;
  readonly #slis = new MetricRegistry();
  readonly #health: Health;
  readonly #zpages: ZpagesParts;

  constructor(parts: {
    registry: MetricRegistry;
    version: VersionInfo;
    /** What /flagz shows. */
    flags: Readonly<Record<string, unknown>>;
    checks: readonly HealthCheck[];
    log: Log;
  }) {
    this.registry = parts.registry;
    this.requests = new RequestMetrics(parts.registry);
    this.#health = new Health(parts.checks, { log: parts.log, slis: this.#slis });
    this.#zpages = parts;
    addProcessMetrics(parts.registry, parts.version);
  }

  async serve(request: ApiRequest, path: string): Promise<ApiResponse | undefined> {
    if (path === '/metrics') return shown(this.registry, request);
    if (path === '/metrics/slis') return shown(this.#slis, request);
    return serveZpage(request, path, this.#zpages) ?? (await this.#health.serve(request, path));
  }
}

async function shown(registry: MetricRegistry, request: ApiRequest): Promise<ApiResponse> {
  const isOpen = request.headers?.accept?.includes('application/openmetrics-text') === true;
  const text = await registry.text(isOpen ? 'openmetrics' : 'prometheus');
  return textResponse(200, text, { 'content-type': isOpen ? OPEN_METRICS : TEXT });
}
