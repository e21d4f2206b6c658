import { append, type FieldError } from '../../base/index.ts';
import { matchesPattern } from '../cel/pattern.ts';
import { equalJson } from '../patch/json-value.ts';
import { duplicate, invalid, notSupported, required, tooLong, tooMany } from '../validation/field-errors.ts';
import { correlatedItem } from './correlation.ts';
import {
  additionalOf,
  isJsonObject,
  itemsOf,
  type JsonObject,
  type JsonSchemaProps,
  propertyOf,
} from './json-schema.ts';
import { isOfFormat } from './string-formats.ts';

/**
 * What is wrong with a value by its OpenAPI schema, in the words of k8s.io/kube-openapi/pkg/validation as
 * k8s.io/apiextensions-apiserver/pkg/apiserver/validation reports them. With `old`, parts that have not changed are
 * not looked at again (validation ratcheting).
 */
export function validateValue(schema: JsonSchemaProps, value: unknown, old?: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, old, '', errors);
  return errors;
}

function check(
  schema: JsonSchemaProps,
  value: unknown,
  old: unknown,
  path: string,
  errors: FieldError[],
): void {
  if (old !== undefined && equalJson(old, value)) return;
  checkType(schema, value, path, errors);
  checkJunctors(schema, value, path, errors);
  if (value === null) return;
  if (typeof value === 'string') checkString(schema, value, path, errors);
  else if (typeof value === 'number') checkNumber(schema, value, path, errors);
  else if (Array.isArray(value)) checkArray(schema, value, old, path, errors);
  else if (isJsonObject(value)) checkObject(schema, value, old, path, errors);
  if (schema.enum !== undefined && !schema.enum.some((one) => equalJson(one, value)))
    errors.push(
      notSupported(
        named(path),
        value,
        schema.enum.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
      ),
    );
}

/** The root has no name; upstream's path prints so. */
function named(path: string): string {
  return path === '' ? '<nil>' : path;
}

function fail(errors: FieldError[], path: string, value: unknown, rule: string): void {
  errors.push(invalid(named(path), value, `${path} in body ${rule}`));
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkType(schema: JsonSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  const actual = typeName(value);
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const { type } = schema;
  if (actual === 'null') {
    if (schema.nullable === true || (!type && !intOrString)) return;
  } else if (intOrString) {
    if (actual === 'integer' || actual === 'string') return;
  } else if (!type || type === actual || (type === 'number' && actual === 'integer')) return;
  const wanted = intOrString ? 'integer,string' : type;
  const error = invalid(
    named(path),
    actual,
    `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
  );
  errors.push({ ...error, type: 'FieldValueTypeInvalid' });
}

function checkString(schema: JsonSchemaProps, text: string, path: string, errors: FieldError[]): void {
  const { maxLength, minLength, pattern, format } = schema;
  const length = maxLength === undefined && minLength === undefined ? 0 : [...text].length;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(named(path), maxLength));
  if (minLength !== undefined && length < minLength)
    fail(errors, path, text, `should be at least ${minLength} chars long`);
  if (pattern && !matchesPattern(pattern, text)) fail(errors, path, text, `should match '${pattern}'`);
  if (format && !isOfFormat(format, text))
    fail(errors, path, text, `must be of type ${format}: ${JSON.stringify(text)}`);
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-2147483648, 2147483647],
  int64: [-(2 ** 63), 2 ** 63],
};

function checkNumber(schema: JsonSchemaProps, value: number, path: string, errors: FieldError[]): void {
  const { maximum, minimum, multipleOf, format, type } = schema;
  const range = type === 'integer' && format !== undefined ? RANGES[format] : undefined;
  if (range !== undefined && (value < range[0] || value > range[1]))
    fail(errors, path, value, `must be of type ${format}: "integer"`);
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    fail(errors, path, value, `should be a multiple of ${multipleOf}`);
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum)
      fail(errors, path, value, `should be less than ${maximum}`);
    else if (value > maximum) fail(errors, path, value, `should be less than or equal to ${maximum}`);
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum)
      fail(errors, path, value, `should be greater than ${minimum}`);
    else if (value < minimum) fail(errors, path, value, `should be greater than or equal to ${minimum}`);
  }
}

function isMultiple(value: number, factor: number): boolean {
  const quotient = value / factor;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
}

function checkArray(
  schema: JsonSchemaProps,
  list: unknown[],
  old: unknown,
  path: string,
  errors: FieldError[],
): void {
  const { maxItems, minItems } = schema;
  if (maxItems !== undefined && list.length > maxItems)
    errors.push(tooMany(named(path), list.length, maxItems));
  if (minItems !== undefined && list.length < minItems)
    fail(errors, path, list.length, `should have at least ${minItems} items`);
  const items = itemsOf(schema);
  if (items === undefined) return;
  const before = correlatedItem(schema, old);
  list.forEach((one, index) => {
    check(items, one, before(one), `${path}[${index}]`, errors);
  });
}

function checkObject(
  schema: JsonSchemaProps,
  object: JsonObject,
  old: unknown,
  path: string,
  errors: FieldError[],
): void {
  const names = Object.keys(object);
  const { maxProperties, minProperties } = schema;
  if (maxProperties !== undefined && names.length > maxProperties)
    errors.push(tooMany(named(path), names.length, maxProperties));
  if (minProperties !== undefined && names.length < minProperties)
    fail(errors, path, names.length, `should have at least ${minProperties} properties`);
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(object, name)) errors.push(required(join(path, name)));
  const additional = additionalOf(schema);
  const before = isJsonObject(old) ? old : undefined;
  for (const name of names) {
    const below = propertyOf(schema, name) ?? additional;
    const was = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined;
    if (below !== undefined) check(below, object[name], was, join(path, name), errors);
    else if (schema.additionalProperties === false && schema['x-kubernetes-preserve-unknown-fields'] !== true)
      errors.push(invalid(named(path), '', `${path}.${name} in body is a forbidden property`));
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** allOf, anyOf, oneOf, not: their findings are of the whole, and never ratcheted. */
function checkJunctors(schema: JsonSchemaProps, value: unknown, path: string, errors: FieldError[]): void {
  const quoted = JSON.stringify(path);
  const compose = (text: string) => errors.push(invalid('<nil>', '', text));
  const tryAll = (schemas: readonly JsonSchemaProps[]) =>
    schemas.map((one) => {
      const found: FieldError[] = [];
      check(one, value, undefined, path, found);
      return found;
    });
  if (schema.anyOf !== undefined && schema.anyOf.length > 0) {
    const results = tryAll(schema.anyOf);
    if (!results.some((found) => found.length === 0)) {
      compose(`${quoted} must validate at least one schema (anyOf)`);
      append(errors, best(results));
    }
  }
  if (schema.oneOf !== undefined && schema.oneOf.length > 0) {
    const results = tryAll(schema.oneOf);
    const valid = results.filter((found) => found.length === 0).length;
    if (valid === 0) {
      compose(`${quoted} must validate one and only one schema (oneOf). Found none valid`);
      append(errors, best(results));
    } else if (valid > 1)
      compose(`${quoted} must validate one and only one schema (oneOf). Found ${valid} valid alternatives`);
  }
  if (schema.allOf !== undefined && schema.allOf.length > 0) {
    const results = tryAll(schema.allOf);
    const valid = results.filter((found) => found.length === 0).length;
    append(errors, results.flat());
    if (valid < results.length)
      compose(`${quoted} must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`);
  }
  if (schema.not !== undefined && tryAll([schema.not])[0]!.length === 0)
    compose(`${quoted} must not validate the schema (not)`);
}

/** Of several failures, the one that fails least: it is likeliest what was meant. */
function best(results: readonly FieldError[][]): FieldError[] {
  return results.reduce((least, one) => (one.length < least.length ? one : least));
}

/**
 * Items of sets and of maps by key that stand twice; k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype.
 */
export function validateListTypes(schema: JsonSchemaProps, value: unknown, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  if (Array.isArray(value)) {
    append(errors, duplicatesOf(schema, value, path));
    const items = itemsOf(schema);
    if (items !== undefined)
      value.forEach((one, index) => {
        append(errors, validateListTypes(items, one, `${path}[${index}]`));
      });
  } else if (isJsonObject(value)) {
    const additional = additionalOf(schema);
    for (const name of Object.keys(value)) {
      const property = propertyOf(schema, name);
      if (property !== undefined) append(errors, validateListTypes(property, value[name], join(path, name)));
      else if (additional !== undefined)
        append(errors, validateListTypes(additional, value[name], `${path}[${name}]`));
    }
  }
  return errors;
}

function duplicatesOf(schema: JsonSchemaProps, list: unknown[], path: string): FieldError[] {
  const kind = schema['x-kubernetes-list-type'];
  if (kind !== 'set' && kind !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  list.forEach((item, index) => {
    const key = kind === 'set' ? item : keyOf(keys, item);
    const text = canonical(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${index}]`, key));
    seen.add(text);
  });
  return errors;
}

function keyOf(keys: readonly string[], item: unknown): JsonObject {
  const key: JsonObject = {};
  if (isJsonObject(item)) for (const name of keys) if (item[name] !== undefined) key[name] = item[name];
  return key;
}

/** The same text for equal values, whatever the order of their keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one) =>
    isJsonObject(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  );
}
