import type { FieldError } from '../../base/index.ts';
import { required } from '../validation/field-errors.ts';
import {
  additionalOf,
  anywhere,
  isJsonObject,
  itemsOf,
  type JsonSchemaProps,
  propertyOf,
} from './json-schema.ts';

const withEmbedded = new WeakMap<JsonSchemaProps, boolean>();

/** Embedded objects say what they are; k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta. */
export function validateEmbedded(schema: JsonSchemaProps, object: unknown, path = ''): FieldError[] {
  if (!anywhere(schema, (one) => one['x-kubernetes-embedded-resource'] === true, withEmbedded)) return [];
  const errors: FieldError[] = [];
  if (Array.isArray(object)) {
    const items = itemsOf(schema);
    if (items !== undefined)
      for (const [index, one] of object.entries())
        errors.push(...validateEmbedded(items, one, `${path}[${index}]`));
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
      errors.push(...validateEmbedded(below, value, path === '' ? name : `${path}.${name}`));
  }
  return errors;
}
