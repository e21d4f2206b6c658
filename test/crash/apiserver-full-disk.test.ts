import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ApiRequest, createApiServer, ensurePki } from '../../src/apiserver/index.ts';
import { silentLog } from '../../src/base/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';

const isRoot = process.getuid?.() === 0;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

test.skipIf(!isRoot)(
  'with a full disk the API reads, says why it refuses a change and that it is not ready, and recovers',
  async () => {
    const disk = mkdtempSync(join(tmpdir(), 'orrery-disk-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]).status).toBe(0);
    const pki = await ensurePki(join(disk, 'pki'));
    const store = await openLmdbStore({ directory: join(disk, 'store'), log: silentLog });
    const server = await createApiServer({
      store,
      pki: pki.paths,
      log: silentLog,
      productVersion: '0.1.0',
      advertise: { address: '192.0.2.1', port: 6443 },
    });
    const send = async (method: ApiRequest['method'], path: string, body?: object) => {
      const { status, body: bytes } = await server.handle(
        {
          method,
          path,
          headers: { 'content-type': 'application/json' },
          ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
        },
        { name: 'admin', groups: ['system:masters', 'system:authenticated'] },
      );
      return { status, text: Buffer.from(bytes as Uint8Array).toString() };
    };
    const create = (name: string, bytes: number) =>
      send('POST', CONFIG_MAPS, { metadata: { name }, data: { large: 'x'.repeat(bytes) } });
    try {
      await server.bootstrap();
      expect((await send('GET', '/readyz')).status).toBe(200);
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=1M', 'count=4']);
      let stored = 0;
      let answer = await create(`c-${stored}`, 200_000);
      for (; answer.status === 201; answer = await create(`c-${stored}`, 200_000)) stored++;
      // Then whatever room that left.
      for (let small = 0; (await create(`small-${small}`, 1000)).status === 201; ) small++;

      expect(answer.status).toBe(503);
      expect(JSON.parse(answer.text)).toMatchObject({
        kind: 'Status',
        reason: 'ServiceUnavailable',
        message: expect.stringContaining('no space left on the disk'),
      });
      expect((await send('GET', '/readyz')).text).toContain('[-]store-writes failed');
      expect((await send('GET', '/livez')).status).toBe(200);
      expect((await send('GET', `${CONFIG_MAPS}/c-0`)).status).toBe(200);
      // A deletion is a change too, and needs room like any other: some was kept for it.
      expect((await send('DELETE', `${CONFIG_MAPS}/c-0`)).status).toBe(200);
      expect((await send('GET', `${CONFIG_MAPS}/c-0`)).status).toBe(404);
      expect((await create('still-full', 1000)).status).toBe(503);

      rmSync(join(disk, 'filler'));
      expect((await send('GET', '/readyz')).status).toBe(200);
      expect((await create('again', 1000)).status).toBe(201);
    } finally {
      await server.close();
      await store.close();
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    }
  },
);
