/** An OpenAPI v3 schema as it stands in a CustomResourceDefinition; k8s.io/apiextensions-apiserver JSONSchemaProps. */
export interface JsonSchemaProps {
  id?: string;
  $schema?: string;
  $ref?: string;
  description?: string;
  type?: string;
  format?: string;
  title?: string;
  default?: unknown;
  maximum?: number;
  exclusiveMaximum?: boolean;
  minimum?: number;
  exclusiveMinimum?: boolean;
  maxLength?: number;
  minLength?: number;
  pattern?: string;
  maxItems?: number;
  minItems?: number;
  uniqueItems?: boolean;
  multipleOf?: number;
  enum?: unknown[];
  maxProperties?: number;
  minProperties?: number;
  required?: string[];
  items?: JsonSchemaProps | JsonSchemaProps[];
  allOf?: JsonSchemaProps[];
  oneOf?: JsonSchemaProps[];
  anyOf?: JsonSchemaProps[];
  not?: JsonSchemaProps;
  properties?: Record<string, JsonSchemaProps>;
  additionalProperties?: JsonSchemaProps | boolean;
  patternProperties?: Record<string, JsonSchemaProps>;
  dependencies?: Record<string, unknown>;
  additionalItems?: JsonSchemaProps | boolean;
  definitions?: Record<string, JsonSchemaProps>;
  externalDocs?: unknown;
  example?: unknown;
  nullable?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
}

/** One CEL rule; apiextensions/v1 ValidationRule. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A property that is the schema's own: `__proto__` and `constructor` are names like any other. */
export function propertyOf(schema: JsonSchemaProps, name: string): JsonSchemaProps | undefined {
  const { properties } = schema;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The schema of a map's values; undefined when the schema says nothing of them. */
export function additionalOf(schema: JsonSchemaProps): JsonSchemaProps | undefined {
  const { additionalProperties } = schema;
  return isJsonObject(additionalProperties) ? (additionalProperties as JsonSchemaProps) : undefined;
}

export function itemsOf(schema: JsonSchemaProps): JsonSchemaProps | undefined {
  return Array.isArray(schema.items) ? schema.items[0] : schema.items;
}

/** Every schema directly below, those of junctors too. */
export function childSchemas(schema: JsonSchemaProps): JsonSchemaProps[] {
  const items = itemsOf(schema);
  const additional = additionalOf(schema);
  return [
    ...Object.values(schema.properties ?? {}),
    ...(items === undefined ? [] : [items]),
    ...(additional === undefined ? [] : [additional]),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.not === undefined ? [] : [schema.not]),
  ];
}

/** Looks a fact of a schema up once for it and everything below. */
export function anywhere(
  schema: JsonSchemaProps,
  fact: (one: JsonSchemaProps) => boolean,
  known: WeakMap<JsonSchemaProps, boolean>,
): boolean {
  let found = known.get(schema);
  if (found === undefined) {
    found = fact(schema) || childSchemas(schema).some((child) => anywhere(child, fact, known));
    known.set(schema, found);
  }
  return found;
}
