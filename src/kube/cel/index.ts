/**
 * cel: Kubernetes' CEL environment: the parser and the conversions of @bufbuild/cel under a compiler of ours that
 * knows types, optionals, two-variable comprehensions, Kubernetes' libraries and what an evaluation costs.
 *
 * Guarantees: an evaluation ends within its budget; regular expressions take linear time. Does not know where the
 * values come from.
 */
export { type AdmissionEnvironment, admissionVariables } from './admission-environment.ts';
export { type Activation, CelCompileError, type CelOptions, CelProgram, compileCel } from './cel-program.ts';
export { type DeclType, DYN, listOf, mapOf, scalar, typeText } from './cel-type.ts';
export {
  CelCostExceeded,
  CelFailure,
  CelMessage,
  CelOpaque,
  CelOptional,
  type CelValue,
  celFromJson,
  celToJson,
} from './cel-value.ts';
export { PER_CALL_LIMIT, RUNTIME_BUDGET } from './cost-budget.ts';
export { misnamedMessages } from './message.ts';
