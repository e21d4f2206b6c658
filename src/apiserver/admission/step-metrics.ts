import type { Distribution, Histogram, MetricRegistry } from '../../base/index.ts';
import type { Operation } from './admission.ts';

/** k8s.io/apiserver/pkg/admission/metrics. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

/** Notes how long one plug-in took. */
export type PluginTime = (operation: Operation, rejected: boolean, ms: number) => void;

export type AdmissionStep = 'admit' | 'validate';

/** How long the steps of admission take, and each plug-in in them. */
export class StepMetrics {
  readonly #steps: Histogram;
  readonly #plugins: Histogram;

  constructor(registry: MetricRegistry) {
    const labels = ['type', 'operation', 'rejected'];
    this.#steps = registry.histogram(
      {
        name: 'apiserver_admission_step_admission_duration_seconds',
        help: 'Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).',
        labels,
        stability: 'STABLE',
      },
      BUCKETS,
    );
    this.#plugins = registry.histogram(
      {
        name: 'apiserver_admission_controller_admission_duration_seconds',
        help: 'Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
        labels: ['name', ...labels],
        stability: 'STABLE',
      },
      BUCKETS,
    );
  }

  step(type: AdmissionStep, operation: Operation, rejected: boolean, ms: number): void {
    this.#steps.at(type, operation, String(rejected)).observe(ms / 1000);
  }

  /** For one step of one plug-in. A write passes dozens: where they are counted is looked up once. */
  plugin(name: string, type: AdmissionStep): PluginTime {
    const passed = new Map<Operation, Distribution>();
    return (operation, rejected, ms) => {
      let cell = rejected ? undefined : passed.get(operation);
      if (cell === undefined) {
        cell = this.#plugins.at(name, type, operation, String(rejected));
        if (!rejected) passed.set(operation, cell);
      }
      cell.observe(ms / 1000);
    };
  }
}
