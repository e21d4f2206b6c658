import { expect, test } from 'vitest';
import { expand, unknownNames } from './expansion.ts';

const known: Record<string, string> = { A: 'one', B: '$(A)', EMPTY: '' };
const lookup = (name: string) => known[name];

test.each([
  ['$(A)', 'one'],
  ['x-$(A)-$(A)', 'x-one-one'],
  ['$(B)', '$(A)'],
  ['$(EMPTY)', ''],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$one'],
  ['$(NOPE)', '$(NOPE)'],
  ['$(A', '$(A'],
  ['$A', '$A'],
  ['cost: 5$', 'cost: 5$'],
  ['$', '$'],
  ['', ''],
  ['$$', '$'],
])('expands %j to %j', (text, expected) => {
  expect(expand(text, lookup)).toBe(expected);
});

test('names what a text needs and nobody has', () => {
  expect(unknownNames('$(A)/$(NOPE)/$$(ESCAPED)', known)).toEqual(['NOPE']);
});
