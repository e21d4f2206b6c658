import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { forbidden, invalid, invalidEach, required } from './field-errors.ts';
import { dns1123Subdomain } from './formats.ts';
import { validateLabelName } from './object-meta.ts';

export function validateNodeSelector(selector: corev1.NodeSelector, field: string): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? [];
  const at = `${field}.nodeSelectorTerms`;
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')];
  return terms.flatMap((term, index) => validateNodeSelectorTerm(term, `${at}[${index}]`));
}

export function validateNodeSelectorTerm(
  term: corev1.NodeSelectorTerm | undefined,
  field: string,
): FieldError[] {
  return [
    ...(term?.matchExpressions ?? []).flatMap((requirement, index) =>
      validateExpression(requirement, `${field}.matchExpressions[${index}]`),
    ),
    ...(term?.matchFields ?? []).flatMap((requirement, index) =>
      validateFieldRequirement(requirement, `${field}.matchFields[${index}]`),
    ),
  ];
}

function validateExpression(requirement: corev1.NodeSelectorRequirement, field: string): FieldError[] {
  return [
    ...validateOperator(requirement, field),
    ...validateLabelName(requirement.key ?? '', `${field}.key`),
  ];
}

function validateOperator(requirement: corev1.NodeSelectorRequirement, field: string): FieldError[] {
  const count = requirement.values?.length ?? 0;
  const at = `${field}.values`;
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      return count === 0 ? [required(at, "must be specified when `operator` is 'In' or 'NotIn'")] : [];
    case 'Exists':
    case 'DoesNotExist':
      return count > 0
        ? [forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
        : [];
    case 'Gt':
    case 'Lt':
      return count !== 1
        ? [required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
        : [];
    default:
      return [invalid(`${field}.operator`, requirement.operator, 'not a valid selector operator')];
  }
}

function validateFieldRequirement(requirement: corev1.NodeSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    if (values.length !== 1) errors.push(required(`${field}.values`, why));
  } else {
    errors.push(invalid(`${field}.operator`, requirement.operator, 'not a valid selector operator'));
  }
  if (requirement.key !== 'metadata.name') {
    return [...errors, invalid(`${field}.key`, requirement.key, 'not a valid field selector key')];
  }
  for (const [index, value] of values.entries()) {
    append(errors, invalidEach(`${field}.values[${index}]`, value, dns1123Subdomain(value)));
  }
  return errors;
}
