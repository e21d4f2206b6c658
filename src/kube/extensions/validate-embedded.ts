import { append, type FieldError } from '../../base/index.ts';
import { required } from '../validation/field-errors.ts';
import {
  additionalOf,
  anywhere,
  isJsonObject,
  itemsOf,
  type JsonObject,
  type JsonSchemaProps,
  propertyOf,
} from './json-schema.ts';

const withEmbedded = new WeakMap<JsonSchemaProps, boolean>();

function hasEmbedded(schema: JsonSchemaProps): boolean {
  return anywhere(schema, (one) => one['x-kubernetes-embedded-resource'] === true, withEmbedded);
}

/** Every object within an object of the schema, outer ones first. */
export function visitEmbedded(
  schema: JsonSchemaProps,
  value: unknown,
  place: (string | number)[],
  visit: (place: (string | number)[], embedded: JsonObject) => void,
): void {
  if (!hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items !== undefined)
      for (const [index, one] of value.entries()) visitEmbedded(items, one, [...place, index], visit);
    return;
  }
  if (!isJsonObject(value)) return;
  if (schema['x-kubernetes-embedded-resource'] === true) visit(place, value);
  const additional = additionalOf(schema);
  for (const [name, one] of Object.entries(value)) {
    const below = propertyOf(schema, name) ?? additional;
    if (below !== undefined) visitEmbedded(below, one, [...place, name], visit);
  }
}

/** Embedded objects say what they are; k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta. */
export function validateEmbedded(schema: JsonSchemaProps, object: unknown, path = ''): FieldError[] {
  if (!hasEmbedded(schema)) return [];
  const errors: FieldError[] = [];
  if (Array.isArray(object)) {
    const items = itemsOf(schema);
    if (items !== undefined)
      for (const [index, one] of object.entries())
        append(errors, validateEmbedded(items, one, `${path}[${index}]`));
    return errors;
  }
  if (!isJsonObject(object)) return errors;
  if (schema['x-kubernetes-embedded-resource'] === true)
    for (const name of ['apiVersion', 'kind'])
      if (!object[name]) errors.push(required(`${path}.${name}`, 'must not be empty'));
  const additional = additionalOf(schema);
  for (const [name, value] of Object.entries(object)) {
    const below = propertyOf(schema, name) ?? additional;
    if (below !== undefined)
      append(errors, validateEmbedded(below, value, path === '' ? name : `${path}.${name}`));
  }
  return errors;
}
