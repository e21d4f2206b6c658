import type { ServiceError } from '@grpc/grpc-js';
import { Gone, OrreryError } from '../../base/index.ts';
import { storeFull, storeUnavailable } from '../store-errors.ts';

/** gRPC's codes that we branch on. Source: grpc/grpc doc/statuscodes.md. */
const CODE = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** Nothing is known of what became of the request, or of its answer; another try, perhaps elsewhere, may succeed. */
export function isLost(error: ServiceError): boolean {
  const { code, details } = error;
  return (
    isBusy(error) ||
    code === CODE.unavailable ||
    code === CODE.deadlineExceeded ||
    code === CODE.cancelled ||
    code === CODE.internal ||
    (code === CODE.unknown && !/^etcdserver: /.test(details))
  );
}

/** etcd is behind; the same endpoint will take it a moment later. */
export function isBusy(error: ServiceError): boolean {
  return /too many requests/.test(error.details);
}

/** The request never left, or was refused at the door. Source: grpc-js, etcd 3.4 rpctypes/error.go. */
export function wasNeverSent(error: ServiceError): boolean {
  return /^(No connection established|etcdserver: too many requests)/.test(error.details);
}

export function isCompacted(error: unknown): boolean {
  return /required revision has been compacted/.test((error as ServiceError).details ?? '');
}

export function isFuture(error: unknown): boolean {
  return /required revision is a future revision/.test((error as ServiceError).details ?? '');
}

/** What etcd, or the way to it, refused; in one sentence of ours. */
export function explain(error: unknown, endpoint: string): OrreryError {
  if (error instanceof OrreryError) return error;
  const { code, details = '' } = error as ServiceError;
  if (/database space exceeded/.test(details)) return etcdFull(endpoint, error);
  if (/request is too large|larger than max/.test(details)) return valueTooLarge(error);
  const denied =
    code === CODE.permissionDenied ||
    code === CODE.unauthenticated ||
    /user name is empty|authentication failed|auth token/.test(details);
  if (denied)
    return new OrreryError('StoreDenied', `etcd at ${endpoint} refuses us: ${details}`, {
      hint: 'give a client certificate that it knows with --etcd-certfile and --etcd-keyfile, and a role for the prefix',
      cause: error,
    });
  if (code === CODE.unimplemented) return notEtcd(endpoint, details, error);
  // grpc-js: "No connection established. Last error: Error: connect ECONNREFUSED …. Resolution note: …"
  const reason = details
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note:.*$/s, '');
  return storeUnavailable(`etcd at ${endpoint}`, reason || String(error), error);
}

function etcdFull(endpoint: string, cause: unknown): OrreryError {
  const full = storeFull(`etcd at ${endpoint}`, cause);
  return new OrreryError(
    'StoreFull',
    'the quota of etcd is used up (alarm NOSPACE): the store is read-only',
    {
      details: full.details,
      hint: 'run "orrery store compact", or give etcd a larger --quota-backend-bytes',
      cause,
    },
  );
}

export function valueTooLarge(cause: unknown): OrreryError {
  return new OrreryError('StoreValueTooLarge', 'the object is larger than etcd takes in one request', {
    hint: 'etcd takes 1.5 MiB unless it is started with a larger --max-request-bytes',
    cause,
  });
}

export function notEtcd(endpoint: string, what: string, cause?: unknown): OrreryError {
  return new OrreryError('StoreForeign', `${endpoint} is not etcd with the v3 API: ${what}`, { cause });
}

export function tooOld(endpoint: string, version: string): OrreryError {
  return new OrreryError('StoreTooOld', `etcd at ${endpoint} is version ${version}; 3.4 or newer is needed`, {
    details: { endpoint, version },
  });
}

export function otherCluster(endpoint: string): OrreryError {
  return new OrreryError(
    'StoreForeign',
    `etcd at ${endpoint} belongs to another cluster than the endpoints before`,
    {
      details: { endpoint },
      hint: 'name endpoints of one cluster only',
    },
  );
}

/** The write was sent and its fate cannot be found out. */
export function writeUnknown(key: string, cause: unknown): OrreryError {
  return new OrreryError(
    'StoreWriteUnknown',
    `the connection to etcd was lost: whether "${key}" was written is not known`,
    {
      details: { key },
      hint: 'read it again, then decide',
      cause,
    },
  );
}

export function gone(revision: number, compactedRevision: number): Gone {
  return new Gone(`revision ${revision} is no longer in the history, which begins at ${compactedRevision}`, {
    details: { revision, compactedRevision },
  });
}
