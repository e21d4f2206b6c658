import type { Shape } from '../apply/shape.ts';
import { ANY_SHAPE, leafShape, metadataShape } from '../apply/shape.ts';
import type { DeclType } from '../cel/index.ts';
import type { CustomSchema } from '../resource.ts';
import { objectCelType } from './custom-cel-type.ts';
import { additionalOf, isJsonObject, itemsOf, type JsonObject, type JsonSchemaProps } from './json-schema.ts';
import { applySchemaDefaults, placeText, pruneUnknown } from './prune.ts';
import { publishedSchema } from './published-schema.ts';
import { visitEmbedded } from './validate-embedded.ts';

/** The structural schema of one version of a CRD, where built-ins have the field table. */
export class StructuralSchema implements CustomSchema {
  readonly definition: string;
  readonly #schema: JsonSchemaProps;
  readonly #selectable: readonly string[];
  #shape: Shape | undefined;

  /** @param selectable what field selectors may name beside name and namespace, as they write it. */
  constructor(definition: string, schema: JsonSchemaProps, selectable: readonly string[] = []) {
    this.definition = definition;
    this.#schema = schema;
    this.#selectable = selectable;
  }

  prune(object: JsonObject, unknown: (field: string) => void): void {
    pruneUnknown(this.#schema, object, (place) => unknown(placeText(place)));
  }

  eachEmbedded(object: JsonObject, visit: (place: (string | number)[], embedded: JsonObject) => void): void {
    visitEmbedded(this.#schema, object, [], visit);
  }

  applyDefaults(object: JsonObject): void {
    applySchemaDefaults(this.#schema, object);
  }

  /** How server-side apply sees an object of it. */
  get shape(): Shape {
    this.#shape ??= objectShape(this.#schema, true);
    return this.#shape;
  }

  celType(kind: string): DeclType {
    return objectCelType(this.#schema, kind);
  }

  openApi(version: 2 | 3, refs: { objectMeta: JsonObject }): JsonObject {
    return publishedSchema(this.#schema, version, refs.objectMeta, this.#selectable);
  }
}

function objectShape(schema: JsonSchemaProps, isResource: boolean): Shape {
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const additional = additionalOf(schema);
  const fields = new Map<string, () => Shape>();
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    fields.set(
      name,
      lazily(() => shapeOf(property)),
    );
  if (isResource) {
    fields.set('apiVersion', leafShape);
    fields.set('kind', leafShape);
    fields.set('metadata', metadataShape);
  }
  if (fields.size === 0 && additional !== undefined) return { kind: 'map', element: shapeOf(additional) };
  if (fields.size === 0 && (preserve || schema.additionalProperties === true)) return ANY_SHAPE;
  return { kind: 'object', fields, ...(preserve && { rest: ANY_SHAPE }) };
}

function shapeOf(schema: JsonSchemaProps): Shape {
  if (
    schema.type === 'object' ||
    schema.properties !== undefined ||
    isJsonObject(schema.additionalProperties)
  )
    return schema['x-kubernetes-map-type'] === 'atomic'
      ? leafShape()
      : objectShape(schema, schema['x-kubernetes-embedded-resource'] === true);
  if (schema.type !== 'array')
    return schema['x-kubernetes-preserve-unknown-fields'] === true ? ANY_SHAPE : leafShape();
  const listType = schema['x-kubernetes-list-type'];
  const items = itemsOf(schema);
  if (listType === 'set') return { kind: 'set' };
  if (listType !== 'map' || items === undefined) return leafShape();
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
  return {
    kind: 'list',
    keys,
    keyDefaults: keys.map((key) => items.properties?.[key]?.default),
    element: shapeOf(items),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
