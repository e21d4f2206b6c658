import { expect, test } from 'vitest';
import { parseToml } from './toml.ts';

test('tables, arrays of tables, inline tables and comments', () => {
  const text = `
# a comment
search = ["a", 'b', # in between
  "c"]
n = 1_000
[one.two]
"quoted/key" = "va\\"lue"
[[registry]]
location = "x"
blocked = true
[[registry.mirror]]
location = "m1"
[[registry.mirror]]
location = "m2"
[[registry]]
t = { a = 1, b = "c" }
`;
  expect(JSON.parse(JSON.stringify(parseToml(text, 'f')))).toEqual({
    search: ['a', 'b', 'c'],
    n: 1000,
    one: { two: { 'quoted/key': 'va"lue' } },
    registry: [
      { location: 'x', blocked: true, mirror: [{ location: 'm1' }, { location: 'm2' }] },
      { t: { a: 1, b: 'c' } },
    ],
  });
});

test.each([
  ['a', 'f:1: = is expected'],
  ['a = "x', 'f:1: a string does not end'],
  ['a = 1\na = 2', 'f:2: a stands twice'],
  ['a = 1 b', 'f:1: the line goes on after its end'],
  ['a = maybe', 'f:1: maybe is no value'],
])('%j is refused with its line', (text, message) => {
  expect(() => parseToml(text, 'f')).toThrow(message);
});

test('a key of JavaScript’s own objects is a key like any other', () => {
  parseToml('[__proto__]\npolluted = true', 'f');
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
