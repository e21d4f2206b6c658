import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { type FileHandle, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { containerMounts } from './container-mounts.ts';

const folder = mkdtempSync(join(tmpdir(), 'orrery-mounts-'));
afterAll(() => rmSync(folder, { recursive: true }));

function sourceOf(subPath: string, readOnly = false): Promise<string | undefined> {
  const container = {
    name: 'main',
    image: 'i',
    volumeMounts: [{ name: 'data', mountPath: '/data', subPath }],
  };
  const volumes = new Map([['data', { hostPath: join(folder, 'volume'), readOnly }]]);
  const etc = { '/etc/hosts': '/h', '/etc/resolv.conf': '/r' };
  const pin = (place: FileHandle) => readlink(`/proc/self/fd/${place.fd}`);
  return containerMounts(container, volumes, {}, etc, pin).then((mounts) => mounts[0]!.source);
}

mkdirSync(join(folder, 'volume/there'), { recursive: true });
mkdirSync(join(folder, 'outside'));
symlinkSync('../outside', join(folder, 'volume/out'));
symlinkSync('there', join(folder, 'volume/in'));

test('makes the folders of a subPath', async () => {
  expect(await sourceOf('a/b')).toBe(join(folder, 'volume/a/b'));
  expect(existsSync(join(folder, 'volume/a/b'))).toBe(true);
  expect(await sourceOf('in/b')).toBe(join(folder, 'volume/there/b'));
});

test('a link in the volume leads nowhere outside, and nothing is made behind it', async () => {
  await expect(sourceOf('out')).rejects.toThrow('not within volume path');
  await expect(sourceOf('out/made')).rejects.toThrow('not within volume path');
  expect(existsSync(join(folder, 'outside/made'))).toBe(false);
});

test('makes nothing in a volume that is only read', async () => {
  await expect(sourceOf('absent', true)).rejects.toThrow('failed to prepare subPath');
});
