/** The type of a CEL expression, as far as it is known before it is evaluated. */
export type DeclType =
  | { kind: ScalarKind }
  | { kind: 'list'; element: DeclType }
  | { kind: 'map'; value: DeclType; key?: DeclType }
  /** Fields under the names expressions use. A field that is not there is an error of the expression. */
  | { kind: 'object'; name: string; field(name: string): DeclType | undefined }
  | { kind: 'optional'; of: DeclType };

export type ScalarKind =
  | 'dyn'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'type'
  | 'timestamp'
  | 'duration'
  | 'quantity'
  | 'ip'
  | 'cidr'
  | 'url'
  | 'semver'
  | 'format'
  | 'opaque';

export const DYN: DeclType = { kind: 'dyn' };

export function scalar(kind: ScalarKind): DeclType {
  return { kind };
}

export function listOf(element: DeclType): DeclType {
  return { kind: 'list', element };
}

export function mapOf(value: DeclType, key: DeclType = { kind: 'string' }): DeclType {
  return { kind: 'map', value, key };
}

const PRINTED: Readonly<Record<string, string>> = {
  null: 'null_type',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  quantity: 'kubernetes.Quantity',
  ip: 'net.IP',
  cidr: 'net.CIDR',
  url: 'kubernetes.URL',
  semver: 'kubernetes.Semver',
  format: 'kubernetes.NamedFormat',
};

/** As cel-go prints a type in an error: `list(string)`. */
export function typeText(type: DeclType): string {
  switch (type.kind) {
    case 'list':
      return `list(${typeText(type.element)})`;
    case 'map':
      return `map(${typeText(type.key ?? { kind: 'string' })}, ${typeText(type.value)})`;
    case 'object':
      return type.name;
    case 'optional':
      return `optional_type(${typeText(type.of)})`;
    default:
      return PRINTED[type.kind] ?? type.kind;
  }
}

/** The type of what may be one or the other: the more specific one when they agree, else dyn. */
export function unify(a: DeclType, b: DeclType): DeclType {
  if (a.kind === 'dyn') return b;
  if (b.kind === 'dyn') return a;
  if (a.kind === 'list' && b.kind === 'list') return listOf(unify(a.element, b.element));
  if (a.kind === 'map' && b.kind === 'map') return mapOf(unify(a.value, b.value), a.key);
  if (a.kind === 'optional' && b.kind === 'optional') return { kind: 'optional', of: unify(a.of, b.of) };
  return a.kind === b.kind ? a : DYN;
}

/** Whether values of both types may be told equal: known scalars of two kinds may not. */
export function comparable(a: DeclType, b: DeclType): boolean {
  if (a.kind === 'dyn' || b.kind === 'dyn' || a.kind === b.kind) return true;
  if (a.kind === 'null') return !isPrimitive(b);
  if (b.kind === 'null') return !isPrimitive(a);
  const isMapLike = (type: DeclType) => type.kind === 'map' || type.kind === 'object';
  return isMapLike(a) && isMapLike(b);
}

function isPrimitive(type: DeclType): boolean {
  return ['bool', 'int', 'uint', 'double', 'string', 'bytes'].includes(type.kind);
}
