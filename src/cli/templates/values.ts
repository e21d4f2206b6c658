import { GoDuration, GoTime } from './times.ts';

/**
 * Go values as JavaScript has them: null is an untyped nil, a plain object is a map, an array a slice. What
 * JavaScript has no word for is here: structs know their type's name, and nil slices and maps their kind.
 */
export type GoValue = unknown;

const STRUCT_TYPE = Symbol('type of a Go struct');

/**
 * Marks an object as a Go struct: a field that is not there is an error that names the type, and it prints as
 * `{a b}`. Functions in it are methods; without them it is what `json` gives.
 * @param type as Go prints it: `containers.psReporter`, `*define.InspectContainerState`
 */
export function goStruct<T extends object>(type: string, fields: T): T {
  return Object.defineProperty(fields, STRUCT_TYPE, { value: type, enumerable: false });
}

export function structType(value: GoValue): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [STRUCT_TYPE]?: string })[STRUCT_TYPE];
}

/** A slice, map or pointer that is nil: `null` in JSON, empty when printed. */
export class GoNil {
  readonly kind: 'slice' | 'map' | 'pointer';

  readonly typeName: string;

  constructor(kind: 'slice' | 'map' | 'pointer', type?: string) {
    this.kind = kind;
    this.typeName = type ?? (kind === 'slice' ? '[]string' : 'map[string]string');
  }

  toJSON(): null {
    return null;
  }
}

export const NIL_SLICE = new GoNil('slice');
export const NIL_MAP = new GoNil('map');

export function isMap(value: GoValue): value is Record<string, GoValue> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof GoNil || value instanceof GoTime || value instanceof GoDuration) &&
    structType(value) === undefined
  );
}

/** `package template`, "Actions": the empty values are false, 0, any nil, and anything of length zero. */
export function isTrue(value: GoValue): boolean {
  if (value === undefined || value === null || value instanceof GoNil) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof GoDuration) return value.nanoseconds !== 0n;
  if (isMap(value)) return Object.keys(value).length > 0;
  return typeof value === 'object' || typeof value === 'function' ? true : Boolean(value);
}

/** What Go calls the type, in its errors. */
export function typeName(value: GoValue): string {
  if (value === null || value === undefined) return 'nil';
  if (value instanceof GoTime) return 'time.Time';
  if (value instanceof GoDuration) return 'time.Duration';
  if (value instanceof GoNil) return value.typeName;
  const struct = structType(value);
  if (struct !== undefined) return struct;
  if (Array.isArray(value)) return `[]${value.length === 0 ? 'string' : typeName(value[0])}`;
  switch (typeof value) {
    case 'object': {
      const first = Object.values(value)[0];
      return `map[string]${first === undefined ? 'string' : typeName(first)}`;
    }
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float64';
    case 'bigint':
      return 'int64';
    case 'boolean':
      return 'bool';
    default:
      return 'string';
  }
}

/** As `%v` and `print` show it. */
export function printed(value: GoValue): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (value instanceof GoNil) return { slice: '[]', map: 'map[]', pointer: '<nil>' }[value.kind];
  if (value instanceof GoTime || value instanceof GoDuration) return value.toString();
  if (Array.isArray(value)) return `[${value.map((one) => printed(one)).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).filter(([, one]) => typeof one !== 'function');
  const type = structType(value);
  if (type === undefined)
    return `map[${entries
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => `${key}:${printed(one)}`)
      .join(' ')}]`;
  const inside = entries.map(([, one]) => printed(one)).join(' ');
  return `{${inside}}`;
}
