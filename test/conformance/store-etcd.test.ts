import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock, silentLog } from '../../src/base/index.ts';
import { lines, type StoreHome, take, testStoreContract } from '../../src/store/contract.test-suite.ts';
import { openStore, parseStoreUrl, type Store } from '../../src/store/index.ts';
import { testStoreModel } from '../../src/store/store-model.test-suite.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';

let etcd: EtcdCluster;
let homes = 0;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

/** What etcd takes in one request (--max-request-bytes), with the key and our envelope in it. */
const valueLimitBytes = 1.5 * 2 ** 20 - 1024;

async function makeHome(): Promise<StoreHome> {
  const prefix = `/contract${homes++}`;
  return {
    open: (options) =>
      openStore({ location: parseStoreUrl(etcd.url), etcd: { prefix }, log: silentLog, ...options }),
    remove: async () => undefined,
  };
}

testStoreContract('the etcd store', makeHome, { valueLimitBytes });
testStoreModel('the etcd store', makeHome, { runs: 15, ordered: false });

describe('two servers on one etcd', () => {
  const text = (value: string) => ({ bytes: Buffer.from(value) });
  let home: StoreHome;
  let clock: ManualClock;
  let stores: [Store, Store];
  beforeEach(async () => {
    home = await makeHome();
    clock = new ManualClock();
    const open = () => home.open({ clock, compaction: { windowMs: 60_000 } });
    stores = [await open(), await open()];
    return () => Promise.all(stores.map((store) => store.close()));
  });

  test('what one writes the other reads at once, lists at its revision, and watches', async () => {
    const [one, other] = stores;
    const start = other.revision();
    const { signal } = new AbortController();
    const watching = take(other.watch({ prefix: '/', after: start, signal }), 2);
    const { revision } = await one.write({ type: 'put', key: '/a', value: text('one') });
    expect((await other.get('/a'))?.modRevision).toBe(revision);
    expect(await other.sync()).toBeGreaterThanOrEqual(revision);
    expect((await other.list({ prefix: '/', revision })).items).toHaveLength(1);
    const last = await other.write({ type: 'delete', key: '/a', expect: revision, tombstone: text('gone') });
    expect(lines(await watching)).toEqual([`+${revision} /a=one`, `-${last.revision} /a=gone (was one)`]);
  });

  test('of writers at once on both, one wins', async () => {
    const writes = Array.from({ length: 40 }, (_, i) =>
      stores[i % 2]!.write({ type: 'put', key: '/a', expect: 0, value: text(`${i}`) }),
    );
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'Conflict' });
  });

  test('a watch goes on at the other server where it was, also before that one was started', async () => {
    const [one, other] = stores;
    const { revision: start } = await one.write({ type: 'put', key: '/a', value: text('0') });
    for (let i = 1; i <= 20; i++) await one.write({ type: 'put', key: '/a', value: text(`${i}`) });
    const { signal } = new AbortController();
    const seen = (await take(one.watch({ prefix: '/', after: start, signal }), 10)).slice(0, 10);
    const after = seen.at(-1)!.revision;
    const third = await home.open({ clock });
    for (const store of [other, third]) {
      const rest = await take(store.watch({ prefix: '/', after, signal }), 10);
      const values = [...seen, ...rest].map(({ value }) => Number(Buffer.from(value)));
      expect(values).toEqual([...values.keys()].map((i) => i + 1));
    }
    await third.close();
  });

  test('they forget old history once, both know from where on it is there, and go on when one is gone', async () => {
    const [one, other] = stores;
    const { signal } = new AbortController();
    const write = async (value: string): Promise<number> => {
      const after = Math.max(one.revision(), await one.sync());
      const { revision } = await one.write({ type: 'put', key: '/a', value: text(value) });
      for (const store of [one, other]) await take(store.watch({ prefix: '/', after, signal }), 1);
      return revision;
    };
    const old = await write('old');
    await clock.advance(10_000);
    const last = await write('new');
    await clock.advance(120_000);
    for (const store of stores) {
      await expect.poll(() => store.compactedRevision()).toBeGreaterThanOrEqual(last);
      await expect(store.list({ prefix: '/', revision: old })).rejects.toMatchObject({ code: 'Gone' });
    }
    await one.close();
    const { revision: start } = await other.write({ type: 'put', key: '/a', value: text('alone') });
    await take(other.watch({ prefix: '/', after: start - 1, signal }), 1);
    await clock.advance(120_000);
    await expect.poll(() => other.compactedRevision()).toBeGreaterThanOrEqual(start);
  });

  test('history that somebody else forgot is Gone at every server', async () => {
    const [one, other] = stores;
    const { revision: old } = await one.write({ type: 'put', key: '/a', value: text('old') });
    const { revision: last } = await one.write({ type: 'put', key: '/a', value: text('new') });
    await one.compact(last);
    await expect(other.list({ prefix: '/', revision: old })).rejects.toMatchObject({ code: 'Gone' });
    expect(other.compactedRevision()).toBe(last);
    const { signal } = new AbortController();
    const watching = take(other.watch({ prefix: '/', after: old, signal }), 1);
    await expect(watching).rejects.toMatchObject({ code: 'Gone' });
  });
});
