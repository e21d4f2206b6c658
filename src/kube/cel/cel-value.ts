import { celLibrary } from './cel-library.ts';
import type { ScalarKind } from './cel-type.ts';

/**
 * A CEL value: int is bigint, double number, list a JavaScript array, map and message a Map; times are the
 * library's, the rest below.
 */
export type CelValue =
  | bigint
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | CelUint
  | readonly CelValue[]
  | CelMapValue
  | CelOptional
  | CelOpaque
  | CelTypeValue
  | CelTime;

export type CelMapValue = ReadonlyMap<string | bigint | boolean, CelValue>;

/** Why an expression has no value: `no such key: x`. */
export class CelFailure extends Error {}

/** The budget of an evaluation is spent. */
export class CelCostExceeded extends CelFailure {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class CelOptional {
  readonly value: CelValue | undefined;
  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

/** A message under its name: `Object.spec{…}` of a mutating policy. */
export class CelMessage extends Map<string | bigint | boolean, CelValue> {
  readonly typeName: string;
  constructor(typeName: string, fields: readonly [string, CelValue][]) {
    super(fields);
    this.typeName = typeName;
  }
}

/** An unsigned integer of 64 bits. */
export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class CelTypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A value with functions of its own: quantities, addresses, the authorizer of admission policies. */
export abstract class CelOpaque {
  abstract readonly kind: ScalarKind;
  /** Undefined when it has no such function for these arguments. */
  abstract call(name: string, args: readonly CelValue[]): CelValue | undefined;
  /** Undefined when it has no such member. */
  field(_name: string): CelValue | undefined {
    return undefined;
  }
  equals(other: CelOpaque): boolean {
    return this === other;
  }
}

/** A timestamp or duration of the library. */
export interface CelTime {
  readonly desc: { readonly typeName: string };
  readonly message: { readonly seconds: bigint; readonly nanos: number };
}

export function isTime(value: unknown): value is CelTime {
  return typeof value === 'object' && value !== null && 'desc' in value && 'message' in value;
}

export function kindOf(value: CelValue): ScalarKind | 'list' | 'map' | 'optional' {
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'map';
  if (value instanceof CelOptional) return 'optional';
  if (value instanceof CelOpaque) return value.kind;
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelTypeValue) return 'type';
  if (value instanceof CelUint) return 'uint';
  return (value as CelTime).desc.typeName.endsWith('Timestamp') ? 'timestamp' : 'duration';
}

/**
 * A value may hold another one twice, and that another one twice: what looks at all of it takes time that nothing it
 * was made of has cost.
 */
class Walk {
  #left = 1_000_000;

  /** @throws CelCostExceeded */
  step(nodes: number): void {
    this.#left -= nodes;
    if (this.#left < 0) throw new CelCostExceeded();
  }
}

/** @throws CelCostExceeded */
export function celEquals(a: CelValue, b: CelValue, walk?: Walk): boolean {
  if (a === b) return true;
  const [left, right] = [kindOf(a), kindOf(b)];
  if (isNumeric(left) && isNumeric(right)) return compareNumbers(a, b) === 0;
  if (left !== right) return false;
  if (Array.isArray(a)) {
    const other = b as readonly CelValue[];
    if (a.length !== other.length) return false;
    const within = walk ?? new Walk();
    within.step(a.length);
    return a.every((one, index) => celEquals(one, other[index]!, within));
  }
  if (a instanceof Map) {
    const other = b as CelMapValue;
    if (a.size !== other.size || typeNameOf(a) !== typeNameOf(other)) return false;
    const within = walk ?? new Walk();
    within.step(a.size);
    for (const [key, one] of a) if (!other.has(key) || !celEquals(one, other.get(key)!, within)) return false;
    return true;
  }
  if (a instanceof CelOptional) {
    const other = (b as CelOptional).value;
    return a.value === undefined || other === undefined ? a.value === other : celEquals(a.value, other, walk);
  }
  if (a instanceof CelOpaque) return a.equals(b as CelOpaque);
  if (a instanceof CelTypeValue) return a.name === (b as CelTypeValue).name;
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array) === 0;
  if (isTime(a)) {
    const { seconds, nanos } = (b as CelTime).message;
    return a.message.seconds === seconds && a.message.nanos === nanos;
  }
  return false;
}

function typeNameOf(map: CelMapValue): string | undefined {
  return map instanceof CelMessage ? map.typeName : undefined;
}

function isNumeric(kind: string): boolean {
  return kind === 'int' || kind === 'uint' || kind === 'double';
}

/** Of any two numbers, whatever their types; NaN when one is that. */
export function compareNumbers(a: CelValue, b: CelValue): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

function numberOf(value: CelValue): number | bigint {
  return value instanceof CelUint ? value.value : (value as number | bigint);
}

/** Any JSON as CEL has it without a schema: whole numbers are ints. */
export function celFromJson(json: unknown): CelValue {
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map(celFromJson);
  if (typeof json !== 'object' || json === null) return (json ?? null) as string | boolean | null;
  return new Map(
    Object.entries(json)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, celFromJson(value)]),
  );
}

/** A CEL value as JSON; times as their text. @throws CelFailure for what JSON cannot hold. */
export function celToJson(value: CelValue, walk: Walk = new Walk()): unknown {
  walk.step(1);
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map((one) => celToJson(one, walk));
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, one]) => [String(key), celToJson(one, walk)]));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelOptional) return value.value === undefined ? null : celToJson(value.value, walk);
  if (value instanceof CelUint) return Number(value.value);
  if (isTime(value)) return library('string(a)', value);
  if (typeof value === 'object' && value !== null)
    throw new CelFailure(`a value of type ${kindOf(value)} cannot be converted to JSON`);
  return value;
}

// biome-ignore lint/suspicious/noExplicitAny: the library's values of any type.
type Planned = (variables: Record<string, any>) => unknown;
const planned = new Map<string, Planned>();

/**
 * What the library makes of a small expression over `a` and `b`: conversions, times, durations.
 *
 * @throws CelFailure with its message.
 */
export function library(expression: string, a: CelValue, b: CelValue = null): CelValue {
  let run = planned.get(expression);
  if (run === undefined) {
    const { celEnv, parse, plan } = celLibrary();
    run = plan(celEnv(), parse(expression)) as Planned;
    planned.set(expression, run);
  }
  const { celUint, isCelError, isCelUint } = celLibrary();
  const outward = (value: CelValue) => (value instanceof CelUint ? celUint(value.value) : value);
  const result = run({ a: outward(a), b: outward(b) });
  if (isCelError(result)) throw new CelFailure(result.message);
  return isCelUint(result) ? new CelUint(result.value) : (result as CelValue);
}
