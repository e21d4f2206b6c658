import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { openEtcdTarget } from '../../src/store/etcd/etcd-dump.ts';
import {
  backUpStore,
  checkStore,
  compactStore,
  migrateStore,
  openStore,
  parseStoreUrl,
  restoreStore,
  type Store,
  type StorePlace,
} from '../../src/store/index.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';

let etcd: EtcdCluster;
let home: string;
let prefixes = 0;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'orrery-maintenance-'));
  return () => rmSync(home, { recursive: true });
});

const quiet = () => undefined;
const inFiles = (name: string): StorePlace => ({
  location: { driver: 'lmdb', directory: join(home, name) },
  log: silentLog,
});
const inEtcd = (): StorePlace => ({
  location: parseStoreUrl(etcd.url),
  etcd: { prefix: `/maintenance${prefixes++}` },
  log: silentLog,
});

const JSON_DRAFT = (name: string) => {
  const before = '{"kind":"ConfigMap","metadata":{"resourceVersion":"';
  return { bytes: Buffer.from(`${before}","name":"${name}"}}`), revisionAt: before.length };
};

async function fill(store: Store): Promise<void> {
  const put = (key: string, name = key) => store.write({ type: 'put', key, value: JSON_DRAFT(name) });
  await Promise.all(Array.from({ length: 1500 }, (_, i) => put(`/core/configmaps/root/default/c${i}`)));
  await put('/core/configmaps/root/default/c1', 'again');
  await put('/gone');
  await store.write({ type: 'delete', key: '/gone' });
  await store.write({ type: 'put', key: '/plain', value: { bytes: Buffer.from([0, 255, 7]) } });
}

/** Key → value without its revision; and that the revision in it is its own. */
async function contents(store: Store): Promise<Map<string, string>> {
  const { items } = await store.list({ prefix: '' });
  return new Map(
    items.map(({ key, value, modRevision }) => {
      const text = Buffer.from(value).toString('latin1');
      const stamp = /"resourceVersion":"(\d+)"/.exec(text)?.[1];
      if (stamp !== undefined) expect(Number(stamp)).toBe(modRevision);
      return [key, text.replace(/"resourceVersion":"\d+"/, '')];
    }),
  );
}

/** Whoever follows the old store must list the new one anew, and then see everything. */
async function expectContinuesAbove(store: Store, old: { revision: number; contents: Map<string, string> }) {
  expect(await contents(store)).toEqual(old.contents);
  expect(store.revision()).toBeGreaterThan(old.revision + 1000);
  const { signal } = new AbortController();
  const watching = store.watch({ prefix: '/', after: old.revision, signal })[Symbol.asyncIterator]();
  await expect(watching.next()).rejects.toMatchObject({ code: 'Gone' });
  await expect(store.list({ prefix: '/', revision: old.revision })).rejects.toMatchObject({ code: 'Gone' });
  const key = '/core/configmaps/root/default/c1';
  const found = (await store.get(key))!;
  const next = { type: 'put', key, value: JSON_DRAFT('next') } as const;
  await expect(store.write({ ...next, expect: found.modRevision - 1 })).rejects.toMatchObject({
    code: 'Conflict',
  });
  const written = await store.write({ ...next, expect: found.modRevision });
  expect(written.revision).toBeGreaterThan(old.revision + 1000);
  expect(Buffer.from((await store.get(key))!.value).toString()).toContain(
    `"resourceVersion":"${written.revision}"`,
  );
}

for (const [name, from, to] of [
  ['files to etcd', () => inFiles('source'), inEtcd],
  ['etcd to files', inEtcd, () => inFiles('target')],
] as const) {
  test(`${name}: everything is there, above every revision there was`, async () => {
    const [source, target] = [from(), to()];
    const store = await openStore(source);
    await fill(store);
    const old = { revision: store.revision(), contents: await contents(store) };
    await store.close();

    const result = await migrateStore(source, target, quiet);
    expect(result).toMatchObject({ keys: 1501, sourceRevision: old.revision });
    const moved = await openStore(target);
    expect(moved.revision()).toBeGreaterThanOrEqual(result.revision);
    await expectContinuesAbove(moved, old);
    await moved.close();
    await expect(migrateStore(source, target, quiet)).rejects.toMatchObject({ code: 'StoreNotEmpty' });
    if (target.location.driver === 'lmdb')
      expect((await checkStore(target.location.directory)).problems).toEqual([]);
  });
}

for (const [name, place] of [
  ['files', () => inFiles('source')],
  ['etcd', inEtcd],
] as const) {
  test(`a backup of a store in ${name}, made while it is written to, is one state of it`, async () => {
    const source = place();
    const store = await openStore(source);
    await fill(store);
    let writing = true;
    const busy = (async () => {
      for (let n = 0; writing; n++) {
        // Always this one before the other: a snapshot never has the second ahead of the first.
        for (const key of ['/first', '/second'])
          await store.write({ type: 'put', key, value: { bytes: Buffer.from(String(n)) } });
      }
    })();
    const file = join(home, 'backup');
    const result = await backUpStore(source, { file, now: new Date(0), onProgress: quiet });
    writing = false;
    await busy;
    await store.close();
    expect(statSync(file)).toMatchObject({ size: result.bytes, mode: 0o100600 });

    const target = inFiles('restored');
    const restored = await restoreStore(file, target, quiet);
    expect(restored.keys).toBe(result.keys);
    const again = await openStore(target);
    const all = await contents(again);
    const [first, second] = [all.get('/first'), all.get('/second')].map((text) => Number(text ?? -1)) as [
      number,
      number,
    ];
    expect(first - second === 0 || first - second === 1).toBe(true);
    expect(all.get('/plain')).toBe('\u0000\u00ff\u0007');
    expect(again.revision()).toBeGreaterThan(store.revision());
    await again.close();
    expect((await checkStore(join(home, 'restored'))).problems).toEqual([]);
    await expect(restoreStore(file, target, quiet)).rejects.toMatchObject({ code: 'StoreNotEmpty' });
  });
}

test('a backup goes into no file and through no link that somebody has put in its way', async () => {
  const place = inFiles('store');
  const store = await openStore(place);
  await fill(store);
  await store.close();
  const [file, target] = [join(home, 'copy'), join(home, 'target')];
  for (const put of [
    () => writeFileSync(`${file}.part`, '', { mode: 0o666 }),
    () => {
      writeFileSync(target, 'mine');
      symlinkSync(target, `${file}.part`);
    },
  ]) {
    put();
    await backUpStore(place, { file, now: new Date(), onProgress: quiet });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  expect(readFileSync(target, 'utf8')).toBe('mine');
});

test('a migration that was cut short cannot be opened, and is made anew', async () => {
  const [source, target] = [inFiles('source'), inEtcd()];
  const store = await openStore(source);
  await fill(store);
  await store.close();
  const cut = await openEtcdTarget({
    endpoints: etcd.endpoints,
    prefix: target.etcd!.prefix!,
    log: silentLog,
  });
  await cut.add({ key: '/leftover', createRevision: 2, modRevision: 2, value: JSON_DRAFT('leftover') });
  await expect(openStore(target)).rejects.toMatchObject({ code: 'StoreForeign' });
  await migrateStore(source, target, quiet);
  const moved = await openStore(target);
  expect(await moved.get('/leftover')).toBeUndefined();
  expect(await moved.count('')).toBe(1501);
  await moved.close();

  const failing = inEtcd();
  const fails = () => {
    throw new Error('the disk came off');
  };
  await expect(migrateStore(source, failing, fails)).rejects.toThrow('the disk came off');
  const empty = await openStore(failing);
  expect(await empty.count('')).toBe(0);
  await empty.close();
});

test('nothing is made of a damaged backup', async () => {
  const source = inFiles('source');
  const store = await openStore(source);
  await fill(store);
  await store.close();
  const file = join(home, 'backup');
  await backUpStore(source, { file, now: new Date(0), onProgress: quiet });
  const whole = readFileSync(file);
  const flipped = Buffer.from(whole);
  flipped[whole.length - 5000]! ^= 1;
  for (const damaged of [
    flipped,
    whole.subarray(0, -40),
    whole.subarray(0, 100),
    Buffer.from('no backup'),
    Buffer.alloc(0),
  ]) {
    writeFileSync(file, damaged);
    await expect(restoreStore(file, inFiles('target'), quiet)).rejects.toMatchObject({
      code: 'BackupDamaged',
    });
    await expect(checkStore(join(home, 'target'))).rejects.toMatchObject({ code: 'StoreMissing' });
  }
  await expect(restoreStore(join(home, 'none'), inFiles('target'), quiet)).rejects.toMatchObject({
    code: 'BackupMissing',
  });
});

test('compacting gives room back: files and etcd', async () => {
  for (const place of [inFiles('source'), inEtcd()]) {
    const store = await openStore(place);
    const value = { bytes: Buffer.alloc(20_000, 'x') };
    for (let round = 0; round < 10; round++)
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.write({ type: 'put', key: `/k${i}`, value })),
      );
    const revision = store.revision();
    if (place.location.driver === 'lmdb')
      await expect(compactStore(place, quiet)).rejects.toMatchObject({ code: 'StoreLocked' });
    await store.close();
    const { bytesBefore, bytesAfter } = await compactStore(place, quiet);
    // In etcd lies what the other tests left, too.
    expect(bytesAfter).toBeLessThan(bytesBefore / 1.5);
    const again = await openStore(place);
    expect(await again.count('')).toBe(50);
    expect(again.revision()).toBeGreaterThanOrEqual(revision);
    expect(again.compactedRevision()).toBeGreaterThanOrEqual(revision);
    await again.close();
  }
});
