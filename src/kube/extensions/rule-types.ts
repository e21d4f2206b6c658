import {
  type CelProgram,
  type CelValue,
  celFromJson,
  compileCel,
  type DeclType,
  DYN,
  listOf,
  mapOf,
  scalar,
} from '../cel/index.ts';
import { additionalOf, isJsonObject, itemsOf, type JsonSchemaProps, propertyOf } from './json-schema.ts';

/** Words of CEL that a field may be named like; upstream escapes them. */
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A property's name in an expression: `a-b` → `a__dash__b`; undefined when it has none. k8s.io/apiserver/pkg/cel Escape. */
export function escapedName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_$][\w./$-]*$/.test(name)) return undefined;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

const METADATA: JsonSchemaProps = {
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' } },
};
const OBJECT_FIELDS: Readonly<Record<string, JsonSchemaProps>> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: METADATA,
};

/** The CEL type of values of a schema. Source: k8s.io/apiserver/pkg/cel/common SchemaDeclType. */
export function declTypeOf(schema: JsonSchemaProps, isResource: boolean): DeclType {
  if (schema['x-kubernetes-int-or-string'] === true) return DYN;
  switch (schema.type) {
    case 'array': {
      const items = itemsOf(schema);
      return listOf(
        items === undefined ? DYN : declTypeOf(items, items['x-kubernetes-embedded-resource'] === true),
      );
    }
    case 'object':
      return objectType(schema, isResource);
    case 'boolean':
      return scalar('bool');
    case 'integer':
      return scalar('int');
    case 'number':
      return scalar('double');
    case 'string':
      return stringType(schema.format);
    default:
      return DYN;
  }
}

function stringType(format: string | undefined): DeclType {
  switch (format) {
    case 'date':
    case 'date-time':
      return scalar('timestamp');
    case 'duration':
      return scalar('duration');
    case 'byte':
      return scalar('bytes');
    default:
      return scalar('string');
  }
}

function objectType(schema: JsonSchemaProps, isResource: boolean): DeclType {
  const additional = additionalOf(schema);
  if (additional !== undefined)
    return mapOf(declTypeOf(additional, additional['x-kubernetes-embedded-resource'] === true));
  const types = new Map<string, DeclType | JsonSchemaProps>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapedName(name);
    if (escaped !== undefined) types.set(escaped, property);
  }
  if (isResource) for (const [name, property] of Object.entries(OBJECT_FIELDS)) types.set(name, property);
  const isOpen =
    schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
  return {
    kind: 'object',
    name: 'object',
    field: (name) => {
      const found = types.get(name);
      if (found === undefined) return isOpen ? DYN : undefined;
      if ('kind' in found) return found as DeclType;
      const property = found as JsonSchemaProps;
      const type = declTypeOf(property, property['x-kubernetes-embedded-resource'] === true);
      types.set(name, type);
      return type;
    },
  };
}

/** A JSON value as expressions of its schema see it. */
export function celOf(schema: JsonSchemaProps, value: unknown, isResource: boolean): CelValue {
  if (value === null || value === undefined) return null;
  if (schema['x-kubernetes-int-or-string'] === true) return celFromJson(value);
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return items === undefined
      ? celFromJson(value)
      : value.map((one) => celOf(items, one, items['x-kubernetes-embedded-resource'] === true));
  }
  if (isJsonObject(value)) return objectOf(schema, value, isResource);
  if (typeof value === 'number')
    return schema.type === 'number' ? value : Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' && schema.type === 'string') return stringOf(schema.format, value);
  return celFromJson(value);
}

function objectOf(schema: JsonSchemaProps, object: Record<string, unknown>, isResource: boolean): CelValue {
  const additional = additionalOf(schema);
  const map = new Map<string, CelValue>();
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const own = isResource ? (OBJECT_FIELDS[name] ?? propertyOf(schema, name)) : propertyOf(schema, name);
    const described = own ?? additional;
    const escaped = own === undefined ? name : escapedName(name);
    if (escaped === undefined) continue;
    if (own === METADATA) map.set(name, metadataOf(value));
    else if (described === undefined) map.set(escaped, celFromJson(value));
    else map.set(escaped, celOf(described, value, described['x-kubernetes-embedded-resource'] === true));
  }
  return map;
}

/** Rules see of the metadata only the names. */
function metadataOf(metadata: unknown): CelValue {
  const { name, generateName } = (metadata ?? {}) as { name?: string; generateName?: string };
  return celFromJson({ name, generateName });
}

const program = (source: string) => compileCel(source, { variables: { text: scalar('string') } });
let times: { timestamp: CelProgram; duration: CelProgram } | undefined;

/** Compiled at first use. */
function conversions(): { timestamp: CelProgram; duration: CelProgram } {
  times ??= { timestamp: program('timestamp(text)'), duration: program('duration(text)') };
  return times;
}

function stringOf(format: string | undefined, text: string): CelValue {
  switch (format) {
    case 'date':
      return conversions().timestamp.evaluate({ text: `${text}T00:00:00Z` }).value;
    case 'date-time':
      return conversions().timestamp.evaluate({ text: text.toUpperCase().replace(' ', 'T') }).value;
    case 'duration':
      return conversions().duration.evaluate({ text }).value;
    case 'byte':
      return new Uint8Array(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}
