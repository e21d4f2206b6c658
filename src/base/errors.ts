/**
 * The one error family of the product.
 *
 * `code` is permanent and listed in docs/errors.md (a test holds the two together); `reason` is the
 * Kubernetes StatusReason where there is one. Subclasses exist only where a caller branches on them.
 * They are translated in two places: to a Kubernetes Status at the HTTP edge, to an exit code and a
 * hint at the CLI edge.
 */

export interface OrreryErrorOptions {
  /** Structured facts for the reader: field path, flag, file, line, current value. Never a secret. */
  details?: Record<string, unknown>;
  /** What the user can do about it, one sentence. */
  hint?: string;
  cause?: unknown;
}

export class OrreryError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: OrreryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint;
  }
}

/** The thing named does not exist. HTTP 404. */
export class NotFound extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('NotFound', message, options);
  }
}

/** A create met a thing of that name. HTTP 409, reason AlreadyExists. */
export class AlreadyExists extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('AlreadyExists', message, options);
  }
}

/** An optimistic-concurrency check failed. HTTP 409, reason Conflict. */
export class Conflict extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('Conflict', message, options);
  }
}

/** The revision asked for is older than the compaction window. HTTP 410, reason Expired. */
export class Gone extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('Gone', message, options);
  }
}

/** One violated rule of an object's schema; see k8s.io/apimachinery/pkg/util/validation/field. */
export interface FieldError {
  type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueNotFound'
    | 'FieldValueTypeInvalid'
    | 'InternalError';
  /** JSON path of the field: `spec.containers[0].name`. */
  field: string;
  /** The whole sentence after the field path, Kubernetes' wording: `Invalid value: "x": must be …`. */
  message: string;
}

/** What was sent breaks rules of its schema. HTTP 422, reason Invalid, one cause a field error. */
export class Invalid extends OrreryError {
  readonly fieldErrors: readonly FieldError[];
  constructor(message: string, fieldErrors: readonly FieldError[] = [], options?: OrreryErrorOptions) {
    super('Invalid', message, options);
    this.fieldErrors = fieldErrors;
  }
}

/** What was sent cannot be understood at all. HTTP 400, reason BadRequest; CLI exit code 2. */
export class BadRequest extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('BadRequest', message, options);
  }
}

/** Trying again cannot help: work queues drop the item instead of backing off. */
export class Terminal extends OrreryError {
  constructor(message: string, options?: OrreryErrorOptions) {
    super('Terminal', message, options);
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
