import type { FieldError } from '../../base/index.ts';
import { invalid, invalidEach } from './field-errors.ts';
import { percent } from './formats.ts';
import { validateNonNegative } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/apps/validation.ValidatePositiveIntOrPercent. */
export function validateIntOrPercent(value: number | string, field: string): FieldError[] {
  if (typeof value === 'number') return validateNonNegative(value, field);
  return invalidEach(field, value, percent(value));
}

/** k8s.io/kubernetes/pkg/apis/apps/validation.IsNotMoreThan100Percent. */
export function validateNotMoreThanAll(value: number | string, field: string): FieldError[] {
  const over = typeof value === 'string' && percent(value).length === 0 && amountOf(value) > 100;
  return over ? [invalid(field, value, 'must not be greater than 100%')] : [];
}

/** The number, of a percentage the one before the sign. */
export function amountOf(value: number | string): number {
  return typeof value === 'number' ? value : Number.parseInt(value, 10);
}
