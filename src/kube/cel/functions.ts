import { messageOf } from '../../base/index.ts';
import {
  CelFailure,
  type CelMapValue,
  type CelOpaque,
  CelOptional,
  CelTypeValue,
  CelUint,
  type CelValue,
  celEquals,
  compareNumbers,
  kindOf,
  library,
} from './cel-value.ts';
import type { CostBudget } from './cost-budget.ts';
import { matchesPattern } from './pattern.ts';

/** One overload: `string.contains(string)->bool` is `.contains` with `string,string->bool`. */
export interface Overload {
  args: readonly string[];
  result: string;
  run(args: readonly CelValue[], budget: CostBudget): CelValue;
}

type Run = (args: CelValue[], budget: CostBudget) => CelValue;

const table = new Map<string, Overload[]>();

/** A receiver function's name begins with a dot. Several signatures are separated by `;`. */
export function define(name: string, signatures: string, run: Run): void {
  const overloads = table.get(name) ?? [];
  for (const signature of signatures.split(';')) {
    const [args = '', result = 'dyn'] = signature.trim().split('->');
    overloads.push({ args: args === '' ? [] : args.split(','), result, run: run as Overload['run'] });
  }
  table.set(name, overloads);
}

export function overloadsOf(name: string): readonly Overload[] | undefined {
  return table.get(name);
}

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

function int(value: bigint): bigint {
  if (value < INT_MIN || value > INT_MAX) throw new CelFailure('integer overflow');
  return value;
}

function nonZero(divisor: CelValue, what: string): bigint {
  if (divisor === 0n) throw new CelFailure(what);
  return divisor as bigint;
}

function text(value: CelValue | undefined): string {
  return value as string;
}

/** Strings are sequences of code points. */
function points(value: CelValue | undefined): string[] {
  return [...(value as string)];
}

function perText(budget: CostBudget, ...values: readonly (CelValue | undefined)[]): void {
  for (const value of values) budget.spend(typeof value === 'string' ? value.length * 0.1 : 0);
}

define('_+_', 'int,int->int', ([a, b]) => int((a as bigint) + (b as bigint)));
define('_+_', 'double,double->double', ([a, b]) => (a as number) + (b as number));
define('_+_', 'string,string->string', ([a, b], budget) => {
  perText(budget, a, b);
  return text(a) + text(b);
});
define('_+_', 'list,list->list', ([a, b], budget) => {
  const joined = [...(a as CelValue[]), ...(b as CelValue[])];
  budget.spend(joined.length * 0.1);
  return joined;
});
define('_+_', 'bytes,bytes->bytes', ([a, b], budget) => {
  const [first, second] = [a as Uint8Array, b as Uint8Array];
  budget.spend((first.length + second.length) * 0.1);
  return Buffer.concat([first, second]);
});
define('_-_', 'int,int->int', ([a, b]) => int((a as bigint) - (b as bigint)));
define('_-_', 'double,double->double', ([a, b]) => (a as number) - (b as number));
define('_*_', 'int,int->int', ([a, b]) => int((a as bigint) * (b as bigint)));
define('_*_', 'double,double->double', ([a, b]) => (a as number) * (b as number));
define('_/_', 'int,int->int', ([a, b]) => int((a as bigint) / nonZero(b!, 'division by zero')));
define('_/_', 'double,double->double', ([a, b]) => (a as number) / (b as number));
define('_%_', 'int,int->int', ([a, b]) => (a as bigint) % nonZero(b!, 'modulus by zero'));
define('-_', 'int->int', ([a]) => int(-(a as bigint)));
define('-_', 'double->double', ([a]) => -(a as number));
define('!_', 'bool->bool', ([a]) => !a);
for (const operator of ['+', '-', '*', '/', '%'])
  define(`_${operator}_`, 'uint,uint->uint', ([a, b]) => library(`a ${operator} b`, a!, b!));
define(
  '_+_',
  'timestamp,duration->timestamp;duration,timestamp->timestamp;duration,duration->duration',
  ([a, b]) => library('a + b', a!, b!),
);
define(
  '_-_',
  'timestamp,timestamp->duration;timestamp,duration->timestamp;duration,duration->duration',
  ([a, b]) => library('a - b', a!, b!),
);

const ORDERED = ['bool', 'string', 'bytes', 'timestamp', 'duration'].map((kind) => `${kind},${kind}->bool`);
for (const a of ['int', 'uint', 'double'])
  for (const b of ['int', 'uint', 'double']) ORDERED.push(`${a},${b}->bool`);
for (const [operator, holds] of [
  ['<', (order: number) => order < 0],
  ['<=', (order: number) => order <= 0],
  ['>', (order: number) => order > 0],
  ['>=', (order: number) => order >= 0],
] as const)
  define(`_${operator}_`, ORDERED.join(';'), ([a, b], budget) => {
    perText(budget, a);
    return holds(order(a!, b!));
  });

/** Below zero, zero or above; NaN for what has no order. */
export function order(a: CelValue, b: CelValue): number {
  const kind = kindOf(a);
  if (kind === 'timestamp' || kind === 'duration')
    return library('a < b', a, b) ? -1 : celEquals(a, b) ? 0 : 1;
  if (kind === 'bytes') return Buffer.compare(a as Uint8Array, b as Uint8Array);
  if (kind === 'string') return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
  return compareNumbers(a, b);
}

define('@in', 'any,list->bool', ([a, list], budget) => {
  budget.spend((list as CelValue[]).length);
  return (list as CelValue[]).some((one) => celEquals(a!, one));
});
define('@in', 'any,map->bool', ([a, map]) => lookUp(map as CelMapValue, a!) !== undefined);

/** Whole doubles and uints find the int they equal. */
export function lookUp(map: CelMapValue, key: CelValue): CelValue | undefined {
  const plain =
    key instanceof CelUint ? key.value : typeof key === 'number' && Number.isInteger(key) ? BigInt(key) : key;
  return map.get(plain as string);
}

for (const name of ['size', '.size']) {
  define(name, 'string->int', ([a], budget) => {
    perText(budget, a);
    return BigInt(points(a).length);
  });
  define(name, 'bytes->int;list->int', ([a]) => BigInt((a as CelValue[]).length));
  define(name, 'map->int', ([a]) => BigInt((a as CelMapValue).size));
}

for (const [name, signature] of [
  ['int', 'int->int;uint->int;double->int;string->int;timestamp->int'],
  ['uint', 'uint->uint;int->uint;double->uint;string->uint'],
  ['double', 'double->double;int->double;uint->double;string->double'],
  ['bool', 'bool->bool;string->bool'],
  ['bytes', 'bytes->bytes;string->bytes'],
  [
    'string',
    'string->string;int->string;uint->string;double->string;bool->string;bytes->string;timestamp->string;duration->string',
  ],
  ['timestamp', 'timestamp->timestamp;string->timestamp;int->timestamp'],
  ['duration', 'duration->duration;string->duration'],
] as const)
  define(name, signature, ([a], budget) => {
    perText(budget, a);
    return library(`${name}(a)`, a!);
  });
define('dyn', 'any->dyn', ([a]) => a!);
define('type', 'any->type', ([a]) => new CelTypeValue(kindOf(a!)));
for (const getter of [
  'FullYear',
  'Month',
  'Date',
  'DayOfMonth',
  'DayOfWeek',
  'DayOfYear',
  'Hours',
  'Minutes',
  'Seconds',
  'Milliseconds',
]) {
  define(`.get${getter}`, 'timestamp->int', ([a]) => library(`a.get${getter}()`, a!));
  define(`.get${getter}`, 'timestamp,string->int', ([a, b]) => library(`a.get${getter}(b)`, a!, b!));
  if (/^[HMS].*[sS]/.test(getter) && getter !== 'Month')
    define(`.get${getter}`, 'duration->int', ([a]) => library(`a.get${getter}()`, a!));
}

define('.contains', 'string,string->bool', ([a, b], budget) => {
  perText(budget, a, b);
  return text(a).includes(text(b));
});
define('.startsWith', 'string,string->bool', ([a, b], budget) => {
  perText(budget, b);
  return text(a).startsWith(text(b));
});
define('.endsWith', 'string,string->bool', ([a, b], budget) => {
  perText(budget, b);
  return text(a).endsWith(text(b));
});
for (const name of ['.matches', 'matches'])
  define(name, 'string,string->bool', ([a, b], budget) => {
    budget.spend((text(a).length * 0.1 + 1) * (text(b).length * 0.25 + 1));
    return matches(text(b), text(a));
  });

function matches(pattern: string, value: string): boolean {
  try {
    return matchesPattern(pattern, value);
  } catch (cause) {
    throw new CelFailure(messageOf(cause));
  }
}

define('optional.of', 'any->optional', ([a]) => new CelOptional(a!));
define('optional.none', '->optional', () => new CelOptional(undefined));
define('optional.ofNonZeroValue', 'any->optional', ([a]) => new CelOptional(isZero(a!) ? undefined : a!));
define('.hasValue', 'optional->bool', ([a]) => (a as CelOptional).value !== undefined);
define('.value', 'optional->dyn', ([a]) => {
  const { value } = a as CelOptional;
  if (value === undefined) throw new CelFailure('optional.none() dereference');
  return value;
});

function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (Array.isArray(value)) return value.length === 0;
  return value instanceof Map ? value.size === 0 : value instanceof CelOptional && value.value === undefined;
}

/** The functions of an opaque value are its own. */
export function callOpaque(target: CelOpaque, name: string, args: readonly CelValue[]): CelValue {
  const result = target.call(name, args);
  if (result === undefined) throw new CelFailure('no such overload');
  return result;
}
