import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, ManualClock } from '../base/index.ts';
import type { CompactionOptions } from './auto-compaction.ts';
import type { Draft, Store, StoredValue, StoreEvent, WatchBatch } from './store.ts';

/** Where a store under test lives; opening it twice in a row finds the same data. */
export interface StoreHome {
  open(options: { clock: Clock; compaction?: CompactionOptions }): Promise<Store>;
  remove(): Promise<void>;
}

export const text = (value: string): Draft => ({ bytes: Buffer.from(value) });
export const textOf = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString();

/** Events as short lines: `+3 /a=one (was zero)`. */
export const lines = (events: readonly StoreEvent[]): string[] =>
  events.map(({ type, key, revision, value, previous }) => {
    const was = previous === undefined ? '' : ` (was ${textOf(previous)})`;
    return `${type === 'put' ? '+' : '-'}${revision} ${key}=${textOf(value)}${was}`;
  });

/** Reads batches until `count` events have come. */
export async function take(watch: AsyncIterable<WatchBatch>, count: number): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  for await (const batch of watch) {
    events.push(...batch.events);
    if (events.length >= count) break;
  }
  return events;
}

/** What every driver has to do; values of at least `valueLimitBytes` are stored. */
export function testStoreContract(
  driver: string,
  makeHome: () => Promise<StoreHome>,
  { valueLimitBytes = 3 * 2 ** 20 } = {},
): void {
  describe(`${driver} keeps the contract of a store`, () => {
    let home: StoreHome;
    let store: Store;
    let clock: ManualClock;
    let ending: AbortController;

    beforeEach(async () => {
      home = await makeHome();
      clock = new ManualClock();
      ending = new AbortController();
      store = await home.open({ clock });
    });
    afterEach(async () => {
      ending.abort();
      await store.close();
      await home.remove();
    });

    const put = async (key: string, value: string, expected?: number): Promise<number> => {
      const condition = expected !== undefined && { expect: expected };
      return (await store.write({ type: 'put', key, value: text(value), ...condition })).revision;
    };
    const remove = async (key: string, tombstone?: string): Promise<number> =>
      (
        await store.write({
          type: 'delete',
          key,
          ...(tombstone !== undefined && { tombstone: text(tombstone) }),
        })
      ).revision;
    const watch = (prefix: string, after: number, progressMs?: number) =>
      store.watch({ prefix, after, signal: ending.signal, ...(progressMs && { progressMs }) });

    describe('write', () => {
      test('gives the first write of an empty store revision 2 or later', async () => {
        expect(await put('/a', 'one')).toBeGreaterThanOrEqual(2);
      });

      test('gives writes made at once a revision each, and later ones higher ones', async () => {
        const before = store.revision();
        const revisions = await Promise.all(Array.from({ length: 50 }, (_, i) => put(`/k${i}`, 'v')));
        expect(Math.min(...revisions)).toBeGreaterThan(before);
        expect(new Set(revisions).size).toBe(50);
        expect(store.revision()).toBe(Math.max(...revisions));
        expect(await store.sync()).toBe(store.revision());
        expect(await put('/next', 'v')).toBeGreaterThan(Math.max(...revisions));
      });

      test('lets the value carry its own revision', async () => {
        const draft = { ...text('at , é'), revisionAt: 3 };
        const result = await store.write({ type: 'put', key: '/a', value: draft });
        expect(textOf(result.value)).toBe(`at ${result.revision}, é`);
        expect(textOf((await store.get('/a'))?.value)).toBe(`at ${result.revision}, é`);
        const next = await store.write({ type: 'put', key: '/a', value: draft });
        const last = await store.write({ type: 'delete', key: '/a', tombstone: draft });
        expect(lines(await take(watch('/', result.revision - 1), 3))).toEqual([
          `+${result.revision} /a=at ${result.revision}, é`,
          `+${next.revision} /a=at ${next.revision}, é (was at ${result.revision}, é)`,
          `-${last.revision} /a=at ${last.revision}, é (was at ${next.revision}, é)`,
        ]);
      });

      test('keeps the revision of creation over updates and starts anew after a deletion', async () => {
        const created = await put('/a', 'one');
        const updated = await put('/a', 'two');
        expect(await store.get('/a')).toMatchObject({ createRevision: created, modRevision: updated });
        await remove('/a');
        const again = await put('/a', 'three');
        expect(await store.get('/a')).toMatchObject({ createRevision: again, modRevision: again });
      });

      test('refuses a create of what exists, naming the revision found', async () => {
        const revision = await put('/a', 'one');
        await expect(put('/a', 'two', 0)).rejects.toMatchObject({
          code: 'Conflict',
          details: { current: revision },
        });
        expect(textOf((await store.get('/a'))?.value)).toBe('one');
      });

      test('refuses an update of another revision, and of what does not exist', async () => {
        const revision = await put('/a', 'one');
        await put('/a', 'two', revision);
        await expect(put('/a', 'three', revision)).rejects.toMatchObject({ code: 'Conflict' });
        await expect(put('/b', 'one', revision)).rejects.toMatchObject({
          code: 'Conflict',
          details: { current: 0 },
        });
      });

      test('lets exactly one of many creates at once win', async () => {
        const results = await Promise.allSettled(Array.from({ length: 20 }, () => put('/a', 'mine', 0)));
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      test('refuses to delete at another revision, and what does not exist', async () => {
        const revision = await put('/a', 'one');
        const condition = { type: 'delete', key: '/a', expect: revision + 1 } as const;
        await expect(store.write(condition)).rejects.toMatchObject({ code: 'Conflict' });
        await expect(remove('/b')).rejects.toMatchObject({ code: 'NotFound' });
      });

      test('refuses keys that are empty, too long or not Unicode', async () => {
        for (const key of ['', 'k'.repeat(3000), '/\ud800'])
          await expect(put(key, 'v')).rejects.toMatchObject({ code: 'BadRequest' });
      });

      test('stores empty values and large ones, and deletes them', async () => {
        await store.write({ type: 'put', key: '/empty', value: { bytes: new Uint8Array(0) } });
        const large = Buffer.alloc(valueLimitBytes, 'large');
        await store.write({ type: 'put', key: '/large', value: { bytes: large } });
        expect((await store.get('/empty'))?.value).toHaveLength(0);
        expect(large.equals((await store.get('/large'))!.value)).toBe(true);
        await store.write({ type: 'delete', key: '/large', tombstone: { bytes: large } });
        expect(await store.get('/large')).toBeUndefined();
      });
    });

    describe('list', () => {
      test('returns the keys of a prefix in byte order', async () => {
        const keys = ['/a/b', '/a/B', '/a/b/c', '/a/é', '/a/\u{1f600}', '/a/\uffee', '/b'];
        await Promise.all(keys.map((key) => put(key, 'v')));
        const { items, more } = await store.list({ prefix: '/a/' });
        expect(items.map(({ key }) => key)).toEqual([
          '/a/B',
          '/a/b',
          '/a/b/c',
          '/a/é',
          '/a/\uffee',
          '/a/\u{1f600}',
        ]);
        expect(more).toBe(false);
        expect(await store.count('/a/')).toBe(6);
        expect(await store.count('')).toBe(7);
      });

      test('goes on, page by page, at the revision it began', async () => {
        for (const key of ['/1', '/2', '/3', '/4', '/5']) await put(key, 'old');
        const first = await store.list({ prefix: '/', limit: 2 });
        expect(first).toMatchObject({ more: true, remaining: 3, revision: store.revision() });
        await put('/3', 'new');
        await remove('/4');
        await put('/45', 'new');
        const rest = await store.list({ prefix: '/', startAfter: '/2', revision: first.revision });
        expect(rest.items.map(({ key, value }) => `${key} ${textOf(value)}`)).toEqual([
          '/3 old',
          '/4 old',
          '/5 old',
        ]);
        expect(rest).toMatchObject({ more: false, revision: first.revision });
        expect(rest.remaining).toBeUndefined();
      });

      test('sees the past exactly: updated, deleted and recreated keys', async () => {
        const at1 = await put('/a', 'one');
        const at2 = await remove('/a');
        const at3 = await put('/a', 'two');
        const valuesAt = async (revision: number) =>
          (await store.list({ prefix: '/', revision })).items.map(({ value }) => textOf(value));
        expect(await valuesAt(at1)).toEqual(['one']);
        expect(await valuesAt(at2)).toEqual([]);
        expect(await valuesAt(at3)).toEqual(['two']);
      });

      test('begins after a key outside of the prefix as asked', async () => {
        await put('/b/1', 'v');
        expect((await store.list({ prefix: '/b/', startAfter: '/a' })).items).toHaveLength(1);
        expect((await store.list({ prefix: '/b/', startAfter: '/c' })).items).toHaveLength(0);
        expect((await store.list({ prefix: '/b/', startAfter: '/b/1' })).items).toHaveLength(0);
      });

      test('lists thousands of keys as one snapshot while they change', async () => {
        await Promise.all(Array.from({ length: 2500 }, (_, i) => put(`/k/${i}`, 'old')));
        const listing = store.list({ prefix: '/k/' });
        const changing = Promise.all(Array.from({ length: 2500 }, (_, i) => put(`/k/${i}`, 'new')));
        const { items, revision } = await listing;
        const state = ({ key, value, modRevision }: StoredValue) => [key, textOf(value), modRevision];
        expect(items).toHaveLength(2500);
        await changing;
        const again = await store.list({ prefix: '/k/', revision });
        expect(again.items.map(state)).toEqual(items.map(state));
        expect(Math.max(...items.map(({ modRevision }) => modRevision))).toBeLessThanOrEqual(revision);
      });

      test('refuses a revision of the future, and one that is forgotten', async () => {
        const old = await put('/a', 'one');
        const now = await put('/a', 'two');
        await expect(store.list({ prefix: '/', revision: now + 1 })).rejects.toMatchObject({
          code: 'BadRequest',
        });
        await store.compact(now);
        await expect(store.list({ prefix: '/', revision: old })).rejects.toMatchObject({ code: 'Gone' });
        expect((await store.list({ prefix: '/', revision: now })).items).toHaveLength(1);
      });
    });

    describe('watch', () => {
      test('delivers what happened and then what happens, with the values before', async () => {
        const start = store.revision();
        await put('/a/1', 'one');
        await put('/b/1', 'elsewhere');
        await put('/a/1', 'two');
        const events = take(watch('/a/', start), 4);
        await remove('/a/1', 'tomb');
        await put('/a/1', 'three');
        expect(lines(await events)).toEqual([
          `+${start + 1} /a/1=one`,
          `+${start + 3} /a/1=two (was one)`,
          `-${start + 4} /a/1=tomb (was two)`,
          `+${start + 5} /a/1=three`,
        ]);
      });

      test('shows the last value of a key deleted without a tombstone', async () => {
        const created = await put('/a', 'one');
        await remove('/a');
        expect(lines(await take(watch('/', created), 1))).toEqual([`-${created + 1} /a=one (was one)`]);
      });

      test('names the revision everything up to which was delivered', async () => {
        const start = store.revision();
        await put('/a', 'one');
        const other = await put('/b', 'elsewhere');
        const iterator = watch('/a', start)[Symbol.asyncIterator]();
        expect((await iterator.next()).value).toMatchObject({ revision: other });
      });

      test('delivers to thousands of watchers, each its own prefix only', async () => {
        const start = store.revision();
        const watching = Array.from({ length: 2000 }, (_, i) => take(watch(`/ns${i}/`, start), 2));
        await Promise.all(Array.from({ length: 2000 }, (_, i) => put(`/ns${i}/x`, `${i}`)));
        await Promise.all(Array.from({ length: 2000 }, (_, i) => put(`/ns${i}/y`, `${i}`)));
        const all = await Promise.all(watching);
        all.forEach((events, i) => {
          expect(events.map(({ key }) => key)).toEqual([`/ns${i}/x`, `/ns${i}/y`]);
        });
      });

      test('lets a watcher that stood still for thousands of changes catch up without a gap', async () => {
        const iterator = watch('/', store.revision())[Symbol.asyncIterator]();
        const first = iterator.next();
        await put('/k', 'first');
        await first;
        const written: [revision: number, value: string][] = await Promise.all(
          Array.from({ length: 10_000 }, async (_, i) => [await put(`/k${i % 7}`, `${i}`), `${i}`]),
        );
        const seen: [revision: number, value: string][] = [];
        while (seen.length < 10_000)
          for (const event of (await iterator.next()).value!.events)
            seen.push([event.revision, textOf(event.value)!]);
        expect(seen).toEqual(written.sort(([a], [b]) => a - b));
      });

      test('tells of progress when asked to, though nothing happens', async () => {
        const revision = await put('/elsewhere', 'v');
        const iterator = watch('/a', revision, 1000)[Symbol.asyncIterator]();
        for (let i = 0; i < 3; i++) {
          const batch = iterator.next();
          await clock.advance(1000);
          expect((await batch).value).toEqual({ events: [], revision });
        }
      });

      test('throws Gone at the first step below the floor', async () => {
        const old = await put('/a', 'one');
        const now = await put('/a', 'two');
        await store.compact(now);
        await expect(take(watch('/', old), 1)).rejects.toMatchObject({ code: 'Gone' });
        const next = take(watch('/', now), 1);
        await put('/a', 'three');
        expect(lines(await next)).toEqual([`+${now + 1} /a=three (was two)`]);
      });

      test('a watcher that begins in the past while others write, and history is removed, misses nothing', async () => {
        const start = store.revision();
        const written: number[] = [];
        const writing = (async () => {
          for (let i = 0; i < 60; i++)
            written.push(...(await Promise.all(Array.from({ length: 20 }, (_, k) => put(`/k${k}`, `${i}`)))));
        })();
        const slow = watch('/', start)[Symbol.asyncIterator]();
        const seen: number[] = [];
        while (seen.length < 1200) {
          const batch: WatchBatch = (await slow.next()).value!;
          seen.push(...batch.events.map(({ revision }) => revision));
          // Below what it has seen, it needs nothing.
          if (seen.length < 1100) await store.compact(Math.max(start, batch.revision - 1));
        }
        await writing;
        expect(seen).toEqual(written.sort((a, b) => a - b));
      });

      test('throws Gone to a consumer that was too slow', async () => {
        const iterator = watch('/', store.revision())[Symbol.asyncIterator]();
        const first = iterator.next();
        await put('/a', 'v');
        await first;
        const last = Promise.all(Array.from({ length: 10_000 }, () => put('/a', 'v'))).then((all) =>
          Math.max(...all),
        );
        // A driver may tell its watchers a moment after it told the writer.
        for await (const batch of watch('/a', store.revision())) if (batch.revision >= (await last)) break;
        await store.compact(store.revision());
        await expect(iterator.next()).rejects.toMatchObject({ code: 'Gone' });
        expect((await iterator.next()).done).toBe(true);
      });

      test('ends when its signal aborts, when it is left, and when the store closes', async () => {
        const aborting = new AbortController();
        const aborted = take(
          store.watch({ prefix: '/', after: store.revision(), signal: aborting.signal }),
          1,
        );
        const left = watch('/', store.revision())[Symbol.asyncIterator]();
        const leaving = left.next();
        const closed = take(watch('/', store.revision()), 1);
        await Promise.resolve();
        aborting.abort();
        expect(await aborted).toEqual([]);
        await left.return!();
        expect((await leaving).done).toBe(true);
        await store.close();
        expect(await closed).toEqual([]);
      });
    });

    describe('compact', () => {
      test('keeps what is there, forgets what was, and keeps counting', async () => {
        await put('/a', 'one');
        await put('/b', 'one');
        await put('/a', 'two');
        const last = await remove('/b');
        await store.compact(last);
        expect(store.compactedRevision()).toBe(last);
        expect((await store.list({ prefix: '/' })).items.map(({ key }) => key)).toEqual(['/a']);
        expect(await put('/c', 'one')).toBe(last + 1);
      });

      test('does nothing below the floor and refuses above the current revision', async () => {
        const last = await put('/a', 'one');
        await store.compact(last);
        await store.compact(last - 1);
        expect(store.compactedRevision()).toBe(last);
        await expect(store.compact(last + 1)).rejects.toMatchObject({ code: 'BadRequest' });
      });

      test('happens by itself after the window', async () => {
        await store.close();
        store = await home.open({ clock, compaction: { windowMs: 60_000 } });
        const start = store.revision();
        const old = await put('/a', 'one');
        await take(watch('/', start), 1);
        await clock.advance(50_000);
        const last = await put('/a', 'two');
        await take(watch('/', old), 1);
        expect((await store.list({ prefix: '/', revision: old })).items).toHaveLength(1);
        await clock.advance(70_000);
        await expect.poll(() => store.compactedRevision()).toBeGreaterThanOrEqual(last);
        await expect(store.list({ prefix: '/', revision: old })).rejects.toMatchObject({ code: 'Gone' });
      });

      test('happens by itself beyond a number of changes', async () => {
        await store.close();
        store = await home.open({ clock, compaction: { maxEntries: 100 } });
        for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 25 }, () => put('/a', 'v')));
        await expect.poll(() => store.revision() - store.compactedRevision()).toBeLessThanOrEqual(150);
        expect(store.revision() - store.compactedRevision()).toBeGreaterThanOrEqual(75);
      });
    });

    describe('across a restart', () => {
      const reopen = async (): Promise<void> => {
        await store.close();
        store = await home.open({ clock });
      };

      test('values, history, floor and revision are still there', async () => {
        const first = await put('/a', 'one');
        await put('/a', 'two');
        await store.compact(first);
        const last = await remove('/a');
        await reopen();
        expect(store.revision()).toBe(last);
        expect(store.compactedRevision()).toBe(first);
        expect(lines(await take(watch('/', first), 2))).toEqual([
          `+${last - 1} /a=two (was one)`,
          `-${last} /a=two (was two)`,
        ]);
      });

      test('revisions go on rising, even from an empty store compacted to nothing', async () => {
        await put('/a', 'one');
        const last = await remove('/a');
        await store.compact(last);
        await reopen();
        expect(await put('/a', 'two')).toBeGreaterThan(last);
      });

      test('a closed store refuses', async () => {
        await store.close();
        await expect(store.get('/a')).rejects.toMatchObject({ code: 'StoreClosed' });
        await expect(store.list({ prefix: '/' })).rejects.toMatchObject({ code: 'StoreClosed' });
        await expect(put('/a', 'v')).rejects.toMatchObject({ code: 'StoreClosed' });
      });
    });
  });
}
