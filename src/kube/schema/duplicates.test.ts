import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findDuplicateKeys } from './duplicates.ts';

test('names every repeated key by its path, once', () => {
  expect(findDuplicateKeys('{"a":{"b":[{"c":1,"c":2,"c":3}],"b":1},"d":"{\\"d\\":1,","d":2}')).toEqual([
    'duplicate field "a.b[0].c"',
    'duplicate field "a.b"',
    'duplicate field "d"',
  ]);
});

test('compares keys as they mean, not as they are written', () => {
  expect(findDuplicateKeys('{"a":1,"\\u0061":2}')).toEqual(['duplicate field "a"']);
});

test('counts list items and tells equal keys of different objects apart', () => {
  expect(findDuplicateKeys('{"x":[{"a":1},[1,2],{"a":1,"a":2}]}')).toEqual(['duplicate field "x[2].a"']);
});

test('finds nothing in what JSON.stringify wrote', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(findDuplicateKeys(text)).toEqual([]);
    }),
  );
});
