import { isJsonObject, type JsonObject, type JsonSchemaProps } from './json-schema.ts';

const API_VERSION =
  'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const KIND =
  'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';
const METADATA =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

const EMBEDDED_API_VERSION =
  'apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const EMBEDDED_KIND =
  'kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';

/**
 * The schema of a custom resource as the server publishes it: with apiVersion, kind and metadata, and in OpenAPI v2
 * without what that cannot say. Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/{builder,v2}.
 */
export function publishedSchema(
  schema: JsonSchemaProps,
  version: 2 | 3,
  objectMeta: JsonObject,
  selectable: readonly string[] = [],
): JsonObject {
  const extension =
    selectable.length === 0
      ? {}
      : { 'x-kubernetes-selectable-fields': selectable.map((fieldPath) => ({ fieldPath })) };
  // Of a root that keeps what it does not know v2 says nothing at all: kubectl would refuse all that it names not.
  if (version === 2 && schema['x-kubernetes-preserve-unknown-fields'] === true)
    return { type: 'object', ...extension };
  const published = withEmbedded(version === 2 ? toV2(schema) : toV3(schema), version, objectMeta);
  return { ...withObjectFields(published, objectMeta, version), ...extension };
}

function metadataSchema(objectMeta: JsonObject, version: 2 | 3): JsonObject {
  return version === 3
    ? { allOf: [objectMeta], description: METADATA }
    : { description: METADATA, ...objectMeta };
}

function withObjectFields(schema: JsonObject, objectMeta: JsonObject, version: 2 | 3): JsonObject {
  return {
    ...schema,
    type: 'object',
    properties: {
      ...(schema.properties as JsonObject | undefined),
      apiVersion: { description: API_VERSION, type: 'string' },
      kind: { description: KIND, type: 'string' },
      metadata: metadataSchema(objectMeta, version),
    },
  };
}

/** What is an object of its own inside has the fields of one; in v2 only where unknown ones are not kept. */
function withEmbedded(schema: JsonObject, version: 2 | 3, objectMeta: JsonObject): JsonObject {
  const result = mapValues(schema, (one) => withEmbedded(one, version, objectMeta));
  const isLoose = version === 2 && schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema['x-kubernetes-embedded-resource'] !== true || isLoose) return result;
  const required = (schema.required as string[] | undefined) ?? [];
  return {
    ...result,
    properties: {
      ...(result.properties as JsonObject | undefined),
      apiVersion: { description: EMBEDDED_API_VERSION, type: 'string' },
      kind: { description: EMBEDDED_KIND, type: 'string' },
      metadata: metadataSchema(objectMeta, version),
    },
    required: [...required, ...['kind', 'apiVersion'].filter((name) => !required.includes(name))],
  };
}

/** What is no part of a structural schema is not published; a number or string says in `anyOf` what it may be. */
function toV3(schema: JsonSchemaProps): JsonObject {
  const { example: _e, externalDocs: _d, ...kept } = schema;
  const junctors = ['anyOf', 'allOf', 'oneOf'] as const;
  const isBare =
    schema['x-kubernetes-int-or-string'] === true && junctors.every((one) => schema[one] === undefined);
  const result = mapValues(kept, (one) => toV3(one as JsonSchemaProps));
  return isBare ? { ...result, anyOf: [{ type: 'integer' }, { type: 'string' }] } : result;
}

/** v2 has no nullable and no junctors; a value that may be anything has no type. */
function toV2(schema: JsonSchemaProps): JsonObject {
  const { example: _e, externalDocs: _d, oneOf: _o, anyOf: _y, allOf: _l, not: _n, ...rest } = schema;
  const { nullable, ...kept } = rest as JsonSchemaProps;
  const isLoose = kept['x-kubernetes-preserve-unknown-fields'] === true;
  if (nullable === true) delete kept.type;
  if (nullable === true || isLoose) {
    delete kept.items;
    delete kept.properties;
  }
  if (kept.type === 'array' && kept.items === undefined) delete kept.type;
  if (kept.type === 'object' && isLoose) delete kept.type;
  if (kept.required !== undefined) {
    const required = kept.required.filter((name) => kept.properties?.[name]?.nullable !== true);
    if (required.length > 0) kept.required = required;
    else delete kept.required;
  }
  return mapValues(kept as JsonObject, (one) => toV2(one as JsonSchemaProps));
}

/** Maps the schemas of the values inside: properties, items, additional properties. */
function mapValues(schema: object, map: (one: JsonObject) => JsonObject): JsonObject {
  const result: JsonObject = { ...schema };
  if (isJsonObject(result.properties))
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([name, one]) => [name, map(one as JsonObject)]),
    );
  if (isJsonObject(result.items)) result.items = map(result.items);
  if (isJsonObject(result.additionalProperties))
    result.additionalProperties = map(result.additionalProperties);
  return result;
}
