import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkStorePlace, forgetStore, rememberStore } from './store-place.ts';

test('a cluster that lives in an etcd is not gone on with from the file', async () => {
  const root = await mkdtemp(join(tmpdir(), 'orrery-place-'));
  try {
    await checkStorePlace(root, undefined);
    await rememberStore(root, 'etcd://10.0.0.1:2379');
    await expect(checkStorePlace(root, undefined)).rejects.toMatchObject({
      code: 'StoreElsewhere',
      message: `the cluster of ${root} is in etcd://10.0.0.1:2379`,
      hint: expect.stringContaining('--store etcd://10.0.0.1:2379'),
    });
    await checkStorePlace(root, 'etcd://10.0.0.2:2379');
    await forgetStore(root);
    await checkStorePlace(root, undefined);
  } finally {
    await rm(root, { recursive: true });
  }
});
