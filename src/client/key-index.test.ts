import { expect, test } from 'vitest';
import { KeyIndex } from './key-index.ts';

test('finds one key, several, and what is left of them', () => {
  const index = new KeyIndex();
  expect(index.of('a')).toEqual([]);
  index.add('a', '1');
  index.add('a', '1');
  expect(index.of('a')).toEqual(['1']);
  index.add('a', '2');
  index.add('a', '3');
  index.add('b', '1');
  expect(index.of('a')).toEqual(['1', '2', '3']);
  index.delete('a', '1');
  index.delete('a', '3');
  index.delete('a', 'stranger');
  expect(index.of('a')).toEqual(['2']);
  index.delete('a', '2');
  index.delete('b', 'stranger');
  expect(index.of('a')).toEqual([]);
  expect(index.of('b')).toEqual(['1']);
});
