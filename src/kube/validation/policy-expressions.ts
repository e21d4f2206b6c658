import type { FieldError } from '../../base/index.ts';
import {
  type AdmissionEnvironment,
  admissionVariables,
  CelCompileError,
  type CelProgram,
  compileCel,
  type DeclType,
  DYN,
  listOf,
  scalar,
  typeText,
} from '../cel/index.ts';
import { invalid } from './field-errors.ts';

/**
 * Whether the expressions of webhooks and admission policies compile, and evaluate to what they should.
 * Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation, k8s.io/apiserver/pkg/admission/plugin/cel.
 */

export const BOOL = [scalar('bool')];
export const STRING = [scalar('string')];
export const STRING_OR_NULL = [scalar('string'), scalar('null')];
export const APPLY_CONFIGURATION = [named('Object')];
export const JSON_PATCH = [listOf(named('JSONPatch'))];

function named(name: string): DeclType {
  return { kind: 'object', name, field: () => DYN };
}

interface ExpressionPlace {
  field: string;
  environment: AdmissionEnvironment;
  /** What it must evaluate to: one of these. */
  results: readonly DeclType[];
  patchTypes?: boolean;
}

export function validateExpression(expression: string, place: ExpressionPlace): FieldError[] {
  const { field, results } = place;
  try {
    const program = compile(expression, place);
    return fits(program, results) ? [] : [invalid(field, expression, mismatch(program.type, results))];
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return [invalid(field, expression, error.message)];
  }
}

/** The type of a policy's variable, dyn when it does not compile; and what is wrong with it. */
export function validateVariableExpression(
  expression: string,
  place: Omit<ExpressionPlace, 'results'>,
): { type: DeclType; errors: FieldError[] } {
  try {
    return { type: compile(expression, place).type, errors: [] };
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return { type: DYN, errors: [invalid(place.field, expression, error.message)] };
  }
}

function compile(
  expression: string,
  { environment, patchTypes }: Pick<ExpressionPlace, 'environment' | 'patchTypes'>,
): CelProgram {
  return compileCel(expression, {
    variables: admissionVariables(environment),
    ...(patchTypes === true && { patchTypes }),
  });
}

/** What is only known to be something, though cel-go may know more of it, is let pass: it is asked again when it is run. */
function fits(program: CelProgram, results: readonly DeclType[]): boolean {
  const text = typeText(program.type);
  if (results.some((one) => typeText(one) === text)) return true;
  return text.includes('dyn') && !program.isSelection;
}

function mismatch(type: DeclType, results: readonly DeclType[]): string {
  const texts = results.map(typeText);
  const wanted = texts.length === 1 ? texts[0] : `one of [${texts.join(' ')}]`;
  return `must evaluate to ${wanted} but got ${typeText(type)}`;
}
