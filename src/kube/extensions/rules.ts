import type { FieldError } from '../../base/index.ts';
import type { JsonObject, JsonSchemaProps } from './json-schema.ts';

export function validateRules(_schema: JsonSchemaProps, _path: string): FieldError[] {
  return [];
}

export function checkRules(
  _schema: JsonSchemaProps,
  _object: JsonObject,
  _old: JsonObject | undefined,
): FieldError[] {
  return [];
}
