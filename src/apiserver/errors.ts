import {
  AlreadyExists,
  Conflict,
  type FieldError,
  Gone,
  type Invalid,
  NotFound,
  OrreryError,
} from '../base/index.ts';
import { invalidError, type metav1, type Resource } from '../kube/index.ts';

/**
 * The API server's errors in Kubernetes' own words (k8s.io/apimachinery/pkg/api/errors). `details` carries
 * what becomes `status.details`: `group`, `kind` (the plural resource, or the kind of an Invalid), `name`,
 * `uid`, `causes`, `retryAfterSeconds`.
 */

/** `deployments.apps`, `pods`. */
export function qualifiedName(resource: Pick<Resource, 'group' | 'name'>): string {
  return resource.group === '' ? resource.name : `${resource.name}.${resource.group}`;
}

type Named = Pick<Resource, 'group' | 'name'>;

function detailsOf(resource: Named, name: string): Record<string, unknown> {
  return { ...(name && { name }), ...(resource.group && { group: resource.group }), kind: resource.name };
}

export function objectNotFound(resource: Named, name: string): NotFound {
  return new NotFound(`${qualifiedName(resource)} "${name}" not found`, {
    details: detailsOf(resource, name),
  });
}

/** For a path, group, version or resource that is not served. */
export function pathNotFound(): NotFound {
  return new NotFound('the server could not find the requested resource');
}

export function objectExists(resource: Named, name: string): AlreadyExists {
  return new AlreadyExists(`${qualifiedName(resource)} "${name}" already exists`, {
    details: detailsOf(resource, name),
  });
}

export const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export function objectConflict(resource: Named, name: string, why: string = MODIFIED): Conflict {
  return new Conflict(`Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`, {
    details: detailsOf(resource, name),
  });
}

/** `Deployment.apps "x" is invalid: spec.replicas: Invalid value: …`. */
export function objectInvalid(
  kind: { group: string; kind: string },
  name: string,
  errors: readonly FieldError[],
): Invalid {
  return invalidError({ group: kind.group, kind: kind.kind, name }, errors);
}

export function forbidden(
  resource: Named | undefined,
  name: string,
  why: string,
  causes?: metav1.StatusCause[],
): OrreryError {
  const extra = causes === undefined ? {} : { causes };
  if (resource === undefined) return new OrreryError('Forbidden', `forbidden: ${why}`, { details: extra });
  const what = name === '' ? qualifiedName(resource) : `${qualifiedName(resource)} "${name}"`;
  return new OrreryError('Forbidden', `${what} is forbidden: ${why}`, {
    details: { ...detailsOf(resource, name), ...extra },
  });
}

export function unauthorized(): OrreryError {
  return new OrreryError('Unauthorized', 'Unauthorized');
}

export function methodNotAllowed(): OrreryError {
  return new OrreryError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );
}

export function unsupportedMediaType(accepted: readonly string[]): OrreryError {
  return new OrreryError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function notAcceptable(accepted: readonly string[]): OrreryError {
  return new OrreryError(
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
  );
}

export function entityTooLarge(limitBytes: number): OrreryError {
  return new OrreryError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** A resourceVersion the server has not reached; k8s.io/apiserver/pkg/storage.NewTooLargeResourceVersionError. */
export function resourceVersionTooLarge(wanted: number, current: number): OrreryError {
  return new OrreryError('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      retryAfterSeconds: 1,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  });
}

export function expired(message: string): Gone {
  return new Gone(message);
}

export function internalError(message: string, cause?: unknown): OrreryError {
  return new OrreryError('InternalError', `Internal error occurred: ${message}`, { cause });
}

export function serviceUnavailable(message: string, cause?: unknown): OrreryError {
  return new OrreryError('ServiceUnavailable', message, { cause });
}
