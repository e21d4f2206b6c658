import { syntaxOf } from '../cel/cel-program.ts';
import type { Expr } from '../cel/compiled.ts';
import type { CelProgram } from '../cel/index.ts';
import {
  additionalOf,
  isJsonObject,
  itemsOf as itemsOfSchema,
  type JsonSchemaProps,
  propertyOf,
} from './json-schema.ts';
import { escapedName } from './rule-types.ts';

/** k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation StaticEstimatedCostLimit. */
export const STATIC_COST_LIMIT = 10_000_000;
/** What an object can hold at most: the server's limit of a request. */
const REQUEST_BYTES = 3 * 1024 * 1024;

export function costProblem(estimate: number): string {
  const factor = estimate / STATIC_COST_LIMIT;
  const text = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return `estimated rule cost exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/**
 * At most how much a rule may cost on the largest object its schema allows. Lower than upstream's estimate where that
 * is finer: what upstream accepts is accepted.
 */
export function estimateRule(program: CelProgram, schema: JsonSchemaProps): number {
  return new Estimator(
    new Map([
      ['self', schema],
      ['oldSelf', schema],
    ]),
  ).estimate(syntaxOf(program)).cost;
}

/** How often a value stands below a list or map, given how often that stands. */
export function timesBelow(schema: JsonSchemaProps, child: JsonSchemaProps, times: number): number {
  const declared = schema.type === 'array' ? schema.maxItems : schema.maxProperties;
  const most = Math.floor(REQUEST_BYTES / (smallest(child) + 1));
  return declared === undefined ? most : Math.min(times * declared, most);
}

/** The bytes of the smallest JSON of a schema. */
function smallest(schema: JsonSchemaProps): number {
  switch (schema.type) {
    case 'object':
      return (schema.required ?? []).reduce((sum, name) => {
        const property = propertyOf(schema, name);
        return (
          sum +
          name.length +
          3 +
          (property === undefined || property.default !== undefined ? 1 : smallest(property))
        );
      }, 2);
    case 'boolean':
      return 4;
    case 'integer':
    case 'number':
      return 1;
    default:
      return 2;
  }
}

/** At most how many elements or characters; 0 for what has none. */
function sizeOf(schema: JsonSchemaProps | undefined): number {
  if (schema === undefined) return 0;
  const items = itemsOfSchema(schema);
  if (schema.type === 'array')
    return schema.maxItems ?? Math.floor(REQUEST_BYTES / ((items === undefined ? 1 : smallest(items)) + 1));
  const additional = additionalOf(schema);
  if (schema.type === 'object' && additional !== undefined)
    return schema.maxProperties ?? Math.floor(REQUEST_BYTES / (smallest(additional) + 5));
  if (schema.type !== 'string') return 0;
  if (schema.enum !== undefined)
    return schema.enum.reduce<number>((most, one) => Math.max(most, lengthOf(one)), 0);
  return schema.maxLength ?? (schema.format ? 64 : REQUEST_BYTES);
}

/** What an enum of strings holds may be anything, with a `toString` of its own. */
function lengthOf(value: unknown): number {
  return typeof value === 'string' ? value.length : JSON.stringify(value).length;
}

interface Estimate {
  cost: number;
  /** Of the value, when it is known. */
  schema: JsonSchemaProps | undefined;
}

const COMPARISONS = new Set(['_==_', '_!=_', '_<_', '_<=_', '_>_', '_>=_']);
const SEARCHES = new Set([
  'contains',
  'matches',
  'find',
  'findAll',
  'lowerAscii',
  'upperAscii',
  'replace',
  'split',
]);

class Estimator {
  readonly #variables: ReadonlyMap<string, JsonSchemaProps | undefined>;

  constructor(variables: ReadonlyMap<string, JsonSchemaProps | undefined>) {
    this.#variables = variables;
  }

  estimate(expr: Expr | undefined): Estimate {
    const kind = expr?.exprKind;
    switch (kind?.case) {
      case 'identExpr':
        return { cost: 1, schema: this.#variables.get(kind.value.name) };
      case 'selectExpr': {
        const operand = this.estimate(kind.value.operand as Expr);
        return {
          cost: operand.cost + 1,
          schema: kind.value.testOnly ? undefined : fieldOf(operand.schema, kind.value.field),
        };
      }
      case 'callExpr':
        return this.#call(
          kind.value.function,
          kind.value.target as Expr | undefined,
          kind.value.args as Expr[],
        );
      case 'listExpr':
        return {
          cost: kind.value.elements.reduce((sum, one) => sum + this.estimate(one as Expr).cost, 10),
          schema: undefined,
        };
      case 'comprehensionExpr':
        return this.#fold(kind.value);
      default:
        return { cost: 0, schema: undefined };
    }
  }

  #call(name: string, target: Expr | undefined, args: readonly Expr[]): Estimate {
    const parts = [...(target === undefined ? [] : [target]), ...args].map((one) => this.estimate(one));
    let cost = parts.reduce((sum, one) => sum + one.cost, 1);
    const [first, second] = parts;
    if (COMPARISONS.has(name)) cost += 0.1 * Math.min(sizeOf(first?.schema), sizeOf(second?.schema));
    else if (SEARCHES.has(name)) cost += 0.1 * sizeOf(first?.schema);
    if (name !== '_[_]') return { cost, schema: undefined };
    const container = first?.schema;
    return { cost, schema: container && (itemsOfSchema(container) ?? additionalOf(container)) };
  }

  #fold(fold: Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value']): Estimate {
    const range = this.estimate(fold.iterRange as Expr);
    const item: JsonSchemaProps | undefined =
      range.schema?.type === 'array'
        ? itemsOfSchema(range.schema)
        : isJsonObject(range.schema)
          ? { type: 'string', maxLength: 64 }
          : undefined;
    const inner = new Estimator(
      new Map([...this.#variables, [fold.iterVar, item], [fold.accuVar, undefined]]),
    );
    const step = inner.estimate(fold.loopStep as Expr).cost;
    return { cost: range.cost + sizeOf(range.schema) * Math.max(1, step - 2) + 1, schema: undefined };
  }
}

/** A field under the name expressions use. */
function fieldOf(schema: JsonSchemaProps | undefined, field: string): JsonSchemaProps | undefined {
  if (schema === undefined) return undefined;
  const plain = propertyOf(schema, field);
  if (plain !== undefined || !field.includes('__')) return plain ?? additionalOf(schema);
  const found = Object.keys(schema.properties ?? {}).find((name) => escapedName(name) === field);
  return found === undefined ? undefined : propertyOf(schema, found);
}
