import { append, type FieldError } from '../../base/index.ts';
import type { batchv1 } from '../types/index.generated.ts';
import { parseIndexes } from '../workloads/completion-indexes.ts';
import { duplicate, invalid, invalidEach, notSupported, required, tooLong, tooMany } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { validateNonNegative } from './object-meta.ts';

const MOST_RULES = 20;
const MOST_EXIT_CODES = 255;
const MOST_PATTERNS = 20;
const INDEXES_LIMIT_BYTES = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

/** An invalid value that is left out of the sentence (field.OmitValueType). */
function invalidAsAWhole(field: string, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field, message: `Invalid value: ${detail}` };
}

/** Go prints a list of strings as `["a" "b"]`. */
function goList(values: readonly string[]): string {
  return `valid values: [${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}

/** k8s.io/kubernetes/pkg/apis/batch/validation.validatePodFailurePolicy. */
export function validatePodFailurePolicy(spec: batchv1.JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const errors: FieldError[] = [];
  if (rules.length > MOST_RULES) errors.push(tooMany(`${field}.rules`, rules.length, MOST_RULES));
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  return [
    ...errors,
    ...rules.flatMap((rule, index) => validateRule(spec, rule, `${field}.rules[${index}]`, names)),
  ];
}

function validateRule(
  spec: batchv1.JobSpec,
  rule: batchv1.PodFailurePolicyRule,
  field: string,
  containerNames: ReadonlySet<string>,
): FieldError[] {
  const errors: FieldError[] = [];
  const { action, onExitCodes, onPodConditions = [] } = rule;
  if (!action) errors.push(required(`${field}.action`, goList(ACTIONS)));
  else if (!ACTIONS.includes(action)) errors.push(notSupported(`${field}.action`, action, ACTIONS));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes !== undefined) {
    append(errors, validateExitCodes(onExitCodes, `${field}.onExitCodes`, containerNames));
  }
  append(errors, validateConditions(onPodConditions, `${field}.onPodConditions`));
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    errors.push(invalidAsAWhole(field, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    errors.push(invalidAsAWhole(field, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validateConditions(
  patterns: readonly batchv1.PodFailurePolicyOnPodConditionsPattern[],
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (patterns.length > MOST_PATTERNS) errors.push(tooMany(field, patterns.length, MOST_PATTERNS));
  for (const [index, { type = '', status = '' }] of patterns.entries()) {
    const at = `${field}[${index}]`;
    append(errors, invalidEach(`${at}.type`, type, qualifiedName(type)));
    if (status === '') errors.push(required(`${at}.status`, goList(STATUSES)));
    else if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, STATUSES));
  }
  return errors;
}

function validateExitCodes(
  requirement: batchv1.PodFailurePolicyOnExitCodesRequirement,
  field: string,
  containerNames: ReadonlySet<string>,
): FieldError[] {
  const { operator, containerName, values = [] } = requirement;
  const errors: FieldError[] = [];
  if (!operator) errors.push(required(`${field}.operator`, goList(OPERATORS)));
  else if (!OPERATORS.includes(operator)) {
    errors.push(notSupported(`${field}.operator`, operator, OPERATORS));
  }
  if (containerName !== undefined && !containerNames.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(`${field}.containerName`, containerName, why));
  }
  const at = `${field}.values`;
  if (values.length === 0) errors.push(invalid(at, values, 'at least one value is required'));
  else if (values.length > MOST_EXIT_CODES) errors.push(tooMany(at, values.length, MOST_EXIT_CODES));
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalid(`${at}[${index}]`, value, 'must not be 0 for the In operator'));
    }
    if (seen.has(value)) errors.push(duplicate(`${at}[${index}]`, value));
    seen.add(value);
  }
  const ordered = values.every((value, index) => index === 0 || values[index - 1]! <= value);
  if (!ordered) errors.push(invalid(at, values, 'must be ordered'));
  return errors;
}

/** k8s.io/kubernetes/pkg/apis/batch/validation.validateSuccessPolicy. */
export function validateSuccessPolicy(spec: batchv1.JobSpec, field: string): FieldError[] {
  const rules = spec.successPolicy?.rules ?? [];
  const errors: FieldError[] = [];
  if (rules.length === 0) {
    const why = 'at least one rules must be specified when the successPolicy is specified';
    errors.push(required(`${field}.rules`, why));
  }
  if (rules.length > MOST_RULES) errors.push(tooMany(`${field}.rules`, rules.length, MOST_RULES));
  for (const [index, rule] of rules.entries()) {
    append(errors, validateSuccessRule(rule, spec.completions ?? 0, `${field}.rules[${index}]`));
  }
  return errors;
}

function validateSuccessRule(
  rule: batchv1.SuccessPolicyRule,
  completions: number,
  field: string,
): FieldError[] {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined) {
    errors.push(required(field, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = 0;
  if (indexes !== undefined) {
    const at = `${field}.succeededIndexes`;
    if (indexes.length > INDEXES_LIMIT_BYTES) errors.push(tooLong(at, INDEXES_LIMIT_BYTES));
    try {
      total = parseIndexes(indexes, completions).length;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      errors.push(invalid(at, indexes, `error parsing succeededIndexes: ${error.message}`));
    }
  }
  if (count !== undefined) {
    const at = `${field}.succeededCount`;
    append(errors, validateNonNegative(count, at));
    if (count > completions) {
      const why = `must be less than or equal to ${completions} (the number of specified completions)`;
      errors.push(invalid(at, count, why));
    }
    if (indexes !== undefined && count > total) {
      const why = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
      errors.push(invalid(at, count, why));
    }
  }
  return errors;
}
