import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompressed } from './rootfs-import.ts';

test('who stops reading what is decompressed is told nothing any more', async () => {
  const thrown: unknown[] = [];
  const note = (error: unknown) => thrown.push(error);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', note);
  try {
    for (let turns = 1; turns <= 20; turns++) {
      // Two pieces. By then its source has been read to the end, or about so.
      const tar = await decompressed(Readable.from([gzipSync(Buffer.alloc(2 << 20))]));
      for await (const _ of tar) {
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        break;
      }
      if (!tar.closed) await new Promise((resolve) => tar.once('close', resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    process.off('uncaughtException', note);
    for (const other of others) process.on('uncaughtException', other);
  }
  expect(thrown).toEqual([]);
});
