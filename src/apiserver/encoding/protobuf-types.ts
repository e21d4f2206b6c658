import { type FieldFacts, fieldFacts } from '../../kube/index.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** A field of a type as protobuf has it: embedded structs are messages of their own. */
export interface NumberedField extends FieldFacts {
  name: string;
  n: number;
}

/** The table knows this one only as "any value"; it is a struct without fields. */
const EMPTY_STRUCT = { type: 'apiextensions/v1.CustomResourceSubresources', field: 'status' };

/** The type of a struct without fields. */
export const EMPTY = 'empty';

/**
 * Types that are a choice in JSON and a message in protobuf; which field holds which.
 * Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/generated.proto.
 */
export const SCHEMA_CHOICES: Readonly<
  Record<string, { schema: number; bool?: number; strings?: number; schemas?: number }>
> = {
  'apiextensions/v1.JSONSchemaPropsOrArray': { schema: 1, schemas: 2 },
  'apiextensions/v1.JSONSchemaPropsOrBool': { bool: 1, schema: 2 },
  'apiextensions/v1.JSONSchemaPropsOrStringArray': { schema: 1, strings: 2 },
};
export const SCHEMA_TYPE = 'apiextensions/v1.JSONSchemaProps';

const numbered = new Map<string, readonly NumberedField[]>();

/** The fields of a type in the order of their numbers. */
export function numberedFields(ref: string): readonly NumberedField[] {
  let fields = numbered.get(ref);
  if (fields === undefined) {
    fields = Object.entries(fieldFacts(ref))
      .flatMap(([name, facts]) => (facts.n === undefined ? [] : [{ ...facts, n: facts.n, name }]))
      .map((field) => ({ ...field, t: protobufType(ref, field) }))
      .sort((one, other) => one.n - other.n);
    numbered.set(ref, fields);
  }
  return fields;
}

function protobufType(ref: string, { name, t }: NumberedField): string {
  if (ref === EMPTY_STRUCT.type && name === EMPTY_STRUCT.field) return EMPTY;
  // The type JSON is the JSON text itself, as a RawExtension is.
  return t === 'apiextensions/v1.JSON' ? 'raw' : t;
}
