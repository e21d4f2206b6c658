import { type FieldError, messageOf } from '../../base/index.ts';
import {
  CelCompileError,
  CelCostExceeded,
  CelFailure,
  CelOptional,
  type CelProgram,
  type CelValue,
  compileCel,
  PER_CALL_LIMIT,
  RUNTIME_BUDGET,
} from '../cel/index.ts';
import { equalJson } from '../patch/json-value.ts';
import { duplicate, forbidden, invalid, required } from '../validation/field-errors.ts';
import { correlatedItem } from './correlation.ts';
import {
  additionalOf,
  anywhere,
  isJsonObject,
  itemsOf,
  type JsonObject,
  type JsonSchemaProps,
  propertyOf,
  type ValidationRule,
} from './json-schema.ts';
import { costProblem, estimateRule, STATIC_COST_LIMIT, timesBelow } from './rule-cost.ts';
import { celOf, declTypeOf } from './rule-types.ts';

/** A rule ready to be asked. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel. */
interface CompiledRule {
  rule: ValidationRule;
  program: CelProgram;
  message: CelProgram | undefined;
}

const compiled = new WeakMap<JsonSchemaProps, readonly CompiledRule[]>();
const withRules = new WeakMap<JsonSchemaProps, boolean>();

function rulesOf(schema: JsonSchemaProps, isResource: boolean): readonly CompiledRule[] {
  let rules = compiled.get(schema);
  if (rules === undefined) {
    rules = (schema['x-kubernetes-validations'] ?? []).map((rule) => compileRule(schema, rule, isResource));
    compiled.set(schema, rules);
  }
  return rules;
}

/** @throws CelCompileError */
function compileRule(schema: JsonSchemaProps, rule: ValidationRule, isResource: boolean): CompiledRule {
  const self = declTypeOf(schema, isResource);
  const oldSelf = rule.optionalOldSelf === true ? ({ kind: 'optional', of: self } as const) : self;
  const variables = { self, oldSelf };
  return {
    rule,
    program: compileCel(rule.rule, { variables, result: 'bool' }),
    message: rule.messageExpression
      ? compileCel(rule.messageExpression, { variables, result: 'string' })
      : undefined,
  };
}

/** Everything wrong with the rules of a schema that is otherwise right. */
export function validateRules(schema: JsonSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (hasRules(schema))
    checkSchema(schema, { path, isResource: true, uncorrelated: undefined, times: 1 }, errors);
  return errors;
}

/** Whether there is a rule anywhere in a schema. */
export function hasRules(schema: JsonSchemaProps): boolean {
  return anywhere(schema, (one) => (one['x-kubernetes-validations'] ?? []).length > 0, withRules);
}

interface Place {
  path: string;
  isResource: boolean;
  /** The part of the schema below which old values cannot be found. */
  uncorrelated: string | undefined;
  /** How often the schema's value can stand in one object. */
  times: number;
}

function checkSchema(schema: JsonSchemaProps, place: Place, errors: FieldError[]): void {
  schema['x-kubernetes-validations']?.forEach((rule, index) => {
    if (rule.rule.trim() !== '')
      checkRule(schema, rule, { ...place, path: `${place.path}.x-kubernetes-validations[${index}]` }, errors);
  });
  const below = (
    child: JsonSchemaProps,
    path: string,
    uncorrelated = place.uncorrelated,
    times = place.times,
  ) =>
    checkSchema(
      child,
      { path, uncorrelated, times, isResource: child['x-kubernetes-embedded-resource'] === true },
      errors,
    );
  const mapIsAtomic = schema['x-kubernetes-map-type'] === 'atomic';
  const lost = mapIsAtomic ? (place.uncorrelated ?? place.path) : place.uncorrelated;
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    below(property, `${place.path}.properties[${name}]`, lost);
  const additional = additionalOf(schema);
  if (additional !== undefined)
    below(
      additional,
      `${place.path}.additionalProperties`,
      lost,
      timesBelow(schema, additional, place.times),
    );
  const items = itemsOf(schema);
  if (items === undefined) return;
  const isMap = schema['x-kubernetes-list-type'] === 'map';
  below(
    items,
    `${place.path}.items`,
    isMap ? place.uncorrelated : (place.uncorrelated ?? place.path),
    timesBelow(schema, items, place.times),
  );
}

function checkRule(schema: JsonSchemaProps, rule: ValidationRule, place: Place, errors: FieldError[]): void {
  const { path } = place;
  let program: CelProgram | undefined;
  try {
    ({ program } = compileRule(schema, { ...rule, messageExpression: '' }, place.isResource));
    compileRule(schema, rule, place.isResource);
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    if (program === undefined) errors.push(invalid(`${path}.rule`, rule.rule, error.message));
    else
      errors.push(
        invalid(
          `${path}.messageExpression`,
          rule.messageExpression,
          error.message.startsWith('must evaluate')
            ? 'messageExpression must evaluate to a string'
            : `messageExpression ${error.message}`,
        ),
      );
  }
  if (program === undefined) return;
  if (program.uses('oldSelf') && place.uncorrelated !== undefined)
    errors.push(
      invalid(
        `${path}.rule`,
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`,
      ),
    );
  const estimate = estimateRule(program, schema) * place.times;
  if (estimate > STATIC_COST_LIMIT) errors.push(forbidden(`${path}.rule`, costProblem(estimate)));
  if (rule.optionalOldSelf !== undefined && !program.uses('oldSelf'))
    errors.push(
      invalid(
        `${path}.optionalOldSelf`,
        rule.optionalOldSelf,
        'may not be set if oldSelf is not used in rule',
      ),
    );
  if (rule.fieldPath && fieldPathOf(schema, rule.fieldPath) === undefined)
    errors.push(
      invalid(
        `${path}.fieldPath`,
        rule.fieldPath,
        'fieldPath must be a valid path: does not refer to a valid field',
      ),
    );
}

/** `.a.b['c']` as the field it means: `a.b[c]`; undefined when the schema has no such field. */
function fieldPathOf(schema: JsonSchemaProps, fieldPath: string): string | undefined {
  let at: JsonSchemaProps | undefined = schema;
  let result = '';
  let rest = fieldPath;
  while (rest !== '') {
    const found = /^\.([^.[\]]+)|^\['((?:[^'\\]|\\.)*)'\]/.exec(rest);
    if (found === null || at === undefined) return undefined;
    const name: string = found[1] ?? found[2]!.replaceAll(/\\(.)/g, '$1');
    const property: JsonSchemaProps | undefined = propertyOf(at, name);
    result += property === undefined ? `[${name}]` : `${result === '' ? '' : '.'}${name}`;
    at = property ?? additionalOf(at);
    rest = rest.slice(found[0].length);
  }
  return at === undefined ? undefined : result;
}

/** How a value stands to the one before: itself, or the nearest part around it that has one. */
interface Before {
  old: unknown;
  /** There is an old value, so that transition rules apply. */
  known: boolean;
  unchanged: boolean;
}

/**
 * What the rules of a schema say against a whole object, whose types have been checked. Rules that fail on parts
 * that have not changed, and do not look at the old value, are let pass (validation ratcheting).
 */
export function checkRules(
  schema: JsonSchemaProps,
  object: JsonObject,
  old: JsonObject | undefined,
): FieldError[] {
  if (!hasRules(schema)) return [];
  const checker = new RuleChecker();
  checker.check(
    schema,
    object,
    { old, known: old !== undefined, unchanged: false },
    { path: '', isResource: true },
  );
  return checker.errors;
}

class RuleChecker {
  readonly errors: FieldError[] = [];
  #budget = RUNTIME_BUDGET;

  check(
    schema: JsonSchemaProps,
    value: unknown,
    before: Before,
    at: { path: string; isResource: boolean },
  ): void {
    if (value === null || value === undefined || this.#budget < 0 || !hasRules(schema)) return;
    const unchanged = before.unchanged || (before.known && equalJson(before.old, value));
    this.#own(schema, value, { ...before, unchanged }, at);
    if (Array.isArray(value)) this.#items(schema, value, { ...before, unchanged }, at.path);
    else if (isJsonObject(value)) this.#members(schema, value, { ...before, unchanged }, at.path);
  }

  #items(schema: JsonSchemaProps, list: unknown[], before: Before, path: string): void {
    const items = itemsOf(schema);
    if (items === undefined) return;
    const correlate = correlatedItem(schema, before.old);
    const isResource = items['x-kubernetes-embedded-resource'] === true;
    list.forEach((one, index) => {
      const old = correlate(one);
      const state = { old, known: old !== undefined, unchanged: before.unchanged };
      this.check(items, one, state, { path: `${path}[${index}]`, isResource });
    });
  }

  #members(schema: JsonSchemaProps, object: JsonObject, before: Before, path: string): void {
    const additional = additionalOf(schema);
    const correlates = schema['x-kubernetes-map-type'] !== 'atomic' && isJsonObject(before.old);
    for (const name of Object.keys(object)) {
      const property = propertyOf(schema, name);
      const below = property ?? additional;
      if (below === undefined) continue;
      const old =
        correlates && Object.hasOwn(before.old as JsonObject, name)
          ? (before.old as JsonObject)[name]
          : undefined;
      const child = property === undefined ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      this.check(
        below,
        object[name],
        { old, known: old !== undefined && old !== null, unchanged: before.unchanged },
        { path: child, isResource: below['x-kubernetes-embedded-resource'] === true },
      );
    }
  }

  #own(
    schema: JsonSchemaProps,
    value: unknown,
    before: Before,
    at: { path: string; isResource: boolean },
  ): void {
    const rules = rulesOf(schema, at.isResource);
    if (rules.length === 0) return;
    const field = at.path === '' ? '<nil>' : at.path;
    const self = celOf(schema, value, at.isResource);
    const oldSelf = before.known ? celOf(schema, before.old, at.isResource) : undefined;
    for (const one of rules) {
      if (this.#budget <= 0) {
        this.#outOfBudget(field, schema);
        return;
      }
      const optional = one.rule.optionalOldSelf === true;
      if (one.program.uses('oldSelf') && oldSelf === undefined && !optional) continue;
      this.#ask(one, schema, field, { self, ...oldSelfOf(oldSelf, optional) }, before.unchanged);
      if (this.#budget < 0) return;
    }
  }

  #ask(
    { rule, program, message }: CompiledRule,
    schema: JsonSchemaProps,
    field: string,
    activation: Record<string, CelValue>,
    unchanged: boolean,
  ): void {
    const type = schema.type ?? '';
    let detail: string | undefined;
    try {
      const { value, cost } = program.evaluate(activation, PER_CALL_LIMIT);
      this.#budget -= cost;
      if (this.#budget < 0) this.#outOfBudget(field, schema);
      if (value === true || this.#budget < 0) return;
      if (message !== undefined) detail = this.#message(message, activation);
    } catch (error) {
      if (!(error instanceof CelFailure)) throw error;
      this.errors.push(invalid(field, type, failureText(error, ruleText(rule))));
      if (error instanceof CelCostExceeded) this.#budget = -1;
      return;
    }
    if (unchanged && !program.uses('oldSelf')) return;
    const path = rule.fieldPath ? fieldPathOf(schema, rule.fieldPath) : undefined;
    const where =
      path === undefined
        ? field
        : field === '<nil>'
          ? path
          : `${field}${path.startsWith('[') ? '' : '.'}${path}`;
    const text = rule.message?.trim();
    this.errors.push(errorOf(rule, where, type, detail ?? (text || `failed rule: ${rule.rule.trim()}`)));
  }

  /** The expression's text when it is one line; else the rule's own message stands. */
  #message(program: CelProgram, activation: Record<string, CelValue>): string | undefined {
    try {
      const { value, cost } = program.evaluate(activation, PER_CALL_LIMIT);
      this.#budget -= cost;
      const text = typeof value === 'string' ? value.trim() : '';
      return text === '' || text.includes('\n') || text.length > 5 * 1024 ? undefined : text;
    } catch (error) {
      if (!(error instanceof CelFailure)) throw error;
      return undefined;
    }
  }

  #outOfBudget(field: string, schema: JsonSchemaProps): void {
    this.#budget = -1;
    this.errors.push(
      invalid(
        field,
        schema.type ?? '',
        'validation failed due to running out of cost budget, no further validation rules will be run',
      ),
    );
  }
}

function oldSelfOf(oldSelf: CelValue | undefined, optional: boolean): { oldSelf?: CelValue } {
  if (optional) return { oldSelf: new CelOptional(oldSelf) };
  return oldSelf === undefined ? {} : { oldSelf };
}

function ruleText(rule: ValidationRule): string {
  return rule.message?.trim() || rule.rule.trim();
}

function failureText(error: CelFailure, rule: string): string {
  const text = messageOf(error);
  if (error instanceof CelCostExceeded)
    return `'${text}': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`;
  if (text.startsWith('no such overload'))
    return `'${text}': call arguments did not match a supported operator, function or macro signature for rule: ${rule}`;
  return `${text} evaluating rule: ${rule}`;
}

function errorOf({ reason }: ValidationRule, field: string, type: string, detail: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(field, detail);
    case 'FieldValueRequired':
      return required(field, detail);
    case 'FieldValueDuplicate':
      return duplicate(field, type);
    default:
      return invalid(field, type, detail);
  }
}
