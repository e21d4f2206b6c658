import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIndexes, parseIndexes } from './completion-indexes.ts';

describe('indexes of a Job', () => {
  test('are written as ranges', () => {
    expect(formatIndexes([7, 3, 4, 5, 1])).toBe('1,3-5,7');
    expect(formatIndexes([2, 1])).toBe('1,2');
    expect(formatIndexes([])).toBe('');
  });

  test('are the same after writing and reading', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50)), (indexes) => {
        expect(parseIndexes(formatIndexes(indexes), 51)).toEqual(indexes.toSorted((a, b) => a - b));
      }),
    );
  });

  test.each([
    ['a', 'cannot convert string to integer for index: "a"'],
    ['1-2-3', `the fragment "1-2-3" violates the requirement`],
    ['3,1', 'non-increasing order, previous: 3, current: 1'],
    ['9', 'too large index: "9"'],
  ])('%s is refused', (text, message) => {
    expect(() => parseIndexes(text, 9)).toThrow(message);
  });
});
