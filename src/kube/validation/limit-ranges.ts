import { append, type FieldError } from '../../base/index.ts';
import { parseQuantity, type Quantity } from '../quantity/quantity.ts';
import type { corev1 } from '../types/index.generated.ts';
import { duplicate, forbidden, invalid, invalidEach, required } from './field-errors.ts';
import { qualifiedName } from './formats.ts';
import { sortedEntries } from './object-meta.ts';
import {
  isOvercommitAllowed,
  quantityOr,
  validateContainerResourceName,
  validateResourceName,
} from './resource-requirements.ts';

const STANDARD_TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];
const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

type Item = corev1.LimitRangeItem;
type Amounts = Partial<Record<(typeof LISTS)[number], Quantity>>;

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidateLimitRange. */
export function validateLimitRange({ spec }: corev1.LimitRange): FieldError[] {
  const seen = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, index) => {
    const field = `spec.limits[${index}]`;
    const type = item.type ?? '';
    const errors = validateType(type, `${field}.type`);
    if (seen.has(type)) errors.push(duplicate(`${field}.type`, type));
    seen.add(type);
    return [...errors, ...validateItem(item, field)];
  });
}

function validateType(type: string, field: string): FieldError[] {
  const errors = invalidEach(field, type, qualifiedName(type));
  if (errors.length > 0 || type.includes('/') || STANDARD_TYPES.includes(type)) return errors;
  return [invalid(field, type, 'must be a standard limit type or fully qualified')];
}

function validateItem(item: Item, field: string): FieldError[] {
  const errors = LISTS.flatMap((list) => validateList(item, list, `${field}.${list}`));
  if (item.type === 'Pod') {
    for (const list of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[list] ?? {}).length === 0) continue;
      errors.push(forbidden(`${field}.${list}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (
    item.type === 'PersistentVolumeClaim' &&
    item.min?.storage === undefined &&
    item.max?.storage === undefined
  ) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${field}.limits`, why));
  }
  if (errors.length > 0) return errors;
  const names = new Set(LISTS.flatMap((list) => Object.keys(item[list] ?? {})));
  return [...names].sort().flatMap((name) => validateAmounts(amountsOf(item, name), name, field));
}

function validateList(item: Item, list: (typeof LISTS)[number], field: string): FieldError[] {
  return sortedEntries(item[list]).flatMap(([name, amount]) => {
    const at = `${field}[${name}]`;
    const quantity = quantityOr(amount, at);
    const nameErrors =
      item.type === 'Pod' || item.type === 'Container'
        ? validateContainerResourceName(name, at)
        : validateResourceName(name, at);
    return 'value' in quantity ? nameErrors : [...nameErrors, quantity];
  });
}

function amountsOf(item: Item, name: string): Amounts {
  return Object.fromEntries(
    LISTS.flatMap((list) => {
      const amount = item[list]?.[name];
      return amount === undefined ? [] : [[list, parseQuantity(amount)]];
    }),
  );
}

/** Smallest ≤ default request ≤ default limit ≤ greatest, each where it is said. */
function validateAmounts(amounts: Amounts, name: string, field: string): FieldError[] {
  const { min, max, default: limit, defaultRequest: request } = amounts;
  const errors: FieldError[] = [];
  const check = (lower: Quantity | undefined, upper: Quantity | undefined, at: string, words: string[]) => {
    if (lower === undefined || upper === undefined || lower.compare(upper) <= 0) return;
    const value = at === 'min' ? min : at === 'default' ? limit : request;
    const why = `${words[0]} ${lower} is greater than ${words[1]} ${upper}`;
    errors.push(invalid(`${field}.${at}[${name}]`, value!.toString(), why));
  };
  check(min, max, 'min', ['min value', 'max value']);
  check(min, request, 'defaultRequest', ['min value', 'default request value']);
  check(request, max, 'defaultRequest', ['default request value', 'max value']);
  check(request, limit, 'defaultRequest', ['default request value', 'default limit value']);
  check(min, limit, 'default', ['min value', 'default value']);
  check(limit, max, 'default', ['default value', 'max value']);
  append(errors, validateRatio(amounts, `${field}.maxLimitRequestRatio[${name}]`));
  if (!isOvercommitAllowed(name) && request !== undefined && limit !== undefined) {
    if (request.compare(limit) !== 0) {
      const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
      errors.push(invalid(`${field}.defaultRequest[${name}]`, request.toString(), why));
    }
  }
  return errors;
}

const ONE = parseQuantity('1');

function validateRatio({ min, max, maxLimitRequestRatio: ratio }: Amounts, field: string): FieldError[] {
  if (ratio === undefined) return [];
  if (ratio.compare(ONE) < 0) return [invalid(field, ratio.toString(), `ratio ${ratio} is less than 1`)];
  if (min === undefined || max === undefined || min.milliValue() === 0) return [];
  const greatest = max.milliValue() / min.milliValue();
  return ratio.milliValue() / 1000 > greatest
    ? [invalid(field, ratio.toString(), `ratio ${ratio} is greater than max/min = ${greatest.toFixed(6)}`)]
    : [];
}
