import { setKey } from '../patch/json-value.ts';
import {
  additionalOf,
  isJsonObject,
  itemsOf,
  type JsonObject,
  type JsonSchemaProps,
  propertyOf,
} from './json-schema.ts';

/** Fields every object has, whether its schema names them or not. */
const OBJECT_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

/** A place in an object: names as strings, indexes as numbers. */
export type Place = readonly (string | number)[];

/** `spec.items[0].name`. */
export function placeText(place: Place): string {
  let text = '';
  for (const part of place)
    text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${part}`;
  return text;
}

/**
 * Removes what a structural schema does not name, in place; each removed field is handed to `unknown`. Metadata of
 * the object and of embedded objects is left alone. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning.
 */
export function pruneUnknown(
  schema: JsonSchemaProps,
  object: JsonObject,
  unknown: (place: Place) => void = () => undefined,
): void {
  pruneObject(schema, object, true, [], unknown);
}

function prune(schema: JsonSchemaProps, value: unknown, place: Place, unknown: (place: Place) => void): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items !== undefined)
      value.forEach((one, index) => {
        prune(items, one, [...place, index], unknown);
      });
  } else if (isJsonObject(value)) {
    pruneObject(schema, value, schema['x-kubernetes-embedded-resource'] === true, place, unknown);
  }
}

function pruneObject(
  schema: JsonSchemaProps,
  object: JsonObject,
  isResource: boolean,
  place: Place,
  unknown: (place: Place) => void,
): void {
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const additional = additionalOf(schema);
  const keepsRest = preserve || schema.additionalProperties === true;
  for (const name of Object.keys(object)) {
    if (isResource && OBJECT_FIELDS.has(name)) continue;
    const below = propertyOf(schema, name) ?? additional;
    if (below !== undefined) prune(below, object[name], [...place, name], unknown);
    else if (!keepsRest) {
      delete object[name];
      unknown([...place, name]);
    }
  }
}

/**
 * Sets the schema's defaults wherever their parent exists, and drops nulls of fields that are not nullable, in
 * place. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting.
 */
export function applySchemaDefaults(schema: JsonSchemaProps, value: unknown, isResource = true): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return;
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null && items.nullable !== true && items.default !== undefined)
        value[i] = structuredClone(items.default);
      applySchemaDefaults(items, value[i], items['x-kubernetes-embedded-resource'] === true);
    }
    return;
  }
  if (!isJsonObject(value)) return;
  for (const name in schema.properties) {
    if (!Object.hasOwn(schema.properties, name) || (isResource && OBJECT_FIELDS.has(name))) continue;
    const property = schema.properties[name]!;
    if (property.default === undefined) continue;
    const present = Object.hasOwn(value, name);
    if (!present || (value[name] === null && property.nullable !== true))
      setKey(value, name, structuredClone(property.default));
  }
  const additional = additionalOf(schema);
  for (const name of Object.keys(value)) {
    if (isResource && OBJECT_FIELDS.has(name)) continue;
    const below = propertyOf(schema, name) ?? additional;
    if (below === undefined) continue;
    if (value[name] === null && below.nullable !== true) {
      if (below.default === undefined) delete value[name];
      else setKey(value, name, structuredClone(below.default));
    }
    applySchemaDefaults(below, value[name], below['x-kubernetes-embedded-resource'] === true);
  }
}
