import { expect, test } from 'vitest';
import { filterFlag, hasLabels, parseFilters } from './filters.ts';

test('reads lists, and the sets of old clients', () => {
  expect(parseFilters('{"label":["a=b","c"],"id":{"x":true,"y":false}}')).toEqual({
    label: ['a=b', 'c'],
    id: ['x'],
  });
  expect(parseFilters(undefined)).toEqual({});
});

test.each(['garb1age}', '{"label":["testl', '[]', '"a"', '{"a":"b"}', '{"a":[1]}', '{"a":{"b":"c"}}'])(
  'refuses %s',
  (text) => {
    expect(() => parseFilters(text)).toThrow('invalid filter');
  },
);

test('refuses a key that the call has not, by name', () => {
  expect(() => parseFilters('{"name":["a"]}', ['label'])).toThrow("invalid filter 'name'");
});

test('a flag is true, false, absent or refused', () => {
  expect(filterFlag({ dangling: ['true'] }, 'dangling')).toBe(true);
  expect(filterFlag({ dangling: ['0'] }, 'dangling')).toBe(false);
  expect(filterFlag({}, 'dangling')).toBeUndefined();
  expect(() => filterFlag({ dangling: ['maybe'] }, 'dangling')).toThrow("invalid filter 'dangling=[maybe]'");
});

test('labels must all be there, with their values when those are named', () => {
  expect(hasLabels({ a: 'b', c: '' }, ['a=b', 'c'])).toBe(true);
  expect(hasLabels({ a: 'b' }, ['a=c'])).toBe(false);
  expect(hasLabels({ a: 'b' }, ['toString'])).toBe(false);
});
