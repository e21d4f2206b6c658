import { expect, test } from 'vitest';
import { IgnoreRules } from './ignore.ts';

test('the last pattern that fits decides', () => {
  const rules = IgnoreRules.parse('# comment\ntest*\n!test2*\nsubdir1\n!*/sub1*\n!subdir1/sub3*\n');
  const ignored = [
    'test1',
    'test1.txt',
    'test2',
    'subdir1',
    'subdir1/sub1',
    'subdir1/sub2',
    'comment',
  ].filter((path) => rules.ignores(path));
  expect(ignored).toEqual(['test1', 'test1.txt', 'subdir1', 'subdir1/sub2']);
});

test('an ignored folder is looked into only when a pattern names it', () => {
  const rules = IgnoreRules.parse('*\n!*/sub1*\n!kept/x\n');
  expect(rules.mayBringBackBelow('kept')).toBe(true);
  expect(rules.mayBringBackBelow('subdir')).toBe(false);
});

test.each([
  ['**/*.o', 'a/b/c.o', true],
  ['**/*.o', 'c.o', true],
  ['*.o', 'a/c.o', false],
  ['/a', 'a', true],
  ['a/', 'a/b', true],
  ['./a/../b', 'b', true],
  ['a?c', 'abc', true],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['a/**', 'a/b/c', true],
  ['a/**/z', 'a/z', true],
  ['\\!x', '!x', true],
  ['a.b', 'axb', false],
])('the pattern %s on %s: %s', (pattern, path, expected) => {
  expect(IgnoreRules.parse(pattern).ignores(path)).toBe(expected);
});

test('a pattern that is none is refused', () => {
  expect(() => IgnoreRules.parse('[a')).toThrow('syntax error in pattern');
});
