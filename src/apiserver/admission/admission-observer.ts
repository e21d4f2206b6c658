import type { Operation } from './admission.ts';

/** One expression of a policy that was asked; the labels of upstream's apiserver_*_admission_policy_check_total. */
export interface PolicyCheck {
  kind: 'mutating' | 'validating';
  policy: string;
  binding: string;
  action: 'allow' | 'deny' | 'audit' | 'warn';
  error: 'no_error' | 'compile_error' | 'invalid_error' | 'out_of_budget';
  seconds: number;
}

/** One webhook that was asked; the labels of upstream's apiserver_admission_webhook_*. */
export interface WebhookCheck {
  kind: 'mutating' | 'validating';
  webhook: string;
  operation: Operation;
  seconds: number;
  /** What the answer was: allowed, refused with a code, or none at all, which refuses or is ignored. */
  outcome: { type: 'allowed' } | { type: 'denied'; code: number } | { type: 'failed'; isIgnored: boolean };
}

/** Hears what admission decides, for metrics. */
export interface AdmissionObserver {
  policyChecked(check: PolicyCheck): void;
  webhookCalled(check: WebhookCheck): void;
}
