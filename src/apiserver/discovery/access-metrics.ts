import type { MetricRegistry } from '../../base/index.ts';

/** k8s.io/apiserver/pkg/endpoints/filters/metrics.go. */
const BUCKETS = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];

/** How often who is let in. */
export class AccessMetrics {
  readonly #families: ReturnType<typeof familiesOf>;

  constructor(registry: MetricRegistry) {
    this.#families = familiesOf(registry);
  }

  authenticated(isSuccess: boolean, seconds: number): void {
    const { attempts, durations } = this.#families;
    const result = isSuccess ? 'success' : 'failure';
    attempts.at(result).value++;
    durations.at(result).observe(seconds);
  }

  /** `no-opinion` refuses too; upstream tells the two apart. */
  authorized(verdict: string, seconds: number): void {
    const { authorizations, authorizationDurations } = this.#families;
    const result = verdict === 'allow' ? 'allowed' : verdict === 'deny' ? 'denied' : 'no-opinion';
    authorizations.at(result).value++;
    authorizationDurations.at(result).observe(seconds);
  }
}

function familiesOf(registry: MetricRegistry) {
  const labels = ['result'];
  return {
    attempts: registry.counter({
      name: 'authentication_attempts',
      help: 'Counter of authenticated attempts.',
      labels,
    }),
    durations: registry.histogram(
      {
        name: 'authentication_duration_seconds',
        help: 'Authentication duration in seconds broken out by result.',
        labels,
      },
      BUCKETS,
    ),
    authorizations: registry.counter({
      name: 'authorization_attempts_total',
      help: "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
      labels,
    }),
    authorizationDurations: registry.histogram(
      {
        name: 'authorization_duration_seconds',
        help: 'Authorization duration in seconds broken out by result.',
        labels,
      },
      BUCKETS,
    ),
  };
}
