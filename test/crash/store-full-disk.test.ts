import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { checkStore, openLmdbStore } from '../../src/store/index.ts';

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)(
  'the store refuses writes while the disk is full, goes on reading and deleting, and recovers',
  async () => {
    const disk = mkdtempSync(join(tmpdir(), 'orrery-disk-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).status).toBe(0);
    const store = await openLmdbStore({ directory: disk, log: silentLog });
    const put = (key: string, value: Uint8Array) =>
      store.write({ type: 'put', key, value: { bytes: value } });
    const large = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000, `${i}`));
    try {
      await put('/first', Buffer.from('here'));
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=64k', 'count=100']);

      // All of a batch that does not fit, whose last write to the disk fits in part.
      const together = await Promise.allSettled(large.map((value, i) => put(`/k/${i}`, value)));
      for (const result of together) expect(result).toMatchObject({ reason: { code: 'StoreFull' } });
      expect(await store.count('/')).toBe(1);

      // One by one, up to the last that fits.
      let stored = 0;
      let failure: unknown;
      while (failure === undefined)
        await put(`/k/${stored}`, large[stored]!).then(
          () => stored++,
          (error: unknown) => (failure = error),
        );
      expect(failure).toMatchObject({ code: 'StoreFull' });
      expect(await store.count('/k/')).toBe(stored);
      expect(await store.get('/first')).toBeDefined();

      // Deletions go on, in the room that was kept for them; what frees them is theirs too.
      for (let i = 0; i < stored; i++) await store.write({ type: 'delete', key: `/k/${i}` });
      expect(store.writeFailure!()).toMatchObject({ code: 'StoreFull' });
      await store.compact(store.revision());
      await expect(put('/k/refused', large[0]!)).rejects.toMatchObject({ code: 'StoreFull' });
      stored = 0;

      const before = store.revision();
      rmSync(join(disk, 'filler'));
      expect((await put('/k/again', large[0]!)).revision).toBeGreaterThan(before);
      await store.close();
      expect(await checkStore(disk)).toMatchObject({ problems: [], keys: stored + 2 });
      expect(store.writeFailure!()).toBeUndefined();
    } finally {
      await store.close();
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    }
  },
);
