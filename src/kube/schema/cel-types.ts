import { type DeclType, DYN, listOf, mapOf, scalar } from '../cel/cel-type.ts';
import { escapedName } from '../extensions/rule-types.ts';
import { type FieldInfo, type TypeInfo, typeInfo } from './fields.ts';

/** The types of the field table as expressions about its objects see them; k8s.io/apiserver/pkg/cel/common SchemaDeclType. */

const types = new WeakMap<TypeInfo, DeclType>();

/** `core/v1.Pod` → its CEL type. */
export function celTypeOf(ref: string): DeclType {
  return structType(typeInfo(ref));
}

function structType(type: TypeInfo): DeclType {
  let found = types.get(type);
  if (found === undefined) {
    found = newStructType(type);
    types.set(type, found);
  }
  return found;
}

function newStructType(type: TypeInfo): DeclType {
  const fields = new Map<string, FieldInfo>();
  for (const [name, field] of type.fields) {
    const escaped = escapedName(name);
    if (escaped !== undefined) fields.set(escaped, field);
  }
  return {
    kind: 'object',
    name: type.name,
    field: (name) => {
      const field = fields.get(name);
      return field && fieldType(field);
    },
  };
}

function fieldType(field: FieldInfo): DeclType {
  const element = field.kind === 'struct' ? structType(field.struct) : scalarType(field);
  if (field.collection === 'list') return listOf(element);
  return field.collection === 'map' ? mapOf(element) : element;
}

function scalarType({ kind }: FieldInfo): DeclType {
  switch (kind) {
    case 'bool':
    case 'bytes':
      return scalar(kind);
    case 'int32':
    case 'int64':
      return scalar('int');
    case 'float64':
      return scalar('double');
    case 'time':
    case 'microtime':
      return scalar('timestamp');
    case 'string':
    case 'duration':
    case 'quantity':
      return scalar('string');
    default:
      return DYN;
  }
}
