import { expect, test } from 'vitest';
import { levelsOf } from './start-order.ts';

const ids = (levels: { id: string }[][]) => levels.map((level) => level.map(({ id }) => id));

test('what a container needs is started before it', () => {
  const members = [{ id: 'web' }, { id: 'db' }, { id: 'cache' }];
  expect(ids(levelsOf(members, new Map([['web', ['db', 'cache']]])))).toEqual([['db', 'cache'], ['web']]);
  expect(ids(levelsOf(members, new Map()))).toEqual([['web', 'db', 'cache']]);
});

test('a circle is refused', () => {
  const needs = new Map([
    ['a', ['b']],
    ['b', ['a']],
  ]);
  expect(() => levelsOf([{ id: 'a' }, { id: 'b' }], needs)).toThrow('wait for each other');
});
