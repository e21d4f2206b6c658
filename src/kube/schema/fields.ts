/**
 * The field table: facts about every field of the Kubernetes API types, and their compiled form.
 *
 * `fields.generated.json` (written by scripts/import-kubernetes-fields.ts) holds per type and JSON field:
 *
 *   t    type: `string bool int32 int64 float64 bytes quantity intorstring time microtime duration raw`,
 *        or the key of another type, `core/v1.PodSpec`
 *   c    collection the type stands in: `list` or `map` (keys are strings)
 *   n    protobuf field number
 *   req  1: upstream's Go comment does not say `+optional` (see corrections.ts for the omitempty ones)
 *   inl  1: an embedded struct: its fields stand in the parent's JSON, but nested in protobuf
 *   ptr  1: a Go pointer: present-but-zero differs from absent
 *   lt   listType `atomic | set | map`, lk its listMapKeys; mt mapType `atomic | granular`
 *   ps   patchStrategy `merge | replace | retainKeys`, comma separated; pk patchMergeKey
 *   d    constant default; ev key of the values known for it in `enums`
 *
 * Types are compiled on first use. Pure: nothing is read from disk (the JSON is a module).
 */

import { ATOMIC_TYPES } from './atomic-types.ts';
import {
  ALWAYS_WRITTEN,
  OPTIONAL_FIELDS,
  RAW_TYPES,
  REQUIRED_FIELDS,
  RETYPED_FIELDS,
} from './corrections.ts';
import table from './fields.generated.json' with { type: 'json' };

export type ScalarKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'bytes'
  | 'quantity'
  | 'intorstring'
  | 'time'
  | 'microtime'
  | 'duration'
  | 'raw';

/** One field as it stands in fields.generated.json. */
export interface FieldFacts {
  t: string;
  c?: 'list' | 'map';
  n?: number;
  req?: 1;
  inl?: 1;
  ptr?: 1;
  lt?: string;
  lk?: string[];
  mt?: string;
  ps?: string;
  pk?: string;
  d?: unknown;
  ev?: string;
}

const facts = table as unknown as {
  types: Record<string, Record<string, FieldFacts>>;
  enums: Record<string, string[]>;
};

/** One field of a struct as JSON has it: embedded structs are flattened into their parent. */
export class FieldInfo {
  readonly name: string;
  readonly kind: ScalarKind | 'struct';
  readonly collection: 'list' | 'map' | undefined;
  /** Key of the struct type, when `kind` is struct. */
  readonly ref: string | undefined;
  /** Upstream's OpenAPI lists it as required; of the others, Go omits the zero value. */
  readonly required: boolean;
  readonly pointer: boolean;
  /** Undefined for a list without the marker, which apply treats as atomic. */
  readonly listType: 'atomic' | 'set' | 'map' | undefined;
  readonly listMapKeys: readonly string[];
  /** The whole field is one leaf to server-side apply. */
  readonly atomic: boolean;
  readonly patchStrategies: readonly string[];
  readonly patchMergeKey: string | undefined;
  /** A constant default, undefined for none. Never mutate. */
  readonly default: unknown;
  readonly enumRef: string | undefined;
  readonly facts: FieldFacts;
  #struct: TypeInfo | undefined;

  constructor(name: string, field: FieldFacts, required: boolean) {
    const raw = RAW_TYPES.has(field.t);
    this.name = name;
    this.kind = raw ? 'raw' : field.t.includes('.') ? 'struct' : (field.t as ScalarKind);
    this.collection = field.c;
    this.ref = this.kind === 'struct' ? field.t : undefined;
    this.required = required;
    this.pointer = field.ptr === 1;
    this.listType = field.lt as FieldInfo['listType'];
    this.listMapKeys = field.lk ?? [];
    this.patchStrategies = field.ps?.split(',') ?? [];
    this.patchMergeKey = field.pk;
    this.default = field.d;
    this.enumRef = field.ev;
    this.facts = field;
    this.atomic =
      field.c === 'list'
        ? this.listType !== 'map' && this.listType !== 'set'
        : field.c === 'map'
          ? field.mt === 'atomic'
          : field.mt === 'atomic' || (this.ref !== undefined && ATOMIC_TYPES.has(this.ref));
  }

  /** The struct type of the field or of its elements. @throws when `kind` is not struct. */
  get struct(): TypeInfo {
    this.#struct ??= typeInfo(this.ref!);
    return this.#struct;
  }

  /** The values known for an enumerated string; undefined for any other field. */
  get enumValues(): readonly string[] | undefined {
    return this.enumRef === undefined ? undefined : facts.enums[this.enumRef];
  }

  /** How Go prints the field's type in a decoding error: `[]v1.Container`, `map[string]string`, `int32`. */
  get goType(): string {
    const element = this.ref !== undefined ? goTypeName(this.ref) : goScalarName(this);
    if (this.collection === 'list') return `[]${element}`;
    return this.collection === 'map' ? `map[string]${element}` : element;
  }
}

/** A struct type of the table, compiled. */
export class TypeInfo {
  /** `core/v1.Pod`. */
  readonly ref: string;
  /** `Pod`. */
  readonly name: string;
  /** JSON field name → field, embedded structs flattened. */
  readonly fields: ReadonlyMap<string, FieldInfo>;
  /** Fields that stand in every object of the type, with their zero value at least. */
  readonly alwaysWritten: readonly FieldInfo[];
  /** One leaf to server-side apply (`+structType=atomic`). */
  readonly atomic: boolean;

  constructor(ref: string, own: Record<string, FieldFacts>) {
    this.ref = ref;
    this.name = ref.slice(ref.lastIndexOf('.') + 1);
    this.atomic = ATOMIC_TYPES.has(ref);
    this.fields = flatten(ref, own);
    this.alwaysWritten = (ALWAYS_WRITTEN[ref] ?? []).map((name) => this.fields.get(name)!);
  }
}

function flatten(ref: string, own: Record<string, FieldFacts>): Map<string, FieldInfo> {
  const fields = new Map<string, FieldInfo>();
  for (const [name, written] of Object.entries(own)) {
    const field = { ...written, ...RETYPED_FIELDS[ref]?.[name] } as FieldFacts;
    if (field.inl === 1) {
      for (const inner of typeInfo(field.t).fields.values()) {
        const optional = OPTIONAL_FIELDS[ref]?.includes(inner.name) === true;
        fields.set(inner.name, optional ? new FieldInfo(inner.name, inner.facts, false) : inner);
      }
      continue;
    }
    const required =
      (field.req === 1 && OPTIONAL_FIELDS[ref]?.includes(name) !== true) ||
      REQUIRED_FIELDS[ref]?.includes(name) === true;
    fields.set(name, new FieldInfo(name, field, required));
  }
  return fields;
}

const compiled = new Map<string, TypeInfo>();

/** The compiled type of `ref` (`core/v1.Pod`). @throws Error when the table has none: a defect of the caller. */
export function typeInfo(ref: string): TypeInfo {
  let type = compiled.get(ref);
  if (type === undefined) {
    const own = facts.types[ref];
    if (own === undefined) throw new Error(`no type ${ref} in the field table`);
    type = new TypeInfo(ref, own);
    compiled.set(ref, type);
  }
  return type;
}

export function hasType(ref: string): boolean {
  return facts.types[ref] !== undefined;
}

/** Every key of the table, for tests and generators. */
export function typeRefs(): string[] {
  return Object.keys(facts.types);
}

/** The fields of a type as written in the table: embedded structs not flattened (for protobuf). */
export function fieldFacts(ref: string): Readonly<Record<string, FieldFacts>> {
  const own = facts.types[ref];
  if (own === undefined) throw new Error(`no type ${ref} in the field table`);
  const retyped = RETYPED_FIELDS[ref];
  if (retyped === undefined) return own;
  return Object.fromEntries(Object.entries(own).map(([name, one]) => [name, { ...one, ...retyped[name] }]));
}

const GO_SCALARS: Record<string, string> = {
  bytes: 'uint8',
  quantity: 'resource.Quantity',
  intorstring: 'intstr.IntOrString',
  time: 'v1.Time',
  microtime: 'v1.MicroTime',
  duration: 'v1.Duration',
  raw: 'runtime.RawExtension',
};

function goScalarName(field: FieldInfo): string {
  if (field.kind === 'bytes') return '[]uint8';
  if (field.enumRef !== undefined && field.kind === 'string') return goTypeName(field.enumRef);
  return GO_SCALARS[field.kind] ?? field.kind;
}

/** `core/v1.PodSpec` → `v1.PodSpec`, as Go's reflection names a type. */
export function goTypeName(ref: string): string {
  return ref.slice(ref.indexOf('/') + 1);
}
