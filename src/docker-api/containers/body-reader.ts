import { BadRequest } from '../../base/index.ts';
import type { FieldKind, Fields } from './create-schema.ts';

/**
 * Takes a JSON object apart by a table of fields, as Go's decoder does: names in any case, null for absent. What is not
 * in the table and carries a value is refused, unless `ignored` names it.
 *
 * @param at where in the body, for people: `HostConfig`
 * @throws BadRequest naming the field
 */
export function readFields(
  value: unknown,
  fields: Fields,
  at: string,
  ignored: readonly string[] = [],
): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  const object = objectOf(value, at);
  const byLowerCase = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const skipped = new Set(ignored.map((name) => name.toLowerCase()));
  const result: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(object)) {
    const name = byLowerCase.get(key.toLowerCase());
    const path = at === '' ? (name ?? key) : `${at}.${name ?? key}`;
    if (name !== undefined) {
      if (given !== null) result[name] = readValue(given, fields[name]!, path);
    } else if (!skipped.has(key.toLowerCase()) && !isEmpty(given)) {
      throw new BadRequest(`${path} is not supported`);
    }
  }
  return result;
}

/** What says nothing: Go's zero values. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.every(isEmpty);
  return typeof value === 'object' && Object.values(value as object).every(isEmpty);
}

function readValue(value: unknown, kind: FieldKind, at: string): unknown {
  if (Array.isArray(kind)) {
    if (!Array.isArray(value)) throw wrong(at, 'a list');
    return value.map((one, i) => readFields(one, kind[0], `${at}[${i}]`));
  }
  if (typeof kind === 'object') return readFields(value, kind, at);
  return READERS[kind](value, at);
}

const READERS: Record<Extract<FieldKind, string>, (value: unknown, at: string) => unknown> = {
  string: (value, at) => {
    if (typeof value !== 'string') throw wrong(at, 'a string');
    return value;
  },
  bool: (value, at) => {
    if (typeof value !== 'boolean') throw wrong(at, 'true or false');
    return value;
  },
  int: (value, at) => {
    // Docker's Memory and others came as strings from old clients, and its own decoder takes numbers only.
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong(at, 'a whole number');
    return value;
  },
  strings: readStrings,
  words: (value, at) => (typeof value === 'string' ? [value] : readStrings(value, at)),
  map: (value, at) => {
    const object = objectOf(value, at);
    for (const [key, one] of Object.entries(object))
      if (typeof one !== 'string') throw wrong(`${at}.${key}`, 'a string');
    return object;
  },
  set: (value, at) => Object.fromEntries(Object.keys(objectOf(value, at)).map((key) => [key, {}])),
  any: (value) => value,
};

function readStrings(value: unknown, at: string): string[] {
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
    throw wrong(at, 'a list of strings');
  return value as string[];
}

function objectOf(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'an object');
  return value as Record<string, unknown>;
}

function wrong(at: string, what: string): BadRequest {
  return new BadRequest(`invalid JSON: ${at === '' ? 'the body' : at} is not ${what}`);
}
