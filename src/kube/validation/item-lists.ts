import type { FieldError } from '../../base/index.ts';
import { duplicate, tooMany } from './field-errors.ts';

type Check<T> = (item: T, field: string) => FieldError[];

/** Appends, however many there are: a call with a million arguments would overflow the stack. */
export function addAll(errors: FieldError[], more: readonly FieldError[]): void {
  for (const error of more) errors.push(error);
}

/** Where a value stands that has stood before: one pass, however long the list a client sends. */
export function repeatedIndexes(values: readonly unknown[]): ReadonlySet<number> {
  const seen = new Set<unknown>();
  const repeated = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) repeated.add(index);
    seen.add(value);
  }
  return repeated;
}

/** Every item is valid, and there are not too many (validateSlice of the resource and discovery kinds). */
export function validateItems<T>(
  items: readonly T[] | undefined,
  most: number,
  check: Check<T>,
  field: string,
): FieldError[] {
  const all = items ?? [];
  const errors = all.flatMap((item, index) => check(item, `${field}[${index}]`));
  return all.length > most ? [...errors, tooMany(field, all.length, most)] : errors;
}

/** As `validateItems`, and no two items have the same key; `keyField` names what the key is. */
export function validateSet<T>(
  items: readonly T[] | undefined,
  most: number,
  check: Check<T>,
  field: string,
  key: { of(item: T): string; field?: string },
): FieldError[] {
  const keys = (items ?? []).map((item) => key.of(item));
  const repeated = repeatedIndexes(keys);
  const below = key.field === undefined ? '' : `.${key.field}`;
  return [
    ...validateItems(items, most, check, field),
    ...keys.flatMap((one, index) =>
      repeated.has(index) ? [duplicate(`${field}[${index}]${below}`, one)] : [],
    ),
  ];
}
