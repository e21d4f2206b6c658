import { OrreryError } from '../../base/index.ts';
import type { metav1 } from '../../kube/index.ts';

/** Somebody beside the server said no, in a Status of their own: that is what the client is shown. */
export class AdmissionDenied extends OrreryError {
  readonly status: metav1.Status;

  constructor(status: metav1.Status) {
    super('AdmissionDenied', status.message ?? '');
    this.status = status;
  }
}

/** A webhook's no; k8s.io/apiserver/pkg/admission/plugin/webhook/errors.ToStatusErr. */
export function deniedByWebhook(webhook: string, given: metav1.Status | undefined): AdmissionDenied {
  const deniedBy = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const why = given?.message || given?.reason;
  return new AdmissionDenied({
    ...given,
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {} as metav1.ListMeta,
    status: !given?.status || given.status === 'Success' ? 'Failure' : given.status,
    message: why ? `${deniedBy}: ${why}` : `${deniedBy} without explanation`,
    code: Math.max(given?.code ?? 0, 400),
  });
}
