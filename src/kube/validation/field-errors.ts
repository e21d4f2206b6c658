import { type FieldError, Invalid } from '../../base/index.ts';

/**
 * Makers of field errors with the sentences of k8s.io/apimachinery/pkg/util/validation/field (1.33):
 * `message` is everything after `<field>: `.
 */

export function required(field: string, detail = ''): FieldError {
  return { type: 'FieldValueRequired', field, message: sentence('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return {
    type: 'FieldValueInvalid',
    field,
    message: sentence(`Invalid value: ${showValue(value)}`, detail),
  };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const detail =
    supported.length === 0
      ? ''
      : `supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`;
  return {
    type: 'FieldValueNotSupported',
    field,
    message: sentence(`Unsupported value: ${showValue(value)}`, detail),
  };
}

export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return {
    type: 'FieldValueDuplicate',
    field,
    message: sentence(`Duplicate value: ${showValue(value)}`, detail),
  };
}

export function forbidden(field: string, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field, message: sentence('Forbidden', detail) };
}

export function notFound(field: string, value: unknown, detail = ''): FieldError {
  return { type: 'FieldValueNotFound', field, message: sentence(`Not found: ${showValue(value)}`, detail) };
}

export function tooLong(field: string, limitBytes: number): FieldError {
  return { type: 'FieldValueTooLong', field, message: `Too long: may not be more than ${limitBytes} bytes` };
}

export function tooMany(field: string, actual: number, most: number): FieldError {
  return {
    type: 'FieldValueTooMany',
    field,
    message: `Too many: ${actual}: must have at most ${most} ${most === 1 ? 'item' : 'items'}`,
  };
}

/** One error a message, all about the same value: what format checks return becomes field errors. */
export function invalidEach(field: string, value: unknown, messages: readonly string[]): FieldError[] {
  return messages.map((message) => invalid(field, value, message));
}

/** `field: message`, as clients print it. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${error.message}`;
}

/** The same error said twice is said once; order is kept. */
export function withoutRepeats(errors: readonly FieldError[]): FieldError[] {
  return [...new Map(errors.map((error) => [fieldErrorText(error), error])).values()];
}

/**
 * What the API server answers with 422: `Pod "x" is invalid: spec.containers: Required value`, several
 * errors in brackets (k8s.io/apimachinery/pkg/api/errors.NewInvalid).
 */
export function invalidError(
  subject: { group: string; kind: string; name: string },
  errors: readonly FieldError[],
): Invalid {
  const kind = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const unique = withoutRepeats(errors);
  const texts = unique.map(fieldErrorText);
  const all = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new Invalid(`${kind} ${JSON.stringify(subject.name)} is invalid: ${all}`, unique, {
    details: { name: subject.name, group: subject.group, kind: subject.kind },
  });
}

function sentence(type: string, detail: string): string {
  return detail === '' ? type : `${type}: ${detail}`;
}

/** Strings quoted, numbers and booleans plain, the rest as JSON; a value that is not there is "null". */
/** A map of Go that is nil: written as JSON has it, not as a pointer that is nil. */
export const NIL_MAP = { toJSON: () => null };

function showValue(value: unknown): string {
  if (value === undefined || value === null) return '"null"';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.stringify(value);
}
