import { expect, test } from 'vitest';
import { KeyCounts } from './key-counts.ts';
import type { Change } from './write-batch.ts';

function change(key: string, more: Partial<Change>): Change {
  const value = new Uint8Array();
  return { type: 'put', key, revision: 9, createRevision: 2, previousRevision: 2, value, ...more };
}

test('a range is counted again when a key in it came or went, and not when one changed', () => {
  const counts = new KeyCounts();
  let counted = 0;
  const count = () => counts.of({ prefix: '/a/', startAfter: '/a/5' }, () => ++counted);
  expect([count(), count()]).toEqual([1, 1]);
  counts.note([
    change('/a/7', {}),
    change('/b/7', { createRevision: 9 }),
    change('/b/8', { type: 'delete' }),
  ]);
  expect(count()).toBe(1);
  counts.note([change('/a/7', { createRevision: 9 })]);
  expect(count()).toBe(2);
  counts.note([change('/a/7', { type: 'tombstone' })]);
  expect(count()).toBe(3);
});
