import type { CustomSchema, Schema } from '../resource.ts';
import { type FieldInfo, type ScalarKind, type TypeInfo, typeInfo } from '../schema/fields.ts';
import { CLOSED_ENUMS } from './enums.ts';

/** `'core/v1.Pod'` → `''` for the type's description, a field's name for the field's. Made at build time; may be empty. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type OpenApiVersion = 2 | 3;

export interface JsonSchema {
  [keyword: string]: unknown;
}

/** Short groups of the field table whose Go packages are not k8s.io/api. */
const PACKAGES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

const CUSTOM = 'custom:';

/** `core/v1.Pod` → `io.k8s.api.core.v1.Pod`, as in upstream's documents. */
export function definitionName(ref: string): string {
  if (ref.startsWith(CUSTOM)) return ref.slice(CUSTOM.length);
  const [group, rest] = [ref.slice(0, ref.indexOf('/')), ref.slice(ref.indexOf('/') + 1)];
  return `${PACKAGES[group] ?? `io.k8s.api.${group}`}.${rest}`;
}

/** Scalars that upstream publishes as definitions of their own. */
const SCALAR_DEFINITIONS: Readonly<Partial<Record<ScalarKind, string>>> = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intorstring: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  microtime: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
};

const SCALARS: Readonly<Record<string, JsonSchema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  float64: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  duration: { type: 'string' },
};

/**
 * The definitions of a document: asked for by type, filled with whatever those types reach.
 */
export class Definitions {
  readonly schemas: Record<string, JsonSchema> = {};
  readonly #version: OpenApiVersion;
  readonly #descriptions: Descriptions;
  readonly #customs = new Map<string, CustomSchema>();

  constructor(version: OpenApiVersion, descriptions: Descriptions) {
    this.#version = version;
    this.#descriptions = descriptions;
  }

  /** A reference to the definition of `ref`, which is added with all it needs. */
  ref(ref: string): JsonSchema {
    const name = definitionName(ref);
    if (this.schemas[name] === undefined) {
      this.schemas[name] = {};
      const custom = this.#customs.get(ref);
      if (custom === undefined) this.#fill(this.schemas[name], typeInfo(ref));
      else
        Object.assign(
          this.schemas[name],
          custom.openApi(this.#version, { objectMeta: this.ref('meta/v1.ObjectMeta') }),
        );
    }
    return this.#reference(name);
  }

  /** Makes the schema of a custom resource known, before it is first asked for. */
  addCustom(schema: Schema): void {
    if (schema.custom !== undefined) this.#customs.set(schema.ref, schema.custom);
  }

  /** Marks the definition of `ref` as that of a kind. */
  addKind(ref: string, gvk: { group: string; version: string; kind: string }): void {
    this.ref(ref);
    const schema = this.schemas[definitionName(ref)]!;
    schema['x-kubernetes-group-version-kind'] ??= [];
    const kinds = schema['x-kubernetes-group-version-kind'] as (typeof gvk)[];
    const { group, version, kind } = gvk;
    if (!kinds.some((one) => one.group === group && one.version === version && one.kind === kind))
      kinds.push({ group, kind, version });
  }

  /** The list kind of a resource, which the field table may lack. */
  listOf(ref: string, description: string): JsonSchema {
    const [group, name] = [ref.slice(0, ref.lastIndexOf('.')), ref.slice(ref.lastIndexOf('.') + 1)];
    const key = definitionName(`${group}.${name}List`);
    this.schemas[key] ??= {
      description,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        items: { type: 'array', items: this.ref(ref) },
        kind: { type: 'string' },
        metadata: this.ref('meta/v1.ListMeta'),
      },
    };
    return this.#reference(key);
  }

  /** The same, marked as a kind of its own. */
  addListKind(ref: string, description: string, gvk: { group: string; version: string; kind: string }): void {
    this.listOf(ref, description);
    const { group, version, kind } = gvk;
    this.schemas[definitionName(`${ref}List`)]!['x-kubernetes-group-version-kind'] = [
      { group, kind, version },
    ];
  }

  #reference(name: string): JsonSchema {
    return { $ref: this.#version === 2 ? `#/definitions/${name}` : `#/components/schemas/${name}` };
  }

  #fill(schema: JsonSchema, type: TypeInfo): void {
    const texts = this.#descriptions[type.ref] ?? {};
    schema.description = texts[''] ?? `${type.name} is a type of the Kubernetes API.`;
    schema.type = 'object';
    const required: string[] = [];
    const properties: Record<string, JsonSchema> = {};
    for (const name of [...type.fields.keys()].sort()) {
      const field = type.fields.get(name)!;
      properties[name] = this.#property(field, texts[name]);
      if (field.required && name !== 'metadata') required.push(name);
    }
    if (required.length > 0) schema.required = required;
    schema.properties = properties;
    if (type.atomic) schema['x-kubernetes-map-type'] = 'atomic';
  }

  #property(field: FieldInfo, description: string | undefined): JsonSchema {
    const element = this.#element(field);
    const schema: JsonSchema = description === undefined ? {} : { description };
    if (field.collection === 'list') {
      Object.assign(schema, { type: 'array', items: element });
      if (field.listMapKeys.length > 0) schema['x-kubernetes-list-map-keys'] = [...field.listMapKeys];
      if (field.listType !== undefined) schema['x-kubernetes-list-type'] = field.listType;
    } else if (field.collection === 'map') {
      Object.assign(schema, { type: 'object', additionalProperties: element });
      if (field.facts.mt !== undefined) schema['x-kubernetes-map-type'] = field.facts.mt;
    } else {
      // A reference takes no siblings in OpenAPI 3.0, so it stands in allOf beside them.
      const wrap = this.#version === 3 && element.$ref !== undefined && description !== undefined;
      Object.assign(schema, wrap ? { allOf: [element] } : element);
    }
    if (field.patchMergeKey !== undefined) schema['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
    if (field.patchStrategies.length > 0)
      schema['x-kubernetes-patch-strategy'] = field.patchStrategies.join(',');
    if (field.default !== undefined && field.kind !== 'struct' && this.#version === 3)
      schema.default = field.default;
    return schema;
  }

  #element(field: FieldInfo): JsonSchema {
    if (field.ref !== undefined) return this.ref(field.ref);
    const kind = field.kind as ScalarKind;
    if (kind === 'raw' && field.name === 'fieldsV1')
      return this.#scalar('io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1', kind);
    if (kind === 'raw' && field.facts.t !== 'raw') return this.#scalar(definitionName(field.facts.t), 'any');
    const name = SCALAR_DEFINITIONS[kind];
    if (name !== undefined) return this.#scalar(name, kind);
    const values =
      field.enumRef !== undefined && CLOSED_ENUMS.has(field.enumRef) ? field.enumValues : undefined;
    return values === undefined ? { ...SCALARS[kind] } : { ...SCALARS[kind], enum: [...values].sort() };
  }

  #scalar(name: string, kind: ScalarKind | 'any'): JsonSchema {
    this.schemas[name] ??= scalarDefinition(kind, this.#version);
    return this.#reference(name);
  }
}

function scalarDefinition(kind: ScalarKind | 'any', version: OpenApiVersion): JsonSchema {
  switch (kind) {
    case 'quantity': {
      const description = 'Quantity is a fixed-point representation of a number: 500m, 1.5Gi, 12e6.';
      return version === 2
        ? { description, type: 'string' }
        : { description, oneOf: [{ type: 'string' }, { type: 'number' }] };
    }
    case 'intorstring': {
      const description = 'IntOrString is an int32 or a string.';
      const format = 'int-or-string';
      return version === 2
        ? { description, type: 'string', format }
        : { description, format, oneOf: [{ type: 'integer' }, { type: 'string' }] };
    }
    case 'time':
      return {
        description: 'Time is a moment in RFC 3339 form, whole seconds.',
        type: 'string',
        format: 'date-time',
      };
    case 'microtime':
      return {
        description: 'MicroTime is a moment in RFC 3339 form with microseconds.',
        type: 'string',
        format: 'date-time',
      };
    case 'raw':
      return { description: 'Any JSON object.', type: 'object' };
    default:
      return { description: 'Any JSON value.' };
  }
}
