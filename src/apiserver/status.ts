import { Invalid, messageOf, OrreryError } from '../base/index.ts';
import type { metav1 } from '../kube/index.ts';
import { AdmissionDenied } from './webhooks/denial.ts';

/**
 * The one place where an error becomes a `metav1.Status`.
 *
 * Source: k8s.io/apimachinery/pkg/api/errors and pkg/apis/meta/v1 StatusReason.
 */
const REASONS: Readonly<Record<string, { code: number; reason: string }>> = {
  BadRequest: { code: 400, reason: 'BadRequest' },
  Unauthorized: { code: 401, reason: 'Unauthorized' },
  Forbidden: { code: 403, reason: 'Forbidden' },
  NotFound: { code: 404, reason: 'NotFound' },
  MethodNotAllowed: { code: 405, reason: 'MethodNotAllowed' },
  NotAcceptable: { code: 406, reason: 'NotAcceptable' },
  AlreadyExists: { code: 409, reason: 'AlreadyExists' },
  Conflict: { code: 409, reason: 'Conflict' },
  Gone: { code: 410, reason: 'Expired' },
  RequestEntityTooLarge: { code: 413, reason: 'RequestEntityTooLarge' },
  UnsupportedMediaType: { code: 415, reason: 'UnsupportedMediaType' },
  Invalid: { code: 422, reason: 'Invalid' },
  TooManyRequests: { code: 429, reason: 'TooManyRequests' },
  InternalError: { code: 500, reason: 'InternalError' },
  ServiceUnavailable: { code: 503, reason: 'ServiceUnavailable' },
  // The store's own: nothing the client did, and later it may work.
  StoreFull: { code: 503, reason: 'ServiceUnavailable' },
  StoreUnavailable: { code: 503, reason: 'ServiceUnavailable' },
  StoreDenied: { code: 503, reason: 'ServiceUnavailable' },
  // As kube-apiserver answers when etcd does: the request is too large; nobody knows whether it was done.
  StoreValueTooLarge: { code: 413, reason: 'RequestEntityTooLarge' },
  StoreWriteUnknown: { code: 504, reason: 'Timeout' },
  StoreClosed: { code: 503, reason: 'ServiceUnavailable' },
  Timeout: { code: 504, reason: 'Timeout' },
};

export type Status = metav1.Status & { code: number };

/** Never fails; what is not one of our errors is an internal error (500). */
export function statusOf(error: unknown): Status {
  if (error instanceof AdmissionDenied) return { code: 400, ...error.status };
  const known = error instanceof OrreryError ? REASONS[error.code] : undefined;
  if (!(error instanceof OrreryError) || known === undefined) {
    return failure(500, 'InternalError', `Internal error occurred: ${messageOf(error)}`, {
      causes: [{ message: messageOf(error) }],
    });
  }
  const status = failure(known.code, known.reason, error.message, statusDetails(error));
  // kube-apiserver's inconsistent-continue answer carries a token in the status' own list metadata.
  if (typeof error.details.continue === 'string') status.metadata.continue = error.details.continue;
  return status;
}

/** True for what the server, not the client, did wrong: such an error is logged. */
export function isServerFault(status: Status): boolean {
  return status.code === 500;
}

export function failure(
  code: number,
  reason: string,
  message: string,
  details?: metav1.StatusDetails,
): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {} as metav1.ListMeta,
    status: 'Failure',
    message,
    reason,
    ...(details !== undefined && Object.keys(details).length > 0 && { details }),
    code,
  };
}

export function success(details?: metav1.StatusDetails): metav1.Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {} as metav1.ListMeta,
    status: 'Success',
    ...(details !== undefined && { details }),
  };
}

function statusDetails(error: OrreryError): metav1.StatusDetails {
  const from = error.details;
  const details: metav1.StatusDetails = {};
  if (typeof from.name === 'string' && from.name !== '') details.name = from.name;
  if (typeof from.group === 'string' && from.group !== '') details.group = from.group;
  if (typeof from.kind === 'string') details.kind = from.kind;
  if (typeof from.uid === 'string') details.uid = from.uid;
  if (error instanceof Invalid && error.fieldErrors.length > 0) {
    details.causes = error.fieldErrors.map(({ type, field, message }) => ({ reason: type, message, field }));
  } else if (Array.isArray(from.causes)) details.causes = from.causes as metav1.StatusCause[];
  if (typeof from.retryAfterSeconds === 'number') details.retryAfterSeconds = from.retryAfterSeconds;
  return details;
}
