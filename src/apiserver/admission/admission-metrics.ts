import type { Histogram, Metric, MetricRegistry } from '../../base/index.ts';
import type { AdmissionObserver, PolicyCheck, WebhookCheck } from './admission-observer.ts';

const POLICY_BUCKETS_SECONDS = [0.0000005, 0.001, 0.01, 0.1, 1];
const WEBHOOK_BUCKETS_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const POLICY_LABELS = ['policy', 'policy_binding', 'error_type', 'enforcement_action'];
/** Higher codes are shown as this one, so that a webhook cannot make up time series. */
const HIGHEST_CODE = 600;

interface PolicyFamilies {
  total: Metric;
  duration: Histogram;
}

/**
 * What policies and webhooks decided, under kube-apiserver's names.
 * Source: k8s.io/apiserver/pkg/admission/metrics, pkg/admission/plugin/policy/{mutating,validating}/metrics.
 */
export class AdmissionMetrics implements AdmissionObserver {
  readonly #policies: Readonly<Record<PolicyCheck['kind'], PolicyFamilies>>;
  readonly #webhookDuration: Histogram;
  readonly #webhookRequests: Metric;
  readonly #webhookRejections: Metric;
  readonly #webhookFailOpen: Metric;

  constructor(registry: MetricRegistry) {
    this.#policies = {
      mutating: policyFamilies(registry, 'mutating', 'ALPHA'),
      validating: policyFamilies(registry, 'validating', 'BETA'),
    };
    this.#webhookDuration = registry.histogram(
      {
        name: 'apiserver_admission_webhook_admission_duration_seconds',
        help: 'Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
        labels: ['name', 'type', 'operation', 'rejected'],
        stability: 'STABLE',
      },
      WEBHOOK_BUCKETS_SECONDS,
    );
    this.#webhookRequests = registry.counter({
      name: 'apiserver_admission_webhook_request_total',
      help: 'Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation.',
      labels: ['name', 'type', 'operation', 'code', 'rejected'],
    });
    this.#webhookRejections = registry.counter({
      name: 'apiserver_admission_webhook_rejection_count',
      help: 'Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation.',
      labels: ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    });
    this.#webhookFailOpen = registry.counter({
      name: 'apiserver_admission_webhook_fail_open_count',
      help: 'Admission webhook fail open count, identified by name and broken out for each admission type (validating or mutating).',
      labels: ['name', 'type'],
    });
  }

  policyChecked({ kind, policy, binding, action, error, seconds }: PolicyCheck): void {
    const { total, duration } = this.#policies[kind];
    total.at(policy, binding, error, action).add();
    duration.at(policy, binding, error, action).observe(seconds);
  }

  webhookCalled({ kind, webhook, operation, seconds, outcome }: WebhookCheck): void {
    const type = kind === 'mutating' ? 'admit' : 'validating';
    const isRejected = outcome.type === 'denied' || (outcome.type === 'failed' && !outcome.isIgnored);
    const code =
      outcome.type === 'denied'
        ? Math.min(outcome.code, HIGHEST_CODE)
        : outcome.type === 'failed'
          ? 503
          : 200;
    const rejected = String(isRejected);
    this.#webhookRequests.at(webhook, type, operation, String(code), rejected).add();
    this.#webhookDuration.at(webhook, type, operation, rejected).observe(seconds);
    if (outcome.type === 'failed' && outcome.isIgnored) this.#webhookFailOpen.at(webhook, type).add();
    if (!isRejected) return;
    const errorType = outcome.type === 'denied' ? 'no_error' : 'calling_webhook_error';
    this.#webhookRejections.at(webhook, type, operation, errorType, String(code)).add();
  }
}

function policyFamilies(
  registry: MetricRegistry,
  kind: PolicyCheck['kind'],
  stability: 'ALPHA' | 'BETA',
): PolicyFamilies {
  const prefix = `apiserver_${kind}_admission_policy_check`;
  const what = kind === 'mutating' ? 'Mutation' : 'Validation';
  return {
    total: registry.counter({
      name: `${prefix}_total`,
      help: `${what} admission policy check total, labeled by policy and further identified by binding and enforcement action taken.`,
      labels: POLICY_LABELS,
      stability,
    }),
    duration: registry.histogram(
      {
        name: `${prefix}_duration_seconds`,
        help: `${what} admission latency for individual expressions in seconds, labeled by policy and further including binding and enforcement action taken.`,
        labels: POLICY_LABELS,
        stability,
      },
      POLICY_BUCKETS_SECONDS,
    ),
  };
}
