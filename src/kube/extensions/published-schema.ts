import { isJsonObject, type JsonObject, type JsonSchemaProps } from './json-schema.ts';

const API_VERSION =
  'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const KIND =
  'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';
const METADATA =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/**
 * The schema of a custom resource as the server publishes it: with apiVersion, kind and metadata, and in OpenAPI v2
 * without what that cannot say. Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder.
 */
export function publishedSchema(schema: JsonSchemaProps, version: 2 | 3, objectMeta: JsonObject): JsonObject {
  const published = version === 2 ? toV2(schema) : toV3(schema);
  // A root that keeps what it does not know says nothing of its fields in v2.
  if (
    version === 2 &&
    published.properties === undefined &&
    schema['x-kubernetes-preserve-unknown-fields'] === true
  )
    return withObjectFields({ ...published }, objectMeta, version);
  return withObjectFields(published, objectMeta, version);
}

function withObjectFields(schema: JsonObject, objectMeta: JsonObject, version: 2 | 3): JsonObject {
  const metadata =
    version === 3 ? { allOf: [objectMeta], description: METADATA } : { description: METADATA, ...objectMeta };
  return {
    ...schema,
    type: 'object',
    properties: {
      ...(schema.properties as JsonObject | undefined),
      apiVersion: { description: API_VERSION, type: 'string' },
      kind: { description: KIND, type: 'string' },
      metadata,
    },
  };
}

function toV3(schema: JsonSchemaProps): JsonObject {
  return mapSchemas(schema as JsonObject, (one) => toV3(one as JsonSchemaProps));
}

/** v2 has no nullable and no junctors; a value that may be anything has no type. */
function toV2(schema: JsonSchemaProps): JsonObject {
  const { oneOf: _o, anyOf: _a, not: _n, nullable, default: _default, ...rest } = schema;
  const kept = rest as JsonObject;
  if (schema['x-kubernetes-preserve-unknown-fields'] === true || nullable === true) {
    for (const name of ['type', 'items', 'properties', 'required', 'format']) {
      const isLoose = nullable === true && name !== 'required' && name !== 'format';
      if (isLoose || schema['x-kubernetes-preserve-unknown-fields'] === true) delete kept[name];
    }
  }
  if (schema['x-kubernetes-int-or-string'] === true) delete kept.type;
  return mapSchemas(kept, (one) => toV2(one as JsonSchemaProps));
}

function mapSchemas(schema: JsonObject, map: (one: JsonObject) => JsonObject): JsonObject {
  const result: JsonObject = { ...schema };
  if (isJsonObject(schema.properties))
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, one]) => [name, map(one as JsonObject)]),
    );
  if (isJsonObject(schema.items)) result.items = map(schema.items);
  if (isJsonObject(schema.additionalProperties))
    result.additionalProperties = map(schema.additionalProperties);
  for (const junctor of ['allOf', 'anyOf', 'oneOf'])
    if (Array.isArray(schema[junctor])) result[junctor] = (schema[junctor] as JsonObject[]).map(map);
  if (isJsonObject(schema.not)) result.not = map(schema.not);
  return result;
}
