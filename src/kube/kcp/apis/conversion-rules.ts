import { type FieldError, messageOf } from '../../../base/index.ts';
import { type CelProgram, celToJson, compileCel } from '../../cel/index.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonSchemaProps,
  propertyOf,
} from '../../extensions/json-schema.ts';
import { celOf, declTypeOf } from '../../extensions/rule-types.ts';
import { CLUSTER_ANNOTATION, type KubeObject } from '../../object.ts';
import { getKey, setKey } from '../../patch/json-value.ts';
import { invalid } from '../../validation/field-errors.ts';
import type { APIConversion } from '../types/apis-v1alpha1.ts';

/** Where what a version does not have is kept, for the way back. */
const PRESERVED = 'preserve.conversion.apis.kcp.io/';

type Conversions = APIConversion['spec']['conversions'];

interface Rule {
  from: readonly string[];
  to: readonly string[];
  /** What becomes of the value; undefined: it stays what it is. */
  transformation: { program: CelProgram; schema: JsonSchemaProps } | undefined;
}

interface VersionRules {
  rules: readonly Rule[];
  preserve: readonly string[];
}

/**
 * Conversion of objects between versions by an APIConversion's rules: each names a field, where its value goes, and
 * perhaps a CEL expression over it. Source: pkg/conversion.
 */
export class ConversionRules {
  /** By the version they convert from, and for. */
  readonly #versions: ReadonlyMap<string, VersionRules>;

  private constructor(versions: ReadonlyMap<string, VersionRules>) {
    this.#versions = versions;
  }

  /** The rules, or what is wrong with them. `schemas` are those of the versions. */
  static compile(
    conversions: Conversions,
    schemas: ReadonlyMap<string, JsonSchemaProps>,
  ): { rules: ConversionRules; errors: FieldError[] } {
    const errors: FieldError[] = [];
    const versions = new Map<string, VersionRules>();
    for (const [index, { from, to, rules, preserve = [] }] of conversions.entries()) {
      const at = `spec.conversions[${index}]`;
      const schema = schemas.get(from);
      if (schema === undefined) {
        errors.push(invalid(`${at}.from`, from, 'unable to find structural schema for version'));
        continue;
      }
      const compiled = rules.flatMap((rule, place) => {
        const result = compileRule(rule, schema, `${at}.rules[${place}]`);
        if (!('field' in result)) return [result];
        errors.push(result);
        return [];
      });
      versions.set(pair(from, to), { rules: compiled, preserve });
    }
    return { rules: new ConversionRules(versions), errors };
  }

  /** The objects in another version of their group. @throws Error when an expression has no value for one of them. */
  convert(objects: readonly KubeObject[], desiredApiVersion: string): KubeObject[] {
    return objects.map((object) => this.#convertOne(object, desiredApiVersion));
  }

  #convertOne(original: KubeObject, desiredApiVersion: string): KubeObject {
    const [from, to] = [versionOf(original.apiVersion ?? ''), versionOf(desiredApiVersion)];
    const converted = { ...structuredClone(original), apiVersion: desiredApiVersion };
    const known = this.#versions.get(pair(from, to));
    const target = converted as unknown as JsonObject;
    for (const rule of known?.rules ?? []) {
      const value = resultOf(original as unknown as JsonObject, rule);
      if (value !== undefined) setAt(target, rule.to, value);
    }
    const kept = original.metadata.annotations?.[PRESERVED + to];
    if (kept !== undefined) {
      const fields = new Set(this.#versions.get(pair(to, from))?.preserve.map(withoutDot));
      for (const [field, value] of Object.entries(parsed(kept)))
        if (fields.has(field)) setAt(target, pathOf(field), value);
    } else keep(converted, original, from, known?.preserve ?? []);
    const metadata = metadataOf(converted, original, PRESERVED + to);
    return { ...converted, apiVersion: desiredApiVersion, kind: original.kind!, metadata };
  }
}

function pair(from: string, to: string): string {
  return `${from} ${to}`;
}

function versionOf(apiVersion: string): string {
  return apiVersion.split('/').at(-1)!;
}

function withoutDot(field: string): string {
  return field.replace(/^\./, '');
}

function pathOf(field: string): string[] {
  return withoutDot(field).split('.');
}

/** Anybody may have written that: what cannot be read keeps nobody from reading the object. */
function parsed(kept: string): JsonObject {
  try {
    const fields: unknown = JSON.parse(kept);
    return isJsonObject(fields) ? fields : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Who an object is and where it is, no rule changes: of the metadata only labels and annotations are taken. */
function metadataOf(
  converted: KubeObject,
  { metadata: before }: KubeObject,
  without: string,
): KubeObject['metadata'] {
  const { labels, annotations } = (isJsonObject(converted.metadata) ? converted.metadata : {}) as Partial<
    KubeObject['metadata']
  >;
  const { labels: _labels, annotations: own, ...metadata } = before;
  const { [without]: _kept, [CLUSTER_ANNOTATION]: _cluster, ...others } = annotations ?? {};
  const cluster = own?.[CLUSTER_ANNOTATION];
  const next = { ...others, ...(cluster !== undefined && { [CLUSTER_ANNOTATION]: cluster }) };
  return {
    ...metadata,
    ...(labels !== undefined && { labels }),
    ...(Object.keys(next).length > 0 && { annotations: next }),
  };
}

function compileRule(
  rule: Conversions[number]['rules'][number],
  schema: JsonSchemaProps,
  at: string,
): Rule | FieldError {
  const from = pathOf(rule.field);
  const found = schemaAt(schema, from);
  if (typeof found === 'string') return invalid(`${at}.field`, rule.field, found);
  const plain: Rule = { from, to: pathOf(rule.destination), transformation: undefined };
  if (!rule.transformation) return plain;
  try {
    const program = compileCel(rule.transformation, { variables: { self: declTypeOf(found, false) } });
    return { ...plain, transformation: { program, schema: found } };
  } catch (error) {
    const why = `error compiling CEL program: ${messageOf(error)}`;
    return invalid(`${at}.transformation`, rule.transformation, why);
  }
}

/** The schema of a field, or why there is none. */
function schemaAt(schema: JsonSchemaProps, path: readonly string[]): JsonSchemaProps | string {
  let at = schema;
  const visited: string[] = [];
  for (const name of path) {
    if (at.type !== 'object') return `expected field ${JSON.stringify(visited.join('.'))} to be an object`;
    visited.push(name);
    const property = propertyOf(at, name);
    if (property === undefined) return `field ${JSON.stringify(visited.join('.'))} doesn't exist`;
    at = property;
  }
  return at;
}

function resultOf(object: JsonObject, { from, transformation }: Rule): unknown {
  const value = valueAt(object, from);
  if (value === undefined || transformation === undefined) return structuredClone(value);
  const { program, schema } = transformation;
  try {
    return celToJson(program.evaluate({ self: celOf(schema, value, false) }).value);
  } catch (error) {
    throw new Error(`error converting: error executing transformation: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Puts what is to be kept of a version that the next one does not have into an annotation. */
function keep(converted: KubeObject, original: KubeObject, from: string, fields: readonly string[]): void {
  const kept: JsonObject = {};
  for (const field of fields) {
    const value = valueAt(original as unknown as JsonObject, pathOf(field));
    if (value !== undefined) setKey(kept, withoutDot(field), value);
  }
  if (Object.keys(kept).length === 0) return;
  converted.metadata.annotations = {
    ...converted.metadata.annotations,
    [PRESERVED + from]: JSON.stringify(kept),
  };
}

function valueAt(object: JsonObject, path: readonly string[]): unknown {
  let at: unknown = object;
  for (const name of path) {
    if (!isJsonObject(at)) return undefined;
    at = getKey(at, name);
  }
  return at;
}

function setAt(object: JsonObject, path: readonly string[], value: unknown): void {
  let at = object;
  for (const name of path.slice(0, -1)) {
    const next = getKey(at, name);
    if (!isJsonObject(next)) setKey(at, name, {});
    at = getKey(at, name) as JsonObject;
  }
  setKey(at, path.at(-1)!, value);
}
