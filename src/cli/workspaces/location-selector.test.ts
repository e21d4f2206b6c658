import { expect, test } from 'vitest';
import { locationSelector } from './location-selector.ts';

test('is read as kubectl reads selectors', () => {
  expect(locationSelector('region=eu,tier in (b,a),!old,ssd')).toEqual({
    matchLabels: { region: 'eu' },
    matchExpressions: [
      { key: 'old', operator: 'DoesNotExist' },
      { key: 'ssd', operator: 'Exists' },
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
    ],
  });
});

test('refuses what has no word in the field', () => {
  expect(() => locationSelector('size>3')).toThrow(
    'invalid location selector: ">" is not a valid label selector operator',
  );
  expect(() => locationSelector('a=b=c')).toThrow('invalid location selector: ');
});
