import { goJson } from './go-json.ts';
import { sprintf } from './printf.ts';
import { GoDuration, GoTime } from './times.ts';
import { GoNil, type GoValue, isMap, isTrue, printed, typeName } from './values.ts';

/** What a function of templates throws: Go's words, without the place. */
export class FunctionError extends Error {}

export interface TemplateFunction {
  /** Fewest and most arguments. */
  least: number;
  most: number;
  call: (...args: GoValue[]) => GoValue;
}

const fixed = (count: number, call: TemplateFunction['call']): TemplateFunction => ({
  ...{ least: count, most: count },
  call,
});
const variadic = (least: number, call: TemplateFunction['call']): TemplateFunction => ({
  ...{ least, most: Number.POSITIVE_INFINITY },
  call,
});

/** Go's own (text/template, "Functions") and those that docker and podman add. `and` and `or` are the executor's. */
export const TEMPLATE_FUNCTIONS: Record<string, TemplateFunction> = {
  and: variadic(1, (...args) => args.find((one) => !isTrue(one)) ?? args.at(-1)),
  or: variadic(1, (...args) => args.find(isTrue) ?? args.at(-1)),
  not: fixed(1, (value) => !isTrue(value)),
  call: variadic(1, () => {
    throw new FunctionError('non-function of type string');
  }),
  len: fixed(1, length),
  index: variadic(1, index),
  slice: variadic(1, slice),
  print: variadic(0, (...args) => print(args)),
  println: variadic(0, (...args) => `${args.map(printed).join(' ')}\n`),
  printf: variadic(1, (format, ...args) => sprintf(text(format), ...args)),
  html: variadic(0, (...args) => html(joined(args))),
  js: variadic(0, (...args) => js(joined(args))),
  urlquery: variadic(0, (...args) =>
    encodeURIComponent(joined(args))
      .replace(/[!'()*]/g, percent)
      .replaceAll('%20', '+'),
  ),
  eq: variadic(1, (first, ...others) => {
    if (others.length === 0) throw new FunctionError('missing argument for comparison');
    return others.some((one) => equal(first, one));
  }),
  ne: fixed(2, (a, b) => !equal(a, b)),
  lt: fixed(2, (a, b) => order(a, b) < 0),
  le: fixed(2, (a, b) => order(a, b) <= 0),
  gt: fixed(2, (a, b) => order(a, b) > 0),
  ge: fixed(2, (a, b) => order(a, b) >= 0),
  json: fixed(1, (value) => goJson(value)),
  split: fixed(2, (value, separator) => text(value).split(text(separator))),
  join: fixed(2, (list, separator) => elements(list).map(text).join(text(separator))),
  title: fixed(1, (value) =>
    text(value).replace(/(?<![\p{L}\p{Nd}_'])\p{L}/gu, (letter) => letter.toUpperCase()),
  ),
  lower: fixed(1, (value) => text(value).toLowerCase()),
  upper: fixed(1, (value) => text(value).toUpperCase()),
  pad: fixed(3, (value, before, after) =>
    text(value) === '' ? '' : ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  ),
  truncate: fixed(2, (value, limit) => text(value).slice(0, Number(limit))),
};

export const TEMPLATE_FUNCTION_NAMES: ReadonlySet<string> = new Set(Object.keys(TEMPLATE_FUNCTIONS));

/** Go's Sprint: a space only between two that are no strings. */
function print(args: readonly GoValue[]): string {
  return args
    .map(
      (one, i) =>
        (i > 0 && typeof one !== 'string' && typeof args[i - 1] !== 'string' ? ' ' : '') + printed(one),
    )
    .join('');
}

function joined(args: readonly GoValue[]): string {
  return args.length === 1 && typeof args[0] === 'string' ? args[0] : print(args);
}

/** @throws FunctionError when it is no string */
function text(value: GoValue): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) throw new FunctionError('invalid value; expected string');
  throw new FunctionError(`wrong type for value; expected string; got ${typeName(value)}`);
}

function elements(value: GoValue): GoValue[] {
  if (Array.isArray(value)) return value;
  if (value instanceof GoNil) return [];
  throw new FunctionError(`wrong type for value; expected []string; got ${typeName(value)}`);
}

function length(value: GoValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof GoNil && value.kind !== 'pointer') return 0;
  if (isMap(value)) return Object.keys(value).length;
  if (value === null || value === undefined) throw new FunctionError('len of nil pointer');
  throw new FunctionError(`len of type ${typeName(value)}`);
}

function index(container: GoValue, ...keys: GoValue[]): GoValue {
  return keys.reduce<GoValue>((value, key) => {
    if (value === null || value === undefined) throw new FunctionError('index of untyped nil');
    if (value instanceof GoNil) {
      if (value.kind === 'map') return '';
      throw new FunctionError(`error calling index: reflect: slice index out of range`);
    }
    if (Array.isArray(value) || typeof value === 'string') {
      if (typeof key !== 'number')
        throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`);
      if (key < 0 || key >= value.length) throw new FunctionError(`index out of range: ${key}`);
      return typeof value === 'string' ? Buffer.from(value)[key] : value[key];
    }
    if (!isMap(value)) throw new FunctionError(`can't index item of type ${typeName(value)}`);
    if (typeof key !== 'string') throw new FunctionError(`value has type ${typeName(key)}; should be string`);
    return Object.hasOwn(value, key) ? value[key] : zeroLike(Object.values(value)[0]);
  }, container);
}

/** What Go gives for a key that is not there, by the type of the others. */
function zeroLike(example: GoValue): GoValue {
  if (typeof example === 'number') return 0;
  if (typeof example === 'boolean') return false;
  if (Array.isArray(example)) return [];
  return typeof example === 'object' ? null : '';
}

function slice(value: GoValue, ...bounds: GoValue[]): GoValue {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw new FunctionError(
      value === undefined || value === null
        ? 'slice of untyped nil'
        : `can't slice item of type ${typeName(value)}`,
    );
  for (const bound of bounds) {
    if (typeof bound !== 'number')
      throw new FunctionError(`cannot index slice/array with type ${typeName(bound)}`);
    if (bound < 0 || bound > value.length) throw new FunctionError(`index out of range: ${bound}`);
  }
  const [from = 0, to = value.length] = bounds as number[];
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`);
  return value.slice(from, to);
}

type Basic = string | number | bigint | boolean;

function equal(a: GoValue, b: GoValue): boolean {
  if (a instanceof GoTime && b instanceof GoTime) return a.iso === b.iso;
  const one = basic(a);
  const other = basic(b);
  if (one === undefined || other === undefined) return one === other;
  if (kindOf(one) !== kindOf(other)) throw new FunctionError('incompatible types for comparison');
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1n are the same number.
  return one == other;
}

function order(a: GoValue, b: GoValue): number {
  const one = basic(a);
  const other = basic(b);
  if (one === undefined || other === undefined || typeof one === 'boolean')
    throw new FunctionError('invalid type for comparison');
  if (kindOf(one) !== kindOf(other)) throw new FunctionError('incompatible types for comparison');
  return one < other ? -1 : one > other ? 1 : 0;
}

function kindOf(value: Basic): string {
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** Undefined for nil. @throws FunctionError for what Go does not compare */
function basic(value: GoValue): Basic | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof GoDuration) return value.nanoseconds;
  if (typeof value === 'object') {
    if (value instanceof GoNil && value.kind === 'pointer') return undefined;
    throw new FunctionError(`non-comparable type ${printed(value)}: ${typeName(value)}`);
  }
  return value as Basic;
}

const HTML: Record<string, string> = { "'": '&#39;', '"': '&#34;', '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function html(value: string): string {
  return value.replace(/['"&<>]/g, (character) => HTML[character]!).replaceAll('\0', '\uFFFD');
}

function js(value: string): string {
  return value.replace(/[\\'"<>&=]|\p{Cc}/gu, (character) => {
    if (character === '\\' || character === "'" || character === '"') return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
