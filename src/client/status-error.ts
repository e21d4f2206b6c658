import {
  AlreadyExists,
  BadRequest,
  Conflict,
  type FieldError,
  Gone,
  Invalid,
  NotFound,
  OrreryError,
} from '../base/index.ts';
import type { metav1 } from '../kube/index.ts';

/** An answer that says no and has no class of its own in base: Forbidden, Unauthorized, TooManyRequests, … */
export class ApiError extends OrreryError {
  /** The HTTP status. */
  readonly status: number;

  constructor(reason: string, message: string, status: number, details: Record<string, unknown>) {
    super(reason, message, { details });
    this.status = status;
  }
}

/** The server could not be reached, or the connection broke before it answered. Trying again may help. */
export class Unreachable extends OrreryError {
  constructor(message: string, cause?: unknown) {
    super('Unreachable', message, { cause });
  }
}

const REASON_OF_STATUS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * The error a `Status` stands for; base's classes where one exists, ApiError otherwise. Its `details` are
 * `{ status, reason, causes, name, group, kind, retryAfterSeconds }` as the server sent them.
 */
export function errorFromStatus(status: metav1.Status, httpStatus: number): OrreryError {
  const code = status.code ?? httpStatus;
  const reason = status.reason || REASON_OF_STATUS[code] || 'Unknown';
  const message = status.message ?? `the server answered ${code}`;
  const details = { ...status.details, status: code, reason };
  switch (reason) {
    case 'NotFound':
      return new NotFound(message, { details });
    case 'AlreadyExists':
      return new AlreadyExists(message, { details });
    case 'Conflict':
      return new Conflict(message, { details });
    case 'Gone':
    case 'Expired':
      return new Gone(message, { details });
    case 'Invalid':
      return new Invalid(message, (status.details?.causes ?? []).map(fieldErrorOf), { details });
    case 'BadRequest':
      return new BadRequest(message, { details });
    default:
      return code === 410 ? new Gone(message, { details }) : new ApiError(reason, message, code, details);
  }
}

/** The error an answer with an HTTP status of 400 or more stands for, whatever its body. */
export function errorFromAnswer(httpStatus: number, text: string): OrreryError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined; // A proxy's HTML or plain text: the HTTP status tells the reason.
  }
  if (typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status')
    return errorFromStatus(body as metav1.Status, httpStatus);
  const message = text.trim().slice(0, 500) || `the server answered ${httpStatus}`;
  return errorFromStatus({ metadata: { continue: '' }, message, code: httpStatus }, httpStatus);
}

/** Whether the answer named this cause, e.g. `NamespaceTerminating` in a Forbidden. */
export function hasStatusCause(error: unknown, reason: string): boolean {
  if (!(error instanceof OrreryError) || !Array.isArray(error.details.causes)) return false;
  return (error.details.causes as metav1.StatusCause[]).some((cause) => cause.reason === reason);
}

function fieldErrorOf(cause: metav1.StatusCause): FieldError {
  return {
    type: (cause.reason ?? 'FieldValueInvalid') as FieldError['type'],
    field: cause.field ?? '',
    message: cause.message ?? '',
  };
}
