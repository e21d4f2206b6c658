import { append, type FieldError } from '../../base/index.ts';
import type { metav1 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, required } from './field-errors.ts';
import { labelValue } from './formats.ts';
import { validateLabelName, validateLabels } from './object-meta.ts';

/** k8s.io/apimachinery/pkg/apis/meta/v1/validation.ValidateLabelSelector. */
export function validateLabelSelector(
  selector: metav1.LabelSelector | undefined,
  field: string,
): FieldError[] {
  if (selector === undefined) return [];
  const errors = validateLabels(selector.matchLabels, `${field}.matchLabels`);
  for (const [index, expression] of (selector.matchExpressions ?? []).entries()) {
    append(errors, validateRequirement(expression, `${field}.matchExpressions[${index}]`));
  }
  return errors;
}

function validateRequirement(requirement: metav1.LabelSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(
          forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      }
      break;
    default:
      errors.push(invalid(`${field}.operator`, requirement.operator, 'not a valid selector operator'));
  }
  append(errors, validateLabelName(requirement.key ?? '', `${field}.key`));
  for (const [index, value] of values.entries()) {
    append(errors, invalidEach(`${field}.values[${index}]`, value, labelValue(value)));
  }
  return errors;
}

/** Selects everything: what a workload's selector may not be. */
export function isEmptyLabelSelector(selector: metav1.LabelSelector): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0
  );
}
