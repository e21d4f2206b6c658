import { type Log, type Metric, type MetricRegistry, messageOf } from '../../base/index.ts';
import { pathNotFound } from '../errors.ts';
import { type ApiRequest, type ApiResponse, textResponse } from '../http/messages.ts';

/** One thing that must work; throws when it does not. */
export interface HealthCheck {
  name: string;
  /** Readiness only: not being ready is no reason to be restarted. */
  readinessOnly?: boolean;
  check(): Promise<void> | void;
}

const ENDPOINTS = new Set(['livez', 'readyz', 'healthz']);

/**
 * GET /livez, /readyz, /healthz, each with `?verbose`, `?exclude=<check>` and `/<check>`.
 * Source: k8s.io/apiserver/pkg/server/healthz.
 */
export class Health {
  readonly #checks: readonly HealthCheck[];
  readonly #log: Log;
  readonly #state: Metric;
  readonly #counts: Metric;

  constructor(checks: readonly HealthCheck[], { log, slis }: { log: Log; slis: MetricRegistry }) {
    this.#checks = checks;
    this.#log = log;
    this.#state = slis.gauge({
      name: 'kubernetes_healthcheck',
      help: 'This metric records the result of a single healthcheck.',
      labels: ['name', 'type'],
      stability: 'STABLE',
    });
    this.#counts = slis.counter({
      name: 'kubernetes_healthchecks_total',
      help: 'This metric records the results of all healthcheck.',
      labels: ['name', 'status', 'type'],
      stability: 'STABLE',
    });
  }

  async serve(request: ApiRequest, path: string): Promise<ApiResponse | undefined> {
    const parts = path.split('/').filter((part) => part !== '');
    const endpoint = parts[0] ?? '';
    if (!ENDPOINTS.has(endpoint)) return undefined;
    const checks = this.#checks.filter((check) => endpoint === 'readyz' || check.readinessOnly !== true);
    if (parts.length === 1) return this.#all(request, endpoint, checks);
    const name = parts.slice(1).join('/');
    const check = checks.find((one) => one.name === name);
    if (check === undefined) throw pathNotFound();
    const problem = await this.#problemOf(check, endpoint);
    return problem === undefined
      ? textResponse(200, 'ok')
      : textResponse(500, `internal server error: ${problem}\n`);
  }

  async #all(request: ApiRequest, endpoint: string, checks: readonly HealthCheck[]): Promise<ApiResponse> {
    const excluded = new Set(request.query?.getAll('exclude') ?? []);
    const lines: string[] = [];
    const failed: string[] = [];
    for (const check of checks) {
      if (excluded.delete(check.name)) {
        lines.push(`[+]${check.name} excluded: ok`);
        continue;
      }
      const problem = await this.#problemOf(check, endpoint);
      if (problem === undefined) lines.push(`[+]${check.name} ok`);
      else {
        // Whoever asks is anonymous: why it failed stands in the log.
        lines.push(`[-]${check.name} failed: reason withheld`);
        failed.push(`${check.name}: ${problem}`);
      }
    }
    if (excluded.size > 0) {
      const names = [...excluded].sort().map((name) => JSON.stringify(name));
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`);
    }
    const text = lines.map((line) => `${line}\n`).join('');
    if (failed.length > 0) {
      this.#log.info('health check failed', { endpoint, failed });
      return textResponse(500, `${text}${endpoint} check failed\n`);
    }
    const verbose = request.query?.has('verbose') === true;
    return textResponse(200, verbose ? `${text}${endpoint} check passed\n` : 'ok');
  }

  async #problemOf(check: HealthCheck, endpoint: string): Promise<string | undefined> {
    let problem: string | undefined;
    try {
      await check.check();
    } catch (error) {
      problem = messageOf(error);
    }
    this.#state.at(check.name, endpoint).set(problem === undefined ? 1 : 0);
    this.#counts.at(check.name, problem === undefined ? 'success' : 'error', endpoint).add();
    return problem;
  }
}
