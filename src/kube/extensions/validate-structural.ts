import type { FieldError } from '../../base/index.ts';
import { patternProblem } from '../cel/pattern.ts';
import { equalJson } from '../patch/json-value.ts';
import { forbidden, invalid, required } from '../validation/field-errors.ts';
import { additionalOf, type JsonSchemaProps, propertyOf } from './json-schema.ts';

/**
 * What keeps a schema from being structural; k8s.io/apiextensions-apiserver/pkg/apiserver/schema ValidateStructural.
 * The same findings refuse a new CRD (v1) and make the condition NonStructuralSchema of an old one.
 */
export function validateStructural(schema: JsonSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  invariants(schema, 'root', path, errors);
  completeness(schema, path, errors);
  return errors.sort((a, b) => (a.field + a.message < b.field + b.message ? -1 : 1));
}

type Level = 'root' | 'item' | 'field';

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];

function invariants(schema: JsonSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if (Array.isArray(schema.items))
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (schema.type === 'array' && items === undefined)
    errors.push(required(`${path}.items`, 'must be specified'));
  if (items !== undefined) invariants(items, 'item', `${path}.items`, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    invariants(property, 'field', `${path}.properties[${name}]`, errors);
  const additional = additionalOf(schema);
  if (schema.additionalProperties !== undefined) {
    if (level === 'root')
      errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
    if (additional !== undefined) invariants(additional, 'field', `${path}.additionalProperties`, errors);
  }
  extensions(schema, level, path, errors);
  const skipAnyOf = equalJson(schema.anyOf, INT_OR_STRING);
  const skipFirstAllOf = equalJson(schema.allOf?.[0]?.anyOf, INT_OR_STRING);
  junctors(schema, { skipAnyOf, skipFirstAllOf }, path, errors);
  metadataInvariants(schema, level, path, errors);
}

function extensions(schema: JsonSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const at = (name: string) => `${path}.${name}`;
  if (intOrString && preserve)
    errors.push(
      invalid(
        at('x-kubernetes-preserve-unknown-fields'),
        true,
        'must be false if x-kubernetes-int-or-string is true',
      ),
    );
  if (intOrString && embedded)
    errors.push(
      invalid(
        at('x-kubernetes-embedded-resource'),
        true,
        'must be false if x-kubernetes-int-or-string is true',
      ),
    );
  const mustBeObject = 'must be object if x-kubernetes-embedded-resource is true';
  if (embedded && schema.type !== 'object')
    errors.push(
      schema.type ? invalid(at('type'), schema.type, mustBeObject) : required(at('type'), mustBeObject),
    );
  else if (!schema.type && !intOrString && !preserve) errors.push(required(at('type'), EMPTY_TYPE[level]));
  if (embedded && schema.additionalProperties !== undefined)
    errors.push(
      forbidden(at('additionalProperties'), 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  if (level === 'root' && schema.type && schema.type !== 'object')
    errors.push(invalid(at('type'), schema.type, 'must be object at the root'));
  if (embedded && !preserve && Object.keys(schema.properties ?? {}).length === 0)
    errors.push(
      required(
        at('properties'),
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  if (schema.pattern) {
    const problem = patternProblem(schema.pattern);
    if (problem !== undefined)
      errors.push(
        invalid(at('pattern'), schema.pattern, `must be a valid regular expression, but isn't: ${problem}`),
      );
  }
}

/** Of apiVersion, kind and metadata only the names may be restricted. */
function metadataInvariants(schema: JsonSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const checked = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  if (!checked) return;
  for (const name of ['kind', 'apiVersion']) {
    const property = propertyOf(schema, name);
    if (property !== undefined && property.type !== 'string')
      errors.push(invalid(`${path}.properties[${name}].type`, property.type ?? '', 'must be string'));
  }
  const metadata = propertyOf(schema, 'metadata');
  if (metadata === undefined) return;
  const at = `${path}.properties[metadata]`;
  if (metadata.type !== 'object') errors.push(invalid(`${at}.type`, metadata.type ?? '', 'must be object'));
  if (level !== 'root') return;
  const { type: _type, description: _text, properties, ...rest } = metadata;
  const names = Object.keys(properties ?? {});
  if (Object.keys(rest).length > 0 || names.some((name) => name !== 'name' && name !== 'generateName'))
    errors.push(
      forbidden(
        at,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
}

interface Skips {
  skipAnyOf?: boolean;
  skipFirstAllOf?: boolean;
}

function junctors(schema: JsonSchemaProps, skips: Skips, path: string, errors: FieldError[]): void {
  if (skips.skipAnyOf !== true)
    schema.anyOf?.forEach((one, index) => {
      nested(one, {}, `${path}.anyOf[${index}]`, errors);
    });
  schema.allOf?.forEach((one, index) => {
    nested(
      one,
      { skipAnyOf: skips.skipFirstAllOf === true && index === 0 },
      `${path}.allOf[${index}]`,
      errors,
    );
  });
  schema.oneOf?.forEach((one, index) => {
    nested(one, {}, `${path}.oneOf[${index}]`, errors);
  });
  if (schema.not !== undefined) nested(schema.not, {}, `${path}.not`, errors);
}

const FORBIDDEN_NESTED: readonly [keyof JsonSchemaProps, string][] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['externalDocs', 'must be undefined to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function nested(schema: JsonSchemaProps, skips: Skips, path: string, errors: FieldError[]): void {
  junctors(schema, skips, path, errors);
  if (schema.items !== undefined && !Array.isArray(schema.items))
    nested(schema.items, {}, `${path}.items`, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (name === 'metadata')
      errors.push(forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
    nested(property, {}, `${path}.properties[${name}]`, errors);
  }
  for (const [field, why] of FORBIDDEN_NESTED) {
    const value = schema[field];
    if (value !== undefined && value !== false && value !== '')
      errors.push(forbidden(`${path}.${field}`, why));
  }
  if (schema.pattern) {
    const problem = patternProblem(schema.pattern);
    if (problem !== undefined)
      errors.push(
        invalid(
          `${path}.pattern`,
          schema.pattern,
          `must be a valid regular expression, but isn't: ${problem}`,
        ),
      );
  }
}

/** The schemas below junctors, each with its path. */
function branches(schema: JsonSchemaProps, path: string): [JsonSchemaProps, string][] {
  const found: [JsonSchemaProps, string][] = [];
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [index, one] of (schema[junctor] ?? []).entries())
      found.push([one, `${path}.${junctor}[${index}]`]);
  if (schema.not !== undefined) found.push([schema.not, `${path}.not`]);
  return found;
}

/** Every field a junctor speaks of is specified outside of it too. */
function completeness(schema: JsonSchemaProps, path: string, errors: FieldError[]): void {
  for (const [one, at] of branches(schema, path)) covered(schema, one, path, at, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    completeness(property, `${path}.properties[${name}]`, errors);
  if (schema.items !== undefined && !Array.isArray(schema.items))
    completeness(schema.items, `${path}.items`, errors);
  const additional = additionalOf(schema);
  if (additional !== undefined) completeness(additional, `${path}.additionalProperties`, errors);
}

function covered(
  schema: JsonSchemaProps,
  nestedSchema: JsonSchemaProps,
  path: string,
  nestedPath: string,
  errors: FieldError[],
): void {
  for (const [name, property] of Object.entries(nestedSchema.properties ?? {})) {
    const own = propertyOf(schema, name);
    const at = `${path}.properties[${name}]`;
    if (own !== undefined) covered(own, property, at, `${nestedPath}.properties[${name}]`, errors);
    else errors.push(required(at, `because it is defined in ${nestedPath}.properties[${name}]`));
  }
  if (nestedSchema.items !== undefined && !Array.isArray(nestedSchema.items)) {
    if (schema.items !== undefined && !Array.isArray(schema.items))
      covered(schema.items, nestedSchema.items, `${path}.items`, `${nestedPath}.items`, errors);
    else errors.push(required(`${path}.items`, `because it is defined in ${nestedPath}.items`));
  }
  for (const [one, at] of branches(nestedSchema, nestedPath)) covered(schema, one, path, at, errors);
}
