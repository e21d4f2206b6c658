import { expect, test } from 'vitest';
import type { ImageDetails } from '../engine.ts';
import { imageFilter, matchesReference, timeOf } from './image-filters.ts';

const NOW = Date.parse('2026-01-10T00:00:00Z');

function image(more: Partial<ImageDetails>): ImageDetails {
  return {
    id: `sha256:${'a'.repeat(64)}`,
    references: ['quay.io/team/app:1'],
    createdAt: '2026-01-01T00:00:00Z',
    config: { Labels: { tier: 'web', empty: '' } },
    users: [],
    hasChildren: false,
    ...more,
  } as ImageDetails;
}

const passes = (filters: Record<string, string[]>, one = image({})) =>
  imageFilter(filters, { nowMs: NOW, find: () => image({ createdAt: '2026-01-05T00:00:00Z' }) })(one);

test.each([
  [{ dangling: ['true'] }, false],
  [{ dangling: ['false'] }, true],
  [{ label: ['tier'] }, true],
  [{ label: ['tier=web', 'none'] }, false],
  [{ label: ['tier=db'] }, false],
  [{ 'label!': ['tier'] }, false],
  [{ reference: ['nothing', 'app'] }, true],
  [{ before: ['x'] }, true],
  [{ since: ['x'] }, false],
  [{ until: ['24h'] }, true],
  [{ until: ['480h'] }, false],
  [{ id: ['aaa'] }, true],
  [{ containers: ['true'] }, false],
  [{ readonly: ['true'] }, false],
] as [Record<string, string[]>, boolean][])('%j passes: %s', (filters, expected) => {
  expect(passes(filters)).toBe(expected);
});

test('an image without a name is dangling, or a step on the way when others stand on it', () => {
  expect(passes({ dangling: ['true'] }, image({ references: [] }))).toBe(true);
  expect(passes({ dangling: ['true'] }, image({ references: [], hasChildren: true }))).toBe(false);
  expect(passes({ intermediate: ['true'] }, image({ references: [], hasChildren: true }))).toBe(true);
});

test('filters and values that are not supported are refused by name', () => {
  expect(() => passes({ colour: ['red'] })).toThrow('unsupported image filter "colour"');
  expect(() => passes({ dangling: ['maybe'] })).toThrow('"maybe" for dangling');
  expect(() => timeOf('soon', NOW)).toThrow('"soon" is neither');
});

test.each([
  ['app', true],
  ['team/app', true],
  ['*/app', true],
  ['app:1', true],
  ['app:*', true],
  ['quay.io/team/app:1', true],
  ['ap', false],
  ['am/app', false],
  ['app:2', false],
  ['quay.io/*', false],
])('the reference filter %s matches: %s', (pattern, expected) => {
  expect(matchesReference('quay.io/team/app:1', pattern)).toBe(expected);
});
