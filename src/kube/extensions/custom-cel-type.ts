import type { DeclType } from '../cel/index.ts';
import { celTypeOf } from '../schema/cel-types.ts';
import type { apiextensionsv1 } from '../types/index.generated.ts';
import type { JsonSchemaProps } from './json-schema.ts';
import { declTypeOf } from './rule-types.ts';

/** The objects of a custom resource as the expressions of policies see them: with all of their metadata. */
export function customCelType(
  { spec }: Readonly<apiextensionsv1.CustomResourceDefinition>,
  version: string,
): DeclType | undefined {
  const schema = spec.versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema;
  return schema && objectCelType(schema as JsonSchemaProps, spec.names.kind);
}

/** The same of a schema that is at hand. */
export function objectCelType(schema: JsonSchemaProps, kind: string): DeclType {
  const type = declTypeOf(schema, true);
  if (type.kind !== 'object') return type;
  return {
    ...type,
    name: kind,
    field: (name) => (name === 'metadata' ? celTypeOf('meta/v1.ObjectMeta') : type.field(name)),
  };
}
