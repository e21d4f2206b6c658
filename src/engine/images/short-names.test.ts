import { expect, test } from 'vitest';
import { candidatesOf, endsWithName, localReference } from './short-names.ts';

test.each([
  ['a', 'localhost/a:latest'],
  ['a/b:1', 'localhost/a/b:1'],
  ['quay.io/a', 'quay.io/a:latest'],
  ['host:5000/a:2', 'host:5000/a:2'],
  ['docker.io/a', 'docker.io/library/a:latest'],
])('what is made here as %s is %s', (text, whole) => {
  expect(localReference(text)).toBe(whole);
});

test('an unqualified name is localhost’s, then docker.io’s; a qualified one is itself', () => {
  expect(candidatesOf('a:1')).toEqual(['localhost/a:1', 'docker.io/library/a:1']);
  expect(candidatesOf('quay.io/a:1')).toEqual(['quay.io/a:1']);
});

test('a name ends with another at a slash only', () => {
  expect(endsWithName('quay.io/a/b:1', 'b:1')).toBe(true);
  expect(endsWithName('quay.io/a/b:1', 'a/b:1')).toBe(true);
  expect(endsWithName('quay.io/ab:1', 'b:1')).toBe(false);
  expect(endsWithName('quay.io/a/b:1', 'b')).toBe(false);
  expect(endsWithName('quay.io/a/b:1', 'localhost/b:1')).toBe(false);
});
