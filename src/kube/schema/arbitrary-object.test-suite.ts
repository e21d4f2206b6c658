import fc from 'fast-check';
import { type FieldInfo, typeInfo } from './fields.ts';

/**
 * Arbitrary objects of a type of the field table, as a server would hold them: canonical scalars, no zero
 * values, list items with distinct keys. Small enough to shrink.
 */
export function arbitraryObject(
  ref: string,
  depth = 5,
  keys: readonly string[] = [],
): fc.Arbitrary<Record<string, unknown>> {
  const fields = [...typeInfo(ref).fields.values()].filter((field) => depth > 0 || field.kind !== 'struct');
  const always = fields.filter((field) => keys.includes(field.name));
  // A handful of fields at a time, or objects of a Pod's size would take all day.
  return fc
    .subarray(fields, { maxLength: Math.min(4, fields.length) })
    .chain((some) =>
      fc.record(
        Object.fromEntries(
          [...new Set([...some, ...always])].map((field) => [field.name, collectionOf(field, depth)]),
        ),
      ),
    );
}

function collectionOf(field: FieldInfo, depth: number): fc.Arbitrary<unknown> {
  const keys = [
    ...new Set([...field.listMapKeys, ...(field.patchMergeKey === undefined ? [] : [field.patchMergeKey])]),
  ];
  const element = elementOf(field, depth, keys);
  if (field.collection === 'map')
    return fc.dictionary(fc.constantFrom('a', 'b', 'c/d'), element, { minKeys: 1, maxKeys: 3 });
  if (field.collection !== 'list') return element;
  const mergeKey = field.patchMergeKey;
  const unique = mergeKey !== undefined ? [mergeKey] : field.listMapKeys;
  return fc.uniqueArray(element, {
    minLength: 1,
    maxLength: 4,
    selector: (item) =>
      unique.length === 0
        ? JSON.stringify(item)
        : JSON.stringify(unique.map((key) => (item as Record<string, unknown>)[key])),
  });
}

function elementOf(field: FieldInfo, depth: number, keys: readonly string[]): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'struct':
      return arbitraryObject(field.ref!, depth - 1, keys);
    case 'bool':
      return fc.constant(true);
    case 'int32':
    case 'int64':
      return fc.integer({ min: 1, max: 5 });
    case 'float64':
      return fc.constantFrom(1, 2.5);
    case 'bytes':
      return fc.constantFrom('AA==', 'YWJj');
    case 'quantity':
      return fc.constantFrom('100m', '1', '1Gi');
    case 'intorstring':
      return fc.constantFrom<unknown>(80, 'http');
    case 'time':
      return fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z');
    case 'microtime':
      return fc.constant('2026-01-01T00:00:00.000001Z');
    case 'raw':
      // The one map of any values is a user's `extra`.
      if (field.collection === 'map') return fc.constantFrom<unknown>(['x'], ['x', 'y']);
      return fc.constantFrom<unknown>({ any: 1 }, { other: ['x'] });
    default:
      return fc.constantFrom('a', 'b', 'c', 'd');
  }
}
