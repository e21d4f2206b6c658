import { messageOf } from '../../../base/index.ts';
import type { admissionregistrationv1 } from '../../../kube/index.ts';
import type { PolicyCheck } from '../admission-observer.ts';
import { PendingDecision } from './authorizer-value.ts';
import { type EvaluationContext, Expression, errorTypeOf, meetsConditions } from './expressions.ts';

type Policy = admissionregistrationv1.ValidatingAdmissionPolicy;

/** One expression that did not say yes. */
export interface Failure {
  message: string;
  reason: string;
  /** Which of the policy's validations it was. */
  index: number;
  error: PolicyCheck['error'];
}

export interface Verdict {
  failures: readonly Failure[];
  /** By their keys, without the policy's name. */
  annotations: readonly (readonly [key: string, value: string])[];
  /** Audit annotations that could not be made, which denies whatever the binding's actions are. */
  annotationErrors: readonly string[];
}

const NOTHING: Verdict = { failures: [], annotations: [], annotationErrors: [] };
const MESSAGE_LIMIT_BYTES = 5 * 1024;
const ANNOTATION_LIMIT_BYTES = 10 * 1024;

interface CompiledValidation {
  expression: Expression;
  message: Expression | undefined;
  reason: string;
  text: string;
}

/**
 * A validating policy, compiled.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/validator.go.
 */
export class PolicyValidator {
  readonly variables: ReadonlyMap<string, Expression>;
  readonly #conditions: readonly admissionregistrationv1.MatchCondition[] | undefined;
  readonly #validations: readonly CompiledValidation[];
  readonly #annotations: readonly { key: string; value: Expression }[];
  readonly #failsClosed: boolean;

  constructor({ spec }: Readonly<Policy>) {
    this.#conditions = spec.matchConditions;
    this.#failsClosed = spec.failurePolicy !== 'Ignore';
    this.#validations = (spec.validations ?? []).map((one) => ({
      expression: new Expression(one.expression, 'bool'),
      message: one.messageExpression ? new Expression(one.messageExpression, 'string') : undefined,
      reason: one.reason ?? 'Invalid',
      text: one.message?.trim() ?? '',
    }));
    this.#annotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      value: new Expression(valueExpression),
    }));
    this.variables = new Map(
      (spec.variables ?? []).map(({ name, expression }) => [name, new Expression(expression)]),
    );
  }

  /** @throws PendingDecision */
  validate(context: EvaluationContext): Verdict {
    try {
      if (!meetsConditions(this.#conditions, context)) return NOTHING;
    } catch (error) {
      if (error instanceof PendingDecision) throw error;
      return { ...NOTHING, failures: this.#failed(error, 0) };
    }
    return {
      failures: this.#validations.flatMap((one, index) => this.#ask(one, index, context)),
      ...this.#annotate(context),
    };
  }

  #ask(
    { expression, message, reason, text }: CompiledValidation,
    index: number,
    context: EvaluationContext,
  ): readonly Failure[] {
    try {
      if (expression.decide(context)) return [];
    } catch (error) {
      if (error instanceof PendingDecision) throw error;
      return this.#failed(error, index);
    }
    const said = told(message, context) ?? (text || `failed expression: ${expression.source}`);
    return [{ message: said, reason, index, error: 'no_error' }];
  }

  #failed(error: unknown, index: number): readonly Failure[] {
    if (!this.#failsClosed) return [];
    return [{ message: messageOf(error), reason: 'Invalid', index, error: errorTypeOf(error) }];
  }

  #annotate(context: EvaluationContext): Pick<Verdict, 'annotations' | 'annotationErrors'> {
    const annotations: [string, string][] = [];
    const errors: string[] = [];
    for (const { key, value } of this.#annotations) {
      try {
        const made = value.valueIn(context);
        if (typeof made === 'string') {
          const text = Buffer.from(made.trim()).subarray(0, ANNOTATION_LIMIT_BYTES).toString();
          if (text !== '') annotations.push([key, text]);
        } else if (made !== null)
          errors.push(
            `valueExpression '${value.source}' resulted in unsupported return type. Return type must be either string or null.`,
          );
      } catch (error) {
        if (error instanceof PendingDecision) throw error;
        if (this.#failsClosed) errors.push(messageOf(error));
      }
    }
    return { annotations, annotationErrors: errors };
  }
}

/** What messageExpression says, when it says something that can be shown. */
function told(message: Expression | undefined, context: EvaluationContext): string | undefined {
  if (message === undefined) return undefined;
  let value: unknown;
  try {
    value = message.evaluate(context);
  } catch (error) {
    if (error instanceof PendingDecision) throw error;
    // Upstream too falls back to the message that does not have to be evaluated.
    return undefined;
  }
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' || text.includes('\n') || Buffer.byteLength(text) > MESSAGE_LIMIT_BYTES
    ? undefined
    : text;
}
