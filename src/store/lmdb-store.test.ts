import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../base/index.ts';
import { type StoreHome, testStoreContract, text } from './contract.test-suite.ts';
import { checkStore, openLmdbStore } from './index.ts';
import { testStoreModel } from './store-model.test-suite.ts';

async function makeHome(): Promise<StoreHome> {
  const directory = mkdtempSync(join(tmpdir(), 'orrery-store-'));
  return {
    open: (options) => openLmdbStore({ directory, log: silentLog, ...options }),
    remove: async () => {
      expect((await checkStore(directory)).problems).toEqual([]);
      await rm(directory, { recursive: true });
    },
  };
}

testStoreContract('the LMDB store', makeHome);
testStoreModel('the LMDB store', makeHome, { runs: 60, ordered: true });

describe('the LMDB store', () => {
  let directory: string;
  let path: string;
  const open = () => openLmdbStore({ directory, log: silentLog });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orrery-store-'));
    path = join(directory, 'store.mdb');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function fill(): Promise<void> {
    const store = await open();
    const value = (i: number) => ({ bytes: Buffer.alloc(i % 10 === 0 ? 20_000 : 700, `${i}`) });
    await Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        store.write({ type: 'put', key: `/k/${i % 300}`, value: value(i) }),
      ),
    );
    await store.close();
  }

  test('makes its directory, for its owner only', async () => {
    directory = join(directory, 'a', 'b');
    const store = await open();
    await store.close();
    expect(existsSync(join(directory, 'store.mdb'))).toBe(true);
    directory = join(directory, '..', '..');
  });

  test('refuses a directory in use, naming who uses it, and opens it once that ended', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'StoreLocked', details: { pid: process.pid } });
    await expect(checkStore(directory)).rejects.toMatchObject({ code: 'StoreLocked' });
    await store.close();
    await (await open()).close();
  });

  test('refuses a directory that cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    const opening = openLmdbStore({ directory: join(directory, 'file', 'store'), log: silentLog });
    await expect(opening).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });

  test('refuses to be checked where there is none', async () => {
    await expect(checkStore(directory)).rejects.toMatchObject({ code: 'StoreMissing' });
    expect(existsSync(path)).toBe(false);
  });

  test('begins again where its creation was cut short', async () => {
    writeFileSync(`${path}.new`, 'half a file');
    const store = await open();
    await store.write({ type: 'put', key: '/a', value: text('v') });
    await store.close();
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test('refuses a foreign file with one line and leaves it as it is', async () => {
    for (const content of ['', 'not a database', 'SQLite format 3\0'.padEnd(65536, '\0')]) {
      writeFileSync(path, content);
      const error = await open().catch((error: Error) => error);
      expect(error).toMatchObject({ code: 'StoreForeign' });
      expect((error as Error).message.split('\n')).toHaveLength(1);
      expect(readFileSync(path, 'utf8')).toBe(content);
    }
  });

  test('refuses an LMDB file of something else', async () => {
    const { open: openLmdb } = await import('lmdb');
    const foreign = openLmdb({ path, noSubdir: true, pageSize: 8192, overlappingSync: false });
    await foreign.put('hello', 'world');
    await foreign.close();
    const before = readFileSync(path);
    await expect(open()).rejects.toMatchObject({ code: 'StoreForeign' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('refuses a file cut short, at any length', async () => {
    await fill();
    const whole = readFileSync(path);
    for (const part of [0.001, 0.01, 0.1, 0.5, 0.9]) {
      writeFileSync(path, whole);
      truncateSync(path, Math.floor(whole.length * part));
      await expect(open()).rejects.toMatchObject({ code: 'StoreCorrupt' });
    }
  });

  test('refuses a file with a damaged page, whichever it is, or reads what it should', {
    timeout: 60_000,
  }, async () => {
    await fill();
    const whole = readFileSync(path);
    const pages = whole.length / 8192;
    let refused = 0;
    for (let page = 0; page < pages; page++) {
      const damaged = Buffer.from(whole);
      damaged.fill(0xa5, page * 8192, (page + 1) * 8192);
      writeFileSync(path, damaged);
      const report = await checkStore(directory).catch((error: { code: string }) => error);
      if ('ok' in report && report.ok) continue;
      refused++;
      // Values are not looked at when a store is opened.
      if ('problems' in report && report.problems.every((each) => each.includes('checksum'))) continue;
      await expect(open()).rejects.toMatchObject({ code: 'StoreCorrupt' });
    }
    // Free pages have nothing to tell right from wrong.
    expect(refused).toBeGreaterThan(pages / 2);
  });

  test('a check finds a flipped bit inside a value, and names the key', async () => {
    await fill();
    const whole = readFileSync(path);
    const inside = whole.indexOf(Buffer.alloc(300, '17'));
    whole[inside + 150]! ^= 1;
    writeFileSync(path, whole);
    const { ok, problems } = await checkStore(directory);
    expect(ok).toBe(false);
    expect(problems).toEqual([
      expect.stringMatching(/^log entry \d+ of "\/k\/\d+" is damaged: its checksum/),
    ]);
  });

  test('opens a store of format version 1, whose entries have no checksums, and goes on in version 2', async () => {
    await fill();
    const { open: openLmdb } = await import('lmdb');
    const root = openLmdb({
      path,
      noSubdir: true,
      pageSize: 8192,
      overlappingSync: false,
      encoding: 'binary',
    });
    const log = root.openDB<Buffer, Buffer>({ name: 'log', encoding: 'binary', keyEncoding: 'binary' });
    const meta = root.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' });
    for (const { key, value } of [...log.getRange({})]) {
      const old = Buffer.concat([value.subarray(0, 19), value.subarray(27)]);
      old[0]! -= 3;
      log.putSync(Buffer.from(key), old);
    }
    meta.putSync('header', Buffer.from(JSON.stringify({ format: 'orrery-store', version: 1 })));
    await root.close();

    expect(await checkStore(directory)).toMatchObject({ ok: true, keys: 300, unverifiedEntries: 400 });
    const store = await open();
    expect((await store.list({ prefix: '/k/' })).items).toHaveLength(300);
    expect((await store.get('/k/7'))?.value).toEqual(Buffer.alloc(700, '307'));
    await store.write({ type: 'put', key: '/k/7', value: text('new') });
    await store.close();
    expect(await checkStore(directory)).toMatchObject({ ok: true, logEntries: 401, unverifiedEntries: 400 });
  });

  test('a check finds entries that contradict each other', async () => {
    await fill();
    const { open: openLmdb } = await import('lmdb');
    const root = openLmdb({ path, noSubdir: true, pageSize: 8192, overlappingSync: false });
    const log = root.openDB({ name: 'log', encoding: 'binary', keyEncoding: 'binary' });
    const key = Buffer.alloc(8);
    key.writeUInt32BE(350, 4);
    expect(log.get(key)).toBeDefined();
    await log.remove(key);
    await root.close();
    const report = await checkStore(directory);
    expect(report.ok).toBe(false);
    expect(report.problems[0]).toMatch(/points to log entry 350, which is missing/);
  });

  test('a check counts keys, entries and bytes', async () => {
    await fill();
    const report = await checkStore(directory);
    expect(report).toMatchObject({
      ok: true,
      keys: 300,
      logEntries: 400,
      revision: 401,
      compactedRevision: 1,
    });
    expect(report.bytes).toBeGreaterThan(400 * 700);
  });

  test('has reached, after a sync, what a list has shown', async () => {
    const store = await open();
    const writing = (async () => {
      for (let i = 0; i < 50; i++)
        await store.write({ type: 'put', key: `/k/${i}`, value: { bytes: Buffer.from('x') } });
    })();
    let isWriting = true;
    void writing.finally(() => {
      isWriting = false;
    });
    while (isWriting) {
      const { revision } = await store.list({ prefix: '/k/', limit: 1 });
      expect(await store.sync()).toBeGreaterThanOrEqual(revision);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    await store.close();
  });

  test('gives a copied file the data it had', async () => {
    await fill();
    const copy = mkdtempSync(join(tmpdir(), 'orrery-store-'));
    cpSync(path, join(copy, 'store.mdb'));
    const store = await openLmdbStore({ directory: copy, log: silentLog });
    expect(await store.count('/k/')).toBe(300);
    await store.close();
    rmSync(copy, { recursive: true });
  });
});
