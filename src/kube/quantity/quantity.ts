import { BadRequest } from '../../base/index.ts';

/** How a quantity was written, which decides how its canonical string looks. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const ERROR_FORMAT =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const ERROR_NUMERIC = 'unable to parse numeric part of quantity';
const ERROR_SUFFIX = "unable to parse quantity's suffix";

const MAX_LENGTH = 200;
const NANO = 1_000_000_000n;
const MAX_NANO = (2n ** 63n - 1n) * NANO;

const DECIMAL_EXPONENTS = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const DECIMAL_SUFFIXES = new Map([...DECIMAL_EXPONENTS].map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/**
 * A fixed-point number with the resolution of a nano, as `k8s.io/apimachinery/pkg/api/resource.Quantity`:
 * `100m`, `1.5Gi`, `12e6`. Immutable. More than 2^63-1 is capped, less than a nano is rounded up.
 */
export class Quantity {
  readonly format: QuantityFormat;
  readonly #nano: bigint;

  constructor(nano: bigint, format: QuantityFormat) {
    this.#nano = nano;
    this.format = format;
  }

  /** In whole units, rounded up (away from zero). */
  value(): number {
    return Number(divideAwayFromZero(this.#nano, NANO));
  }

  /** In thousandths, rounded up (away from zero). */
  milliValue(): number {
    return Number(divideAwayFromZero(this.#nano, NANO / 1000n));
  }

  isZero(): boolean {
    return this.#nano === 0n;
  }

  compare(other: Quantity): -1 | 0 | 1 {
    if (this.#nano === other.#nano) return 0;
    return this.#nano < other.#nano ? -1 : 1;
  }

  add(other: Quantity): Quantity {
    return new Quantity(this.#nano + other.#nano, this.isZero() ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return new Quantity(this.#nano - other.#nano, this.isZero() ? other.format : this.format);
  }

  /** The same quantity rounded up to thousandths: what defaulting does to every resource list. */
  roundUpToMilli(): Quantity {
    return new Quantity(divideAwayFromZero(this.#nano, NANO / 1000n) * (NANO / 1000n), this.format);
  }

  /** The canonical form: no fraction, the largest suffix that keeps the value exact. */
  toString(): string {
    if (this.isZero()) return '0';
    const whole = this.#nano / NANO;
    const exact = whole * NANO === this.#nano;
    if (this.format === 'BinarySI' && exact && (whole <= -1024n || whole >= 1024n)) {
      return binaryString(whole);
    }
    return this.format === 'DecimalExponent'
      ? decimalString(this.#nano, 'DecimalExponent')
      : decimalString(this.#nano, 'DecimalSI');
  }

  toJSON(): string {
    return this.toString();
  }
}

function divideAwayFromZero(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function binaryString(whole: bigint): string {
  let mantissa = whole;
  let index = 0;
  while (mantissa % 1024n === 0n && index < BINARY_SUFFIXES.length - 1) {
    mantissa /= 1024n;
    index++;
  }
  return `${mantissa}${BINARY_SUFFIXES[index]}`;
}

function decimalString(nano: bigint, format: 'DecimalSI' | 'DecimalExponent'): string {
  let mantissa = nano;
  let exponent = -9;
  const highest = format === 'DecimalSI' ? 18 : Number.POSITIVE_INFINITY;
  while (mantissa % 1000n === 0n && exponent < highest) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalSI') return `${mantissa}${DECIMAL_SUFFIXES.get(exponent)}`;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}

/**
 * Reads a quantity as the API server does. Numbers (JSON) are read like their decimal text.
 *
 * @throws BadRequest with Kubernetes' own sentence.
 */
export function parseQuantity(text: string | number): Quantity {
  const input = String(text).trim();
  // The expression, and BigInt, take time in the square of the length.
  if (input.length > MAX_LENGTH) throw new BadRequest(ERROR_FORMAT);
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(input);
  if (input === '' || match === null) throw new BadRequest(ERROR_FORMAT);
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  const scale = parseSuffix(suffix);
  if (whole === '' && fraction === '') throw new BadRequest(ERROR_NUMERIC);
  const digits = BigInt(`${whole}${fraction}`);
  // As upstream: a number short enough for its fast path is kept whatever its suffix, any other is capped.
  const short = scale.base === 10 && whole.length + fraction.length <= 18;
  const nano = capped(scaled(digits, fraction.length, scale), short);
  const format =
    scale.format === 'BinarySI' && nano > 0n && nano < NANO ? ('DecimalSI' as const) : scale.format;
  return new Quantity(sign === '-' ? -nano : nano, format);
}

interface Scale {
  base: 2 | 10;
  exponent: number;
  format: QuantityFormat;
}

function parseSuffix(suffix: string): Scale {
  const decimal = DECIMAL_EXPONENTS.get(suffix);
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
  if (/^[eE][-+]?[0-9]+$/.test(suffix)) {
    return { base: 10, exponent: Number(suffix.slice(1)), format: 'DecimalExponent' };
  }
  throw new BadRequest(ERROR_SUFFIX);
}

/** digits × 10^-fractionDigits × base^exponent, in nanos, rounded up. */
function scaled(digits: bigint, fractionDigits: number, scale: Scale): bigint {
  if (digits === 0n) return 0n;
  const power = 9 - fractionDigits + (scale.base === 10 ? scale.exponent : 0);
  const factor = scale.base === 2 ? 2n ** BigInt(scale.exponent) : 1n;
  if (power > 60) return MAX_NANO;
  if (power >= 0) return digits * factor * 10n ** BigInt(power);
  const numerator = digits * factor;
  // Far below a nano every power rounds up to one: no need for a divisor of thousands of digits.
  if (-power > String(numerator).length + 1) return 1n;
  return divideAwayFromZero(numerator, 10n ** BigInt(-power));
}

function capped(nano: bigint, short: boolean): bigint {
  return !short && nano > MAX_NANO ? MAX_NANO : nano;
}
