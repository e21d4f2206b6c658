import { append, type FieldError } from '../../base/index.ts';
import type { metav1 } from '../types/index.generated.ts';
import { duplicate, invalid, notSupported, required, tooLong } from './field-errors.ts';
import { regexError } from './formats.ts';
import { validateLabelName } from './object-meta.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const REASON_REGEXP = new RegExp(`^${REASON}$`);
const REASON_LIMIT = 1024;
const MESSAGE_LIMIT = 32 * 1024;

/** k8s.io/apimachinery/pkg/apis/meta/v1/validation.ValidateConditions. */
export function validateConditions(
  conditions: readonly Partial<metav1.Condition>[] | undefined,
  field: string,
): FieldError[] {
  const seen = new Set<string>();
  return (conditions ?? []).flatMap((condition, index) => {
    const at = `${field}[${index}]`;
    const type = condition.type ?? '';
    const repeated = seen.has(type) ? [duplicate(`${at}.type`, type)] : [];
    seen.add(type);
    return [...repeated, ...validateCondition(condition, at)];
  });
}

function validateCondition(condition: Partial<metav1.Condition>, field: string): FieldError[] {
  const { type = '', status = '', observedGeneration = 0, reason = '', message = '' } = condition;
  const errors =
    type === '' ? [required(`${field}.type`, 'must be set')] : validateLabelName(type, `${field}.type`);
  if (!STATUSES.includes(status)) errors.push(notSupported(`${field}.status`, status, STATUSES));
  if (observedGeneration < 0) {
    const why = 'must be greater than or equal to zero';
    errors.push(invalid(`${field}.observedGeneration`, observedGeneration, why));
  }
  if (!condition.lastTransitionTime) errors.push(required(`${field}.lastTransitionTime`, 'must be set'));
  append(errors, validateReason(reason, `${field}.reason`));
  if (message.length > MESSAGE_LIMIT) errors.push(tooLong(`${field}.message`, MESSAGE_LIMIT));
  return errors;
}

function validateReason(reason: string, field: string): FieldError[] {
  if (reason === '') return [required(field, 'must be set')];
  const errors = reason.length > REASON_LIMIT ? [tooLong(field, REASON_LIMIT)] : [];
  if (REASON_REGEXP.test(reason)) return errors;
  const message =
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
  const why = regexError(
    message,
    REASON,
    'my_name',
    'MY_NAME',
    'MyName',
    'ReasonA,ReasonB',
    'ReasonA:ReasonB',
  );
  return [...errors, invalid(field, reason, why)];
}
