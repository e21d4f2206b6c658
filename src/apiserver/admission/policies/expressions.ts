import { messageOf } from '../../../base/index.ts';
import {
  type Activation,
  type admissionregistrationv1,
  CelCompileError,
  CelCostExceeded,
  type CelProgram,
  type CelValue,
  celFromJson,
  compileCel,
  DYN,
  type KubeObject,
  PER_CALL_LIMIT,
  RUNTIME_BUDGET,
  scalar,
} from '../../../kube/index.ts';
import type { Attributes } from '../../webhooks/attributes.ts';
import { reviewRequest } from '../../webhooks/review.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { PolicyCheck } from '../admission-observer.ts';
import { AuthorizerValue, type Decisions, PendingDecision } from './authorizer-value.ts';

/** What the expressions of admission are about; k8s.io/apiserver/pkg/admission/plugin/cel. */
const VARIABLES = ['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables'] as const;
const DECLARED = {
  ...Object.fromEntries(VARIABLES.map((name) => [name, DYN])),
  authorizer: scalar('opaque'),
};

type Result = 'bool' | 'string' | undefined;

/** An expression, compiled when it is first asked for. One that does not compile fails whenever it is asked. */
export class Expression {
  readonly source: string;
  readonly #result: Result;
  #program: CelProgram | CelCompileError | undefined;

  constructor(source: string, result?: Result) {
    this.source = source.trim();
    this.#result = result;
  }

  /** @throws CelCompileError, CelFailure */
  evaluate(context: EvaluationContext): CelValue {
    this.#program ??= this.#compile();
    if (this.#program instanceof CelCompileError) throw this.#program;
    const { value, cost } = this.#program.evaluate(context.activation, context.limit);
    context.spend(cost);
    return value;
  }

  #compile(): CelProgram | CelCompileError {
    // Everything is dyn: only evaluation can tell that a dyn is no bool.
    try {
      return compileCel(this.source, { variables: DECLARED, patchTypes: true });
    } catch (error) {
      if (error instanceof CelCompileError) return error;
      throw error;
    }
  }

  /** True or false. @throws Error in upstream's words when there is no such answer. */
  decide(context: EvaluationContext): boolean {
    return this.valueIn(context) === true;
  }

  /** Like `evaluate`. @throws Error in upstream's words */
  valueIn(context: EvaluationContext): CelValue {
    try {
      const value = this.evaluate(context);
      if (this.#result === 'bool' && typeof value !== 'boolean') throw new Error('must evaluate to bool');
      return value;
    } catch (error) {
      if (error instanceof PendingDecision || error instanceof BudgetSpent) throw error;
      if (error instanceof CelCompileError)
        throw new Error(`compilation error: ${error.message}`, { cause: error });
      throw new Error(`expression '${this.source}' resulted in error: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** All expressions about a request have together cost too much. */
class BudgetSpent extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
    this.name = 'BudgetSpent';
  }
}

/** How upstream's metrics call what went wrong. */
export function errorTypeOf(error: unknown): PolicyCheck['error'] {
  if (error === undefined) return 'no_error';
  if (error instanceof BudgetSpent) return 'out_of_budget';
  const { cause } = error as { cause?: unknown };
  if (cause instanceof CelCostExceeded) return 'out_of_budget';
  return cause instanceof CelCompileError ? 'compile_error' : 'invalid_error';
}

/** The values of one request, and the budget all expressions about it share. */
export class EvaluationContext {
  readonly activation: Activation;
  #left = RUNTIME_BUDGET;

  constructor(
    request: AdmissionRequest,
    attributes: Attributes,
    more: {
      decisions: Decisions;
      params?: Readonly<KubeObject> | null;
      namespace?: Readonly<KubeObject> | undefined;
      variables?: ReadonlyMap<string, Expression>;
    },
  ) {
    const { object, oldObject } = attributes;
    this.activation = {
      object: () => celFromJson(object),
      oldObject: () => celFromJson(oldObject),
      request: () => {
        const { uid: _, ...about } = reviewRequest(request, attributes);
        return celFromJson(about);
      },
      params: () => celFromJson(more.params ?? null),
      namespaceObject: () => celFromJson(more.namespace ?? null),
      authorizer: () => new AuthorizerValue(more.decisions, request),
      variables: new LazyVariables(more.variables ?? new Map(), this),
    };
  }

  get limit(): number {
    return PER_CALL_LIMIT;
  }

  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new BudgetSpent();
  }
}

/** `variables.x`: evaluated when it is first looked at, once. */
class LazyVariables extends Map<string, CelValue> {
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #context: EvaluationContext;
  readonly #evaluating = new Set<string>();

  constructor(expressions: ReadonlyMap<string, Expression>, context: EvaluationContext) {
    super();
    this.#expressions = expressions;
    this.#context = context;
  }

  override has(name: string): boolean {
    return this.#expressions.has(name);
  }

  override get(name: string): CelValue | undefined {
    const expression = this.#expressions.get(name);
    if (expression === undefined) return undefined;
    const known = super.get(name);
    if (known !== undefined) return known;
    if (this.#evaluating.has(name)) throw new Error(`variables.${name} refers to itself`);
    this.#evaluating.add(name);
    try {
      const value = expression.evaluate(this.#context);
      this.set(name, value);
      return value;
    } finally {
      this.#evaluating.delete(name);
    }
  }
}

type Condition = admissionregistrationv1.MatchCondition;
const compiledConditions = new WeakMap<readonly Condition[], readonly Expression[]>();

/** Whether all conditions are met; one that is not outweighs one that fails. @throws Error when one fails. */
export function meetsConditions(
  conditions: readonly Condition[] | undefined,
  context: EvaluationContext,
): boolean {
  if (!conditions?.length) return true;
  let expressions = compiledConditions.get(conditions);
  if (expressions === undefined) {
    expressions = conditions.map(({ expression }) => new Expression(expression, 'bool'));
    compiledConditions.set(conditions, expressions);
  }
  let failure: unknown;
  for (const expression of expressions) {
    try {
      if (!expression.decide(context)) return false;
    } catch (error) {
      if (error instanceof PendingDecision) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return true;
}
