import { BadRequest } from '../../base/index.ts';
import type { Filters } from '../../libpod/index.ts';

/**
 * The `filters` of a query: `{"label":["a=b"]}`, or as clients before API 1.22 wrote it, `{"label":{"a=b":true}}`.
 * @param known the keys the call has; any when absent
 * @throws BadRequest
 */
export function parseFilters(text: string | undefined, known?: readonly string[]): Filters {
  if (text === undefined || text === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BadRequest('invalid filter', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new BadRequest('invalid filter');
  const filters: Filters = {};
  for (const [key, value] of Object.entries(parsed)) {
    if (known !== undefined && !known.includes(key)) throw new BadRequest(`invalid filter '${key}'`);
    filters[key] = valuesOf(value);
  }
  return filters;
}

function valuesOf(value: unknown): string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (entries.every(([, set]) => typeof set === 'boolean'))
      return entries.filter(([, set]) => set).map(([one]) => one);
  }
  throw new BadRequest('invalid filter');
}

/** Docker's booleans of a filter. @throws BadRequest */
export function filterFlag(filters: Filters, key: string): boolean | undefined {
  const values = filters[key];
  if (values === undefined || values.length === 0) return undefined;
  if (values.every((one) => ['1', 't', 'true', 'True', 'TRUE'].includes(one))) return true;
  if (values.every((one) => ['0', 'f', 'false', 'False', 'FALSE'].includes(one))) return false;
  throw new BadRequest(`invalid filter '${key}=[${values.join(' ')}]'`);
}

/** Whether labels have what `label` filters ask for: `key` or `key=value`, all of them. */
export function hasLabels(labels: Record<string, string>, wanted: readonly string[]): boolean {
  return wanted.every((one) => {
    const equals = one.indexOf('=');
    return equals < 0
      ? Object.hasOwn(labels, one)
      : Object.hasOwn(labels, one.slice(0, equals)) && labels[one.slice(0, equals)] === one.slice(equals + 1);
  });
}
