import { expect, test } from 'vitest';
import type { Entry } from './event-decoder.ts';
import { EventRing } from './event-ring.ts';

const entry = (revision: number, key = `/k${revision}`, bytes = 10): Entry => ({
  event: { type: 'put', key, revision, value: Buffer.alloc(bytes) },
  writeId: `w${revision}${key}`,
});
const revisions = (events: readonly { revision: number }[]) => events.map(({ revision }) => revision);

test('gives what came after a revision, of a prefix', () => {
  const ring = new EventRing(10);
  ring.append([entry(11, '/a/1'), entry(13, '/b/1'), entry(13, '/a/2')], 13);
  ring.append([entry(20, '/a/3')], 25);
  expect(revisions(ring.read(10, '/a/').events)).toEqual([11, 13, 20]);
  expect(ring.read(13, '/a/')).toMatchObject({ events: [{ key: '/a/3' }], revision: 25 });
  expect(ring.read(25, '/a/')).toEqual({ events: [], revision: 25 });
  expect(ring.read(30, '/a/')).toEqual({ events: [], revision: 30 });
});

test('forgets the oldest in whole revisions, and says from where on it is whole', () => {
  const ring = new EventRing(1, { entries: 3, bytes: 1e6 });
  ring.append([entry(2, '/a'), entry(2, '/b'), entry(3), entry(4)], 4);
  expect(ring.start).toBe(2);
  expect(revisions(ring.read(2, '/').events)).toEqual([3, 4]);
  for (let revision = 5; revision < 10_000; revision++) ring.append([entry(revision)], revision);
  expect(ring.size).toBe(3);
  expect(revisions(ring.read(ring.start, '/').events)).toEqual([9997, 9998, 9999]);
});

test('stays within its bytes', () => {
  const ring = new EventRing(1, { entries: 100, bytes: 10_000 });
  for (let revision = 2; revision < 50; revision++) ring.append([entry(revision, '/k', 3000)], revision);
  expect(ring.size).toBe(3);
});

test('a long step ends at the end of a revision', () => {
  const ring = new EventRing(1);
  ring.append(
    Array.from({ length: 2500 }, (_, i) => entry(2 + Math.floor(i / 1500), `/k${i}`)),
    3,
  );
  const first = ring.read(1, '/');
  expect([first.events.length, first.revision]).toEqual([1500, 2]);
  const second = ring.read(first.revision, '/');
  expect([second.events.length, second.revision]).toEqual([1000, 3]);
});

test('finds a write by its id, and knows what it cannot know', () => {
  const ring = new EventRing(1, { entries: 3, bytes: 1e6 });
  for (let revision = 2; revision < 10; revision++) ring.append([entry(revision)], revision);
  expect(ring.find('w8/k8', 7)).toBe(8);
  expect(ring.find('w8/k8', 8)).toBeUndefined();
  expect(ring.find('other', 7)).toBeUndefined();
  expect(ring.find('other', 3)).toBe('unknown');
});
