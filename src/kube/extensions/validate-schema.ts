import { append, type FieldError } from '../../base/index.ts';
import { forbidden, invalid, notSupported, required } from '../validation/field-errors.ts';
import {
  additionalOf,
  isJsonObject,
  itemsOf,
  type JsonSchemaProps,
  propertyOf,
  type ValidationRule,
} from './json-schema.ts';
import { applySchemaDefaults, pruneUnknown } from './prune.ts';
import { validateRules } from './rules.ts';
import { validateStructural } from './validate-structural.ts';
import { validateValue } from './validate-value.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED: readonly (keyof JsonSchemaProps)[] = [
  '$ref',
  'additionalItems',
  'definitions',
  'dependencies',
  'patternProperties',
  'id',
];

/**
 * Everything wrong with the schema of a CRD version; k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation
 * ValidateCustomResourceDefinitionOpenAPISchema, then structurality, then the CEL rules.
 */
export function validateSchema(schema: JsonSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  keywords(schema, path, errors, false);
  append(errors, validateStructural(schema, path));
  if (errors.length === 0) append(errors, validateRules(schema, path));
  return errors;
}

function keywords(schema: JsonSchemaProps, path: string, errors: FieldError[], isNested: boolean): void {
  for (const name of UNSUPPORTED)
    if (schema[name] !== undefined) errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  if (schema.type === 'null')
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  else if (schema.type && !TYPES.includes(schema.type))
    errors.push(notSupported(`${path}.type`, schema.type, TYPES));
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (
    schema.additionalProperties !== undefined &&
    schema.additionalProperties !== true &&
    Object.keys(schema.properties ?? {}).length > 0
  )
    errors.push(
      forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    );
  else if (schema.additionalProperties === false)
    errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  listAndMapTypes(schema, path, errors);
  if (schema.default !== undefined && !isNested) append(errors, validateDefault(schema, `${path}.default`));
  schema['x-kubernetes-validations']?.forEach((rule, index) => {
    ruleFields(rule, `${path}.x-kubernetes-validations[${index}]`, errors);
  });
  descend(schema, path, errors, isNested);
}

function descend(schema: JsonSchemaProps, path: string, errors: FieldError[], isNested: boolean): void {
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    keywords(property, `${path}.properties[${name}]`, errors, isNested);
  const items = itemsOf(schema);
  if (items !== undefined) keywords(items, `${path}.items`, errors, isNested);
  const additional = additionalOf(schema);
  if (additional !== undefined) keywords(additional, `${path}.additionalProperties`, errors, isNested);
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const)
    schema[junctor]?.forEach((one, index) => {
      keywords(one, `${path}.${junctor}[${index}]`, errors, true);
    });
  if (schema.not !== undefined) keywords(schema.not, `${path}.not`, errors, true);
}

function listAndMapTypes(schema: JsonSchemaProps, path: string, errors: FieldError[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const mapType = schema['x-kubernetes-map-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (listType !== undefined) {
    if (schema.type !== 'array')
      errors.push(
        schema.type
          ? invalid(`${path}.type`, schema.type, 'must be array if x-kubernetes-list-type is specified')
          : required(`${path}.type`, 'must be array if x-kubernetes-list-type is specified'),
      );
    if (!['atomic', 'set', 'map'].includes(listType))
      errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  }
  if (keys.length > 0 && listType !== 'map')
    errors.push(
      listType === undefined
        ? required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty')
        : invalid(
            `${path}.x-kubernetes-list-type`,
            listType,
            'must be map if x-kubernetes-list-map-keys is non-empty',
          ),
    );
  if (listType === 'map') listMapKeys(schema, keys, path, errors);
  if (mapType === undefined) return;
  if (schema.type !== 'object')
    errors.push(
      schema.type
        ? invalid(`${path}.type`, schema.type, 'must be object if x-kubernetes-map-type is specified')
        : required(`${path}.type`, 'must be object if x-kubernetes-map-type is specified'),
    );
  if (mapType !== 'atomic' && mapType !== 'granular')
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
}

function listMapKeys(
  schema: JsonSchemaProps,
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  const field = `${path}.x-kubernetes-list-map-keys`;
  const items = itemsOf(schema);
  if (keys.length === 0) errors.push(required(field, 'must not be empty if x-kubernetes-list-type is map'));
  if (new Set(keys).size < keys.length)
    errors.push(invalid(field, keys, 'must not contain duplicate entries'));
  if (items === undefined) return;
  if (items.type !== 'object')
    errors.push(
      invalid(
        `${path}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  keys.forEach((key, index) => {
    const property = propertyOf(items, key);
    if (property === undefined) {
      errors.push(invalid(`${field}[${index}]`, key, 'entries must all be names of item properties'));
      return;
    }
    const at = `${path}.items.properties[${key}]`;
    if (property.nullable === true)
      errors.push(
        forbidden(
          `${at}.nullable`,
          'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
        ),
      );
    if (property.default === undefined && items.required?.includes(key) !== true)
      errors.push(
        required(
          `${at}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    if (property.type === 'array' || property.type === 'object')
      errors.push(
        invalid(
          `${at}.type`,
          property.type,
          `must be a scalar type if parent array's x-kubernetes-list-type is map`,
        ),
      );
  });
}

/** A default must be complete and right as it stands. */
function validateDefault(schema: JsonSchemaProps, field: string): FieldError[] {
  const value = structuredClone(schema.default);
  const pruned = structuredClone(schema.default);
  const holder: JsonSchemaProps = { type: 'object', properties: { value: schema } };
  const unknown: string[] = [];
  pruneUnknown(holder, { value: pruned }, (place) => unknown.push(String(place.at(-1))));
  if (unknown.length > 0)
    return [invalid(field, value, `must not have unknown fields: ${unknown.join(', ')}`)];
  applySchemaDefaults(schema, value, false);
  return validateValue(schema, value).map((error) => ({
    ...error,
    field: error.field === '<nil>' ? field : `${field}.${error.field}`,
  }));
}

const REASONS = ['FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired', 'FieldValueDuplicate'];

function ruleFields(rule: ValidationRule, path: string, errors: FieldError[]): void {
  if (!isJsonObject(rule)) return;
  const { message } = rule;
  if (rule.rule.trim() === '') errors.push(required(`${path}.rule`, 'rule is not specified'));
  if (message !== undefined && message !== '' && message.trim() === '')
    errors.push(invalid(`${path}.message`, message, 'message must be non-empty if specified'));
  else if (message?.trim().includes('\n'))
    errors.push(invalid(`${path}.message`, message, 'message must not contain line breaks'));
  else if (rule.rule.trim().includes('\n') && !message?.trim() && !rule.messageExpression)
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  if (
    rule.messageExpression !== undefined &&
    rule.messageExpression !== '' &&
    rule.messageExpression.trim() === ''
  )
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  if (rule.reason !== undefined && !REASONS.includes(rule.reason))
    errors.push(notSupported(`${path}.reason`, rule.reason, REASONS));
}
