import type { Metric, MetricRegistry } from '../../base/index.ts';
import type { Verdict } from './availability.ts';

/** Which APIServices are unavailable, and how often each became so; k8s.io/kube-aggregator/pkg/controllers/status/metrics. */
export class AvailabilityMetrics {
  readonly #unavailable: Metric;
  readonly #count: Metric;

  constructor(registry: MetricRegistry) {
    this.#unavailable = registry.gauge({
      name: 'aggregator_unavailable_apiservice',
      help: 'Gauge of APIServices which are marked as unavailable broken down by APIService name.',
      labels: ['name'],
    });
    this.#count = registry.counter({
      name: 'aggregator_unavailable_apiservice_total',
      help: 'Counter of APIServices which are marked as unavailable broken down by APIService name and reason.',
      labels: ['name', 'reason'],
    });
  }

  /** `verdict` undefined: the APIService has gone. */
  observe(name: string, verdict: Verdict | undefined, before: Verdict | undefined): void {
    if (verdict === undefined) {
      this.#unavailable.remove(name);
      return;
    }
    const isAvailable = verdict.status === 'True';
    this.#unavailable.at(name).set(isAvailable ? 0 : 1);
    if (!isAvailable && before?.status === 'True') this.#count.at(name, verdict.reason ?? '').add();
  }
}
