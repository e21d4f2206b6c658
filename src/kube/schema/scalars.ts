import { messageOf } from '../../base/index.ts';
import { parseQuantity } from '../quantity/quantity.ts';
import type { FieldInfo, ScalarKind } from './fields.ts';

/**
 * A scalar could not be decoded. `kind` says how Go words it: a type mismatch names struct and field, an
 * unmarshaller's own error stands alone.
 */
export class ScalarError extends Error {
  readonly mismatch: string | undefined;
  constructor(message: string, mismatch?: string) {
    super(message);
    this.mismatch = mismatch;
  }
}

/** What Go's decoder calls a JSON value: string, number, bool, array, object. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The value Go has for a null in a list or map of this kind. */
export function zeroOf(kind: ScalarKind | 'struct'): unknown {
  switch (kind) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'float64':
    case 'intorstring':
      return 0;
    case 'quantity':
      return '0';
    case 'struct':
      return {};
    default:
      return null;
  }
}

/**
 * One non-null JSON value as the field's Go type would hold and print it: quantities canonical, times in UTC.
 *
 * @throws ScalarError
 */
export function decodeScalar(field: FieldInfo, value: unknown): unknown {
  switch (field.kind) {
    case 'string':
      if (typeof value === 'string') return value;
      throw mismatch(value);
    case 'bool':
      if (typeof value === 'boolean') return value;
      throw mismatch(value);
    case 'int32':
      return integer(value, -2147483648, 2147483647);
    case 'int64':
      return integer(value, -(2 ** 63), 2 ** 63 - 1024);
    case 'float64':
      if (typeof value === 'number') return value;
      throw mismatch(value);
    case 'bytes':
      if (typeof value === 'string') return base64(value);
      throw mismatch(value);
    case 'quantity':
      return quantity(value);
    case 'intorstring':
      return intOrString(value);
    case 'time':
      return time(value, false);
    case 'microtime':
      return time(value, true);
    default:
      return value;
  }
}

function mismatch(value: unknown): ScalarError {
  return new ScalarError('', jsonTypeName(value));
}

function integer(value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw mismatch(value);
  if (!Number.isInteger(value) || value < min || value > max) throw new ScalarError('', `number ${value}`);
  return value;
}

function intOrString(value: unknown): number | string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2147483648) return value;
  const what = typeof value === 'number' ? `number ${value}` : jsonTypeName(value);
  throw new ScalarError(`json: cannot unmarshal ${what} into Go value of type int32`);
}

const CANONICAL_QUANTITY = /^(0|[1-9][0-9]{0,2}(m|k|M|G|T|Ki|Mi|Gi|Ti)?)$/;

function quantity(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new ScalarError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  const text = String(value).trim();
  if (CANONICAL_QUANTITY.test(text)) return text;
  try {
    return parseQuantity(text).toString();
  } catch (cause) {
    throw new ScalarError(messageOf(cause));
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function base64(text: string): string {
  if (BASE64.test(text)) return text;
  const joined = text.replace(/[\r\n]/g, '');
  if (BASE64.test(joined)) return joined;
  const bad = /[^A-Za-z0-9+/\r\n]/.exec(text);
  throw new ScalarError(`illegal base64 data at input byte ${bad?.index ?? text.length - (text.length % 4)}`);
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,](\d+))?(?:Z|[+-]\d\d:\d\d)$/;
const LAYOUT = '2006-01-02T15:04:05Z07:00';
const MICRO_LAYOUT = '2006-01-02T15:04:05.000000Z07:00';

/** metav1.Time prints whole seconds in UTC, MicroTime six digits. */
function time(value: unknown, micro: boolean): string {
  if (typeof value !== 'string')
    throw new ScalarError(`json: cannot unmarshal ${jsonTypeName(value)} into Go value of type string`);
  const found = RFC3339.exec(value);
  const ms = found === null ? Number.NaN : Date.parse(value.replace(',', '.'));
  if (Number.isNaN(ms)) {
    const layout = micro ? MICRO_LAYOUT : LAYOUT;
    throw new ScalarError(
      `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  }
  if (!micro && value.length === 20) return value;
  const seconds = new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19);
  return micro ? `${seconds}.${(found![1] ?? '').slice(0, 6).padEnd(6, '0')}Z` : `${seconds}Z`;
}
